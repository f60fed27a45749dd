//! The table of roles and the shipped policies say the same: every role, every operation.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use gateway::http::endpoints::{Access, ENDPOINTS};
use kernel::id::{PrincipalId, TypedId};
use kernel::testing::HandClock;
use kernel::{Actor, ActorKind, Authentication, Ctx, Role, Sector, Subject, Timestamp, role};
use policy::{
    Action, AssignmentFacts, Bundle, Engine, Fact, HoldReleaseFacts, RegistrationFacts, Request, ResumeFacts,
    SiteImportFacts, TripFacts,
};

/// What the product and vehicles ask for by themselves.
const BY_THEMSELVES: [(&str, Action); 2] =
    [(role::AUTOMATION, Action::RequestTrip), (role::AUTOMATION, Action::AssignVehicle)];

/// Resource and facts with which nothing but the role is in the way.
fn good(action: Action, now: Timestamp) -> (&'static str, Vec<Fact>) {
    let set = |name: &str| BTreeSet::from([name.to_owned()]);
    match action {
        Action::RegisterVehicle => {
            let facts = RegistrationFacts {
                vehicle_simulated: true,
                vin_present: false,
                sectors: [Sector::Logistics].into(),
                capabilities: set("delivery"),
                components: BTreeSet::new(),
                max_speed_mps: 20.0,
                payload_max_kg: 1_000.0,
                seats: 0,
                energy_capacity_wh: 50_000.0,
            };
            ("vehicle", facts.facts(now))
        }
        Action::RequestTrip => {
            let facts = TripFacts {
                kind: "delivery".into(),
                closed_at_stops: BTreeSet::new(),
                zone_kinds_at_stops: BTreeSet::new(),
                avoided_zones: BTreeSet::new(),
                passengers: 0,
                payload_kg: 100.0,
                required_capabilities: BTreeSet::new(),
                distance_m: 900.0,
            };
            ("trip", facts.facts(now))
        }
        Action::AssignVehicle => {
            let facts = AssignmentFacts {
                vehicle_seen_at: now,
                online: true,
                mode: "AUTONOMOUS".into(),
                battery_pct: 80.0,
                energy_margin_wh: 1_000.0,
                holds: BTreeSet::new(),
                claimed: false,
                vehicle_simulated: true,
                capabilities: set("delivery"),
                required_capabilities: BTreeSet::new(),
                trip_kind: "delivery".into(),
                passengers: 0,
                seats: 0,
                payload_kg: 100.0,
                payload_max_kg: 1_000.0,
                allowed_sectors: [Sector::Logistics].into(),
                trip_zones: BTreeSet::new(),
                vehicle_avoided_zones: BTreeSet::new(),
                admission_valid: true,
                on_probation: false,
                vehicle_max_speed_mps: None,
            };
            ("vehicle", facts.facts(now))
        }
        Action::ResumeTrip => ("trip", ResumeFacts { holds: BTreeSet::new() }.facts(now)),
        Action::ClearStop => ("vehicle", ResumeFacts { holds: BTreeSet::new() }.facts(now)),
        Action::ReleaseHold => {
            let facts =
                HoldReleaseFacts { hold_kind: "grounded".into(), caller_is_owner: true, caller_at_vehicle: false };
            ("vehicle", facts.facts(now))
        }
        Action::LiftClosure => ("site", Vec::new()),
        Action::ImportSite => ("site", SiteImportFacts { trips_open: 0 }.facts(now)),
        _ => panic!("no facts for {action}"),
    }
}

/// Whether the shipped bundle permits an action to a role, given good facts.
fn permitted(engine: &Engine, role: &str, action: Action) -> bool {
    let clock = HandClock::default();
    let mut actor = Actor::principal(PrincipalId::from_u128(1), role);
    if let role::VEHICLE = role {
        (actor.kind, actor.authentication) = (ActorKind::Vehicle, Authentication::VehicleSecret);
    }
    if let role::AUTOMATION = role {
        actor = Actor::automation("test");
    }
    let mut ctx = Ctx::new(&clock, "north".parse().unwrap(), actor).in_sector(Sector::Logistics);
    ctx.simulated = true;
    let (kind, facts) = good(action, ctx.now);
    let request = Request::new(&ctx, action, Subject::new(kind, "x1")).entitled_to(["trips".into()]).facts(facts);
    let decision = engine.decide(&request);
    let refused_by_role = decision.policy_ids() == ["builtin.no-permit"];
    assert!(decision.is_allowed() || refused_by_role, "{role} {action}: {}", decision.reason_text());
    decision.is_allowed()
}

#[test]
fn policy_permits_to_each_role_what_its_operations_ask_for_and_nothing_else() {
    let engine = Engine::new(Bundle::shipped().unwrap());
    let mut asked: BTreeMap<Action, BTreeSet<&str>> = BTreeMap::new();
    for (role, action) in BY_THEMSELVES {
        asked.entry(action).or_default().insert(role);
    }
    for endpoint in ENDPOINTS {
        let Some(action) = endpoint.asks else { continue };
        let Access::Tenant(operation) = endpoint.access else { panic!("{}: whose policy?", endpoint.path) };
        let roles = Role::ALL.into_iter().filter(|&role| operation.permits(role)).map(Role::as_str);
        asked.entry(action).or_default().extend(roles);
    }
    // A vehicle's sample is checked whoever brings it, and what only reduces risk is never denied.
    let questions = Action::ALL.into_iter().filter(|action| !action.is_restrictive() && *action != Action::MonitorTrip);
    for action in questions {
        let permitted: BTreeSet<&str> = role::names().filter(|role| permitted(&engine, role, action)).collect();
        assert_eq!(Some(&permitted), asked.get(&action), "{action}");
    }
}
