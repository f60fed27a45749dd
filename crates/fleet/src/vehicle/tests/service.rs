//! Registration, connection, thresholds and holds: whether a vehicle may be given anything to do.

use kernel::Code;
use kernel::testing::{START, accepts, check, fold, refuses, unchanged};

use super::super::decide::{
    HOLDS_MAX, come_online, go_offline, not_ready, observe, place_hold, register, release_hold,
};
use super::super::{Status, Vehicle};
use super::*;

#[test]
fn a_vehicle_is_registered_once_and_with_the_consent_of_policy() {
    let when =
        |asked: PolicyAnswer| move |state: Option<&Vehicle>| register(state, &asked, site(), profile(), brakes("1"));
    let vehicle = check([], when(allowed()), accepts([registered()], limits())).unwrap();
    assert_eq!((vehicle.status, vehicle.is_ready()), (Status::Registered, false));
    assert_eq!(vehicle.constraints, limits(), "what policy allowed stays with the vehicle (ONB-2)");
    assert_eq!(vehicle.registered_at, START);
    check([], when(denied()), refuses(Code::PolicyViolation));
    check([registered()], when(allowed()), refuses(Code::Conflict));
    check([registered()], when(denied()), refuses(Code::Conflict));
    check([registered(), decommissioned()], when(allowed()), refuses(Code::Conflict));
}

#[test]
fn a_vehicle_comes_online_with_what_it_can_do() {
    let says = |n, capabilities: &[&str], components: Vec<Component>, mode| {
        let capabilities = words(capabilities);
        move |state: Option<&Vehicle>| come_online(state, vehicle(), boot(n), capabilities, components, mode)
    };
    let came = |n, capabilities: &[&str], components, mode| {
        accepts([VehicleCameOnline { boot: boot(n), capabilities: words(capabilities), components, mode }.into()], ())
    };
    let (auto, manual) = (Mode::Autonomous, Mode::Manual);
    check([], says(1, &["haul"], brakes("1"), auto), refuses(Code::NotFound));
    check([registered(), decommissioned()], says(1, &["haul"], vec![], auto), refuses(Code::IllegalTransition));
    let first = says(1, &["haul"], brakes("1"), auto);
    assert!(check([registered()], first, came(1, &["haul"], brakes("1"), auto)).unwrap().is_ready());
    let before = || [registered(), online()];
    check(before(), says(1, &["haul"], brakes("1"), auto), unchanged(()));
    check(before(), says(2, &["haul"], vec![], auto), unchanged(()));
    check(before(), says(1, &["haul"], brakes("2"), auto), came(1, &["haul"], brakes("2"), auto));
    check(before(), says(1, &["haul"], brakes("1"), manual), came(1, &["haul"], brakes("1"), manual));
    let poorer = check(before(), says(1, &[], vec![], auto), came(1, &[], vec![], auto)).unwrap();
    assert_eq!((poorer.capabilities, poorer.components), (words(&[]), brakes("1")), "unsaid components stay");
    let back = [registered(), online(), offline(None)];
    check(back, says(1, &["haul"], brakes("1"), auto), came(1, &["haul"], brakes("1"), auto));
}

#[test]
fn silence_makes_offline_once_and_names_the_trip() {
    let silent = |state: Option<&Vehicle>| go_offline(state, START);
    check([], silent, unchanged(()));
    check([registered()], silent, unchanged(()));
    check([registered(), online(), decommissioned()], silent, unchanged(()));
    check([registered(), online(), offline(None)], silent, unchanged(()));
    let alone = check([registered(), online()], silent, accepts([offline(None)], ())).unwrap();
    assert_eq!((alone.status, alone.is_ready()), (Status::Offline, false));
    let on_trip = [registered(), online(), claimed(2, 1)];
    let silent_on_trip = check(on_trip, silent, accepts([offline(Some(trip(2)))], ())).unwrap();
    assert_eq!(silent_on_trip.claim.map(|claim| claim.epoch), Some(1), "a silent vehicle keeps its claim (SAFE-7)");
}

