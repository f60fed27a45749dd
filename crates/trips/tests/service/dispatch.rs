//! Dispatch rule by rule (TRIP-6): who is asked, who is passed over and why, and what failures leave behind.

use std::collections::BTreeSet;

use pollster::block_on;
use trips::Status;
use trips::ports::VehicleFacts;
use trips::trip::types::Requirements;

use crate::world::{World, able, site, tenant, vehicle};

/// Given these vehicles, when a trip with these needs is dispatched, then it waits with this code, these rules of
/// policy, and these filters.
#[track_caller]
fn check(vehicles: Vec<VehicleFacts>, needs: Requirements, code: &str, policies: &[&str], filtered: &[(&str, u64)]) {
    let world = World::with(vehicles);
    check_in(&world, needs, code, policies, filtered);
}

#[track_caller]
fn check_in(world: &World, needs: Requirements, code: &str, policies: &[&str], filtered: &[(&str, u64)]) {
    let trip = world.asks(0, 0, needs);
    assert_eq!(world.dispatches(), 0);
    let wait = world.trip(trip).wait.unwrap();
    let named: BTreeSet<&str> = wait.policies.iter().map(String::as_str).collect();
    assert_eq!((wait.code.as_str(), named), (code, policies.iter().copied().collect()), "{}", wait.reason);
    let history = block_on(world.services.trips.history(&tenant(), trip, 0)).unwrap();
    let told = history.items.iter().rfind(|item| item.event == "trip.waits").unwrap();
    let filters: std::collections::BTreeMap<&str, u64> = filtered.iter().copied().collect();
    assert_eq!(told.body["filtered"], serde_json::to_value(filters).unwrap());
}

#[test]
fn a_trip_without_a_vehicle_says_why() {
    let any = Requirements::default;
    let lifts = || Requirements { capabilities: ["lift".to_owned()].into(), ..any() };
    let heavy = || Requirements { payload_kg: 20_000.0, ..any() };
    let held = |n| VehicleFacts { holds: ["grounded".to_owned()].into(), ..able(n) };
    let rule = |name: &str| format!("base.assignment.{name}");
    check(vec![], any(), "NO_VEHICLE", &[], &[]);
    check(vec![held(0), held(1)], any(), "NO_READY_VEHICLE", &[&rule("no-hold")], &[("NOT_READY", 2)]);
    let offline = VehicleFacts { online: false, ..able(0) };
    check(vec![offline], any(), "NO_READY_VEHICLE", &[&rule("online")], &[("NOT_READY", 1)]);
    let manual = VehicleFacts { mode: "MANUAL".into(), ..able(0) };
    check(vec![manual], any(), "NO_READY_VEHICLE", &[&rule("autonomous")], &[("NOT_READY", 1)]);
    let busy = VehicleFacts { claimed: true, ..able(0) };
    check(vec![busy], any(), "VEHICLES_TAKEN", &[], &[("NOT_READY", 1)]);
    check(vec![able(0), able(1)], lifts(), "NO_FIT_VEHICLE", &[], &[("CAPABILITY", 2)]);
    check(vec![able(0)], heavy(), "NO_FIT_VEHICLE", &[], &[("PAYLOAD", 1)]);
    check(vec![able(0), held(1)], heavy(), "NO_FIT_VEHICLE", &[], &[("NOT_READY", 1), ("PAYLOAD", 1)]);
    let empty = VehicleFacts { battery_pct: 11.0, energy_capacity_wh: 1_000.0, ..able(0) };
    check(vec![empty], any(), "NO_FIT_VEHICLE", &[], &[("ENERGY", 1)]);
    let worn = VehicleFacts { safe_range_m: Some(400.0), ..able(0) };
    check(vec![worn], any(), "NO_FIT_VEHICLE", &[], &[("WEAR", 1)]);
    let lapsed = |n| VehicleFacts { admission_valid: false, ..able(n) };
    check(vec![lapsed(0), lapsed(1)], any(), "POLICY", &[&rule("admission")], &[]);
    let unseen = World::with(vec![able(0)]);
    unseen.passes(121_000);
    check_in(&unseen, any(), "NO_FIT_VEHICLE", &[], &[("NO_POSITION", 1)]);
    let cut_off = World::with(vec![able(0)]);
    cut_off.told().reach_ms.insert((0, 0), None);
    check_in(&cut_off, any(), "NO_FIT_VEHICLE", &[], &[("NO_WAY", 1)]);
    let in_a_field = World::with(vec![able(0)]);
    in_a_field.told().off_road.insert(0);
    check_in(&in_a_field, any(), "NO_FIT_VEHICLE", &[], &[("OFF_ROAD", 1)]);
}

