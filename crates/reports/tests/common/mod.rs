//! What the tests share: the shipped forms, and a small journal.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bundles::adherence::Adherence;
use bundles::deadline::Zone;
use bundles::{Event, Mapping, Subject, assess};
use reports::report::{Contents, Correction, Frame, Technical};
use reports::{Form, Forms, Period, Report, Status, fill, shipped};
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
        "collision": "col_1", "vehicle": "veh-1", "trip": null, "occurred_at": "2026-11-24T03:00:13.000000Z",
        "noticed_at": "2026-11-24T23:30:13.000000Z", "lat": 37.7749, "lon": -122.4194, "crash_with": "passenger car",
        "injury": "minor", "vulnerable_road_user": false, "airbags": true, "towed": false, "engaged": true,
        "property_damage": true, "narrative": narrative, "report": "sgo-5-day", "by": "prin_1", "state": "CA",
    });
    event(index, "collision.recorded", "veh-1", body)
}

/// A report of a month for California, with the words of a person where the caller wants them.
pub fn report(form_id: &str, words: &str) -> Report {
    let (form, mapping) = (form(form_id), mapping());
    let mut events: Vec<Event> = (0..400).map(trip).collect();
    events.extend((400..440).map(|index| mode(index, "AUTONOMOUS", "MANUAL")));
    events.extend((440..460).map(|index| event(index, "update.succeeded", "veh-2", json!({"number": index}))));
    events.push(event(460, "update.failed", "veh-3", json!({"code": "SELF_TEST_FAILED"})));
    events.push(event(461, "site.zone_drawn", "veh-3", json!({})));
    events.push(collision(462, words));
    events.push(event(900, "trip.compliance_summary", "veh-4", json!({"compliant": 44})));
    events.push(event(1_400, "vehicle_software.reported", "veh-5", json!({})));
    let classes = map(&[("veh-1", "shuttle"), ("veh-2", "shuttle"), ("veh-3", "haul truck")]);
    let mut adherence = Adherence::new(&mapping, Zone::utc(), classes);
    events.iter().for_each(|event| adherence.push(event).unwrap());
    let results = assess(&mapping, &events, NOW_MS).unwrap();
    let settings = map(&[("reporting_entity", words)]);
    let filled = fill(&form, &events, &settings, &map(&[("causes", words), ("month", "2026-11")])).unwrap();
    let corrections = [Correction { version: 2, at_ms: NOW_MS, what: words.to_owned(), why: "A miscount.".to_owned() }];
    let technical = Technical {
        bundle_digest: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned()),
        checkpoint: Some("atlasmesh.example/log/t1, size 1401".to_owned()),
        key_id: Some("key_01kc0000000000000000000009".to_owned()),
        others: Vec::new(),
    };
    let frame = Frame {
        period: Period { from_ms: NOW_MS - 90 * DAY_MS, to_ms: NOW_MS },
        tenant: words.to_owned(),
        made_at_ms: NOW_MS,
        version: 2,
        status: Status::Draft,
    };
    let contents = Contents {
        filled: &filled,
        mapping: &mapping,
        results: &results,
        adherence: &adherence,
        corrections: &corrections,
        technical: &technical,
    };
    Report::new(&form, frame, &contents)
}