#[test]
fn a_heartbeat_tells_what_changed_and_nothing_twice() {
    let beats = |mode, pct| move |state: Option<&Vehicle>| observe(state, vehicle(), boot(7), mode, pct);
    let auto = Mode::Autonomous;
    check([], beats(auto, 50.0), refuses(Code::NotFound));
    check([registered(), decommissioned()], beats(auto, 50.0), refuses(Code::IllegalTransition));
    let seen = || [registered(), online()];
    check(seen(), beats(auto, 50.0), unchanged(()));
    for mode in [Mode::Remote, Mode::Manual, Mode::Service, Mode::Estop] {
        let driven = check(seen(), beats(mode, 50.0), accepts([drives(auto, mode)], ())).unwrap();
        assert!(!driven.is_ready(), "{}", not_ready(&driven));
        let before = [registered(), online_in(mode)];
        assert!(check(before, beats(auto, 50.0), accepts([drives(mode, auto)], ())).unwrap().is_ready());
    }
    let both = [drives(auto, Mode::Manual), battery(true, 3.0)];
    check(seen(), beats(Mode::Manual, 3.0), accepts(both, ()));
    // Registered and never online: only the vehicle's own word makes it ONLINE.
    check([registered()], beats(auto, 50.0), unchanged(()));
}

#[test]
fn a_silent_vehicle_that_is_heard_again_is_online() {
    let beats = |state: Option<&Vehicle>| observe(state, vehicle(), boot(7), Mode::Remote, 50.0);
    let back =
        VehicleCameOnline { boot: boot(7), capabilities: words(&["haul"]), components: Vec::new(), mode: Mode::Remote };
    let heard = check([registered(), online(), offline(None)], beats, accepts([back.into()], ())).unwrap();
    assert_eq!((heard.status, heard.mode, heard.components), (Status::Online, Mode::Remote, brakes("1")));
}

#[test]
fn a_battery_at_the_edge_is_told_once() {
    let beats = |pct| move |state: Option<&Vehicle>| observe(state, vehicle(), boot(1), Mode::Autonomous, pct);
    let full = || vec![registered(), online()];
    let low = || vec![registered(), online(), battery(true, 14.9)];
    check(full(), beats(15.0), unchanged(()));
    check(full(), beats(14.9), accepts([battery(true, 14.9)], ()));
    check(low(), beats(0.0), unchanged(()));
    check(low(), beats(19.9), unchanged(()));
    check(low(), beats(20.0), accepts([battery(false, 20.0)], ()));
}

#[test]
fn a_hold_ends_the_epoch_when_it_takes_effect() {
    let place = |timing| {
        move |state: Option<&Vehicle>| place_hold(state, vehicle(), hold(1), HoldKind::Grounded, timing, OWNER, "why")
    };
    let rows = [(HoldTiming::AfterTrip, 0), (HoldTiming::NextAdmissible, 1), (HoldTiming::Now, 1)];
    for (timing, bump) in rows {
        check([], place(timing), refuses(Code::NotFound));
        check([registered(), decommissioned()], place(timing), refuses(Code::IllegalTransition));
        let idle = held(1, HoldKind::Grounded, timing, None, bump);
        assert!(!check([registered(), online()], place(timing), accepts([idle], hold(1))).unwrap().is_ready());
        let busy = held(1, HoldKind::Grounded, timing, Some(trip(2)), 1 + bump);
        let on_trip = [registered(), online(), claimed(2, 1)];
        let vehicle = check(on_trip, place(timing), accepts([busy], hold(1))).unwrap();
        let claim = vehicle.claim.unwrap();
        assert_eq!(claim.trip, trip(2), "the trip keeps its claim until it lets go");
        assert_eq!(claim.epoch == vehicle.claim_epoch, bump == 0, "{timing:?}: whether it may move on");
        check(
            [registered(), offline(None)],
            place(timing),
            accepts([held(1, HoldKind::Grounded, timing, None, bump)], hold(1)),
        );
    }
}

#[test]
fn a_hold_is_placed_once_and_not_without_end() {
    let place = |n| {
        move |state: Option<&Vehicle>| {
            place_hold(state, vehicle(), hold(n), HoldKind::Grounded, HoldTiming::AfterTrip, OWNER, "why")
        }
    };
    let max = HOLDS_MAX as u128;
    let with = |holds: u128| std::iter::once(registered()).chain((1..=holds).map(grounded)).collect::<Vec<_>>();
    check(with(max - 1), place(max), accepts([grounded(max)], hold(max)));
    check(with(max), place(max + 1), refuses(Code::Conflict));
    check(with(max), place(1), unchanged(hold(1)));
}