/// A vehicle that is held and would not fit either, one that serves another trip: each is counted by what keeps it away.
#[test]
fn the_reason_of_a_wait_is_never_empty() {
    let held = VehicleFacts { holds: ["grounded".to_owned()].into(), ..able(0) };
    let heavy = Requirements { payload_kg: 20_000.0, ..Requirements::default() };
    let waits = |vehicles: Vec<VehicleFacts>, needs: Requirements| {
        let world = World::with(vehicles);
        let trip = world.asks(0, 0, needs);
        assert_eq!(world.dispatches(), 0);
        world.trip(trip).wait.unwrap().reason
    };
    assert_eq!(waits(vec![held.clone()], heavy.clone()), "of 1 vehicles: 1 too small for the load");
    assert_eq!(waits(vec![held, able(1)], heavy), "of 2 vehicles: 2 too small for the load");
}

/// What the vehicle itself said stands in the reason for which the trip waits.
#[test]
fn a_wait_names_the_vehicles_own_reason() {
    let world = World::with(vec![able(0)]);
    let trip = world.asks_for(0);
    assert_eq!(world.dispatches(), 1);
    world.rejects(trip, "MAP_STALE", "the map is older");
    assert_eq!(world.dispatches(), 0);
    let reason = world.trip(trip).wait.unwrap().reason;
    let own = "1 refused or did not answer a moment ago (car-0: the map is older (REJECTED_MAP_STALE))";
    assert_eq!(reason, format!("of 1 vehicles: {own}"));
}

/// A vehicle that moved on while it was chosen is asked again at once, from where it says that it is; where that comes
/// to nothing a second time others go first.
#[test]
fn a_vehicle_far_from_the_start_is_not_shut_out() {
    let world = World::with(vec![able(0)]);
    let trip = world.asks_for(0);
    assert_eq!(world.dispatches(), 1);
    for again in [1, 0] {
        world.rejects(trip, "FAR_FROM_START", "the route begins 85 m from the vehicle");
        assert_eq!(world.dispatches(), again);
    }
}

/// The journal says each denial of a pair once, and why a trip waits when that changes.
#[test]
fn looks_that_find_the_same_again_write_nothing() {
    let lapsed = |n| VehicleFacts { admission_valid: false, ..able(n) };
    let held = VehicleFacts { holds: ["grounded".to_owned()].into(), ..able(2) };
    let world = World::with(vec![lapsed(0), lapsed(1), held]);
    let trips: Vec<_> = (0..5).map(|n| world.asks_for(n)).collect();
    world.dispatches();
    world.passes(1_000);
    world.dispatches();
    let size = world.journal_size();
    for _ in 0..120 {
        world.passes(1_000);
        // Positions and states of charge are told anew all the time.
        world.hears_of_all();
        assert_eq!(world.dispatches(), 0);
    }
    assert_eq!(world.journal_size(), size);
    for trip in trips {
        assert_eq!(world.trip(trip).wait.unwrap().code, "POLICY");
    }
}

#[test]
fn two_trips_and_one_vehicle() {
    let world = World::with(vec![able(0)]);
    let (everyday, urgent) = (world.asks_for(0), world.asks(1, 9, Requirements::default()));
    assert_eq!(world.dispatches(), 1);
    assert_eq!((world.vehicle_of(everyday), world.vehicle_of(urgent)), (None, Some(0)));
    assert_eq!(world.trip(everyday).wait.unwrap().code, "VEHICLES_TAKEN");
    assert_eq!(world.history(urgent), ["trip.created", "trip.route_found", "trip.assigned"]);
}

#[test]
fn an_older_trip_goes_before_a_younger_one() {
    let world = World::with(vec![able(0)]);
    let older = world.asks_for(0);
    world.passes(20_000);
    let younger = world.asks_for(1);
    world.told().reach_ms.insert((0, 0), Some(70_000));
    assert_eq!(world.dispatches(), 1);
    assert_eq!((world.vehicle_of(older), world.vehicle_of(younger)), (Some(0), None));
}

