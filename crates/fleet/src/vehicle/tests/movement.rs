//! Claims and stops: under what a vehicle moves, and what ends that.

use kernel::testing::{accepts, check, refuses, unchanged};
use kernel::{ActorKind, Code};

use super::super::Vehicle;
use super::super::decide::{STOPS_MAX, clear_stop, explain_stop, order_stop, release_claim, take_claim};
use super::*;

fn take(n: u128) -> impl FnOnce(Option<&Vehicle>) -> kernel::Decided<VehicleEvent, u64> {
    move |state| take_claim(state, vehicle(), trip(n), VALID_FOR_S)
}

fn give_back(n: u128, epoch: Option<u64>) -> impl FnOnce(Option<&Vehicle>) -> kernel::Decided<VehicleEvent, ()> {
    move |state| release_claim(state, trip(n), epoch)
}

fn ordered(order: VehicleStopOrdered) -> impl FnOnce(Option<&Vehicle>) -> kernel::Decided<VehicleEvent, CommandId> {
    move |state| order_stop(state, vehicle(), order)
}

fn clear(n: u128, asked: PolicyAnswer) -> impl FnOnce(Option<&Vehicle>) -> kernel::Decided<VehicleEvent, ()> {
    move |state| clear_stop(state, vehicle(), stop(n), &actor(OWNER), &asked)
}

#[test]
fn a_ready_vehicle_is_claimed_once_for_one_trip() {
    let claimed_now = check([registered(), online()], take(2), accepts([claimed(2, 1)], 1)).unwrap();
    assert_eq!(claimed_now.claim.map(|claim| (claim.epoch, claim.valid_for_s)), Some((1, VALID_FOR_S)));
    assert!(!claimed_now.is_ready());
    check([registered(), online(), claimed(2, 1)], take(2), unchanged(1));
    check([registered(), online(), claimed(2, 1)], take(3), refuses(Code::VehicleUnavailable));
    let again = [registered(), online(), claimed(2, 1), unclaimed(2, 2)];
    check(again, take(2), accepts([claimed(2, 3)], 3));
}

#[test]
fn asked_again_a_claim_is_told_whatever_has_changed_around_it() {
    let rows: [VehicleEvent; 4] = [
        offline(Some(trip(2))),
        stopped(1),
        drives(Mode::Autonomous, Mode::Remote),
        held(1, HoldKind::Grounded, HoldTiming::AfterTrip, Some(trip(2)), 1),
    ];
    for change in rows {
        check([registered(), online(), claimed(2, 1), change], take(2), unchanged(1));
    }
}

#[test]
fn a_vehicle_that_is_not_ready_is_not_claimed() {
    check([], take(2), refuses(Code::NotFound));
    check([registered(), online(), decommissioned()], take(2), refuses(Code::IllegalTransition));
    let rows = [
        vec![registered()],
        vec![registered(), online(), offline(None)],
        vec![registered(), online(), grounded(1)],
        vec![registered(), online(), stopped(1)],
        vec![registered(), online_in(Mode::Remote)],
        vec![registered(), online_in(Mode::Manual)],
        vec![registered(), online_in(Mode::Service)],
        vec![registered(), online_in(Mode::Estop)],
    ];
    for given in rows {
        check(given, take(2), refuses(Code::VehicleUnavailable));
    }
    check([registered(), online(), grounded(1), released(1)], take(2), accepts([claimed(2, 1)], 1));
    check([registered(), online(), stopped(1), cleared(1)], take(2), accepts([claimed(2, 1)], 1));
    check([registered(), online(), offline(None), online()], take(2), accepts([claimed(2, 1)], 1));
}

#[test]
fn a_claim_whose_epoch_a_hold_ended_is_not_given_again() {
    for timing in [HoldTiming::NextAdmissible, HoldTiming::Now] {
        let cut = || {
            let hold = held(1, HoldKind::Quarantine, timing, Some(trip(2)), 2);
            vec![registered(), online(), claimed(2, 1), hold]
        };
        check(cut(), take(2), refuses(Code::VehicleUnavailable));
        let free = check(cut(), give_back(2, None), accepts([unclaimed(2, 3)], ())).unwrap();
        assert!(!free.is_ready(), "the hold is still there");
        let after_release = [cut(), vec![released(1)]].concat();
        check(after_release, take(2), refuses(Code::VehicleUnavailable));
        let over = [cut(), vec![unclaimed(2, 3), released(1)]].concat();
        check(over, take(3), accepts([claimed(3, 4)], 4));
    }
}

