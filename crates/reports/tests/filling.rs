//! Filling a form: what the journal knows, what a person says, and what nobody knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use bundles::Subject;
use common::{collision, event, form, map, mode, trip};
use reports::{ENTRIES_MAX, Filler, Origin, csv, fill};
use serde_json::json;

#[test]
fn a_month_is_filled_from_its_events() {
    let mut events: Vec<_> = (0..120).map(trip).collect();
    events.push(mode(120, "AUTONOMOUS", "MANUAL"));
    events.push(mode(121, "MANUAL", "AUTONOMOUS"));
    events.push(mode(122, "AUTONOMOUS", "ESTOP"));
    let form = form("ca-dmv-disengagement");
    let settings = map(&[("reporting_entity", "Atlas Mesh"), ("unused", "x")]);
    let given = map(&[("month", "2026-11"), ("by_stop", "0"), ("trips", "")]);
    let filled = fill(&form, &events, &settings, &given).unwrap();
    let value = |id: &str| filled.field(id).unwrap().value.clone();
    assert_eq!(value("miles").as_deref(), Some("120.0"));
    assert_eq!(value("vehicles").as_deref(), Some("7"));
    assert_eq!(value("disengagements").as_deref(), Some("2"));
    assert_eq!(filled.field("disengagements").unwrap().from, Origin::Entries(vec![120, 122]));
    assert_eq!(value("assists").as_deref(), Some("0"));
    assert_eq!(filled.field("manufacturer").unwrap().from, Origin::Setting);
    // What a person gave wins, also when it is nothing.
    assert_eq!((value("by_stop").as_deref(), value("trips")), (Some("0"), None));
    assert_eq!(filled.field("by_stop").unwrap().from, Origin::Person);
    let miles = filled.field("miles").unwrap();
    assert!(matches!(&miles.from, Origin::Entries(entries) if entries.len() == ENTRIES_MAX));
    assert_eq!(miles.counted, 120);
    assert_eq!(filled.missing, ["permit_number", "trips", "miles_autonomous", "causes", "signed_by"]);
    assert!(filled.faults.is_empty() && !filled.is_complete());
}

#[test]
fn a_collision_is_filled_and_read_back_from_csv() {
    let form = form("nhtsa-sgo");
    let narrative = "The car, \"stopped\",\nwas hit.";
    let given = map(&[("city", "San Francisco"), ("address", "=1+1"), ("state", "CA")]);
    let filled = fill(&form, &[collision(9, narrative)], &BTreeMap::new(), &given).unwrap();
    let text = csv(&filled);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let titles = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let cell = |title: &str| &row[titles.iter().position(|other| other == title).unwrap()];
    assert_eq!(titles.len(), form.fields.len());
    assert_eq!(&titles[0], "Report ID");
    assert_eq!((cell("Report Type"), cell("Report Month"), cell("Report Year")), ("5-Day", "11", "2026"));
    assert_eq!((cell("Incident Date"), cell("Incident Time (24:00)")), ("2026-11-24 UTC", "03:00 UTC"));
    assert_eq!((cell("Latitude"), cell("Longitude")), ("37.7749", "-122.4194"));
    assert_eq!((cell("SV Any Air Bags Deployed?"), cell("SV Was Vehicle Towed?")), ("Yes", "No"));
    assert_eq!(cell("Highest Injury Severity Alleged"), "Minor W/O Hospitalization");
    assert_eq!(cell("Narrative"), narrative);
    assert_eq!(cell("Address"), "'=1+1", "no spreadsheet runs it");
    assert!(filled.missing.contains(&"within_odd".to_owned()) && filled.faults.is_empty());
}

#[test]
fn what_the_authority_would_not_take_is_a_fault_that_names_the_field() {
    let form = form("nhtsa-sgo");
    let long = "x".repeat(10_001);
    let given = map(&[("roadway_surface", "Lava"), ("narrative", &long), ("colour", "red")]);
    let mut odd = collision(3, "n");
    // Nobody knows from this word alone how severe it was.
    odd.body["injury"] = json!("hospital");
    odd.body["occurred_at"] = json!("yesterday");
    let filled = fill(&form, &[odd], &BTreeMap::new(), &given).unwrap();
    let of = |field: &str| filled.faults.iter().filter(|fault| fault.field == field).count();
    assert_eq!((of("roadway_surface"), of("narrative"), of("colour")), (1, 1, 1));
    assert_eq!((of("highest_injury"), of("incident_date"), of("incident_time")), (1, 1, 1));
    assert_eq!(filled.faults.len(), 6);
    assert!(filled.missing.contains(&"highest_injury".to_owned()));
}

#[test]
fn events_that_lack_a_field_give_no_number() {
    let form = form("ca-dmv-disengagement");
    let none = BTreeMap::new();
    let events = [trip(0), event(1, "trip.completed", "veh-1", json!({"summary": {}}))];
    let filled = fill(&form, &events, &none, &none).unwrap();
    assert_eq!(filled.field("miles").unwrap().value, None);
    assert_eq!(filled.faults[0].reason, "1 events lack what the form asks of them");
    // A person may say the number instead.
    let filled = fill(&form, &events, &none, &map(&[("miles", "2.0")])).unwrap();
    assert!(filled.faults.is_empty());
}

#[test]
fn many_events_are_filled_in_little_memory() {
    let form = form("cpuc-quarterly");
    let mut filler = Filler::new(&form);
    let mut next = trip(0);
    for index in 0..200_000 {
        next.index = index;
        next.subjects[0] = Subject::new("vehicle", format!("veh-{}", index % 110_000));
        filler.push(&next).unwrap();
    }
    filler.push(&next).unwrap_err();
    let filled = filler.finish(&BTreeMap::new(), &BTreeMap::new());
    assert_eq!(filled.field("trips").unwrap().value.as_deref(), Some("200000"));
    assert_eq!(filled.field("miles").unwrap().value.as_deref(), Some("200000.0"));
    assert_eq!(filled.field("vehicles").unwrap().value, None);
    assert_eq!(filled.faults[0].field, "vehicles");
    for field in &filled.fields {
        assert!(!matches!(&field.from, Origin::Entries(entries) if entries.len() > ENTRIES_MAX));
    }
}