#[test]
fn policy_refuses_the_nearest_so_the_next_best_goes() {
    let lapsed = VehicleFacts { admission_valid: false, ..able(0) };
    let world = World::with(vec![lapsed, able(1), able(2)]);
    world.told().reach_ms.extend([((0, 0), Some(10_000)), ((1, 0), Some(30_000)), ((2, 0), Some(20_000))]);
    let trip = world.asks_for(0);
    assert_eq!(world.dispatches(), 1);
    assert_eq!(world.vehicle_of(trip), Some(2));
    let story = block_on(world.services.trips.why(&tenant(), trip)).unwrap();
    let refusal = story.steps.iter().find(|step| step.summary.starts_with("policy forbids")).unwrap();
    assert!(refusal.summary.contains(&vehicle(0).to_string()) && refusal.summary.contains("admission"), "{refusal:?}");
}

#[test]
fn a_vehicle_behind_many_that_policy_refuses_is_reached() {
    let mut vehicles: Vec<VehicleFacts> = (0..40).map(|n| VehicleFacts { admission_valid: false, ..able(n) }).collect();
    vehicles.push(able(40));
    let world = World::with(vehicles);
    world.told().reach_ms.insert((40, 0), Some(500_000));
    let trip = world.asks_for(0);
    let batches = (1..10).find(|_| {
        world.passes(1_000);
        world.dispatches() == 1
    });
    assert_eq!((batches, world.vehicle_of(trip)), (Some(3), Some(40)));
}

#[test]
fn a_trip_that_policy_refuses_every_vehicle_steps_aside() {
    let world = World::with((0..40).map(|n| VehicleFacts { admission_valid: false, ..able(n) }).collect());
    world.asks_for(0);
    let looks = (0..20).take_while(|_| block_on(world.services.dispatch.run_batches()).unwrap().trips == 1).count();
    assert!((2..6).contains(&looks), "each vehicle is asked about once, a few a batch: {looks}");
}

#[test]
fn a_pair_that_comes_to_nothing_lets_the_next_best_go() {
    for code in ["NO_ROUTE", "CLAIM_REFUSED"] {
        let world = World::with(vec![able(0), able(1)]);
        world.told().reach_ms.extend([((0, 0), Some(10_000)), ((1, 0), Some(500_000))]);
        match code {
            "NO_ROUTE" => world.told().no_way_for.insert(vehicle(0)),
            _ => world.told().claim_refused.insert(vehicle(0)),
        };
        let trip = world.asks_for(0);
        assert_eq!(world.dispatches(), 0);
        assert_eq!(world.trip(trip).wait.unwrap().code, code);
        assert_eq!((world.dispatches(), world.vehicle_of(trip)), (1, Some(1)), "{code}");
    }
}

#[test]
fn the_only_vehicle_is_tried_again_and_the_reason_is_told_once() {
    let world = World::with(vec![able(0)]);
    world.told().claim_refused.insert(vehicle(0));
    let trip = world.asks_for(0);
    assert_eq!((world.dispatches(), world.dispatches()), (0, 0));
    assert_eq!(world.history(trip), ["trip.created", "trip.route_found", "trip.waits"]);
    world.told().claim_refused.clear();
    assert_eq!(world.dispatches(), 1);
}

#[test]
fn a_claim_whose_answer_was_lost_is_given_back() {
    let world = World::with(vec![able(0), able(1)]);
    world.told().reach_ms.extend([((0, 0), Some(10_000)), ((1, 0), Some(20_000))]);
    world.told().claim_answer_lost.insert(vehicle(0));
    let trip = world.asks_for(0);
    assert!(block_on(world.services.dispatch.run_batch(&tenant(), &site(), None)).is_err());
    assert!(world.told().claims.contains_key(&vehicle(0)));
    // The trip goes to another vehicle meanwhile; the first claim is not forgotten over that.
    assert_eq!((world.dispatches(), world.vehicle_of(trip)), (1, Some(1)));
    world.passes(10_000);
    world.dispatches();
    let held: Vec<_> = world.told().claims.keys().copied().collect();
    assert_eq!(held, [vehicle(1)]);
}

#[test]
fn a_cancelled_trip_is_not_dispatched() {
    let world = World::with(vec![able(0)]);
    let trip = world.asks_for(0);
    block_on(world.services.trips.cancel(&world.ctx(), trip, "not needed")).unwrap();
    assert_eq!((world.dispatches(), world.trip(trip).status), (0, Status::Cancelled));
    assert!(world.told().claims.is_empty());
}

