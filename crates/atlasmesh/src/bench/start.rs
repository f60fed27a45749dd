//! What a server costs that does what the demo shows: memory while its fleet drives, then the time from the program's
//! start until it is ready, and until it has answered a first trip, with the demo's site and journal. Against the same
//! program printing its version, in the same run.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{Bar, bar, percentile_ms};
use crate::cli::client::Client;
use crate::cli::output::line;
use crate::demo::city::City;
use crate::demo::folder::DemoFolder;
use crate::demo::setup::{self, SITE};

/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Starts that are measured.
const STARTS: usize = 10;

pub async fn run(trips: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let most_mb = memory_in_the_demo(folder.path(), trips).await?;
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
    line(format!("start: the demo's folder after {trips} trips, {STARTS} starts"));
    line(format!("program that does nothing  p50 {version_ms:7.1} ms"));
    line(format!("server ready               p50 {ready_ms:7.1} ms, looked for every 50 ms"));
    line(format!("first trip answered        p50 {answered_ms:7.1} ms"));
    line(format!("resident in the demo       most {most_mb:6.0} MB, 30 vehicles"));
    bar("start.ready", ready_ms, "ms", Bar::AtMost(2_000.0));
    bar("start.resident_mb", most_mb, "MB", Bar::AtMost(250.0));
    Ok(())
}

/// Runs the demo to its end; the most that its server had resident.
async fn memory_in_the_demo(folder: &Path, trips: usize) -> Result<f64> {
    let mut demo = Command::new(std::env::current_exe()?);
    let trips = trips.to_string();
    demo.args(["demo", "--headless", "--until-trips", &trips, "--data"])
        .arg(folder)
        .stdout(std::process::Stdio::null());
    let mut demo: Child = demo.kill_on_drop(true).spawn().context("the demo cannot be started")?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut most_kb = 0;
    let status = loop {
        tokio::select! {
            status = demo.wait() => break status?,
            _ = look.tick() => most_kb = most_kb.max(resident_kb(folder).unwrap_or(0)),
        }
    };
    ensure!(status.success(), "the demo ended with {status}");
    ensure!(most_kb > 0, "the demo's server was never seen");
    Ok(most_kb as f64 / 1_000.0)
}

/// What the server of a demo's folder has resident (proc_pid_status(5), `VmRSS`); nothing while there is none.
fn resident_kb(folder: &Path) -> Option<u64> {
    let told: Value = serde_json::from_slice(&fs::read(folder.join("server/endpoints.json")).ok()?).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", told.get("pid")?)).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    resident.trim().strip_suffix(" kB")?.parse().ok()
}
