//! Events and states of a trip as they were first written; they are read for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use kernel::id::TypedId;
use kernel::testing::{START, golden};
use kernel::{Coordinate, Timestamp, VehicleId};
use policy::{Constraints, Response};
use trips::assistance::Answer;
use trips::assistance::events::*;
use trips::standing_order::Goal;
use trips::standing_order::events::*;
use trips::trip::events::*;
use trips::trip::types::*;
use trips::{AssistEvent, Assistance, StandingOrder, StandingOrderEvent, Status, Trip, TripEvent};

fn id<T: TypedId>(n: u128) -> T {
    T::from_u128((0x019b << 112) | n)
}

fn at(s: i64) -> Timestamp {
    START.plus_ms(s * 1_000)
}

fn place(lat: f64) -> Coordinate {
    Coordinate::new(lat, -70.25).unwrap()
}

fn vehicle() -> VehicleId {
    id(2)
}

fn report(seq: u64) -> ReportRef {
    ReportRef {
        boot: id(4),
        seq,
        claim_epoch: 7,
        vehicle_time: at(1),
        at: place(1.5),
        odometer_m: 12_000.25,
        mode: "AUTONOMOUS".into(),
        occupied: false,
    }
}

fn route(version: u64) -> RouteSummary {
    RouteSummary {
        route: id(50 + u128::from(version)),
        version,
        digest: "0d".repeat(32),
        distance_m: 900.5,
        duration_ms: 90_000,
        approach_m: 300.0,
        approach_ms: 30_000,
        energy_wh: Some(216.0),
        map_digest: "0a".repeat(32),
        policy_digest: "0b".repeat(32),
        policy_bundle: "0c".repeat(32),
        binding: vec!["max_speed_mps".into()],
        zones: ["crusher".to_owned()].into(),
    }
}

fn constraints() -> Constraints {
    Constraints {
        max_speed_mps: Some(13.9),
        min_battery_pct: Some(10.0),
        avoided_zones: ["blast-4".to_owned()].into(),
        required_capabilities: ["tow".to_owned()].into(),
        allowed_modes: Some(["AUTONOMOUS".to_owned()].into()),
        ..Constraints::default()
    }
}

fn created() -> TripCreated {
    TripCreated {
        trip: id(1),
        status: Status::Scheduled,
        site: "pit-1".parse().unwrap(),
        kind: Kind::Recovery,
        stops: vec![Stop { at: place(1.5) }, Stop { at: place(1.625) }],
        requirements: Requirements {
            capabilities: ["tow".to_owned()].into(),
            payload_kg: 1_200.5,
            passengers: 0,
            ..Default::default()
        },
        priority: 3,
        window: Window { earliest: Some(at(3_600)), latest: Some(at(7_200)) },
        constraints: constraints(),
        decision: id(60),
        policy_bundle: "0c".repeat(32),
        requested_by: "prin_01kdr000000000000000000005".into(),
        standing: None,
        frozen: None,
        simulated: true,
        expires_at: at(7_200),
        due_at: at(3_000),
    }
}

fn assigned() -> TripAssigned {
    TripAssigned {
        vehicle: vehicle(),
        claim_epoch: 7,
        claim_valid_for_s: 120,
        decision: id(61),
        route: route(2),
        constraints: constraints(),
        pickup_expected_at: at(33),
        choice: Choice {
            batch_trips: 2,
            ready: 3,
            feasible: 2,
            filtered: [("SEATS".to_owned(), 1)].into(),
            cost: Cost { approach_ms: 30_000, priority_credit_ms: 180_000, wait_credit_ms: 1_500 },
            runner_up: Some(RunnerUp { vehicle: id(3), approach_ms: 41_000, why: "farther in driving time".into() }),
        },
        due_at: at(18),
    }
}

fn before_it_drives() -> Vec<TripEvent> {
    let (due_at, expires_at) = (at(180), at(7_200));
    let waits = TripWaits {
        code: "POLICY".into(),
        reason: "policy forbids every vehicle: the vehicle's admission has lapsed".into(),
        policies: ["base.assignment.admission".to_owned()].into(),
        ready: 1,
        filtered: [("NOT_READY".to_owned(), 2)].into(),
        due_at: expires_at,
    };
    vec![
        created().into(),
        TripReleased { due_at: at(3_000) }.into(),
        TripRouteFound { route: route(1), due_at: expires_at }.into(),
        waits.into(),
        assigned().into(),
        TripDispatched { pickup_expected_at: at(40), report: report(1), due_at }.into(),
    ]
}

