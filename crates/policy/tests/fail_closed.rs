//! What is not certain is denied, and what only reduces risk never is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use fleet::actions::{IMPORT_SITE, LIFT_CLOSURE, RELEASE_HOLD};
use fleet::{HoldReleaseFacts, SiteImportFacts};
use kernel::{Authentication, Code, Sector, Subject};
use policy::{Bundle, BundleError, Compliance, Engine, Request, Response, Verdict};
use trips::MonitorFacts;
use trips::actions::MONITOR_TRIP;

fn bundle_with(extra: &[(&str, &str)]) -> Result<Bundle, BundleError> {
    let mut sources = common::sources();
    sources.extend_from_slice(extra);
    common::load(&sources)
}

fn sample() -> MonitorFacts {
    MonitorFacts {
        sampled_at: common::NOW.plus_ms(-500),
        speed_mps: 10.0,
        speed_limit_mps: 11.1,
        avoided_zones_entered: [].into(),
        off_route_m: 1.0,
        mode: "AUTONOMOUS".into(),
        allowed_modes: ["AUTONOMOUS".to_owned()].into(),
        battery_pct: 50.0,
        claim_valid: true,
        occupied: false,
    }
}

fn monitor(sector: Option<Sector>, facts: &MonitorFacts) -> Request {
    let ctx = common::ctx(sector, "vehicle", Authentication::VehicleSecret);
    Request::new(&ctx, MONITOR_TRIP, Subject::new("trip", "t1"))
        .about(Subject::new("vehicle", "v1"))
        .facts(facts.facts())
}

fn import() -> Request {
    let ctx = common::ctx(Some(Sector::Mining), "administrator", Authentication::Token);
    Request::new(&ctx, IMPORT_SITE, Subject::new("site", "pit"))
        .facts(SiteImportFacts { trips_open: 0 }.facts(common::NOW))
}

/// Overflows for more than a third of the numbers that a Long can hold, and type-checks all the same.
const OVERFLOWS: &str = r#"
@id("north.overflow") @version("1") @purpose("Shows that a failing rule denies.") @reason("Never reached")
forbid (principal, action == Fleet::Action::"site.import", resource)
when { (context.trips_open + 2) * 9223372036854775807 < 0 };
"#;

#[test]
fn a_rule_that_fails_denies_although_cedar_would_skip_it() {
    let engine = Engine::new(bundle_with(&[("tenants/north/overflow.cedar", OVERFLOWS)]).unwrap());
    let decision = engine.decide(&import());
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.policy_ids(), ["builtin.evaluation-error"]);
    assert!(decision.reason_text().contains("north.overflow"), "{}", decision.reason_text());
    assert!(Engine::new(common::shipped()).decide(&import()).is_allowed());
}

#[test]
fn a_constraint_rule_that_fails_denies() {
    let rule = OVERFLOWS.replace("forbid", "@constrain(\"valid_for_s\") @value(\"60\") permit");
    let engine = Engine::new(bundle_with(&[("tenants/north/overflow.cedar", &rule)]).unwrap());
    assert_eq!(engine.decide(&import()).policy_ids(), ["builtin.evaluation-error"]);
}