#[test]
fn a_claim_ends_once_and_only_by_its_own_trip_and_epoch() {
    let on_trip = || [registered(), online(), claimed(2, 1)];
    let free = check(on_trip(), give_back(2, None), accepts([unclaimed(2, 2)], ())).unwrap();
    assert!(free.is_ready() && free.claim_epoch == 2);
    assert_eq!(free.last_claim.map(|claim| claim.epoch), Some(1), "it may still move under it without knowing");
    check(on_trip(), give_back(2, Some(1)), accepts([unclaimed(2, 2)], ()));
    check(on_trip(), give_back(2, Some(7)), unchanged(()));
    check(on_trip(), give_back(3, None), unchanged(()));
    check([], give_back(2, None), unchanged(()));
    check([registered(), online()], give_back(2, None), unchanged(()));
    check([registered(), online(), claimed(2, 1), unclaimed(2, 2)], give_back(2, Some(1)), unchanged(()));
    let newer = [registered(), online(), claimed(2, 1), unclaimed(2, 2), claimed(2, 3)];
    check(newer, give_back(2, Some(1)), unchanged(()));
    let silent = [registered(), online(), claimed(2, 1), offline(Some(trip(2)))];
    check(silent, give_back(2, None), accepts([unclaimed(2, 2)], ()));
    let ended = [registered(), online(), claimed(2, 1), decommissioned()];
    check(ended, give_back(2, None), unchanged(()));
}

#[test]
fn a_hold_after_the_trip_takes_effect_when_the_claim_ends() {
    let waits = [registered(), online(), claimed(2, 1), held(1, HoldKind::Grounded, HoldTiming::AfterTrip, None, 1)];
    let over = check(waits, give_back(2, Some(1)), accepts([unclaimed(2, 2)], ())).unwrap();
    assert!(!over.is_ready() && over.claim_epoch == 2);
}

#[test]
fn a_stop_asks_nobody_and_is_ordered_once() {
    let order_1 = || order(1, StopClass::Now, false);
    check([], ordered(order_1()), refuses(Code::NotFound));
    let rows = [
        vec![registered()],
        vec![registered(), online()],
        vec![registered(), online(), offline(None)],
        vec![registered(), online(), grounded(1)],
        vec![registered(), online(), claimed(2, 1)],
        vec![registered(), online_in(Mode::Estop)],
        vec![registered(), decommissioned()],
    ];
    for given in rows {
        let halted = check(given, ordered(order_1()), accepts([order_1().into()], stop(1))).unwrap();
        assert!(!halted.is_ready() && halted.stops.len() == 1);
    }
    check([registered(), order_1().into()], ordered(order_1()), unchanged(stop(1)));
    let other = order(2, StopClass::NearestAdmissible, false);
    check([registered(), order_1().into()], ordered(other.clone()), accepts([other.into()], stop(2)));
}

#[test]
fn beyond_the_most_stops_only_a_stricter_one_or_one_that_left_counts() {
    let max = STOPS_MAX as u128;
    let full = || std::iter::once(registered()).chain((1..=max).map(stopped)).collect::<Vec<_>>();
    let gentle = order(max + 1, StopClass::NearestAdmissible, false);
    check(full(), ordered(gentle), unchanged(stop(1)));
    let urgent = order(max + 1, StopClass::Now, false);
    check(full(), ordered(urgent.clone()), accepts([urgent.clone().into()], stop(max + 1)));
    let fuller = || [full(), vec![urgent.clone().into()]].concat();
    check(fuller(), ordered(order(max + 2, StopClass::Now, false)), unchanged(stop(max + 1)));
    check(full(), ordered(order(max + 1, StopClass::AtPlace, false)), unchanged(stop(1)));
    let there = |n| order(n, StopClass::AtPlace, false);
    let full_of_places = || std::iter::once(registered()).chain((1..=max).map(|n| there(n).into())).collect::<Vec<_>>();
    check(full_of_places(), ordered(there(max + 1)), unchanged(stop(1)));
    let nearest = order(max + 1, StopClass::NearestAdmissible, false);
    check(full_of_places(), ordered(nearest.clone()), accepts([nearest.into()], stop(max + 1)));
    for class in [StopClass::Now, StopClass::NearestAdmissible] {
        // The vehicle has this one already: it must be known, or nobody could ever clear it.
        let left = order(max + 2, class, true);
        check(fuller(), ordered(left.clone()), accepts([left.into()], stop(max + 2)));
    }
}

