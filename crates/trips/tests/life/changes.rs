//! Calling a trip off at every state, failing, stranding, and losing its vehicle to a hold or to silence (TRIP-10).

use kernel::testing::{accepts, refuses, unchanged};
use kernel::{Code, Timestamp};
use trips::ClaimTiming;
use trips::trip::decide::VehicleLoss;
use trips::trip::due::DueFacts;
use trips::trip::events::*;
use trips::trip::{Command, Status, TripEvent};

use crate::support::*;

fn holder(status: Status) -> (Option<kernel::VehicleId>, Option<u64>) {
    match HELD.contains(&status) {
        true => (Some(vehicle()), Some(EPOCH)),
        false => (None, None),
    }
}

#[test]
fn an_empty_trip_can_be_cancelled_wherever_it_is() {
    let cancel = || Command::Cancel { reason: "not needed".into(), by: Some(id(70)), stops: None };
    for status in Status::all() {
        let (vehicle, claim_epoch) = holder(status);
        let (by, report, summary) = (Some(id(70)), None, None);
        let event = TripCancelled { reason: "not needed".into(), by, vehicle, claim_epoch, report, summary };
        match status {
            Status::Cancelled => check(empty_to(status), cancel(), unchanged(same(status))),
            ended if ENDED.contains(&ended) => check(empty_to(status), cancel(), refuses(Code::IllegalTransition)),
            _ => check(empty_to(status), cancel(), accepts([event.into()], done(Status::Cancelled))),
        };
    }
}

#[test]
fn whoever_is_aboard_before_the_pickup_is_not_the_trips() {
    let with_somebody = then(to(Status::ToPickup), [safe_stopped(said_occupied(10))]);
    assert!(!after(&with_somebody).occupied);
    let now_at_pickup = then(to(Status::AtPickup), [safe_stopped(said_occupied(10))]);
    assert!(after(&now_at_pickup).occupied);
    // Sensors see nobody, but what was boarded stays boarded until the trip is complete.
    assert!(after(&then(to(Status::OnTrip), [safe_stopped(said(10))])).occupied);
    assert!(!after(&to(Status::Completed)).occupied);
}

#[test]
fn every_open_trip_can_fail() {
    let fail = || Command::Fail { code: "BROKEN".into(), reason: "a wheel is off".into() };
    for status in Status::all() {
        let (vehicle, claim_epoch) = holder(status);
        let (code, reason) = ("BROKEN".into(), "a wheel is off".into());
        let event = TripFailed { code, reason, vehicle, claim_epoch, report: None };
        match ENDED.contains(&status) {
            true => check(to(status), fail(), refuses(Code::IllegalTransition)),
            false => check(to(status), fail(), accepts([event.into()], done(Status::Failed))),
        };
    }
}

#[test]
fn only_a_standing_vehicle_strands() {
    let strand = || Command::Strand { reason: "a wheel is off".into() };
    for status in Status::all() {
        let event = TripStranded { reason: "a wheel is off".into(), due_at: NOW.plus_ms(LOOK_AGAIN_MS) };
        match status {
            Status::Paused | Status::AwaitingAssist | Status::SafeStopped => {
                check(to(status), strand(), accepts([event.into()], done(Status::Stranded)))
            }
            Status::Stranded => check(to(status), strand(), unchanged(same(status))),
            _ => check(to(status), strand(), refuses(Code::IllegalTransition)),
        };
    }
}

fn connected() -> DueFacts {
    DueFacts {
        claim_is_current: false,
        claim_valid_until: Some(NOW.plus_ms(100_000)),
        vehicle_online: true,
        vehicle_heard_at: Some(NOW),
        listener_up_since: Some(NOW.plus_ms(-3_600_000)),
        timing: ClaimTiming::of(120),
    }
}

/// When a claim that is valid for 100 s more has lapsed with its margin.
const LAPSES: Timestamp = NOW.plus_ms(130_000);

fn lose(facts: DueFacts) -> Command {
    let (code, reason) = ("VEHICLE_HELD".into(), "the vehicle is held (grounded)".into());
    Command::LoseVehicle(VehicleLoss { vehicle: vehicle(), code, reason, facts })
}

fn unassigned() -> TripEvent {
    TripUnassigned {
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        code: "VEHICLE_HELD".into(),
        reason: "the vehicle is held (grounded)".into(),
        // What keeps the vehicle away is its hold, as long as it lasts.
        excluded_until: NOW,
        report: None,
        due_at: EXPIRES,
    }
    .into()
}

fn withdrawn(due_at: Timestamp) -> TripEvent {
    let (code, reason) = ("VEHICLE_HELD".into(), "the vehicle is held (grounded)".into());
    TripWithdrawn { vehicle: vehicle(), claim_epoch: EPOCH, code, reason, due_at }.into()
}