#[test]
fn limits_that_exclude_each_other_deny_and_name_both_rules() {
    let rule = |modes: &str| {
        format!(
            "@id(\"t.{modes}\") @version(\"1\") @purpose(\"p\") @constrain(\"allowed_modes\") @value(\"{modes}\")
             permit (principal, action == Fleet::Action::\"site.import\", resource);"
        )
    };
    let (one, other) = (rule("REMOTE"), rule("MANUAL"));
    let sources = [("tenants/north/one.cedar", one.as_str()), ("sectors/mining/other.cedar", other.as_str())];
    let decision = Engine::new(bundle_with(&sources).unwrap()).decide(&import());
    assert_eq!(decision.policy_ids(), ["builtin.constraints-unsatisfiable"]);
    assert!(decision.reason_text().contains("t.MANUAL and t.REMOTE"), "{}", decision.reason_text());
    let decision = Engine::new(bundle_with(&sources[..1]).unwrap()).decide(&import());
    assert_eq!(decision.constraints.allowed_modes, Some(["REMOTE".to_owned()].into()));
}

#[test]
fn a_layer_binds_its_own_tenant_and_sector_only() {
    let forbid = r#"@id("x.never") @version("1") @purpose("Closes.") @reason("Closed") @response("stop")
        forbid (principal, action, resource);"#;
    let denies = |file: &str| {
        let decision = Engine::new(bundle_with(&[(file, forbid)]).unwrap()).decide(&import());
        decision.policy_ids() == ["x.never"]
    };
    for (file, expected) in [
        ("base/x.cedar", true),
        ("tenants/north/x.cedar", true),
        ("tenants/south/x.cedar", false),
        ("sectors/mining/x.cedar", true),
        ("sectors/logistics/x.cedar", false),
    ] {
        assert_eq!(denies(file), expected, "{file}");
    }
}

#[test]
fn no_facts_no_sector_no_layer_no_number_deny_with_a_reason() {
    let engine = Engine::new(common::shipped());
    let ctx = common::ctx(Some(Sector::Mining), "administrator", Authentication::Token);
    let site = Subject::new("site", "pit");
    let empty = Request::new(&ctx, IMPORT_SITE, site.clone());
    let twice = import().fact("trips_open", 4_i64);
    let typed = Request::new(&ctx, IMPORT_SITE, site).fact("trips_open", 3.5);
    let nobodys_role = common::ctx(Some(Sector::Mining), "operator", Authentication::Token);
    let nobodys_role = Request::new(&nobodys_role, LIFT_CLOSURE, Subject::new("site", "pit"));
    let not_a_number = MonitorFacts { off_route_m: f64::NAN, ..sample() };
    let mut without_mining = common::sources();
    without_mining.retain(|(name, _)| !name.starts_with("sectors/mining"));
    let other = Engine::new(common::load(&without_mining).unwrap());

    let check = |engine: &Engine, request: &Request, then: &[&str]| {
        let decision = engine.decide(request);
        assert_eq!(decision.policy_ids(), then, "{}", decision.reason_text());
        assert!(!decision.is_allowed());
    };
    check(&engine, &empty, &["builtin.fact-missing"]);
    check(&engine, &twice, &["builtin.fact-twice"]);
    check(&engine, &typed, &["builtin.fact-type"]);
    check(&engine, &monitor(Some(Sector::Mining), &not_a_number), &["builtin.request-invalid"]);
    check(&engine, &nobodys_role, &["builtin.request-invalid"]);
    check(&engine, &monitor(None, &sample()), &["builtin.sector-unknown"]);
    check(&other, &import(), &["builtin.sector-unknown"]);
}

#[test]
fn what_only_reduces_risk_is_always_allowed() {
    // A bundle that forbids everything it can, and a request about which nothing is known.
    let forbid = r#"@id("base.never") @version("1") @purpose("Closes.") @reason("Closed") @response("stop")
        forbid (principal, action, resource);"#;
    let engine = Engine::new(bundle_with(&[("base/never.cedar", forbid)]).unwrap());
    let ctx = common::ctx(None, "nobody", Authentication::Token);
    for action in common::actions() {
        let decision = engine.decide(&Request::new(&ctx, action, Subject::new("vehicle", "v1")));
        assert_eq!(decision.is_allowed(), action.is_restrictive(), "{action}");
    }
    let stop = "namespace Fleet { action \"vehicle.stop\" appliesTo {
        principal: [Principal], resource: [Vehicle], context: { request: Request } }; }";
    let error = bundle_with(&[("stop.cedarschema", stop)]).unwrap_err().to_string();
    assert!(error.contains("vehicle.stop") && error.contains("SAFE-1"), "{error}");
}

#[test]
fn monitoring_says_what_is_violated_and_what_to_do_or_that_nobody_knows() {
    let engine = Engine::new(common::shipped());
    let check = |facts: MonitorFacts| engine.monitor(&monitor(Some(Sector::Mining), &facts)).compliance;
    assert_eq!(check(sample()), Compliance::Compliant);

    let fast = check(MonitorFacts { speed_mps: 13.0, ..sample() });
    let Compliance::Violations(violations) = &fast else { panic!("{fast:?}") };
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].rule, "base.monitoring.speed");
    assert_eq!(violations[0].text, "13 m/s where 11.1 m/s are allowed");
    assert_eq!(fast.response(), Some(Response::Slow));

    let in_zone = check(MonitorFacts { speed_mps: 13.0, avoided_zones_entered: ["z".to_owned()].into(), ..sample() });
    assert_eq!(in_zone.response(), Some(Response::Stop));

    let old = check(MonitorFacts { sampled_at: common::NOW.plus_ms(-60_000), speed_mps: 99.0, ..sample() });
    let Compliance::Unknown(reasons) = &old else { panic!("{old:?}") };
    assert!(reasons.iter().all(|reason| reason.policy_id == "builtin.fact-stale"), "{reasons:?}");
    assert_eq!(old.response(), None);
}

