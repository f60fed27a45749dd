//! A vehicle that was away while it drove, and comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use support::site::crossing;
use support::time::now_us;
use support::{Serve, World};

/// SAFE-16
///
/// It drives its trip to the end while no server listens; then the trip's events come in their order, before any sample.
#[test]
fn safe_16_a_returning_vehicle_tells_of_its_trip_in_order_and_first() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 10.0);
    let trip = world.trip(crossing(1, 0), crossing(2, 2));
    world.until_status(&trip, &["TO_PICKUP"]);
    world.server.kill();
    world.agents[n].process.line_with("TripOver");
    let said_before = world.agents[n].process.said().len();
    world.server.start_again();
    world.until_status(&trip, &["COMPLETED"]);
    let entries = world.entries(0);
    let of_trip = entries.iter().map(|entry| &entry["event"]).filter(|event| event["stream"] == format!("trip/{trip}"));
    let reported: Vec<(&str, &str)> = of_trip
        .filter(|event| event["actor"]["kind"] == "vehicle")
        .map(|event| (event["type"].as_str().unwrap(), event["occurred_at"]["at"].as_str().unwrap()))
        .collect();
    assert!(reported.len() >= 4 && reported.is_sorted_by_key(|(_, at)| *at), "{reported:?}");
    assert_eq!(reported.last().unwrap().0, "trip.completed", "{reported:?}");
    let sample_acknowledged = "TelemetryAck";
    world.agents[n].process.line_with(sample_acknowledged);
    let said = world.until("its samples are acknowledged", || {
        let said = world.agents[n].process.said()[said_before..].to_owned();
        if said.contains(sample_acknowledged) { Ok(said) } else { Err(serde_json::json!(said.len())) }
    });
    let first_sample = said.find(sample_acknowledged).unwrap();
    let last_report = said[..first_sample].rfind("ReportAck");
    assert!(last_report.is_some() && !said[first_sample..].contains("ReportAck"), "{said}");
    world.verify();
}

/// How many stored samples a vehicle sends in one message.
const STORED_BATCH: usize = 200;
/// So long that a vehicle with ten samples a second stores more than one message has room for, in microseconds.
const AWAY_US: i64 = 25_000_000;

/// SAFE-16
#[test]
fn samples_of_a_returning_vehicle_come_newest_first() {
    let mut world = World::with(Serve::default().with("--sample-every-ms", 100));
    let n = world.ready_vehicle(crossing(0, 0), 10.0);
    world.server.kill();
    let agent = &world.agents[n].process;
    let back_us = now_us() + AWAY_US;
    while now_us() < back_us {
        agent.line_with("no session");
    }
    let said_before = agent.said().len();
    world.server.start_again();
    let first_seqs = world.until("what it stored is sent", || {
        let said = agent.said()[said_before..].to_owned();
        let stored = said.lines().filter(|line| line.contains("samples sent") && line.contains("historical=true"));
        let first_seqs: Vec<u64> = stored.filter_map(first_seq).collect();
        if first_seqs.len() >= 2 { Ok(first_seqs) } else { Err(serde_json::json!(first_seqs)) }
    });
    assert!(first_seqs.is_sorted_by(|newer, older| newer > older), "{first_seqs:?}");
    world.until("all samples are kept", || {
        let path = format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(n));
        let kept = world.http.get(&path).ok()["items"].as_array().unwrap().len();
        if kept > STORED_BATCH { Ok(()) } else { Err(serde_json::json!(kept)) }
    });
    world.verify();
}

fn first_seq(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("first_seq=")?;
    rest.split(' ').next()?.parse().ok()
}
