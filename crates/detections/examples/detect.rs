//! `cargo xtask bench detect`: how many records a second one core takes through all shipped rules; and what each labelled attack
//! in the traffic of 1,000 vehicles over a day raises, what else is raised, and how long after the record that completes it.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example prints and may stop")]

use std::time::Instant;

use detections::simulate::{ATTACKS, Fleet, START_MS, merged};
use detections::{Engine, Record, shipped};

/// The hour of the day at which attacks begin: baselines have learned by then.
const HOUR: i64 = 12;

fn main() {
    let fleet = Fleet { vehicles: 1_000, hours: 24, seed: 1 };
    let benign = fleet.records();
    let mut sources = vec![benign.clone()];
    let begin_ms = START_MS + HOUR * 3_600_000;
    sources.extend(ATTACKS.iter().zip(0..).map(|(attack, vehicle)| attack.records(begin_ms, vehicle)));
    measure("1,000 vehicles x 24 h with every attack", &merged(sources));
    let failure = |n: i64| {
        let record = Record::new(format!("f{n}"), START_MS + n / 10, "session.refused");
        record.with("principal", format!("guess-{}", n % 50_000)).with("source_ip", "203.0.113.7")
    };
    measure("failed sign-ins only, 10,000 a second", &(0..300_000).map(failure).collect::<Vec<Record>>());
    let raised = alerts(&benign);
    println!("\n| attack | rules | expected | found | others | after |\n|---|---|---|---|---|---|");
    println!("| none: a day of 1,000 vehicles | | 0 | 0 | {} | |", raised.len());
    for (attack, vehicle) in ATTACKS.iter().zip(0..) {
        let records = merged(vec![benign.clone(), attack.records(begin_ms, vehicle)]);
        let raised = alerts(&records);
        let expected = attack.expected();
        let is_expected = |rule: &str| expected.iter().any(|(known, _)| *known == rule);
        let (found, others): (Vec<_>, Vec<_>) = raised.iter().partition(|(rule, _)| is_expected(rule));
        let rules: Vec<&str> = expected.iter().map(|(rule, _)| *rule).collect();
        let count: usize = expected.iter().map(|(_, count)| *count).sum();
        let after_s = found.iter().map(|(_, after_ms)| after_ms / 1_000).max().unwrap_or(0);
        println!("| {attack:?} | {} | {count} | {} | {} | {after_s} s |", rules.join(", "), found.len(), others.len());
    }
}

/// The rules that fired, and how long after the record that completed each.
fn alerts(records: &[Record]) -> Vec<(String, i64)> {
    let mut engine = Engine::new(&shipped()).expect("the shipped rules are valid");
    let mut raised = Vec::new();
    for record in records {
        for alert in engine.push(record) {
            raised.push((alert.rule, (record.at_ms - alert.last_ms).max(0)));
        }
    }
    raised.extend(engine.advance(i64::MAX).into_iter().map(|alert| (alert.rule, 0)));
    raised
}

fn measure(name: &str, records: &[Record]) {
    let mut engine = Engine::new(&shipped()).expect("the shipped rules are valid");
    let begin = Instant::now();
    let mut alerts: usize = records.iter().map(|record| engine.push(record).len()).sum();
    let seconds = begin.elapsed().as_secs_f64();
    alerts += engine.advance(i64::MAX).len();
    let rules = engine.rules().count();
    let speed = records.len() as f64 / seconds;
    println!("{name}: {} records, {rules} rules, {alerts} alerts, {speed:.0} records/s", records.len());
    println!("  {:?}", engine.dropped());
}