#[test]
fn a_certain_violation_counts_although_another_rule_fails() {
    let rule = r#"@id("north.fails") @version("1") @purpose("Fails.") @reason("Never") @response("warn")
        forbid (principal, action == Fleet::Action::"trip.monitor", resource)
        when { context.speed_mps.greaterThan(decimal("0.0")) && 9223372036854775807 + 1 > 0 };"#;
    let engine = Engine::new(bundle_with(&[("tenants/north/fails.cedar", rule)]).unwrap());
    let check = |facts: MonitorFacts| engine.monitor(&monitor(Some(Sector::Mining), &facts)).compliance;
    assert!(matches!(check(sample()), Compliance::Unknown(_)));
    assert_eq!(check(MonitorFacts { claim_valid: false, ..sample() }).response(), Some(Response::Stop));
}

#[test]
fn a_denial_becomes_a_record_and_a_refusal_with_reasons_and_rules() {
    let engine = Engine::new(common::shipped());
    let ctx = common::ctx(Some(Sector::Mining), "administrator", Authentication::Token);
    let facts = HoldReleaseFacts {
        hold_kind: "lockout".into(),
        caller_is_owner: false,
        second_person: false,
        caller_at_vehicle: false,
    };
    let request = Request::new(&ctx, RELEASE_HOLD, Subject::new("vehicle", "v1")).facts(facts.facts(common::NOW));
    let decision = engine.decide(&request);
    assert_eq!(decision.id, request.decision_id());

    let reject = decision.to_reject();
    assert_eq!(reject.code, Code::PolicyViolation);
    for part in ["hold.release", "base.hold-release.owner", "base.hold-release.lockout", "Only the owner"] {
        assert!(reject.message.contains(part), "{}", reject.message);
    }
    let record = decision.to_record();
    assert!(!record.allowed);
    assert_eq!(record.bundle, engine.active().digest());
    assert_eq!(record.about, [Subject::new("vehicle", "v1")]);
    assert_eq!(reject.decision, Some(Box::new(record.body.clone())));
    assert_eq!(record.body["verdict"], "deny");
    assert_eq!(record.body["reasons"][0]["policy_id"], "base.hold-release.lockout");
    assert_eq!(record.body["reasons"][0]["layer"], "base");
    assert_eq!(record.body["facts"][0]["age_ms"], 0);
}

#[test]
fn decisions_are_equal_when_they_say_the_same_whatever_the_facts_were() {
    let engine = Engine::new(common::shipped());
    let digest = |facts: MonitorFacts| engine.decide(&monitor(Some(Sector::Mining), &facts)).equality_digest;
    let fast = digest(MonitorFacts { speed_mps: 13.0, ..sample() });
    assert_eq!(fast, digest(MonitorFacts { speed_mps: 13.5, battery_pct: 40.0, ..sample() }));
    assert_ne!(fast, digest(sample()));
    assert_ne!(fast, digest(MonitorFacts { speed_mps: 30.0, ..sample() }));
    let other = Request::new(
        &common::ctx(Some(Sector::Mining), "vehicle", Authentication::VehicleSecret),
        MONITOR_TRIP,
        Subject::new("trip", "t2"),
    );
    assert_ne!(digest(sample()), engine.decide(&other.facts(sample().facts())).equality_digest);
}

#[test]
fn a_new_bundle_is_in_force_at_once_and_the_old_one_comes_back() {
    let engine = Engine::new(common::shipped());
    assert!(engine.decide(&import()).is_allowed());
    let forbid = r#"@id("north.no-maps") @version("2") @purpose("Freezes the map.") @reason("The map is frozen")
        forbid (principal, action == Fleet::Action::"site.import", resource);"#;
    let before = engine.activate(bundle_with(&[("tenants/north/freeze.cedar", forbid)]).unwrap());
    let decision = engine.decide(&import());
    assert_eq!(decision.policy_ids(), ["north.no-maps"]);
    assert_eq!((decision.reasons[0].layer.as_str(), decision.reasons[0].version.as_str()), ("tenant:north", "2"));
    assert_ne!(decision.bundle, before.digest());
}
