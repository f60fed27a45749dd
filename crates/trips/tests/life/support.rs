//! Histories to begin from, reports and commands to try on them, and the one way to check a rule.

use kernel::id::{BootId, TypedId, ViolationId};
use kernel::testing::{self, START, Then};
use kernel::{Coordinate, DecisionId, RouteId, Timestamp, TripId, VehicleId};
use policy::Constraints;
use trips::trip::decide::{NewAssignment, decide};
use trips::trip::events::*;
use trips::trip::types::*;
use trips::trip::{Command, Done, ReportKind, Status, Trip, TripEvent, VehicleReport};

/// When every command of a row is given, unless the row says otherwise.
pub const NOW: Timestamp = START.plus_ms(120_000);
/// The deadline of every trip in a history: it has come.
pub const DUE: Timestamp = START.plus_ms(60_000);
/// When every trip in a history expires.
pub const EXPIRES: Timestamp = START.plus_ms(1_800_000);
/// The claim of every trip in a history.
pub const EPOCH: u64 = 7;
/// The next report of the vehicle: its reports in a history have lower numbers.
pub const NEXT: u64 = 20;

/// Claim (120 s) and margin (30 s).
pub const LOOK_AGAIN_MS: i64 = 150_000;
/// How long a vehicle that gave a trip back is not asked again.
pub const EXCLUDED_MS: i64 = 120_000;

pub fn id<T: TypedId>(n: u128) -> T {
    T::from_u128((0x019b << 112) | n)
}

pub fn trip() -> TripId {
    id(1)
}

pub fn vehicle() -> VehicleId {
    id(2)
}

pub fn other_vehicle() -> VehicleId {
    id(3)
}

pub fn boot() -> BootId {
    id(4)
}

pub fn violation(n: u128) -> ViolationId {
    id(100 + n)
}

pub fn place(lat: f64) -> Coordinate {
    Coordinate::new(lat, 2.0).unwrap()
}

/// The one check: given this history, when this is commanded, then that.
#[track_caller]
pub fn check(given: Vec<TripEvent>, when: Command, then: Then<TripEvent, Done>) -> Option<Trip> {
    check_at(NOW, given, when, then)
}

#[track_caller]
pub fn check_at(now: Timestamp, given: Vec<TripEvent>, when: Command, then: Then<TripEvent, Done>) -> Option<Trip> {
    testing::check(given, |state| decide(state, &when, now), then)
}

#[track_caller]
pub fn after(history: &[TripEvent]) -> Trip {
    testing::fold(history).unwrap()
}

pub fn done(status: Status) -> Done {
    Done { trip: trip(), status, changed: true }
}

/// The answer when nothing had to change.
pub fn same(status: Status) -> Done {
    Done { trip: trip(), status, changed: false }
}

pub fn route(version: u64) -> RouteSummary {
    RouteSummary {
        route: route_id(version),
        version,
        digest: "d1".into(),
        distance_m: 900.0,
        duration_ms: 90_000,
        approach_m: 300.0,
        approach_ms: 30_000,
        energy_wh: Some(216.0),
        map_digest: "a1".into(),
        policy_digest: "b1".into(),
        policy_bundle: "c1".into(),
        binding: vec!["max_speed_mps".into()],
        zones: ["pit".to_owned()].into(),
    }
}

pub fn route_id(version: u64) -> RouteId {
    id(50 + u128::from(version))
}

pub fn request_limits() -> Constraints {
    Constraints { max_speed_mps: Some(20.0), ..Constraints::default() }
}

pub fn vehicle_limits() -> Constraints {
    Constraints { max_speed_mps: Some(13.0), ..Constraints::default() }
}

pub fn choice() -> Choice {
    let cost = Cost { approach_ms: 30_000, priority_credit_ms: 60_000, wait_credit_ms: 1_000 };
    let runner_up = Some(RunnerUp { vehicle: other_vehicle(), approach_ms: 40_000, why: "farther".into() });
    Choice { batch_trips: 1, ready: 3, feasible: 2, filtered: [("SEATS".to_owned(), 1)].into(), cost, runner_up }
}