fn route_progress() -> Vec<TripEvent> {
    let due_at = at(240);
    let (class, reason) = ("nearest_admissible".into(), "CLAIM_LAPSED".into());
    let silent = TripVehicleSilent {
        vehicle: vehicle(),
        occupied: false,
        reason: "the connection to the vehicle ended; it may drive on until its claim lapses".into(),
        due_at,
    };
    vec![
        TripDeparted { report: report(2), due_at }.into(),
        TripArrivedPickup { report: report(3), due_at }.into(),
        TripBoarded { occupied: false, stop_index: 1, report: report(4), due_at }.into(),
        silent.into(),
        TripDeadlineMoved { reason: "the vehicle's claim has not lapsed".into(), heard: true, due_at }.into(),
        TripArrivedDropoff { stop_index: 1, report: report(5), due_at }.into(),
        TripPaused { reason: "people on the road".into(), report: report(6), due_at }.into(),
        TripResumed { to: Status::AtDropoff, report: report(7), due_at }.into(),
        TripAssistNeeded { kind: "OBSTACLE".into(), snapshot: None, report: report(8), due_at }.into(),
        TripSafeStopped { class, reason, admissible: false, report: report(9), due_at }.into(),
    ]
}

fn watched() -> Vec<TripEvent> {
    let opened = TripViolationOpened {
        violation: id(70),
        vehicle: vehicle(),
        claim_epoch: 7,
        rule: "base.monitoring.speed".into(),
        response: Response::Slow,
        max_speed_mps: Some(13.9),
        text: "16 m/s where 13.9 m/s are allowed".into(),
        sampled_at: at(50),
    };
    let closed = TripViolationClosed {
        violation: id(70),
        vehicle: vehicle(),
        rule: "base.monitoring.speed".into(),
        sampled_at: at(55),
    };
    let summary = TripComplianceSummary {
        vehicle: vehicle(),
        from: at(10),
        to: at(60),
        compliant: 44,
        violating: 5,
        unknown: 1,
        segment_digest: "0e".repeat(32),
        chunks: Vec::new(),
    };
    vec![opened.into(), closed.into(), summary.into()]
}

/// A trip ends once; the last three fold onto a trip that ended, which changes how it ended and nothing else.
fn ends() -> Vec<TripEvent> {
    let unassigned = TripUnassigned {
        vehicle: vehicle(),
        claim_epoch: 7,
        code: "VEHICLE_LEFT_TRIP".into(),
        reason: "GROUNDED".into(),
        excluded_until: at(400),
        report: Some(report(10)),
        due_at: at(7_200),
    };
    let cancelled = TripCancelled {
        reason: "not needed any more".into(),
        by: Some(id(5)),
        vehicle: Some(vehicle()),
        claim_epoch: Some(7),
        report: None,
        summary: None,
    };
    let failed = TripFailed {
        code: "VEHICLE_LEFT_TRIP".into(),
        reason: "GROUNDED".into(),
        vehicle: Some(vehicle()),
        claim_epoch: Some(7),
        report: Some(report(11)),
    };
    let completed = TripCompleted {
        vehicle: vehicle(),
        claim_epoch: 7,
        summary: Summary { distance_m: 1_200.5, duration_ms: 130_000, energy_wh: 216.25 },
        report: report(12),
    };
    vec![
        TripStranded { reason: "a wheel is off".into(), due_at: at(300) }.into(),
        unassigned.into(),
        TripExpired { reason: "policy forbids every vehicle".into() }.into(),
        cancelled.into(),
        failed.into(),
        completed.into(),
    ]
}

/// Routes that change under a vehicle. They fold onto a trip that ended, like everything that comes after its end.
fn another_way() -> Vec<TripEvent> {
    let due_at = at(400);
    let diverted = TripDiverted {
        vehicle: vehicle(),
        reason: "not needed any more".into(),
        by: Some(id(5)),
        stops: vec![Stop { at: place(1.5) }, Stop { at: place(1.5625) }],
        due_at,
    };
    let rerouted = TripRerouted {
        vehicle: vehicle(),
        claim_epoch: 7,
        route: route(3),
        begins_at_m: 450.5,
        reason: "the way is cut by clo_1".into(),
        due_at: at(312),
    };
    let failed = TripRerouteFailed {
        vehicle: vehicle(),
        claim_epoch: 7,
        route: Some(id(53)),
        code: "NO_ANSWER".into(),
        reason: "the vehicle did not take the other way in time".into(),
        due_at,
    };
    vec![diverted.into(), rerouted.into(), TripRerouteTaken { route: id(53), due_at }.into(), failed.into()]
}

