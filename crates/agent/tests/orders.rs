//! Which orders move a vehicle again: after a restart, and after it lost a trip (SAFE-7, -13).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use agent::vehicle::Vehicle;
use link::v1;
use link::v1::command::Body;
use link::v1::from_vehicle::Message as Said;
use link::v1::trip_report::Kind;
use world::{World, at_m, connected, driving_to, resume, trip};

/// SAFE-13: a claim that is renewed is no order to drive on.
#[test]
fn a_restarted_vehicle_with_people_aboard_stands_until_it_is_ordered_to_go_on() {
    let mut world = driving_to(220.0);
    world.restart();
    world.pass_s(5);
    assert_eq!((world.speed_mps(), world.heard()), (0.0, vec!["drive stop NearestAdmissible".to_owned()]));
    world.connect_to(1, 1);
    world.renew(1, 1);
    world.until("report assist RESTARTED");
    world.pass_s(30);
    world.renew(1, 1);
    world.pass_s(30);
    assert_eq!(world.speed_mps(), 0.0);
    assert!(world.heard().contains(&"report safe_stopped RESTARTED admissible".into()));
    // A second restart changes nothing of that.
    world.restart();
    world.connect_to(1, 1);
    world.pass_s(30);
    assert_eq!(world.speed_mps(), 0.0);
    world.command(1, resume(1));
    world.until("report completed");
    assert!((world.east_m() - 800.0).abs() < 5.0, "{}", world.east_m());
}

/// SAFE-13
#[test]
fn a_vehicle_that_restarts_before_its_pickup_leaves_the_trip() {
    let mut world = connected();
    world.dispatch(1, 1);
    while world.east_m() < 100.0 {
        world.pass_ms(world::STEP_MS);
    }
    world.restart();
    world.pass_s(5);
    world.connect_to(1, 1);
    world.renew(1, 1);
    world.until("report ended RESTARTED");
    world.pass_s(30);
    assert_eq!((world.speed_mps(), &world.agent.memory().trip), (0.0, &None));
    assert!(world.east_m() < 150.0, "{}", world.east_m());
    // Another dispatch moves it.
    assert!(world.agent.memory().finished_epoch == 1);
}

/// A cancellation concerns the claim that it names: the same trip may come back under a later one.
#[test]
fn a_vehicle_that_lost_a_trip_can_serve_it_again() {
    let cancel = || Body::Cancel(v1::Cancel { trip_id: trip(1).to_string(), ..Default::default() });
    let mut world = connected();
    world.dispatch(1, 1);
    world.until("report departed");
    world.command(1, cancel());
    world.until("report ended CANCELLED");
    world.heard();
    world.vehicle = agent::simulated::SimulatedVehicle::new(at_m(0.0), 7);
    world.pass_s(1);
    world.dispatch(1, 3);
    world.until("report departed");
    // A repetition of the first, and of one in between, come too late for it.
    world.command(1, cancel());
    world.command(2, cancel());
    world.until("report completed");
    // What was cancelled before its dispatch came is refused, under that claim and older ones.
    world.command(5, cancel());
    world.heard();
    world.dispatch(1, 5);
    assert_eq!(world.heard()[..1], ["report rejected CANCELLED".to_owned()]);
}

/// The vehicle may come early; nobody leaves before the trip's window begins.
#[test]
fn nobody_leaves_the_pickup_before_the_window_begins() {
    let mut world = connected();
    let not_before = world.server_time().plus_ms(300_000);
    let dispatch = v1::Dispatch { leave_not_before_us: not_before.as_us(), ..world.dispatch_body(1, &world::route()) };
    world.command(1, Body::Dispatch(dispatch));
    world.until("report arrived_pickup");
    while world.server_time() < not_before.plus_ms(-1_000) {
        world.renew(1, 1);
        world.pass_s(1);
    }
    assert!(!world.heard().contains(&"report boarded".into()));
    world.until("report boarded");
    assert!(world.server_time() >= not_before, "{}", world.server_time());
    assert!(world.server_time() < not_before.plus_ms(5_000), "{}", world.server_time());
}

/// The server plans from where the vehicle is when it refuses, and when a trip ends: that goes before the report.
#[test]
fn a_vehicle_says_where_it_is_before_it_is_planned_for_again() {
    let is_sample = |said: &Said| matches!(said, Said::Telemetry(_));
    let before = |world: &World, is_meant: fn(&Kind) -> bool| {
        let meant =
            |said: &Said| matches!(said, Said::TripReport(report) if report.kind.as_ref().is_some_and(is_meant));
        let at = world.said.iter().rposition(meant).unwrap();
        let sample = world.said[..at].iter().rfind(|said| !matches!(said, Said::CommandState(_))).unwrap();
        assert!(is_sample(sample), "{sample:?}");
        let Said::Telemetry(batch) = sample else { unreachable!() };
        let newest = batch.samples.iter().max_by_key(|sample| sample.seq).unwrap();
        let at = kernel::Coordinate::new(newest.lat, newest.lon).unwrap();
        assert!(at.distance_m(world.vehicle.state().position.at) < 1.0);
    };
    let mut world = connected();
    world.dispatch(1, 1);
    world.until("report completed");
    before(&world, |kind| matches!(kind, Kind::Completed(_)));
    // The route begins where the vehicle was at first.
    world.dispatch(2, 2);
    world.until("report rejected FAR_FROM_START");
    before(&world, |kind| matches!(kind, Kind::Rejected(_)));
}