/// SAFE-7: whether the vehicle counts as connected says nothing of whether it hears.
#[test]
fn a_held_vehicle_is_told_to_leave_an_empty_trip_and_loses_it_by_its_own_word() {
    let stranded = || TripStranded { reason: "the vehicle is held (grounded)".into(), due_at: NOW }.into();
    let left = || Command::VehicleLeft { vehicle: vehicle(), claim_epoch: EPOCH };
    for status in Status::all() {
        let lost = match status {
            Status::Assigned | Status::Dispatched | Status::ToPickup | Status::Stranded => vec![unassigned()],
            Status::Paused | Status::AwaitingAssist | Status::SafeStopped => vec![stranded(), unassigned()],
            _ => {
                check(empty_to(status), lose(connected()), unchanged(same(status)));
                continue;
            }
        };
        for online in [true, false] {
            let facts = DueFacts { vehicle_online: online, ..connected() };
            let history = empty_to(status);
            // The trip is looked at no later than it would have been.
            let due_at = after(&history).due.filter(|due| NOW < *due).map_or(LAPSES, |due| due.min(LAPSES));
            check(history, lose(facts), accepts([withdrawn(due_at)], done(status)));
        }
        let taken_back = then(empty_to(status), [withdrawn(LAPSES)]);
        check(taken_back.clone(), lose(connected()), unchanged(same(status)));
        check(taken_back, left(), accepts(lost, done(Status::Waiting)));
    }
}

#[test]
fn an_occupied_trip_keeps_its_vehicle() {
    for history in [to(Status::OnTrip), to(Status::AtDropoff)] {
        let status = after(&history).status;
        check(history, lose(connected()), unchanged(same(status)));
    }
    let stopped = then(to(Status::OnTrip), [safe_stopped(said(10))]);
    check(stopped, lose(connected()), unchanged(same(Status::SafeStopped)));
    let boarding = then(to(Status::AtPickup), [safe_stopped(said_occupied(10))]);
    check(boarding, lose(connected()), unchanged(same(Status::SafeStopped)));
}

#[test]
fn another_vehicle_is_nothing_to_the_trip() {
    let other = VehicleLoss { vehicle: other_vehicle(), code: "X".into(), reason: "x".into(), facts: connected() };
    for status in HELD {
        check(to(status), Command::LoseVehicle(other.clone()), unchanged(same(status)));
        check(to(status), Command::VehicleOffline(other_vehicle()), unchanged(same(status)));
    }
}

#[test]
fn a_held_vehicle_whose_claim_has_lapsed_loses_the_trip_at_once() {
    // 30 s of margin behind the claim.
    let until = |valid_until| DueFacts { claim_valid_until: Some(valid_until), vehicle_online: false, ..connected() };
    let lapsed = until(NOW.plus_ms(-30_000));
    check(to(Status::ToPickup), lose(lapsed), accepts([unassigned()], done(Status::Waiting)));
    let not_yet = until(NOW.plus_ms(-29_999));
    check(to(Status::ToPickup), lose(not_yet), accepts([withdrawn(NOW.plus_ms(1))], done(Status::ToPickup)));
}

#[test]
fn a_lost_connection_is_told_once() {
    let offline = || Command::VehicleOffline(vehicle());
    for status in Status::all() {
        if !HELD.contains(&status) {
            check(to(status), offline(), unchanged(same(status)));
            continue;
        }
        let history = to(status);
        let occupied = after(&history).occupied;
        let reason = "the connection to the vehicle ended; it may drive on until its claim lapses".into();
        let event: TripEvent = TripVehicleSilent { vehicle: vehicle(), occupied, reason, due_at: DUE }.into();
        check(history.clone(), offline(), accepts([event.clone()], done(status)));
        check(then(history, [event]), offline(), unchanged(same(status)));
    }
}

#[test]
fn a_trip_that_lost_its_vehicle_is_as_it_was_and_remembers_whom_not_to_ask() {
    let violation = crate::compliance::opened(1, "speed");
    let TripEvent::Unassigned(mut gone) = unassigned() else { unreachable!() };
    (gone.code, gone.excluded_until) = ("NO_ANSWER".into(), NOW.plus_ms(EXCLUDED_MS));
    let lost = then(to(Status::ToPickup), [violation, paused(10), stranded(), gone.into()]);
    let (trip, before) = (after(&lost), after(&to(Status::Waiting)));
    assert_eq!((trip.status, trip.left, &trip.assignment), (Status::Waiting, None, &None));
    assert_eq!((trip.vehicle(), trip.stop_index, trip.occupied), (None, 0, false));
    assert!(trip.violations.is_empty());
    assert_eq!(trip.constraints, before.constraints);
    // The approach of the vehicle that is gone says nothing of the next one's way; versions count on.
    assert_eq!((&trip.route, trip.route_versions), (&None, 2));
    assert!(trip.excludes(vehicle(), NOW.plus_ms(EXCLUDED_MS - 1)));
    assert!(!trip.excludes(vehicle(), NOW.plus_ms(EXCLUDED_MS)));
    assert!(!trip.excludes(other_vehicle(), NOW));
    let wait = trip.wait.unwrap();
    assert_eq!(wait.code, "NO_ANSWER");
}