#[test]
fn only_its_owner_releases_a_hold_and_a_lockout_nobody_from_afar() {
    let release = |by: &'static str, asked: PolicyAnswer| {
        move |state: Option<&Vehicle>| release_hold(state, vehicle(), hold(1), &actor(by), &asked, "why")
    };
    let kinds =
        [HoldKind::Grounded, HoldKind::PreStartCheck, HoldKind::Update, HoldKind::Quarantine, HoldKind::Cleaning];
    check([], release(OWNER, allowed()), refuses(Code::NotFound));
    check([registered(), grounded(2)], release(OWNER, allowed()), refuses(Code::NotFound));
    check([registered(), grounded(1), released(1)], release(OWNER, allowed()), refuses(Code::NotFound));
    check([registered(), grounded(1), decommissioned()], release(OWNER, allowed()), refuses(Code::IllegalTransition));
    for kind in kinds {
        let before = || [registered(), online(), held(1, kind, HoldTiming::Now, None, 1)];
        check(before(), release("prin_other", allowed()), refuses(Code::Forbidden));
        check(before(), release("prin_other", denied()), refuses(Code::PolicyViolation));
        check(before(), release(OWNER, denied()), refuses(Code::PolicyViolation));
        let free = check(before(), release(OWNER, allowed()), accepts([released(1)], ())).unwrap();
        assert!(free.is_ready() && free.claim_epoch == 1, "released is READY, never in motion (SAFE-13)");
    }
    let two_people = Actor { second_approver: Some("prin_second".into()), ..actor("prin_other") };
    let both = |state: Option<&Vehicle>| release_hold(state, vehicle(), hold(1), &two_people, &allowed(), "why");
    check([registered(), grounded(1)], both, accepts([released(1)], ()));
    check([registered(), held(1, HoldKind::Lockout, HoldTiming::Now, None, 1)], both, refuses(Code::IllegalTransition));
    let locked = || [registered(), online(), held(1, HoldKind::Lockout, HoldTiming::Now, None, 1)];
    check(locked(), release(OWNER, allowed()), refuses(Code::IllegalTransition));
    check(locked(), release("prin_other", allowed()), refuses(Code::IllegalTransition));
    check(locked(), release(OWNER, denied()), refuses(Code::PolicyViolation));
    let two = [registered(), online(), grounded(1), grounded(2)];
    assert!(!check(two, release(OWNER, allowed()), accepts([released(1)], ())).unwrap().is_ready(), "one is left");
}

#[test]
fn why_a_vehicle_is_not_ready_is_said_in_full() {
    let history =
        [registered(), online_in(Mode::Manual), grounded(1), stopped(3), claimed(2, 1), offline(Some(trip(2)))];
    let why = not_ready(&fold(&history).unwrap());
    let parts = ["OFFLINE", "MANUAL", "held (grounded)", &stop(3).to_string(), &trip(2).to_string()];
    assert!(parts.iter().all(|part| why.contains(part)), "{why}");
    assert_eq!(not_ready(&fold(&[registered(), online()]).unwrap()), "");
}

#[test]
fn what_came_before_the_registration_or_after_the_end_changes_nothing_that_moves() {
    assert_eq!(fold::<Vehicle>(&[online(), claimed(1, 1)]), None);
    let twice = fold::<Vehicle>(&[registered(), online(), registered()]).unwrap();
    assert_eq!(twice.status, Status::Online, "a second registration is none");
    let ended = fold::<Vehicle>(&[registered(), online(), claimed(2, 1), decommissioned()]).unwrap();
    assert_eq!((ended.status, ended.claim, ended.claim_epoch), (Status::Decommissioned, None, 2));
}

#[test]
fn lists_find_vehicles_and_timelines_find_events() {
    use kernel::{Aggregate, Subject};
    let vehicle: Vehicle = fold(&[registered(), online(), claimed(2, 1)]).unwrap();
    assert_eq!(vehicle.index_values(), ["ONLINE", "pit-1", vehicle.profile.name.as_str()]);
    assert_eq!(Vehicle::INDEXES, ["status", "site", "name"]);
    assert_eq!(vehicle.due_at(), None, "silence is watched where it is observed");
    let of_trip = vec![Subject::new("trip", trip(2))];
    let (auto, on_trip) = (Mode::Autonomous, Some(trip(2)));
    let told = [
        claimed(2, 1),
        unclaimed(2, 2),
        held(1, HoldKind::Update, HoldTiming::Now, on_trip, 2),
        offline(on_trip),
        stopped(1),
        cleared(1),
        drives(auto, Mode::Estop),
    ];
    for event in told {
        assert_eq!(Vehicle::about(&event, Some(&vehicle)), of_trip, "{event:?}");
    }
    for event in [registered(), online(), battery(true, 3.0), released(1), decommissioned()] {
        assert_eq!(Vehicle::about(&event, Some(&vehicle)), [], "{event:?}");
    }
}
