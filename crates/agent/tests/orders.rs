//! Which orders move a vehicle again: after a restart, and after it lost a trip (SAFE-7, -13).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use link::v1;
use link::v1::command::Body;
use world::{at_m, connected, driving_to, resume, trip};

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
