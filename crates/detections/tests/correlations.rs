//! Each kind of correlation and baseline by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use detections::{Alert, Engine, Record, RuleFile};

const RULES: &str = "title: a\nname: a\nlogsource: {product: atlasmesh}\ndetection: {s: {kind: a}, condition: s}\n\
    ---\ntitle: b\nname: b\nlogsource: {product: atlasmesh}\ndetection: {s: {kind: b}, condition: s}\n\
    ---\ntitle: c\nname: c\n";

fn engine(rule: &str) -> Engine {
    Engine::new(&[RuleFile::new("r.yml", format!("{RULES}{rule}\n"))]).unwrap()
}

/// Runs records written as `kind@seconds/user`, and tells when each alert was completed.
fn run(rule: &str, records: &str) -> Vec<(i64, String)> {
    alerts(rule, records)
        .into_iter()
        .map(|alert| (alert.last_ms / 1_000, alert.group.values().cloned().collect()))
        .collect()
}

fn alerts(rule: &str, records: &str) -> Vec<Alert> {
    let mut engine = engine(rule);
    let mut alerts = Vec::new();
    for (number, record) in records.split_whitespace().enumerate() {
        let (kind, rest) = record.split_once('@').unwrap();
        let (at, user) = rest.split_once('/').unwrap();
        let record = Record::new(format!("r{number}"), at.parse::<i64>().unwrap() * 1_000, kind)
            .with("user", user)
            .with("account", user)
            .with("number", number as i64);
        alerts.extend(engine.push(&record));
    }
    alerts.extend(engine.advance(i64::MAX));
    alerts
}

#[test]
fn event_count() {
    let rule = "correlation: {type: event_count, rules: [a], group-by: [user], timespan: 10s, condition: {gte: 3}}";
    assert_eq!(run(rule, "a@1/x a@2/x a@3/x a@4/x"), [(3, "x".to_owned())]);
    assert_eq!(run(rule, "a@1/x a@2/y a@3/x a@4/y"), []);
    assert_eq!(run(rule, "a@1/x a@2/x a@11/x"), [], "the span is half open");
    assert_eq!(run(rule, "a@1/x a@3/x a@2/x"), [(3, "x".to_owned())], "late");
    assert_eq!(run(rule, "a@1/x a@2/x a@3/x a@24/x a@25/x a@26/x").len(), 2);
    let found = &alerts(rule, "a@1/x a@2/x a@3/x")[0];
    assert_eq!((found.first_ms, found.last_ms, found.count), (1_000, 3_000, 3));
    assert_eq!(found.records, ["r0", "r1", "r2"]);
}

#[test]
fn counts_that_need_the_whole_span() {
    let rule = |condition: &str| {
        format!(
            "correlation: {{type: event_count, rules: [a], group-by: [user], timespan: 10s, condition: {{{condition}}}}}"
        )
    };
    assert_eq!(run(&rule("eq: 2"), "a@1/x a@9/x a@11/x a@12/x a@13/x"), [(9, "x".to_owned())]);
    assert_eq!(run(&rule("lt: 2"), "a@1/x a@9/x a@10/x"), [(10, "x".to_owned())]);
    assert_eq!(run(&rule("lte: 2"), "a@1/x a@9/x"), [(9, "x".to_owned())]);
    assert_eq!(run(&rule("neq: 2"), "a@1/x a@9/x a@10/x a@11/x a@12/x"), [(12, "x".to_owned())]);
    assert_eq!(run(&rule("gt: 1, lt: 3"), "a@1/x a@2/x a@10/x a@11/x a@12/x"), [(2, "x".to_owned())]);
    assert_eq!(run(&rule("gt: 2"), "a@1/x a@2/x a@3/x"), [(3, "x".to_owned())]);
}

