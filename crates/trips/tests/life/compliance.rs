//! Violations open and close once, whatever order their edges come in, and summaries belong to the trip's vehicle
//! (TRIP-8).

use kernel::testing::{accepts, unchanged};
use policy::{Compliance, Debounce, DebounceLimits, Edge, Response, Violation};
use trips::trip::decide::ComplianceEdge;
use trips::trip::events::{TripComplianceSummary, TripViolationClosed, TripViolationOpened};
use trips::trip::{Command, Status, TripEvent};

use crate::support::*;

fn opens(n: u128, rule: &str) -> ComplianceEdge {
    ComplianceEdge {
        violation: violation(n),
        rule: rule.into(),
        opened: Some((Response::Slow, "too fast".into())),
        max_speed_mps: Some(13.0),
        sampled_at: NOW,
    }
}

fn closes(rule: &str) -> ComplianceEdge {
    ComplianceEdge { opened: None, max_speed_mps: None, ..opens(99, rule) }
}

pub fn opened(n: u128, rule: &str) -> TripEvent {
    TripViolationOpened {
        violation: violation(n),
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        rule: rule.into(),
        response: Response::Slow,
        max_speed_mps: Some(13.0),
        text: "too fast".into(),
        sampled_at: NOW,
    }
    .into()
}

fn closed(n: u128, rule: &str) -> TripEvent {
    TripViolationClosed { violation: violation(n), vehicle: vehicle(), rule: rule.into(), sampled_at: NOW }.into()
}

#[test]
fn a_violation_opens_and_closes_once() {
    let on_trip = || to(Status::OnTrip);
    let open = || then(on_trip(), [opened(1, "speed")]);
    let rows: Vec<(Vec<TripEvent>, Vec<ComplianceEdge>, Vec<TripEvent>)> = vec![
        (on_trip(), vec![opens(1, "speed")], vec![opened(1, "speed")]),
        (on_trip(), vec![opens(1, "speed"), opens(2, "zone")], vec![opened(1, "speed"), opened(2, "zone")]),
        (on_trip(), vec![opens(1, "speed"), opens(2, "speed")], vec![opened(1, "speed")]),
        (on_trip(), vec![opens(1, "speed"), closes("speed")], vec![opened(1, "speed"), closed(1, "speed")]),
        (on_trip(), vec![closes("speed")], vec![]),
        (on_trip(), vec![], vec![]),
        (open(), vec![opens(2, "speed")], vec![]),
        (open(), vec![closes("speed")], vec![closed(1, "speed")]),
        (open(), vec![closes("zone")], vec![]),
        (open(), vec![closes("speed"), closes("speed")], vec![closed(1, "speed")]),
        (open(), vec![closes("speed"), opens(3, "speed")], vec![closed(1, "speed"), opened(3, "speed")]),
        (then(open(), [closed(1, "speed")]), vec![closes("speed")], vec![]),
    ];
    for (given, edges, events) in rows {
        let then = match events.is_empty() {
            true => unchanged(same(Status::OnTrip)),
            false => accepts(events, done(Status::OnTrip)),
        };
        check(given, Command::Compliance(edges), then);
    }
}

#[test]
fn violations_belong_to_a_trip_with_a_vehicle() {
    for status in Status::all() {
        let then = match HELD.contains(&status) {
            true => accepts([opened(1, "speed")], done(status)),
            false => unchanged(same(status)),
        };
        check(to(status), Command::Compliance(vec![opens(1, "speed")]), then);
    }
    let ended = then(to(Status::ToPickup), [opened(1, "speed"), cancelled()]);
    assert!(after(&ended).violations.is_empty());
}

#[test]
fn at_most_64_rules_are_violated_at_once() {
    let edges: Vec<ComplianceEdge> = (0..80).map(|n| opens(n, &format!("rule-{n:02}"))).collect();
    let events: Vec<TripEvent> = (0..64).map(|n| opened(n, &format!("rule-{n:02}"))).collect();
    check(to(Status::OnTrip), Command::Compliance(edges), accepts(events, done(Status::OnTrip)));
}

/// Checks in a row become edges, edges become entries: an outlier makes none.
#[test]
fn one_entry_for_many_checks() {
    let violation = || Violation { rule: "speed".into(), response: Response::Slow, text: "too fast".into() };
    let (bad, good) = (Compliance::Violations(vec![violation()]), Compliance::Compliant);
    let unknown = Compliance::Unknown(Vec::new());
    let mut checks = vec![&bad, &good, &bad, &unknown, &bad];
    checks.extend([&bad; 10]);
    checks.extend([&good, &good, &good, &good, &bad, &good, &good, &unknown, &good, &good, &good]);
    let (mut debounce, mut history) = (Debounce::default(), to(Status::OnTrip));
    for compliance in checks {
        let (after, edges) = debounce.step(compliance, DebounceLimits::default());
        debounce = after;
        for edge in edges {
            let (edge, event) = match edge {
                Edge::Opened(_) => (opens(1, "speed"), opened(1, "speed")),
                Edge::Closed { .. } => (closes("speed"), closed(1, "speed")),
            };
            check(history.clone(), Command::Compliance(vec![edge]), accepts([event.clone()], done(Status::OnTrip)));
            history.push(event);
        }
    }
    assert_eq!(history.len(), to(Status::OnTrip).len() + 2, "one violation, opened and closed");
    assert!(after(&history).violations.is_empty());
}

#[test]
fn a_summary_is_the_vehicles_of_an_open_trip() {
    let summary = |vehicle| TripComplianceSummary {
        vehicle,
        from: NOW.plus_ms(-50_000),
        to: NOW,
        compliant: 48,
        violating: 1,
        unknown: 1,
        segment_digest: "e1".into(),
        chunks: Vec::new(),
    };
    let summarize = |vehicle| Command::Summary(Box::new(summary(vehicle)));
    for status in Status::all() {
        let then = match HELD.contains(&status) {
            true => accepts([summary(vehicle()).into()], done(status)),
            false => unchanged(same(status)),
        };
        check(to(status), summarize(vehicle()), then);
        check(to(status), summarize(other_vehicle()), unchanged(same(status)));
    }
}
