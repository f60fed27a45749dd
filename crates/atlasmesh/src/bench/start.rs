//! What a server costs that does what the demo shows: memory while its fleet drives, then the time from the program's
//! start until it is ready, and until it has answered a first trip, with the demo's site and journal. Against the same
//! program printing its version, in the same run.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::process::{Child, Command};

use super::{Bar, bar, percentile_ms};
use crate::cli::client::Client;
use crate::cli::output::line;
use crate::demo::city::City;
use crate::demo::folder::DemoFolder;
use crate::demo::setup::{self, SITE};

/// How often the memory is looked at, in minutes of the simulated vehicles.
const LOOK_EVERY_MIN: usize = 5;
/// How many times faster than real ones the vehicles drive.
const SPEEDUP: usize = 20;
/// Starts that are measured.
const STARTS: usize = 10;

pub async fn run(minutes: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let memory_mb = memory_in_the_demo(folder.path(), minutes).await?;
    let most_mb = memory_mb.iter().copied().fold(0.0, f64::max);
    // What it takes to have done everything once is no growth.
    let half = memory_mb.len() / 2;
    let grown_mb = memory_mb.last().zip(memory_mb.get(half)).map_or(0.0, |(last, half)| last - half);
    let demo = DemoFolder::open(Some(folder.path()))?;
    let mut city = City::read()?;
    let (mut ready, mut answered, mut version) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let status =
            Command::new(std::env::current_exe()?).arg("--version").stdout(std::process::Stdio::null()).status();
        ensure!(status.await?.success(), "the program does not tell its version");
        version.push(began.elapsed());
        let began = Instant::now();
        let mut notes = demo.notes()?;
        let server = setup::start_server(&demo, &mut notes).await?;
        ready.push(began.elapsed());
        let client = Client::new(&server.url, notes.tenant_token.clone())?;
        let (from, to) = city.pair();
        let wish = json!({ "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json() });
        // Policy or streets may allow none between two places: that is an answer too, and found on the same way.
        let _ = client.post("/v1/trips", &wish).await;
        answered.push(began.elapsed());
    }
    let median_ms = |durations: &mut Vec<Duration>| percentile_ms(durations, 0.5);
    let (ready_ms, answered_ms, version_ms) =
        (median_ms(&mut ready), median_ms(&mut answered), median_ms(&mut version));
    line(format!("start: the demo's folder after {minutes} min of driving, {STARTS} starts"));
    line(format!("program that does nothing  p50 {version_ms:7.1} ms"));
    line(format!("server ready               p50 {ready_ms:7.1} ms, looked for every 50 ms"));
    line(format!("first trip answered        p50 {answered_ms:7.1} ms"));
    line(format!("resident in the demo       most {most_mb:6.0} MB, 30 vehicles"));
    bar("start.ready", ready_ms, "ms", Bar::AtMost(2_000.0));
    bar("start.resident_mb", most_mb, "MB", Bar::AtMost(150.0));
    bar("start.grown_in_second_half_mb", grown_mb, "MB", Bar::AtMost(5.0));
    Ok(())
}

/// Lets the demo drive for so many minutes of its vehicles; what its server has resident every few of them, in MB.
async fn memory_in_the_demo(folder: &Path, minutes: usize) -> Result<Vec<f64>> {
    let mut demo = Command::new(std::env::current_exe()?);
    demo.args(["demo", "--headless", "--speedup", &SPEEDUP.to_string(), "--data"])
        .arg(folder)
        .stdout(std::process::Stdio::null());
    let mut demo: Child = demo.kill_on_drop(true).spawn().context("the demo cannot be started")?;
    let mut look = tokio::time::interval(Duration::from_secs((LOOK_EVERY_MIN * 60 / SPEEDUP) as u64));
    look.tick().await;
    let mut memory_mb = Vec::new();
    for minute in (LOOK_EVERY_MIN..=minutes).step_by(LOOK_EVERY_MIN) {
        tokio::select! {
            status = demo.wait() => bail!("the demo ended with {}", status?),
            _ = look.tick() => {}
        }
        let resident_mb = resident_kb(folder).context("the demo's server was not seen")? as f64 / 1_000.0;
        line(format!("after {minute:3} min of driving   {resident_mb:6.1} MB resident"));
        memory_mb.push(resident_mb);
    }
    let pid = demo.id().context("the demo ended by itself")?;
    let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
    ensure!(told.success() && demo.wait().await?.success(), "the demo did not end when it was told to");
    Ok(memory_mb)
}

/// What the server of a demo's folder has resident (proc_pid_status(5), `VmRSS`); nothing while there is none.
fn resident_kb(folder: &Path) -> Option<u64> {
    let pid = DemoFolder::open(Some(folder)).ok()?.server_pid()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    resident.trim().strip_suffix(" kB")?.parse().ok()
}
