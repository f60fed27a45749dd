//! What each end refuses to read, and that what one end writes the other reads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

use kernel::id::{BootId, TypedId};
use kernel::{CommandId, Coordinate, RouteId, Timestamp, TripId};
use link::restrict::{Restriction, Scope};
use link::{Body, GroundWhen, Leg, LinkError, Route, ServerMessage, Step, StopClass, VehicleMessage, issue, v1};
use prost::Message;

fn boot() -> String {
    BootId::from_u128(7).to_string()
}

fn sample(seq: u64) -> v1::Sample {
    v1::Sample { seq, vehicle_time_us: 1_795_489_212_000_000, lat: 1.0, lon: 2.0, mode: 1, ..Default::default() }
}

fn batch(samples: Vec<v1::Sample>) -> v1::from_vehicle::Message {
    let first_seq = samples.first().map_or(0, |s| s.seq);
    v1::from_vehicle::Message::Telemetry(v1::TelemetryBatch {
        boot_id: boot(),
        first_seq,
        samples,
        ..Default::default()
    })
}

#[test]
fn a_wrong_field_is_named() {
    let check = |given: v1::from_vehicle::Message, then: &str| {
        let field = match link::from_vehicle(v1::FromVehicle { message: Some(given) }) {
            Ok(_) => "ok".to_owned(),
            Err(LinkError::Field { field, .. }) => field,
            Err(other) => other.to_string(),
        };
        assert_eq!(field, then);
    };
    check(batch(vec![sample(1), sample(2)]), "ok");
    check(batch(vec![]), "telemetry.samples");
    check(batch(vec![sample(2), sample(2)]), "telemetry.samples");
    check(batch(vec![sample(0)]), "telemetry.first_seq");
    check(batch((1..=513).map(sample).collect()), "telemetry.samples");
    check(batch(vec![sample(1), v1::Sample { lat: 91.0, ..sample(2) }]), "telemetry.samples[1].lat");
    check(batch(vec![v1::Sample { speed_mps: f64::NAN, ..sample(1) }]), "telemetry.samples[0].speed_mps");
    check(batch(vec![v1::Sample { speed_mps: -1.0, ..sample(1) }]), "telemetry.samples[0].speed_mps");
    check(batch(vec![v1::Sample { battery_pct: 101.0, ..sample(1) }]), "telemetry.samples[0].battery_pct");
    check(batch(vec![v1::Sample { mode: 0, ..sample(1) }]), "telemetry.samples[0].mode");
    check(batch(vec![v1::Sample { trip_id: "x".into(), ..sample(1) }]), "telemetry.samples[0].trip_id");
    check(batch(vec![v1::Sample { vehicle_time_us: i64::MAX, ..sample(1) }]), "telemetry.samples[0].vehicle_time_us");
    check(v1::from_vehicle::Message::Hello(v1::Hello::default()), "hello.boot_id");
    let hello = v1::Hello { boot_id: boot(), mode: 1, map_digest: "A".repeat(64), ..Default::default() };
    check(v1::from_vehicle::Message::Hello(hello), "hello.map_digest");
    let report = v1::TripReport { report_seq: 1, boot_id: boot(), mode: 1, ..Default::default() };
    check(v1::from_vehicle::Message::TripReport(report), "trip_report.trip_id");
    check(v1::from_vehicle::Message::SignedEvent(v1::SignedVehicleEvent::default()), "ok");
}

#[test]
fn size_is_checked_before_anything_is_read() {
    let long = vec![0u8; link::MESSAGE_BYTES_MAX + 1];
    assert!(matches!(link::decode_from_vehicle(&long), Err(LinkError::TooLarge { bytes }) if bytes == long.len()));
    assert!(matches!(link::decode_to_vehicle(&long), Err(LinkError::TooLarge { .. })));
    assert!(matches!(link::decode_from_vehicle(b"\xff\xff"), Err(LinkError::Decode(_))));
    let good = v1::FromVehicle { message: Some(batch(vec![sample(1)])) }.encode_to_vec();
    assert!(matches!(link::decode_from_vehicle(&good), Ok(VehicleMessage::Telemetry(_))));
    for end in 1..good.len() {
        assert!(link::decode_from_vehicle(&good[..end]).is_err(), "cut at {end}");
    }
}

fn route() -> Route {
    let at = |lon| Coordinate::new(0.0, lon).unwrap();
    let leg = |from: f64, to: f64| {
        let points = vec![at(from), at(to)];
        let length_m = points[0].distance_m(points[1]);
        Leg { points, steps: vec![Step { length_m, speed_mps: 10.0, no_stop: false }] }
    };
    Route {
        id: RouteId::from_u128(5),
        version: 1,
        map_digest: "a".repeat(64),
        policy_digest: String::new(),
        approach: leg(0.0, 0.01),
        trip: leg(0.01, 0.02),
        released_to_m: 1e6,
        stops_m: Vec::new(),
    }
}

