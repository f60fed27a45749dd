//! Violations open and close on edges, not on every sample.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use policy::{Compliance, Debounce, DebounceLimits, Edge, Response, Violation};

fn violated(rule: &str, response: Response) -> Compliance {
    Compliance::Violations(vec![Violation { rule: rule.into(), response, text: "too fast".into() }])
}

/// `s` slow-violation, `S` stop-violation, `.` compliant, `?` unknown; gives one letter per check: `o`, `c` or `-`.
fn edges(checks: &str, limits: DebounceLimits) -> String {
    let mut state = Debounce::default();
    let letter = |check| {
        let compliance = match check {
            's' => violated("speed", Response::Slow),
            'S' => violated("speed", Response::Stop),
            '?' => Compliance::Unknown(Vec::new()),
            _ => Compliance::Compliant,
        };
        let (next, edges) = std::mem::take(&mut state).step(&compliance, limits);
        state = next;
        match edges.as_slice() {
            [] => '-',
            [Edge::Opened(violation)] if violation.rule == "speed" => 'o',
            [Edge::Closed { rule }] if rule == "speed" => 'c',
            other => panic!("{other:?}"),
        }
    };
    checks.chars().map(letter).collect()
}

#[test]
fn one_outlier_opens_nothing_and_the_edge_of_a_limit_does_not_flutter() {
    let limits = DebounceLimits { open_after: 2, close_after: 3 };
    for (given, then) in [
        ("....", "----"),
        ("s.s.s.", "------"),
        ("ss", "-o"),
        ("ssssss", "-o----"),
        ("ss...", "-o--c"),
        ("ss..s...", "-o-----c"),
        ("s?s", "--o"),
        ("ss.??..", "-o----c"),
        ("S...", "o--c"),
        ("ss...ss", "-o--c-o"),
    ] {
        assert_eq!(edges(given, limits), then, "{given}");
    }
}

#[test]
fn after_a_restart_an_open_violation_stays_open_until_it_closes() {
    let limits = DebounceLimits { open_after: 1, close_after: 1 };
    let state = Debounce::default().reopened("speed");
    let (state, none) = state.step(&violated("speed", Response::Slow), limits);
    assert!(none.is_empty() && state.open_rules().contains("speed"));
    let (state, closed) = state.step(&Compliance::Compliant, limits);
    assert_eq!(closed, [Edge::Closed { rule: "speed".into() }]);
    assert_eq!(state, Debounce::default());
}
