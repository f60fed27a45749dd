//! Rules of a tenant's own: whatever they are, they never allow what is denied without them, and never loosen a limit; what they
//! deny they can offer otherwise; decisions of the past are asked again under them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use kernel::{Authentication, Ctx, Sector, Subject, Timestamp};
use policy::{Engine, FactValue, OwnLayer, ReplayChange, Replayed, Request, Verdict, Waiver};
use proptest::prelude::*;
use trips::TripFacts;
use trips::actions::REQUEST_TRIP;

fn ctx() -> Ctx {
    common::ctx(Some(Sector::Logistics), "dispatcher", Authentication::Token)
}

fn engine() -> Engine {
    Engine::new(common::shipped())
}

fn trip_request(role: &str, passengers: u32, payload_kg: f64) -> Request {
    let facts = TripFacts {
        kind: "delivery".into(),
        closed_at_stops: [].into(),
        zone_kinds_at_stops: [].into(),
        avoided_zones: [].into(),
        passengers,
        payload_kg,
        required_capabilities: [].into(),
        distance_m: 900.0,
    };
    let ctx = common::ctx(Some(Sector::Logistics), role, Authentication::Token);
    Request::new(&ctx, REQUEST_TRIP, Subject::new("trip", "t1"))
        .entitled_to(["trips".to_owned()])
        .facts(facts.facts(common::NOW))
}

fn layer(engine: &Engine, text: &str) -> OwnLayer {
    engine.active().own_layer(&ctx().tenant, text).unwrap()
}

/// A rule as somebody might write one: a forbid by a number, a word or a set, or a limit.
fn rule(n: usize, what: u8, number: u32, flip: bool) -> String {
    let unless = if flip { "unless" } else { "when" };
    let head = format!("@id(\"tenant.r{n}\")\n@version(\"1\")\n@purpose(\"why\")\n");
    let act = "(principal, action == Fleet::Action::\"trip.request\", resource)";
    match what % 6 {
        0 => format!(
            "{head}@reason(\"no\")\nforbid {act} {unless} {{ context.payload_kg.greaterThan(decimal(\"{number}.0\")) }};"
        ),
        1 => format!("{head}@reason(\"no\")\nforbid {act} {unless} {{ context.passengers > {} }};", number % 9),
        2 => format!("{head}@reason(\"no\")\nforbid {act} {unless} {{ context.kind == \"delivery\" }};"),
        // It can overflow, which denies.
        3 => format!(
            "{head}@reason(\"no\")\nforbid {act} {unless} {{ context.passengers * 9223372036854775807 > {number} }};"
        ),
        4 => format!("{head}@constrain(\"max_speed_mps\")\n@value(\"{}.5\")\npermit {act};", 1 + number % 40),
        _ => format!(
            "{head}@constrain(\"allowed_modes\")\n@value(\"{}\")\npermit {act};",
            ["AUTONOMOUS", "REMOTE", "AUTONOMOUS,REMOTE"][number as usize % 3]
        ),
    }
}

/// One for all random texts.
static ENGINE: std::sync::LazyLock<Engine> = std::sync::LazyLock::new(engine);

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_tenant_allows_more_or_loosens_a_limit(
        rules in proptest::collection::vec((any::<u8>(), 0_u32..5_000, any::<bool>()), 0..8),
        passengers in 0_u32..9,
        payload in 0_u32..5_000,
        role in prop::sample::select(vec!["dispatcher", "viewer", "administrator"]),
    ) {
        let engine = &*ENGINE;
        let text: String = rules.iter().enumerate().map(|(n, (what, number, flip))| rule(n, *what, *number, *flip)).collect();
        let own = layer(engine, &text);
        let request = trip_request(role, passengers, f64::from(payload));
        let (without, with) = (engine.explain(&request, None), engine.explain(&request, Some(&own)));
        prop_assert!(without.is_allowed() || !with.is_allowed(), "it allows more: {text}");
        if with.is_allowed() {
            let met = without.constraints.meet(&with.constraints);
            prop_assert_eq!(met, with.constraints, "a limit is looser: {}", text);
        }
    }
}

const HEAVY: &str = r#"
@id("tenant.heavy")
@version("1")
@purpose("why")
@reason("{payload_kg} kg are too heavy")
@modify("payload_kg<=500.0")
forbid (principal, action == Fleet::Action::"trip.request", resource)
when { context.payload_kg.greaterThan(decimal("500.0")) };
"#;

