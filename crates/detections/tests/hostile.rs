//! Floods, wild clocks and hostile patterns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use detections::{Engine, Limits, Record, RuleFile, shipped};

fn failure(id: String, at: i64, principal: String) -> Record {
    Record::new(id, at, "session.refused").with("principal", principal).with("source_ip", "203.0.113.7")
}

#[test]
fn ten_thousand_failures_a_second_are_bounded_and_still_found() {
    let limits = Limits { groups: 2_000, ids: 20_000, ..Limits::default() };
    let mut engine = Engine::with_limits(&shipped(), limits).unwrap();
    let mut alerts = Vec::new();
    let mut most = 0;
    for n in 0..200_000_i64 {
        alerts.extend(engine.push(&failure(format!("f{n}"), n / 10, format!("guess-{n}"))));
        if n % 25_000 == 0 || n == 10 {
            // Between them one principal that someone means. Its first two failures come before the flood can push it out.
            alerts.extend(engine.push(&failure(format!("m{n}"), n / 10, "meant".to_owned())));
            most = most.max(engine.remembered());
        }
    }
    assert!(alerts.iter().any(|alert| alert.rule == "a02_spray"), "{alerts:?}");
    assert!(
        alerts.iter().any(|alert| alert.rule == "a01_brute_force" && alert.group["principal"] == "meant"),
        "{alerts:?}"
    );
    assert!(alerts.len() < 100, "{}", alerts.len());
    assert!(most < 60_000, "{most}");
    let dropped = engine.dropped();
    assert!(dropped.groups > 100_000 && dropped.samples > 100_000 && dropped.ids > 100_000, "{dropped:?}");
}

#[test]
fn a_flood_of_dead_certificates_is_one_alert() {
    let mut engine = Engine::new(&shipped()).unwrap();
    let flood = |n: i64| {
        let record = Record::new(format!("f{n}"), 1_000_000 + n, "vehicle.handshake_refused");
        record.with("principal", "v").with("serial", "s").with("reason", "revoked")
    };
    let alerts: Vec<_> = (0..20_000).flat_map(|n| engine.push(&flood(n))).collect();
    assert_eq!(alerts.iter().filter(|alert| alert.rule == "a07_dead_certificate").count(), 1);
    assert!(engine.dropped().suppressed > 10_000);
}

#[test]
fn a_catastrophic_pattern_is_harmless() {
    let rule = "title: t\nlogsource: {product: atlasmesh}\ndetection:\n  s: {a|re: '^(a+)+$'}\n  t: {a: 'a*a*a*a*a*a*a*a*a*a*a*a*b'}\n  condition: s or t\n";
    let mut engine = Engine::new(&[RuleFile::new("r.yml", rule)]).unwrap();
    let begin = Instant::now();
    for n in 0..20 {
        let record = Record::new(format!("{n}"), n, "x").with("a", "a".repeat(100_000) + "!");
        assert!(engine.push(&record).is_empty());
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn one_wild_clock_does_not_blind_the_others() {
    let mut engine = Engine::new(&shipped()).unwrap();
    engine.push(&failure("0".to_owned(), 1_000_000, "x".to_owned()));
    for n in 0..7 {
        engine.push(&failure(format!("wild{n}"), i64::MAX - n, "wild".to_owned()));
        engine.push(&failure(format!("old{n}"), i64::MIN + n, "wild".to_owned()));
    }
    let alerts: Vec<_> =
        (1..8).flat_map(|n| engine.push(&failure(format!("{n}"), 1_000_000 + n, "x".to_owned()))).collect();
    assert_eq!(alerts.iter().filter(|alert| alert.rule == "a01_brute_force").count(), 1);
}

#[test]
fn the_engine_follows_a_clock_that_stepped() {
    let mut engine = Engine::new(&shipped()).unwrap();
    let hour = 3_600_000;
    for n in 0..10 {
        engine.push(&failure(format!("a{n}"), 10 * hour + n, format!("p{n}")));
    }
    for n in 0..20 {
        engine.push(&failure(format!("b{n}"), 12 * hour + n, format!("p{n}")));
    }
    assert!(engine.watermark_ms().unwrap() > 11 * hour, "forward");
    let late: Vec<_> = (0..100)
        .flat_map(|n| engine.push(&failure(format!("c{n}"), 9 * hour + n * 1_000, "back".to_owned())))
        .collect();
    assert!(late.iter().any(|alert| alert.rule == "a01_brute_force" && alert.group["principal"] == "back"), "back");
    assert_eq!(engine.dropped().steps_back, 1);
}

#[test]
fn a_late_record_still_meets_the_rules_of_single_events() {
    let mut engine = Engine::new(&shipped()).unwrap();
    engine.advance(1_000_000_000);
    let record = Record::new("late", 5, "vehicle.handshake_refused").with("principal", "v").with("serial", "s");
    let alerts = engine.push(&record.with("reason", "revoked"));
    assert_eq!(alerts.len(), 1);
    assert_eq!(engine.dropped().late, 1);
}