#[test]
fn a_stop_holds_until_a_clearance_names_it() {
    let halted = || vec![registered(), online(), claimed(2, 1), stopped(1), stopped(2)];
    check([], clear(1, allowed()), refuses(Code::NotFound));
    check(halted(), clear(3, allowed()), refuses(Code::NotFound));
    check(halted(), clear(1, denied()), refuses(Code::PolicyViolation));
    let one_left = check(halted(), clear(1, allowed()), accepts([cleared(1)], ())).unwrap();
    assert_eq!(one_left.stops.iter().map(|held| held.id).collect::<Vec<_>>(), [stop(2)]);
    let gone = [halted(), vec![cleared(1)]].concat();
    check(gone, clear(1, allowed()), refuses(Code::NotFound));
    // Neither the end of the trip, nor silence, nor a new start of the vehicle ends a stop (SAFE-6).
    for change in [unclaimed(2, 2), offline(Some(trip(2))), online()] {
        let after = kernel::testing::fold::<Vehicle>(&[halted(), vec![change]].concat()).unwrap();
        assert_eq!(after.stops.len(), 2);
    }
}

#[test]
fn a_stop_in_force_is_explained_and_stays_the_same_stop() {
    let explain = |n, why| move |state: Option<&Vehicle>| explain_stop(state, vehicle(), stop(n), why);
    let halted = || vec![registered(), online(), stopped(1), stopped(2)];
    check([], explain(1, "smoke"), refuses(Code::NotFound));
    check(halted(), explain(3, "smoke"), refuses(Code::NotFound));
    let told = check(halted(), explain(2, "smoke"), accepts([explained(2, "smoke")], ())).unwrap();
    let reasons: Vec<_> = told.stops.iter().map(|held| (held.id, held.class, held.reason.as_str())).collect();
    let class = StopClass::NearestAdmissible;
    assert_eq!(reasons, [(stop(1), class, "why"), (stop(2), class, "smoke")]);
    check([halted(), vec![explained(2, "smoke")]].concat(), explain(2, "smoke"), unchanged(()));
}

#[test]
fn anothers_stop_is_cleared_by_two_people_and_the_products_own_by_one() {
    let by = |who: &str| Actor { kind: ActorKind::Principal, ..actor(who) };
    let two = Actor { second_approver: Some("prin_third".into()), ..by("prin_other") };
    let ordered = |who: &Actor| {
        let order = decide::stop_of(stop(1), RequestedStop::NOW, who, "why", false);
        vec![registered(), online(), order.into()]
    };
    let clear = |who: Actor| move |state: Option<&Vehicle>| clear_stop(state, vehicle(), stop(1), &who, &allowed());
    check(ordered(&by(OWNER)), clear(by("prin_other")), refuses(Code::Forbidden));
    check(ordered(&by(OWNER)), clear(two), accepts([cleared(1)], ()));
    check(ordered(&by(OWNER)), clear(by(OWNER)), accepts([cleared(1)], ()));
    check(ordered(&actor("atlasmesh")), clear(by("prin_other")), accepts([cleared(1)], ()));
}

#[test]
fn a_clearance_gives_no_claim_and_no_epoch() {
    let idle = [registered(), online(), stopped(1)];
    let free = check(idle, clear(1, allowed()), accepts([cleared(1)], ())).unwrap();
    assert!(free.is_ready() && free.claim.is_none() && free.claim_epoch == 0, "READY at most (SAFE-13)");
    let held = [registered(), online(), grounded(1), stopped(1)];
    assert!(!check(held, clear(1, allowed()), accepts([cleared(1)], ())).unwrap().is_ready());
}
