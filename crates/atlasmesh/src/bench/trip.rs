//! Trips through the whole product: real processes, the real protocol, the demo's city. How fast a request is answered,
//! and how soon a vehicle has accepted, against plain reads over the same connection.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Bar, bar, percentile_ms};
use crate::cli::args::DemoOptions;
use crate::cli::client::Client;
use crate::cli::output::{line, text};
use crate::demo::city::{self, City};
use crate::demo::folder::DemoFolder;
use crate::demo::setup::{self, SITE};

/// How long one trip may take to be accepted by a vehicle.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(60);
/// How long one look waits for the next step of a trip, in milliseconds.
const WAIT_MS: u32 = 10_000;

pub async fn run(count: usize) -> Result<()> {
    super::tick::run().await?;
    let options = DemoOptions {
        tour: false,
        headless: true,
        sector: None,
        until_trips: None,
        vehicles: count.clamp(1, 200),
        speedup: 20.0,
        data: None,
    };
    let folder = DemoFolder::open(None)?;
    let mut notes = folder.notes()?;
    let server = setup::start_server(&folder, &mut notes).await?;
    let client = setup::tenant(&server, &city::FACTS, &folder, &mut notes).await?;
    let map = setup::map(&client, &city::FACTS).await?;
    let mut city = City::read()?;
    setup::vehicles(&options, &client, &mut city, &folder, &mut notes).await?;
    let agents = setup::start_agents(&folder)?;
    setup::ready(&client, options.vehicles).await?;
    line(format!(
        "trip: {count} trips one after the other, {} vehicles over TLS, a map of {} nodes and {} edges, SQLite synchronous=FULL",
        options.vehicles,
        text(&map, "/nodes"),
        text(&map, "/edges")
    ));
    let (mut answered, mut accepted) = (Vec::new(), Vec::new());
    let mut last = String::new();
    while accepted.len() < count {
        let (from, to) = city.pair();
        let body = json!({
            "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
            "requirements": { "passengers": 1 },
        });
        let began = Instant::now();
        let Ok(made) = client.post("/v1/trips", &body).await else { continue };
        answered.push(began.elapsed());
        last = text(&made, "/id");
        until_accepted(&client, &last).await?;
        accepted.push(began.elapsed());
        ensure!(answered.len() < count * 3, "most trips are refused");
    }
    let mut reads = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        client.get(&format!("/v1/trips/{last}")).await?;
        reads.push(began.elapsed());
    }
    drop((agents, server));
    report(&mut answered, &mut accepted, &mut reads);
    Ok(())
}

async fn until_accepted(client: &Client, trip: &str) -> Result<()> {
    let look = async {
        let mut after = 0;
        loop {
            let page = client.get(&format!("/v1/trips/{trip}/history?after={after}&wait_ms={WAIT_MS}")).await?;
            for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                after = item.get("n").and_then(Value::as_u64).unwrap_or(after);
                if text(item, "/event") == "trip.dispatched" {
                    return anyhow::Ok(());
                }
            }
            ensure!(page.get("ended") != Some(&Value::Bool(true)), "trip {trip} ended before a vehicle accepted it");
        }
    };
    tokio::time::timeout(ACCEPTED_WITHIN, look).await.with_context(|| format!("no vehicle accepted trip {trip}"))?
}

fn report(answered: &mut [Duration], accepted: &mut [Duration], reads: &mut [Duration]) {
    let row = |name: &str, durations: &mut [Duration]| {
        let (p50, p99) = (percentile_ms(durations, 0.50), percentile_ms(durations, 0.99));
        line(format!("{name:24} p50 {p50:8.2} ms   p99 {p99:8.2} ms"));
        (p50, p99)
    };
    let (_, read_p99) = row("read of a trip", reads);
    let (answered_p50, answered_p99) = row("trip asked and answered", answered);
    let (accepted_p50, _) = row("asked to accepted", accepted);
    line(format!("answer / read, p99       {:.1} x", answered_p99 / read_p99.max(0.001)));
    bar("trip.answered_p99", answered_p99, "ms", Bar::AtMost(100.0));
    bar("trip.accepted_p50", accepted_p50, "ms", Bar::AtMost(1_000.0));
    bar("trip.answered_p50", answered_p50, "ms", Bar::AtMost(50.0));
}
