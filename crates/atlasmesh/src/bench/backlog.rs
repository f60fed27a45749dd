//! Dispatch with a backlog: as many trips a minute whether few wait or many, and a journal that says each thing once. The
//! whole product with real processes; the vehicles drive many times faster than real ones, so that dispatch is the bound.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Bar, bar};
use crate::cli::args::DemoOptions;
use crate::cli::client::Client;
use crate::cli::output::line;
use crate::demo::city::{self, City};
use crate::demo::folder::DemoFolder;
use crate::demo::setup::{self, SITE};

/// Trips that wait at any time, with a short line and with a long one.
const WAITING: [usize; 2] = [36, 330];
const VEHICLES: usize = 8;
const SPEEDUP: f64 = 40.0;
/// How long trips come and go before it is counted.
const WARM_UP: Duration = Duration::from_secs(20);

/// What happened while so many waited.
struct Figures {
    waiting: usize,
    trips_per_minute: f64,
    entries_per_trip: f64,
    cpu_share: f64,
}

pub async fn run(seconds: usize) -> Result<()> {
    let mut all = Vec::new();
    for waiting in WAITING {
        let figures = measure(waiting, Duration::from_secs(seconds as u64)).await?;
        line(format!(
            "{:4} waiting   {:6.1} trips/min   {:5.1} journal entries a trip   {:4.0} % of a core",
            figures.waiting,
            figures.trips_per_minute,
            figures.entries_per_trip,
            figures.cpu_share * 100.0
        ));
        all.push(figures);
    }
    let [few, many] = all.as_slice() else { return Ok(()) };
    bar("backlog.throughput_ratio", many.trips_per_minute / few.trips_per_minute.max(0.1), "x", Bar::AtLeast(0.95));
    bar("backlog.entries_per_trip", many.entries_per_trip, "entries", Bar::AtMost(20.0));
    Ok(())
}

async fn measure(waiting: usize, lasts: Duration) -> Result<Figures> {
    let options = DemoOptions {
        tour: false,
        headless: true,
        sector: None,
        until_trips: None,
        vehicles: VEHICLES,
        speedup: SPEEDUP,
        data: None,
    };
    let folder = DemoFolder::open(None)?;
    let mut notes = folder.notes()?;
    let server = setup::start_server(&folder, &mut notes).await?;
    let client = setup::tenant(&server, &city::FACTS, &folder, &mut notes).await?;
    setup::map(&client, &city::FACTS).await?;
    let mut city = City::read()?;
    setup::vehicles(&options, &client, &mut city, &folder, &mut notes).await?;
    let agents = setup::start_agents(&folder)?;
    setup::ready(&client, VEHICLES).await?;
    keep_waiting(&client, &mut city, waiting, WARM_UP).await?;
    let pid = folder.server_pid().context("the server's process is not known")?;
    let before = (completed(&client).await?, entries(&client).await?, cpu_s(pid)?);
    let began = Instant::now();
    keep_waiting(&client, &mut city, waiting, lasts).await?;
    let took_s = began.elapsed().as_secs_f64();
    let after = (completed(&client).await?, entries(&client).await?, cpu_s(pid)?);
    drop((agents, server));
    let trips = (after.0 - before.0) as f64;
    Ok(Figures {
        waiting,
        trips_per_minute: trips * 60.0 / took_s,
        entries_per_trip: (after.1 - before.1) as f64 / trips.max(1.0),
        cpu_share: (after.2 - before.2) / took_s,
    })
}

/// Asks for as many trips as are missing, again and again.
async fn keep_waiting(client: &Client, city: &mut City, waiting: usize, lasts: Duration) -> Result<()> {
    let ends = Instant::now() + lasts;
    let mut look = tokio::time::interval(Duration::from_millis(500));
    while Instant::now() < ends {
        look.tick().await;
        let now = client.get("/v1/trips?status=WAITING&limit=1000").await?;
        for _ in count(&now)..waiting {
            let (from, to) = city.pair();
            let body = json!({
                "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
                "requirements": { "passengers": 1 },
            });
            // Between some places policy or streets allow no trip; others are asked for at the next look.
            let _ = client.post("/v1/trips", &body).await;
        }
    }
    Ok(())
}

fn count(page: &Value) -> usize {
    page.get("items").and_then(Value::as_array).map_or(0, Vec::len)
}

async fn completed(client: &Client) -> Result<usize> {
    let mut total = 0;
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/trips?status=COMPLETED&limit=1000{after}")).await?;
        total += count(&page);
        let Some(next) = page.get("next").and_then(Value::as_str) else { return Ok(total) };
        after = format!("&after={next}");
    }
}

async fn entries(client: &Client) -> Result<u64> {
    let head = client.get("/v1/journal/head").await?;
    head.get("size").and_then(Value::as_u64).context("the journal's head has no size")
}

/// Processor time of a process so far, in seconds (proc_pid_stat(5), `utime` and `stime` in ticks of 10 ms).
fn cpu_s(pid: u64) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}
