//! Asking for a trip (TRIP-1 to TRIP-4), and what befalls it until it has a vehicle (TRIP-5, TRIP-6).

use kernel::testing::{accepts, refuses, unchanged};
use kernel::{Code, Reject, Timestamp};
use trips::trip::decide::{Allowed, NewAssignment, NewTrip, WaitReason};
use trips::trip::events::{TripAssigned, TripCreated, TripRouteFound, TripWaits};
use trips::trip::types::{Kind, Requirements, RouteSummary, Stop, Window};
use trips::trip::{Command, Status, TripEvent, TripRequest};

use crate::support::*;

const MINUTE_MS: i64 = 60_000;

fn asks(window: Window) -> NewTrip {
    NewTrip {
        id: trip(),
        request: TripRequest {
            site: "pit".parse().unwrap(),
            kind: Kind::Haul,
            stops: vec![Stop { at: place(1.0) }, Stop { at: place(1.01) }],
            requirements: Requirements { payload_kg: 1_000.0, ..Requirements::default() },
            priority: 1,
            window,
        },
        answer: Ok(Allowed { constraints: request_limits(), decision: id(60), policy_bundle: "c1".into() }),
        requested_by: "prin_client".into(),
        standing: None,
        frozen: None,
        simulated: true,
    }
}

fn request(new: NewTrip) -> Command {
    Command::Request(Box::new(new))
}

#[test]
fn an_allowed_request_is_stored_at_once() {
    #[track_caller]
    fn row(window: Window, status: Status, expires_at: Timestamp, due_at: Timestamp) {
        let [TripEvent::Created(created), ..] = &to(Status::Created)[..] else { panic!("a trip begins with this") };
        let event = TripCreated { status, window: window.clone(), expires_at, due_at, ..created.clone() };
        check(Vec::new(), request(asks(window)), accepts([event.into()], done(status)));
    }
    let at = |minutes: i64| Some(NOW.plus_ms(minutes * MINUTE_MS));
    let window = |earliest, latest| Window { earliest, latest };
    let in_minutes = |minutes: i64| NOW.plus_ms(minutes * MINUTE_MS);
    row(window(None, None), Status::Created, in_minutes(30), NOW);
    row(window(None, at(5)), Status::Created, in_minutes(5), NOW);
    row(window(at(-5), None), Status::Created, in_minutes(30), NOW);
    // Ten minutes before its time it begins to look for a vehicle.
    row(window(at(10), None), Status::Created, in_minutes(40), NOW);
    row(window(at(60), None), Status::Scheduled, in_minutes(90), in_minutes(50));
    row(window(at(60), at(70)), Status::Scheduled, in_minutes(70), in_minutes(50));
}

#[test]
fn a_denied_request_makes_no_trip() {
    for code in [Code::PolicyViolation, Code::Unroutable, Code::OffMap] {
        let denied = NewTrip { answer: Err(Reject::new(code, "no")), ..asks(Window::default()) };
        assert_eq!(check(Vec::new(), request(denied), refuses(code)), None);
    }
}

#[test]
fn a_trip_begins_once_and_nothing_happens_to_none() {
    for status in Status::all() {
        check(to(status), request(asks(Window::default())), refuses(Code::Conflict));
    }
    let commands = [
        Command::RouteFound(Box::new(route(1))),
        Command::Wait(WaitReason::default()),
        Command::Assign(Box::new(new_assignment())),
        Command::VehicleOffline(vehicle()),
        Command::Strand { reason: "x".into() },
        Command::Cancel { reason: "x".into(), by: None, stops: None },
        Command::Fail { code: "X".into(), reason: "x".into() },
        Command::Compliance(Vec::new()),
        Command::Due(Default::default()),
    ];
    for command in commands {
        check(Vec::new(), command, refuses(Code::NotFound));
    }
}

#[test]
fn a_route_is_found_once_and_again_where_another_one_leads() {
    let found = || Command::RouteFound(Box::new(route(1)));
    let event: TripEvent = TripRouteFound { route: route(1), due_at: EXPIRES }.into();
    check(to(Status::Created), found(), accepts([event.clone()], done(Status::Waiting)));
    let without_route = then(to(Status::Created), [waits("NO_ROUTE", &[])]);
    check(without_route, found(), accepts([event], done(Status::Waiting)));
    let around = RouteSummary { digest: "d2".into(), ..route(2) };
    let event = TripRouteFound { route: around.clone(), due_at: EXPIRES };
    let again = Command::RouteFound(Box::new(around));
    check(to(Status::Waiting), again, accepts([event.into()], done(Status::Waiting)));
    for status in Status::all().filter(|status| *status != Status::Created) {
        let then = if status == Status::Waiting { unchanged(same(status)) } else { refuses(Code::IllegalTransition) };
        check(to(status), found(), then);
    }
}