#[test]
fn value_count() {
    let rule = "correlation: {type: value_count, rules: [a], group-by: [kind], timespan: 10s, condition: {field: user, gte: 3}}";
    assert_eq!(run(rule, "a@1/x a@2/x a@3/y a@4/x a@5/z"), [(5, "a".to_owned())]);
    assert_eq!(run(rule, "a@1/x a@2/x a@3/y a@4/y a@15/z"), []);
}

#[test]
fn temporal() {
    let rule = "correlation: {type: temporal, rules: [a, b], group-by: [user], timespan: 10s}";
    assert_eq!(run(rule, "b@1/x a@2/x"), [(2, "x".to_owned())]);
    assert_eq!(run(rule, "b@1/x a@2/y"), []);
    assert_eq!(run(rule, "b@1/x a@12/x"), []);
    assert_eq!(run(rule, "a@1/x a@2/x a@3/x"), []);
}

#[test]
fn temporal_ordered() {
    let rule = "correlation: {type: temporal_ordered, rules: [a, b], group-by: [user], timespan: 10s}";
    assert_eq!(run(rule, "a@1/x b@2/x"), [(2, "x".to_owned())]);
    assert_eq!(run(rule, "b@1/x a@2/x"), []);
    assert_eq!(run(rule, "b@2/x a@1/x"), [(2, "x".to_owned())], "late");
    assert_eq!(run(rule, "b@2/x a@2/x"), [(2, "x".to_owned())], "one millisecond has no order");
    assert_eq!(run(rule, "b@1/x a@2/x b@3/x"), [(3, "x".to_owned())]);
}

#[test]
fn aliases_and_chains() {
    let rule = "correlation: {type: temporal, rules: [a, b], group-by: [who], timespan: 10s, aliases: {who: {a: user, b: account}}}";
    assert_eq!(run(rule, "b@1/x a@2/x"), [(2, "x".to_owned())]);
    let rule = "correlation: {type: event_count, rules: [a], group-by: [user], timespan: 10s, condition: {gte: 2}}\n\
        ---\ntitle: d\nname: d\ncorrelation: {type: temporal_ordered, rules: [c, b], group-by: [user], timespan: 20s}";
    assert_eq!(run(rule, "a@1/x a@2/x b@3/x"), [(3, "x".to_owned())]);
    assert_eq!(run(rule, "a@1/x b@2/x a@3/x"), []);
    assert_eq!(run(rule, "b@3/x a@2/x a@1/x"), [(3, "x".to_owned())], "late");
}

#[test]
fn rate_with_a_cohort_prior() {
    let rule = "baseline: {type: rate, rules: [a], group-by: [user], cohort-by: [kind], period: 1m, tail: 1.0e-6, minimum: 5, learning-periods: 20}";
    let usual: String = (0..40)
        .map(|minute| format!("a@{}/u{} a@{}/u{} ", minute * 60, minute % 4, minute * 60 + 1, minute % 4))
        .collect();
    let burst: String = (0..30).map(|n| format!("a@{}/new ", 2_400 + n)).collect();
    let found = run(rule, &format!("{usual}{burst}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, "new");
    assert_eq!(run(rule, &burst), [], "nothing is known yet");
    assert_eq!(run(rule, &usual), []);
}

#[test]
fn new_value() {
    let rule = "baseline: {type: new_value, rules: [a, b], group-by: [user], field: kind, learning: 1h}";
    assert_eq!(run(rule, "a@0/x a@4000/x b@4001/x b@4002/x"), [(4_001, "x".to_owned())]);
    assert_eq!(run(rule, "a@0/x b@100/x b@4001/x"), []);
    assert_eq!(run(rule, "a@0/x b@4010/x b@3970/x"), [(3_970, "x".to_owned())], "late");
    let common =
        "baseline: {type: new_value, rules: [a, b], group-by: [user], field: kind, learning: 1h, common-in: 2}";
    assert_eq!(run(common, "a@0/x b@1/y b@2/z b@4001/x"), []);
}
