//! Prints how many records a second one core takes through all shipped rules:
//! `cargo run --release --example throughput`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example prints and may stop")]

use std::time::Instant;

use detections::simulate::{ATTACKS, Fleet, START_MS, merged};
use detections::{Engine, Record, shipped};

fn main() {
    let fleet = Fleet { vehicles: 1_000, hours: 24, seed: 1 };
    let mut sources = vec![fleet.records()];
    sources.extend(ATTACKS.iter().zip(0..).map(|(attack, vehicle)| attack.records(START_MS + 3 * 3_600_000, vehicle)));
    measure("1,000 vehicles x 24 h with every attack", &merged(sources));
    let failure = |n: i64| {
        let record = Record::new(format!("f{n}"), START_MS + n / 10, "session.refused");
        record.with("principal", format!("guess-{}", n % 50_000)).with("source_ip", "203.0.113.7")
    };
    measure("failed sign-ins only, 10,000 a second", &(0..300_000).map(failure).collect::<Vec<Record>>());
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