pub fn new_assignment() -> NewAssignment {
    NewAssignment {
        vehicle: vehicle(),
        claim_epoch: EPOCH,
        claim_valid_for_s: 120,
        decision: id(61),
        route: route(2),
        constraints: vehicle_limits(),
        choice: choice(),
    }
}

/// What the vehicle says of itself with its report `seq`.
pub fn said(seq: u64) -> ReportRef {
    ReportRef {
        boot: boot(),
        seq,
        claim_epoch: EPOCH,
        vehicle_time: START.plus_ms(500),
        at: place(1.0),
        odometer_m: 12_000.0,
        mode: "AUTONOMOUS".into(),
        occupied: false,
    }
}

/// The same with people or load aboard.
pub fn said_occupied(seq: u64) -> ReportRef {
    ReportRef { occupied: true, ..said(seq) }
}

/// The report `seq` of the vehicle.
pub fn report_of(seq: u64, kind: ReportKind) -> VehicleReport {
    let ReportRef { boot, seq, claim_epoch, vehicle_time, at, odometer_m, mode, occupied } = said(seq);
    let (vehicle, trip) = (vehicle(), trip());
    VehicleReport { vehicle, trip, boot, seq, claim_epoch, vehicle_time, at, odometer_m, mode, occupied, kind }
}

/// The vehicle's next report, as a command.
pub fn reports(kind: ReportKind) -> Command {
    Command::Report(Box::new(report_of(NEXT, kind)))
}

/// The vehicle's next report with people or load aboard by its sensors.
pub fn reports_occupied(kind: ReportKind) -> Command {
    Command::Report(Box::new(VehicleReport { occupied: true, ..report_of(NEXT, kind) }))
}

pub fn summary() -> Summary {
    Summary { distance_m: 1_200.0, duration_ms: 130_000, energy_wh: 216.5 }
}

fn created_as(status: Status, kind: Kind, stops: usize) -> TripEvent {
    let stops = (0..stops).map(|n| Stop { at: place(1.0 + n as f64 / 100.0) }).collect();
    TripCreated {
        trip: trip(),
        status,
        site: "pit".parse().unwrap(),
        kind,
        stops,
        requirements: Requirements { payload_kg: 1_000.0, ..Requirements::default() },
        priority: 1,
        window: Window::default(),
        constraints: request_limits(),
        decision: id::<DecisionId>(60),
        policy_bundle: "c1".into(),
        requested_by: "prin_client".into(),
        standing: None,
        frozen: None,
        simulated: true,
        expires_at: EXPIRES,
        due_at: DUE,
    }
    .into()
}

pub fn route_found() -> TripEvent {
    TripRouteFound { route: route(1), due_at: DUE }.into()
}

pub fn assigned() -> TripEvent {
    let NewAssignment { vehicle, claim_epoch, claim_valid_for_s, decision, route, constraints, choice } =
        new_assignment();
    TripAssigned {
        vehicle,
        claim_epoch,
        claim_valid_for_s,
        decision,
        route,
        constraints,
        pickup_expected_at: START.plus_ms(33_000),
        choice,
        due_at: DUE,
    }
    .into()
}

pub fn boarded(seq: u64, occupied: bool, stop_index: u64) -> TripEvent {
    TripBoarded { occupied, stop_index, report: said(seq), due_at: DUE }.into()
}

pub fn at_dropoff(seq: u64, stop_index: u64) -> TripEvent {
    TripArrivedDropoff { stop_index, report: said(seq), due_at: DUE }.into()
}

pub fn paused(seq: u64) -> TripEvent {
    TripPaused { reason: "traffic".into(), report: said(seq), due_at: DUE }.into()
}

pub fn safe_stopped(report: ReportRef) -> TripEvent {
    let class = "nearest_admissible".into();
    TripSafeStopped { class, reason: "CLAIM_LAPSED".into(), admissible: true, report, due_at: DUE }.into()
}

pub fn assist_needed(seq: u64) -> TripEvent {
    TripAssistNeeded { kind: "OBSTACLE".into(), snapshot: None, report: said(seq), due_at: DUE }.into()
}

pub fn stranded() -> TripEvent {
    TripStranded { reason: "a wheel is off".into(), due_at: DUE }.into()
}