fn waits(code: &str, policies: &[&str]) -> TripEvent {
    let WaitReason { code, reason, policies, ready, filtered } = reason(code, policies);
    TripWaits { code, reason, policies, ready, filtered, due_at: EXPIRES }.into()
}

fn reason(code: &str, policies: &[&str]) -> WaitReason {
    let policies = policies.iter().map(|&rule| rule.to_owned()).collect();
    let filtered = [("SEATS".to_owned(), 2)].into();
    WaitReason { code: code.into(), reason: "because".into(), policies, ready: 3, filtered }
}

#[test]
fn a_reason_to_wait_is_told_when_it_is_new() {
    let wait = |code: &str, policies: &[&str]| Command::Wait(reason(code, policies));
    let told = |code: &str, policies: &[&str]| accepts([waits(code, policies)], done(Status::Waiting));
    check(to(Status::Created), wait("NO_ROUTE", &[]), told("NO_ROUTE", &[]));
    check(to(Status::Waiting), wait("POLICY", &["a"]), told("POLICY", &["a"]));
    let waiting = || then(to(Status::Waiting), [waits("POLICY", &["a"])]);
    check(waiting(), wait("POLICY", &["a", "b"]), told("POLICY", &["a", "b"]));
    check(waiting(), wait("NO_VEHICLE", &[]), told("NO_VEHICLE", &[]));
    // The numbers change at every look, the reason does not.
    let other_numbers = WaitReason { ready: 9, reason: "other words".into(), ..reason("POLICY", &["a"]) };
    check(waiting(), Command::Wait(other_numbers), unchanged(same(Status::Waiting)));
    for status in Status::all().filter(|status| ![Status::Created, Status::Waiting].contains(status)) {
        check(to(status), wait("POLICY", &[]), refuses(Code::IllegalTransition));
    }
}

#[test]
fn a_long_reason_is_cut() {
    let long = WaitReason { reason: "ä".repeat(10_000), ..reason("POLICY", &[]) };
    let TripEvent::Waits(event) = waits("POLICY", &[]) else { panic!("a wait") };
    let event = TripWaits { reason: "ä".repeat(500), ..event };
    check(to(Status::Waiting), Command::Wait(long), accepts([event.into()], done(Status::Waiting)));
}

#[test]
fn a_claimed_vehicle_is_assigned_once() {
    let assign = |new: NewAssignment| Command::Assign(Box::new(new));
    let TripEvent::Assigned(event) = assigned() else { panic!("an assignment") };
    let assigned_now = |version: u64| -> TripEvent {
        let route = RouteSummary { version, ..route(2) };
        let (pickup_expected_at, due_at) = (NOW.plus_ms(30_000), NOW.plus_ms(15_000));
        TripAssigned { route, pickup_expected_at, due_at, ..event.clone() }.into()
    };
    check(to(Status::Waiting), assign(new_assignment()), accepts([assigned_now(2)], done(Status::Assigned)));
    check(to(Status::Created), assign(new_assignment()), accepts([assigned_now(1)], done(Status::Assigned)));
    let trip = after(&to(Status::Assigned));
    assert_eq!(trip.vehicle(), Some(vehicle()));
    assert_eq!(trip.constraints, vehicle_limits());
    assert_eq!(trip.wait, None);
    for status in HELD {
        check(to(status), assign(new_assignment()), unchanged(same(status)));
        let newer_claim = NewAssignment { claim_epoch: EPOCH + 1, ..new_assignment() };
        check(to(status), assign(newer_claim), refuses(Code::IllegalTransition));
        let other = NewAssignment { vehicle: other_vehicle(), ..new_assignment() };
        check(to(status), assign(other), refuses(Code::IllegalTransition));
    }
    for status in [Status::Scheduled].into_iter().chain(ENDED) {
        check(to(status), assign(new_assignment()), refuses(Code::IllegalTransition));
    }
}
