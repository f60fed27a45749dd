//! Order of arrival, duplicates and snapshots change nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use detections::simulate::{ATTACKS, Fleet, Random, START_MS, merged};
use detections::{Alert, Engine, Limits, Record, RuleFile, State, shipped};

/// All attacks at once, one after the other, in a small fleet.
fn records(seed: u64) -> Vec<Record> {
    let mut sources = vec![Fleet { vehicles: 30, hours: 24, seed }.records()];
    for (number, attack) in ATTACKS.iter().enumerate() {
        let hour = (number as i64 + seed as i64) % 3;
        sources.push(attack.records(START_MS + hour * 3_600_000, number as u64));
    }
    merged(sources)
}

/// The records as they may come: each up to the lateness after its time, some of them twice.
fn shuffled(records: &[Record], random: &mut Random, lateness: i64) -> Vec<Record> {
    let mut arrivals = Vec::new();
    for record in records {
        for _ in 0..=u64::from(random.one_in(4)) {
            arrivals.push((record.at_ms + random.below(lateness as u64) as i64, random.below(1 << 30), record.clone()));
        }
    }
    arrivals.sort_by_key(|(at, tie, _)| (*at, *tie));
    arrivals.into_iter().map(|(_, _, record)| record).collect()
}

fn other_rules() -> Vec<RuleFile> {
    let text = "title: f\nname: f\nlogsource: {product: atlasmesh}\ndetection: {s: {kind: 'vehicle.*'}, condition: s}\n\
        ---\ntitle: few\nname: few\nlevel: low\ncorrelation: {type: event_count, rules: [f], group-by: [vehicle], timespan: 30m, condition: {eq: 2}}\n\
        ---\ntitle: alone\nname: alone\nlevel: low\ncorrelation: {type: value_count, rules: [f], group-by: [tenant], timespan: 5m, condition: {field: vehicle, lt: 2}}\n";
    vec![RuleFile::new("other.yml", text)]
}

fn run(engine: &mut Engine, records: &[Record]) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = records.iter().flat_map(|record| engine.push(record)).collect();
    alerts.extend(engine.advance(i64::MAX));
    alerts
}

/// An alert by what must not depend on the order. When a correlation fires it tells what it knows by then.
fn identities(alerts: &[Alert]) -> BTreeSet<(String, String, String)> {
    alerts.iter().map(|alert| (alert.id.clone(), alert.rule.clone(), format!("{:?}", alert.group))).collect()
}

#[test]
fn late_shuffled_and_duplicate_records_change_nothing() {
    let lateness = Limits::default().lateness_ms;
    let rules: Vec<RuleFile> = shipped().into_iter().chain(other_rules()).collect();
    for seed in 0..12 {
        let records = records(seed);
        let expected = run(&mut Engine::new(&rules).unwrap(), &records);
        assert!(expected.len() > ATTACKS.len());
        let mut engine = Engine::new(&rules).unwrap();
        let found = run(&mut engine, &shuffled(&records, &mut Random::new(seed), lateness));
        assert_eq!(identities(&found), identities(&expected), "seed {seed}");
        assert_eq!(found.len(), expected.len(), "seed {seed}: something was raised twice");
        assert_eq!(engine.dropped().late, 0);
        assert!(engine.dropped().duplicates > 100);
    }
}

#[test]
fn a_replay_is_the_same_bit_for_bit() {
    let records = records(3);
    let run = || serde_json::to_string(&run(&mut Engine::new(&shipped()).unwrap(), &records)).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn a_restored_engine_goes_on_as_if_nothing_happened() {
    let rules: Vec<RuleFile> = shipped().into_iter().chain(other_rules()).collect();
    let mut random = Random::new(9);
    for seed in 0..6 {
        let records = shuffled(&records(seed), &mut random, 60_000);
        let cut = random.below(records.len() as u64) as usize;
        let mut whole = Engine::new(&rules).unwrap();
        for record in &records[..cut] {
            whole.push(record);
        }
        let saved = serde_json::to_string(whole.state()).unwrap();
        let state: State = serde_json::from_str(&saved).unwrap();
        let mut restored = Engine::restore(&rules, Limits::default(), state).unwrap();
        assert_eq!(run(&mut restored, &records[cut..]), run(&mut whole, &records[cut..]), "seed {seed} cut {cut}");
        assert_eq!(serde_json::to_string(restored.state()).unwrap(), serde_json::to_string(whole.state()).unwrap());
    }
}

#[test]
fn a_state_of_other_rules_is_refused() {
    let state = Engine::new(&shipped()).unwrap().state().clone();
    assert!(Engine::restore(&other_rules(), Limits::default(), state).is_err());
}