/// Going on after a stop, by another route.
fn goes_on() -> Vec<TripEvent> {
    let due_at = at(500);
    let ordered = TripResumeOrdered {
        vehicle: vehicle(),
        claim_epoch: 7,
        reason: "the rock is gone".into(),
        by: Some(id(5)),
        decision: id(62),
        assist: Some(id(80)),
        route: Some(route(4)),
        clears: vec![id(90)],
        due_at: at(412),
    };
    let refused = TripResumeRefused {
        vehicle: vehicle(),
        assist: Some(id(80)),
        code: "HELD".into(),
        reason: "a restrictive command holds the vehicle".into(),
        due_at,
    };
    vec![ordered.into(), refused.into(), TripResumeTaken { route: Some(route(4)), due_at }.into()]
}

/// A trip that is taken back from its vehicle.
fn taken_back() -> Vec<TripEvent> {
    let (code, reason) = ("NO_ANSWER".into(), "the vehicle did not answer in time".into());
    vec![TripWithdrawn { vehicle: vehicle(), claim_epoch: 7, code, reason, due_at: at(600) }.into()]
}

#[test]
fn a_trip_is_read_as_it_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trip");
    let history =
        [before_it_drives(), route_progress(), watched(), ends(), another_way(), goes_on(), taken_back()].concat();
    golden::check::<Trip>(&folder, &history);
}

fn assistance() -> Vec<AssistEvent> {
    let answered = AssistAnswered {
        trip: id(1),
        vehicle: vehicle(),
        claim_epoch: 7,
        answer: Answer::ChoosePath,
        by: id(6),
        lease: 3,
        reason: "around the rock".into(),
        order: Some(Order { decision: id(62), route: Some(route(4)), clears: vec![id(90)] }),
        until: at(800),
        due_at: at(515),
    };
    let asked = AssistAsked {
        assist: id(80),
        trip: id(1),
        vehicle: vehicle(),
        claim_epoch: 7,
        site: "pit-1".parse().unwrap(),
        kind: "OBSTACLE".into(),
        at: place(1.5),
        occupied: true,
        snapshot: Some(SnapshotRef { sha256: "0f".repeat(32), media_type: "image/jpeg".into() }),
    };
    let refused =
        AssistRefused { answer: Answer::ChoosePath, code: "NO_ANSWER".into(), reason: "it was not connected".into() };
    vec![
        asked.into(),
        AssistTaken { by: id(5), lease: 1, until: at(600) }.into(),
        AssistHandedBack { by: id(5), lease: 1 }.into(),
        AssistLapsed { by: id(5), lease: 2 }.into(),
        answered.into(),
        refused.into(),
        AssistAccepted { answer: Answer::ChoosePath }.into(),
        AssistDone { code: "RESUMED".into(), reason: "the vehicle goes on".into() }.into(),
    ]
}

#[test]
fn a_request_for_assistance_is_read_as_it_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/assist");
    golden::check::<Assistance>(&folder, &assistance());
}

fn standing() -> Vec<StandingOrderEvent> {
    let TripCreated { site, stops, requirements, priority, requested_by, .. } = created();
    let opened = StandingOpened {
        standing: id(95),
        site,
        kind: Kind::Haul,
        stops,
        requirements,
        priority,
        goal: Goal::QuantityKg(2_000.5),
        at_once: 2,
        requested_by,
        due_at: at(1),
    };
    let paused =
        StandingPaused { code: "POLICY_VIOLATION".into(), reason: "the road is closed".into(), due_at: at(60) };
    let ended = StandingTripEnded { trip: id(1), status: Status::Completed, moved_kg: 1_200.5, due_at: Some(at(90)) };
    vec![
        opened.into(),
        StandingTripAsked { trip: id(1), payload_kg: 1_200.5, due_at: None }.into(),
        paused.into(),
        ended.into(),
        StandingCompleted { trips_done: 2, moved_kg: 2_000.5 }.into(),
        StandingCancelled { reason: "rain".into(), by: Some(id(5)) }.into(),
    ]
}

#[test]
fn a_standing_order_is_read_as_it_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/standing");
    golden::check::<StandingOrder>(&folder, &standing());
}