#[test]
fn what_would_be_allowed_instead_is_offered_only_if_the_same_rules_allow_it() {
    let engine = engine();
    let own = layer(&engine, HEAVY);
    let decision = engine.explain(&trip_request("dispatcher", 0, 700.0), Some(&own));
    assert_eq!((decision.verdict, decision.policy_ids()), (Verdict::Deny, vec!["tenant.heavy"]));
    let change = &decision.alternatives[0].changes[0];
    assert_eq!((change.fact.as_str(), &change.to), ("payload_kg", &FactValue::Decimal(500.0)));
    // Another rule denies it still, and says nothing of what would help.
    let other = HEAVY.to_owned()
        + "@id(\"tenant.all\") @version(\"1\") @purpose(\"why\") @reason(\"no\") \
           forbid (principal, action == Fleet::Action::\"trip.request\", resource);";
    let decision = engine.explain(&trip_request("dispatcher", 0, 700.0), Some(&layer(&engine, &other)));
    assert!(decision.alternatives.is_empty() && !decision.is_allowed());
}

#[test]
fn a_text_is_refused_with_the_line_where_it_is_wrong() {
    let engine = engine();
    let refused = |text: &str| engine.active().own_layer(&ctx().tenant, text).unwrap_err().to_string();
    for (from, to, said) in [
        ("tenant.heavy", "base.heavy", "does not begin with `tenant.`"),
        ("payload_kg<=500.0", "payload<=500.0", "no fact of the rule's acts"),
        ("payload_kg<=500.0", "payload_kg<=much", "is no decimal"),
        ("context.payload_kg.", "context.nonsense.", "nonsense"),
        ("@reason(\"{payload_kg} kg are too heavy\")\n", "", "@reason"),
        ("@reason", "@waivable(\"true\")\n@reason", "needs `unless"),
    ] {
        let told = refused(&HEAVY.replace(from, to));
        assert!(told.contains(said) && told.contains("own.cedar:"), "{told}");
    }
    let permits = "@id(\"tenant.p\") @version(\"1\") @purpose(\"why\") permit (principal, action, resource);";
    assert!(refused(permits).contains("may only forbid or constrain"));
}

#[test]
fn a_past_decision_is_asked_again_as_it_was() {
    let engine = engine();
    let then = engine.decide(&trip_request("dispatcher", 0, 700.0)).to_json();
    // Canonical JSON writes 700.0 as 700.
    let then: serde_json::Value = serde_json::from_str(&then.to_string().replace("700.0", "700")).unwrap();
    assert!(matches!(engine.replay(&then, None), Replayed::Unchanged));
    let Replayed::Changed { change, now } = engine.replay(&then, Some(&layer(&engine, HEAVY))) else {
        panic!("{then}")
    };
    assert_eq!((change, now.policy_ids()), (ReplayChange::AllowToDeny, vec!["tenant.heavy"]));
    let slow = "@id(\"tenant.slow\") @version(\"1\") @purpose(\"why\") @constrain(\"max_speed_mps\") @value(\"3.0\") \
                permit (principal, action == Fleet::Action::\"trip.request\", resource);";
    let Replayed::Changed { change, .. } = engine.replay(&then, Some(&layer(&engine, slow))) else { panic!() };
    assert_eq!(change, ReplayChange::Tighter);
    assert!(matches!(
        engine.replay(&serde_json::json!({ "action": "trip.request" }), None),
        Replayed::NotReplayable(_)
    ));
}

#[test]
fn a_waiver_lifts_its_rule_until_its_time_and_no_other() {
    let engine = engine();
    let waivable = HEAVY.replace("@reason", "@waivable(\"true\")\n@reason").replace(
        "payload_kg.greaterThan(decimal(\"500.0\"))",
        "payload_kg.greaterThan(decimal(\"500.0\")) && !context.request.waivers.contains(\"tenant.heavy\")",
    );
    let tenant = ctx().tenant.clone();
    engine.put_own(&tenant, Some(layer(&engine, &waivable)));
    let ask = || engine.decide(&trip_request("dispatcher", 0, 700.0)).is_allowed();
    assert!(!ask());
    let until = |ms: i64| vec![Waiver { rule: "tenant.heavy".into(), until: Timestamp::from_ms(ms) }];
    let now = ctx().now.as_ms();
    engine.put_waivers(&tenant, until(now + 1));
    assert!(ask());
    engine.put_waivers(&tenant, until(now));
    assert!(!ask(), "its time is over");
    engine.put_own(&tenant, None);
    assert!(ask());
}

#[test]
fn rules_that_cannot_be_read_deny_everything_but_what_reduces_risk() {
    let engine = engine();
    let request: Request = trip_request("dispatcher", 0, 1.0);
    assert!(engine.decide(&request).is_allowed());
    engine.refuse_all(&ctx().tenant, "they do not compile");
    assert_eq!(engine.decide(&request).policy_ids(), ["builtin.own-rules-unreadable"]);
    engine.put_own(&ctx().tenant, None);
    assert!(engine.decide(&request).is_allowed());
}
