//! Another route under a vehicle (SAFE-9), and a trip that is called off with people or load aboard (TRIP-10).

use kernel::testing::{accepts, refuses, unchanged};
use kernel::{Aggregate, Code, Timestamp};
use trips::ClaimTiming;
use trips::trip::due::DueFacts;
use trips::trip::events::*;
use trips::trip::reroute::{NoRouteFound, RerouteAnswer, RouteOffer};
use trips::trip::types::{Blocked, Stop};
use trips::trip::{Command, ReportKind, Status, TripEvent};

use crate::support::*;

/// The command is valid for 10 s, and its answer has 2 s more.
const ANSWER_MS: i64 = 12_000;
const DRIVING: [Status; 6] =
    [Status::Assigned, Status::Dispatched, Status::ToPickup, Status::AtPickup, Status::OnTrip, Status::AtDropoff];

fn other_way() -> RouteOffer {
    RouteOffer { vehicle: vehicle(), route: route(3), begins_at_m: 450.0, reason: "works".into() }
}

fn offer() -> Command {
    Command::Reroute(Box::new(other_way()))
}

fn offered_until(due_at: Timestamp) -> TripEvent {
    let RouteOffer { vehicle, route, begins_at_m, reason } = other_way();
    TripRerouted { vehicle, claim_epoch: EPOCH, route, begins_at_m, reason, due_at }.into()
}

fn offered() -> TripEvent {
    offered_until(NOW)
}

fn says(refused: Option<(&str, &str)>) -> Command {
    let refused = refused.map(|(code, reason)| (code.to_owned(), reason.to_owned()));
    Command::RerouteAnswered(RerouteAnswer { vehicle: vehicle(), route: route_id(3), refused })
}

fn failed(route: Option<u64>, code: &str, reason: &str) -> TripEvent {
    TripRerouteFailed {
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        route: route.map(route_id),
        code: code.into(),
        reason: reason.into(),
        due_at: NOW.plus_ms(LOOK_AGAIN_MS),
    }
    .into()
}

fn no_exit() -> Command {
    Command::NoRoute(NoRouteFound {
        vehicle: vehicle(),
        code: "NO_LEGAL_EXIT".into(),
        reason: "works all around".into(),
    })
}

#[test]
fn another_way_is_offered_to_a_vehicle_that_drives_or_will() {
    for status in Status::all() {
        let then = match DRIVING.contains(&status) {
            true => accepts([offered_until(NOW.plus_ms(ANSWER_MS))], done(status)),
            false => unchanged(same(status)),
        };
        check(to(status), offer(), then);
    }
    let stopped = then(to(Status::OnTrip), [failed(None, "NO_LEGAL_EXIT", "works")]);
    check(stopped, offer(), unchanged(same(Status::OnTrip)));
    check(then(to(Status::OnTrip), [offered()]), offer(), unchanged(same(Status::OnTrip)));
    let other = Box::new(RouteOffer { vehicle: other_vehicle(), ..other_way() });
    check(to(Status::OnTrip), Command::Reroute(other), unchanged(same(Status::OnTrip)));
    // Found for a route that is not the trip's any more.
    let late = Box::new(RouteOffer { route: route(2), ..other_way() });
    check(to(Status::OnTrip), Command::Reroute(late), refuses(Code::Conflict));
}

#[test]
fn the_old_way_holds_until_the_vehicle_takes_the_other() {
    let waits = then(to(Status::OnTrip), [offered()]);
    let trip = after(&waits);
    assert_eq!((trip.route.as_ref().unwrap().version, trip.route_versions), (2, 3));
    assert_eq!(trip.due_at(), Some(DUE.min(NOW)));
    let event = TripRerouteTaken { route: route_id(3), due_at: NOW.plus_ms(LOOK_AGAIN_MS) };
    let taken = check(waits.clone(), says(None), accepts([event.clone().into()], done(Status::OnTrip))).unwrap();
    assert_eq!((taken.route.unwrap(), taken.rerouting), (route(3), None));
    // Said again it changes nothing; nor does what another vehicle says, or what is said of another version.
    check(then(waits.clone(), [event.into()]), says(None), unchanged(same(Status::OnTrip)));
    let strange = [
        RerouteAnswer { vehicle: other_vehicle(), route: route_id(3), refused: None },
        RerouteAnswer { vehicle: vehicle(), route: route_id(2), refused: None },
    ];
    for answer in strange {
        check(waits.clone(), Command::RerouteAnswered(answer), unchanged(same(Status::OnTrip)));
    }
}

#[test]
fn a_vehicle_that_does_not_take_it_is_told_to_stop_and_then_needs_a_person() {
    let waits = then(to(Status::OnTrip), [offered()]);
    let event = failed(Some(3), "REJECTED_HELD", "it is held");
    let trip = check(waits.clone(), says(Some(("HELD", "it is held"))), accepts([event.clone()], done(Status::OnTrip)));
    let blocked = Blocked { code: "REJECTED_HELD".into(), reason: "it is held".into() };
    assert_eq!(trip.unwrap().blocked, Some(blocked));
    let due_at = NOW.plus_ms(LOOK_AGAIN_MS);
    let (class, reason) = ("nearest_admissible".to_owned(), "COMMANDED".to_owned());
    let stands = ReportKind::SafeStopped { class: class.clone(), reason: reason.clone(), admissible: true };
    let stopped = TripSafeStopped { class, reason, admissible: true, report: said(NEXT), due_at };
    let assist = TripAssistNeeded { kind: "REJECTED_HELD".into(), snapshot: None, report: said(NEXT), due_at };
    let both = accepts([stopped.into(), assist.into()], done(Status::AwaitingAssist));
    check(then(waits, [event]), reports(stands), both);
}