fn read(body: v1::command::Body) -> Result<link::Command, link::CommandError> {
    let now = Timestamp::from_ms(1_795_489_212_000);
    let bytes = issue::message(issue::command(CommandId::from_u128(9), 4, now, body)).encode_to_vec();
    match link::decode_to_vehicle(&bytes).unwrap() {
        ServerMessage::Command(command) => link::read_command(*command),
        other => panic!("{other:?}"),
    }
}

fn dispatch(route: &Route) -> v1::command::Body {
    v1::command::Body::Dispatch(v1::Dispatch {
        trip_id: TripId::from_u128(3).to_string(),
        route: Some(route.into()),
        ..Default::default()
    })
}

#[test]
fn a_dispatch_arrives_as_it_was_written_and_a_wrong_one_names_the_command_and_the_field() {
    let command = read(dispatch(&route())).unwrap();
    let Body::Dispatch(read_back) = command.body else { panic!("{command:?}") };
    assert_eq!((command.claim_epoch, read_back.route), (4, route()));
    assert_eq!(command.expires_at, Some(command.issued_at.plus_ms(issue::PERMISSIVE_VALID_MS)));

    let check = |change: &dyn Fn(&mut Route), then: &str| {
        let mut wrong = route();
        change(&mut wrong);
        let error = read(dispatch(&wrong)).unwrap_err();
        assert_eq!(error.command, Some(CommandId::from_u128(9)));
        assert!(matches!(&error.cause, LinkError::Field { field, .. } if field == then), "{:?}", error.cause);
    };
    check(&|r| r.map_digest.clear(), "command.dispatch.route.map_digest");
    check(&|r| r.trip.points[0] = Coordinate::new(0.0, 0.012).unwrap(), "command.dispatch.route.trip.steps");
    check(&|r| r.trip = r.approach.clone(), "command.dispatch.route.trip");
    check(&|r| r.trip.steps[0].speed_mps = f64::INFINITY, "command.dispatch.route.trip.steps.speed_mps");
    check(&|r| r.trip.steps[0].speed_mps = 0.0, "command.dispatch.route.trip.steps.speed_mps");
    check(&|r| r.approach.steps.clear(), "command.dispatch.route.approach");
    check(&|r| r.released_to_m = f64::NAN, "command.dispatch.route.released_to_m");
}

#[test]
fn a_restrictive_command_is_read_in_the_strictest_sense_whatever_its_fields() {
    let check = |given: v1::command::Body, then: Restriction| match read(given).unwrap() {
        link::Command { body: Body::Restrict(restriction), expires_at: None, .. } => assert_eq!(restriction, then),
        other => panic!("{other:?}"),
    };
    let trip = TripId::from_u128(3);
    let nearest = Restriction::Stop { class: StopClass::NearestAdmissible, place: None, scope: Scope::Vehicle };
    check(v1::command::Body::Stop(v1::Stop::default()), nearest);
    let bad_place = v1::Stop { class: 3, place: Some(v1::Point { lat: 99.0, lon: 0.0 }), ..Default::default() };
    check(v1::command::Body::Stop(bad_place), nearest);
    check(v1::command::Body::Stop(v1::Stop { scope: 1, trip_id: "trip?".into(), ..Default::default() }), nearest);
    let of_trip = v1::Stop { class: 1, scope: 1, trip_id: trip.to_string(), ..Default::default() };
    let now = Restriction::Stop { class: StopClass::Now, place: None, scope: Scope::Trip(trip) };
    check(v1::command::Body::Stop(of_trip), now);
    let slow = v1::Slow { max_speed_mps: f64::NAN, ..Default::default() };
    check(v1::command::Body::Slow(slow), Restriction::Slow { max_speed_mps: 0.0, scope: Scope::Vehicle });
    check(v1::command::Body::Cancel(v1::Cancel::default()), Restriction::Cancel { trip: None });
    let ground = Restriction::Ground { when: GroundWhen::NextAdmissible };
    check(v1::command::Body::Ground(v1::Ground { when: 77, ..Default::default() }), ground);
    check(v1::command::Body::Quarantine(v1::QuarantineNotice::default()), Restriction::Quarantine);
}

#[test]
fn no_label_turns_a_permissive_body_into_a_restrictive_one() {
    let now = Timestamp::from_ms(1_795_489_212_000);
    let mut command = issue::command(CommandId::from_u128(9), 4, now, dispatch(&route()));
    command.class = v1::CommandClass::Restrictive.into();
    assert!(link::read_command(command.clone()).is_err());
    command.class = v1::CommandClass::Permissive.into();
    command.expires_at_us = -1;
    assert!(link::read_command(command).is_err());
}
