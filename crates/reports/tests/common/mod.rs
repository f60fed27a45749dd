//! What the tests share: the shipped forms, and a small journal.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bundles::{Event, Mapping, Subject};
use reports::{Form, Forms, shipped};
use serde_json::{Value, json};

/// 30 November 2026, 00:00 in UTC.
pub const NOW_MS: i64 = 1_795_996_800_000;
pub const DAY_MS: i64 = 86_400_000;

pub fn mapping() -> Mapping {
    Mapping::compile(&bundles::shipped()).unwrap()
}

pub fn form(id: &str) -> Form {
    Forms::compile(&shipped(), &mapping()).unwrap().get(id).unwrap().clone()
}

pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn event(index: u64, kind: &str, vehicle: &str, body: Value) -> Event {
    Event {
        index,
        id: format!("evt-{index}"),
        r#type: kind.to_owned(),
        at_ms: NOW_MS - 90 * DAY_MS + i64::try_from(index % 2_000).unwrap() * 3_600_000,
        body,
        actor: "system".to_owned(),
        subjects: vec![Subject::new("vehicle", vehicle), Subject::new("site", "pit-1")],
    }
}

pub fn trip(index: u64) -> Event {
    let body = json!({"summary": {"distance_m": 1_609.344, "duration_ms": 1, "energy_wh": 250.0}, "vehicle": "v"});
    event(index, "trip.completed", &format!("veh-{}", index % 7), body)
}

pub fn mode(index: u64, from: &str, to: &str) -> Event {
    event(index, "vehicle.mode_changed", "veh-1", json!({"from": from, "to": to}))
}

pub fn collision(index: u64, narrative: &str) -> Event {
    let body = json!({
        "report": "sgo-5-day", "noticed_at": "2026-11-24T23:30:13.000000Z", "occurred_at": "2026-11-24T03:00:13.000000Z",
        "vehicle": "veh-1", "state": "CA", "place": {"lat": 37.7749, "lon": -122.4194}, "severity": "minor",
        "crash_with": "Passenger Car", "towed": false, "airbags": true, "engaged": true, "narrative": narrative,
    });
    event(index, "collision.recorded", "veh-1", body)
}