pub fn cancelled() -> TripEvent {
    let (by, vehicle, claim_epoch, report, summary) = (None, None, None, None, None);
    TripCancelled { reason: "not needed".into(), by, vehicle, claim_epoch, report, summary }.into()
}

/// The stops of an occupied trip that was called off.
pub fn drop_off() -> Vec<Stop> {
    vec![Stop { at: place(1.0) }, Stop { at: place(1.005) }]
}

/// How a loaded trip comes to a state; the interrupted ones are left from TO_PICKUP.
pub fn to(status: Status) -> Vec<TripEvent> {
    of_kind(Kind::Haul, status)
}

/// How a trip that carries nothing comes to a state.
pub fn empty_to(status: Status) -> Vec<TripEvent> {
    of_kind(Kind::Charge, status)
}

/// How a trip of a kind comes to a state.
pub fn of_kind(kind: Kind, status: Status) -> Vec<TripEvent> {
    let way: Vec<TripEvent> = vec![
        created_as(Status::Created, kind, 2),
        route_found(),
        assigned(),
        TripDispatched { pickup_expected_at: START.plus_ms(40_000), report: said(1), due_at: DUE }.into(),
        TripDeparted { report: said(2), due_at: DUE }.into(),
        TripArrivedPickup { report: said(3), due_at: DUE }.into(),
        boarded(4, kind.carries(), 1),
        at_dropoff(5, 1),
    ];
    let upto = |n: usize, more: Vec<TripEvent>| way[..n].iter().cloned().chain(more).collect();
    let (vehicle, claim_epoch) = (Some(vehicle()), Some(EPOCH));
    match status {
        Status::Scheduled => vec![created_as(Status::Scheduled, kind, 2)],
        Status::Created => upto(1, vec![]),
        Status::Waiting => upto(2, vec![]),
        Status::Assigned => upto(3, vec![]),
        Status::Dispatched => upto(4, vec![]),
        Status::ToPickup => upto(5, vec![]),
        Status::AtPickup => upto(6, vec![]),
        Status::OnTrip => upto(7, vec![]),
        Status::AtDropoff => upto(8, vec![]),
        Status::Paused => upto(5, vec![paused(10)]),
        Status::AwaitingAssist => upto(5, vec![assist_needed(10)]),
        Status::SafeStopped => upto(5, vec![safe_stopped(said(10))]),
        Status::Stranded => upto(5, vec![paused(10), stranded()]),
        Status::Completed => {
            let (vehicle, claim_epoch) = (self::vehicle(), EPOCH);
            upto(8, vec![TripCompleted { vehicle, claim_epoch, summary: summary(), report: said(6) }.into()])
        }
        Status::Cancelled => {
            let (reason, by, report, summary) = ("not needed".into(), None, None, None);
            upto(5, vec![TripCancelled { reason, by, vehicle, claim_epoch, report, summary }.into()])
        }
        Status::Failed => {
            let (code, reason, report) = ("BROKEN".into(), "a wheel is off".into(), None);
            upto(5, vec![TripFailed { code, reason, vehicle, claim_epoch, report }.into()])
        }
        Status::Expired => upto(2, vec![TripExpired { reason: "no vehicle".into() }.into()]),
    }
}

pub fn then(mut history: Vec<TripEvent>, more: impl IntoIterator<Item = TripEvent>) -> Vec<TripEvent> {
    history.extend(more);
    history
}

/// A loaded trip with a stop on its route, on the route to that stop.
pub fn with_three_stops() -> Vec<TripEvent> {
    let mut history = to(Status::OnTrip);
    history[0] = created_as(Status::Created, Kind::Haul, 3);
    history
}

pub const ENDED: [Status; 4] = [Status::Completed, Status::Cancelled, Status::Failed, Status::Expired];
pub const HELD: [Status; 10] = [
    Status::Assigned,
    Status::Dispatched,
    Status::ToPickup,
    Status::AtPickup,
    Status::OnTrip,
    Status::Paused,
    Status::AwaitingAssist,
    Status::SafeStopped,
    Status::Stranded,
    Status::AtDropoff,
];