#[test]
fn nothing_new_is_not_decided_again_until_the_backoff_ends() {
    let world = World::with(vec![]);
    world.asks_for(0);
    let looked_at = || block_on(world.services.dispatch.run_batches()).unwrap().trips;
    assert_eq!((looked_at(), looked_at()), (1, 0));
    world.passes(999);
    assert_eq!(looked_at(), 0);
    world.passes(1);
    assert_eq!((looked_at(), looked_at()), (1, 0));
    world.passes(1_000);
    assert_eq!(looked_at(), 0, "the second wait is longer");
    world.connects(able(0));
    assert_eq!(world.looks(), 1);
}

#[test]
fn a_trip_steps_aside_until_a_vehicle_that_fits_it_is_ready() {
    let world = World::with(vec![able(0)]);
    let lifts = Requirements { capabilities: ["lift".to_owned()].into(), ..Requirements::default() };
    let trip = world.asks(0, 0, lifts);
    let looked_at = || block_on(world.services.dispatch.run_batches()).unwrap().trips;
    assert_eq!((looked_at(), looked_at()), (1, 0));
    world.connects(able(1));
    assert_eq!(looked_at(), 0, "it cannot lift either");
    world.connects(VehicleFacts { capabilities: ["lift".to_owned()].into(), ..able(2) });
    assert_eq!((world.looks(), world.vehicle_of(trip)), (1, Some(2)));
}

#[test]
fn roads_that_change_call_every_trip_of_the_site() {
    let world = World::with(vec![able(0)]);
    world.told().reach_ms.insert((0, 0), None);
    let trip = world.asks_for(0);
    assert_eq!((world.looks(), world.looks()), (0, 0));
    world.told().reach_ms.clear();
    assert_eq!(world.looks(), 0);
    world.happens_to(kernel::Subject::new("site", site()), "site.restriction_lifted", serde_json::json!({}));
    assert_eq!((world.looks(), world.vehicle_of(trip)), (1, Some(0)));
}

#[test]
fn trips_that_nobody_can_serve_hide_no_later_one() {
    let world = World::with(vec![able(0)]);
    let lifts = || Requirements { capabilities: ["lift".to_owned()].into(), ..Requirements::default() };
    for n in 0..201 {
        world.asks(n, 9, lifts());
    }
    let later = world.asks_for(300);
    assert_eq!((world.looks(), world.looks(), world.vehicle_of(later)), (0, 1, Some(0)));
}

#[test]
fn the_vehicle_that_fits_is_found_behind_many_that_do_not() {
    let small = |n| VehicleFacts { payload_max_kg: 100.0, ..able(n) };
    let mut vehicles: Vec<VehicleFacts> = (0..500).map(small).collect();
    vehicles.push(able(500));
    let world = World::with(vehicles);
    let trip = world.asks(0, 0, Requirements { payload_kg: 200.0, ..Requirements::default() });
    assert_eq!((world.dispatches(), world.vehicle_of(trip)), (1, Some(500)));
}

#[test]
fn the_nearest_vehicle_is_found_whatever_its_id() {
    // The pickup lies north of them all, so that the last is the nearest.
    let world = World::with((0..600).map(able).collect());
    world.told().reach_ms.insert((599, 0), Some(10_000));
    let trip = world.asks_for(0);
    assert_eq!((world.dispatches(), world.vehicle_of(trip)), (1, Some(599)));
}

#[test]
fn a_vehicle_behind_many_without_a_way_is_reached() {
    let world = World::with((0..600).map(able).collect());
    world.told().reach_ms.extend((1..600).map(|n| ((n, 0), None)));
    let trip = world.asks_for(0);
    assert_eq!((world.looks(), world.looks(), world.vehicle_of(trip)), (0, 1, Some(0)));
}

#[test]
fn every_site_gets_its_turn() {
    let world = World::with(vec![VehicleFacts { site: "quay".parse().unwrap(), ..able(0) }]);
    // More than one page of the store holds.
    for n in 0..1_001 {
        world.asks_for(n % 500);
    }
    world.passes(1);
    let other = world.asks_at("quay", 1);
    assert_eq!((world.looks(), world.vehicle_of(other)), (1, Some(0)));
}
