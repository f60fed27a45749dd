//! The shipped rules on their samples, and the simulated fleet with every attack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use detections::simulate::{ATTACKS, Fleet, START_MS, merged};
use detections::{Alert, Engine, Level, Record, shipped};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    records: Vec<Record>,
    /// Every alert of every rule, by rule.
    expected: BTreeMap<String, usize>,
}

fn run(records: &[Record]) -> Vec<Alert> {
    let mut engine = Engine::new(&shipped()).unwrap();
    let mut alerts: Vec<Alert> = records.iter().flat_map(|record| engine.push(record)).collect();
    alerts.extend(engine.advance(i64::MAX));
    alerts
}

fn counted(alerts: &[Alert]) -> BTreeMap<String, usize> {
    alerts.iter().fold(BTreeMap::new(), |mut counts, alert| {
        *counts.entry(alert.rule.clone()).or_default() += 1;
        counts
    })
}

#[test]
fn every_sample_has_exactly_its_alerts() {
    let mut fired = BTreeSet::new();
    for file in shipped() {
        let path = format!("{}/samples/{}", env!("CARGO_MANIFEST_DIR"), file.name.replace(".yml", ".json"));
        let sample: Sample = serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path);
        assert!(sample.cases.iter().any(|case| case.expected.is_empty()), "{path} has no benign case");
        for case in sample.cases {
            let alerts = run(&case.records);
            assert_eq!(counted(&alerts), case.expected, "{path}: {}\n{alerts:#?}", case.name);
            fired.extend(case.expected.into_keys());
        }
    }
    let engine = Engine::new(&shipped()).unwrap();
    for (rule, ..) in engine.rules().filter(|(rule, ..)| rule.alerts) {
        assert!(fired.contains(&rule.name), "{} fires in no sample", rule.name);
        assert!(!rule.attack.is_empty() && !rule.r155.is_empty(), "{} lacks a tag", rule.name);
        assert!(!rule.false_positives.is_empty() && !rule.description.is_empty(), "{} lacks words", rule.name);
    }
}

#[test]
fn a_fleet_that_does_nothing_wrong_raises_nothing() {
    let alerts = run(&Fleet { vehicles: 50, hours: 24, seed: 1 }.records());
    assert!(alerts.iter().all(|alert| alert.level < Level::Critical), "{alerts:#?}");
    assert_eq!(counted(&alerts), BTreeMap::new(), "{alerts:#?}");
}

#[test]
fn every_attack_is_found_in_the_fleet_and_nothing_else() {
    let fleet = Fleet { vehicles: 50, hours: 24, seed: 2 }.records();
    for (number, attack) in ATTACKS.iter().enumerate() {
        let records = attack.records(START_MS + 12 * 3_600_000, number as u64);
        let alerts = run(&merged(vec![fleet.clone(), records]));
        let expected: BTreeMap<String, usize> =
            attack.expected().iter().map(|(rule, n)| ((*rule).to_owned(), *n)).collect();
        assert_eq!(counted(&alerts), expected, "{attack:?}: {alerts:#?}");
    }
}