#[test]
fn an_empty_trip_before_its_pickup_goes_to_another_vehicle() {
    for status in [Status::Assigned, Status::Dispatched, Status::ToPickup] {
        let lost = TripUnassigned {
            vehicle: vehicle(),
            claim_epoch: EPOCH,
            code: "NO_LEGAL_EXIT".into(),
            reason: "works all around".into(),
            excluded_until: NOW.plus_ms(EXCLUDED_MS),
            report: None,
            due_at: EXPIRES,
        };
        let (code, reason) = ("NO_LEGAL_EXIT".to_owned(), "works all around".to_owned());
        let due_at = NOW.plus_ms(LOOK_AGAIN_MS);
        let taken_back = TripWithdrawn { vehicle: vehicle(), claim_epoch: EPOCH, code, reason, due_at };
        let events = [failed(None, "NO_LEGAL_EXIT", "works all around"), taken_back.into()];
        check(to(status), no_exit(), accepts(events.clone(), done(status)));
        // It stops before the closure, and says so by leaving.
        let left = Command::VehicleLeft { vehicle: vehicle(), claim_epoch: EPOCH };
        let trip = check(then(to(status), events), left, accepts([lost.into()], done(Status::Waiting))).unwrap();
        assert_eq!((trip.blocked, trip.rerouting), (None, None));
    }
    let event = failed(None, "NO_LEGAL_EXIT", "works all around");
    check(to(Status::OnTrip), no_exit(), accepts([event.clone()], done(Status::OnTrip)));
    check(then(to(Status::OnTrip), [event]), no_exit(), unchanged(same(Status::OnTrip)));
    for status in [Status::Waiting, Status::Stranded, Status::Completed] {
        check(to(status), no_exit(), unchanged(same(status)));
    }
}

#[test]
fn the_answer_has_a_deadline_that_reports_do_not_move_and_our_own_outage_does() {
    let up_since = |since: Timestamp| {
        let listener_up_since = Some(since);
        let (claim_valid_until, timing) = (Some(NOW.plus_ms(100_000)), ClaimTiming::of(120));
        let (claim_is_current, vehicle_online, vehicle_heard_at) = (true, true, None);
        Command::Due(DueFacts {
            claim_is_current,
            claim_valid_until,
            vehicle_online,
            vehicle_heard_at,
            listener_up_since,
            timing,
        })
    };
    // Offered by the history at START, due now; the trip itself is to be looked at later.
    let later = TripDeadlineMoved { reason: "heard".into(), heard: true, due_at: NOW.plus_ms(LOOK_AGAIN_MS) };
    let waits = then(to(Status::OnTrip), [offered(), later.clone().into()]);
    let event = failed(Some(3), "NO_ANSWER", "the vehicle did not take the other way in time");
    let long_up = NOW.plus_ms(-3_600_000);
    check(waits.clone(), up_since(long_up), accepts([event], done(Status::OnTrip)));
    check(waits, up_since(NOW.plus_ms(-59_999)), unchanged(same(Status::OnTrip)));
    let not_yet = then(to(Status::OnTrip), [offered_until(NOW.plus_ms(1)), later.into()]);
    check(not_yet, up_since(long_up), unchanged(same(Status::OnTrip)));
}

fn diverted() -> TripEvent {
    let (vehicle, reason, by, stops) = (vehicle(), "not needed".into(), Some(id(70)), drop_off());
    TripDiverted { vehicle, reason, by, stops, due_at: DUE }.into()
}

fn cancel(stops: Option<Vec<Stop>>) -> Command {
    Command::Cancel { reason: "not needed".into(), by: Some(id(70)), stops }
}

#[test]
fn an_occupied_trip_is_brought_to_a_drop_off_and_ends_there() {
    let loaded = [
        to(Status::OnTrip),
        to(Status::AtDropoff),
        then(to(Status::OnTrip), [paused(10)]),
        then(to(Status::OnTrip), [safe_stopped(said(10))]),
        // People got in at the pickup, and the vehicle has not said yet that it goes on.
        then(to(Status::AtPickup), [safe_stopped(said_occupied(10))]),
    ];
    for history in loaded {
        let status = after(&history).status;
        let trip = check(history.clone(), cancel(Some(drop_off())), accepts([diverted()], done(status))).unwrap();
        assert_eq!((trip.stops, trip.occupied), (drop_off(), true));
        check(then(history.clone(), [diverted()]), cancel(Some(drop_off())), unchanged(same(status)));
        check(history, cancel(None), refuses(Code::IllegalTransition));
    }
    let stranded = then(to(Status::OnTrip), [paused(10), stranded()]);
    check(stranded, cancel(Some(drop_off())), refuses(Code::IllegalTransition));
    let arrived = then(to(Status::OnTrip), [diverted(), at_dropoff(11, 1)]);
    let ended = TripCancelled {
        reason: "not needed".into(),
        by: Some(id(70)),
        vehicle: Some(vehicle()),
        claim_epoch: Some(EPOCH),
        report: Some(said(NEXT)),
        summary: Some(summary()),
    };
    let left = reports(ReportKind::Completed(summary()));
    let trip = check(arrived.clone(), left.clone(), accepts([ended.clone().into()], done(Status::Cancelled))).unwrap();
    assert_eq!((trip.occupied, trip.summary), (false, Some(summary())));
    check(then(arrived, [ended.into()]), left, unchanged(same(Status::Cancelled)));
    let on_the_way = then(to(Status::OnTrip), [diverted()]);
    check(on_the_way, reports(ReportKind::Completed(summary())), refuses(Code::IllegalTransition));
}
