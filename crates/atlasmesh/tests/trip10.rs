//! TRIP-10 through the public surface, with agents of their own: other ways, diversion, trips of several stops, trips for
//! later, and a vehicle that rejects.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::World;
use support::site::{self, BLOCK_M, crossing, east_m};
use support::time::now_us;
use support::world::{FAST, passenger};

/// So slow that a vehicle is still on the same street when something has happened.
const SLOW: f64 = 2.0;

/// Closes the road around a place between two crossings.
fn close(world: &World, (east, north): (f64, f64)) -> String {
    let corner = |(e, n): (f64, f64)| site::at(east + e, north + n);
    let polygon = [(-40.0, -40.0), (40.0, -40.0), (40.0, 40.0), (-40.0, 40.0)].map(corner);
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": "a burst pipe" });
    let closed = world.http.post(&format!("/v1/sites/{}/closures", site::NAME), &closure);
    assert_eq!(closed.status, 201, "{}", closed.body);
    closed.body["id"].as_str().unwrap().to_owned()
}

fn step(world: &World, trip: &str, event: &str) -> Option<Value> {
    world.history(trip).into_iter().find(|step| step["event"] == event)
}

fn await_step(world: &World, trip: &str, event: &str) -> Value {
    world.until(&format!("{event} of {trip}"), || step(world, trip, event).ok_or_else(|| json!(world.events(trip))))
}

/// Waits until the vehicle drives with what it carries, at some speed.
fn until_driving(world: &World, n: usize, trip: &str) {
    world.until_status(trip, &["ON_TRIP"]);
    world.until("the vehicle drives", || {
        let sample = world.newest_sample(n);
        if sample["speed_mps"].as_f64().is_some_and(|speed| speed > 3.0) { Ok(()) } else { Err(sample) }
    });
}

/// Every place that a vehicle told from a time on.
fn places(world: &World, n: usize) -> Vec<(f64, f64)> {
    let path = format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(n));
    let items = world.http.get(&path).ok()["items"].as_array().unwrap().clone();
    items.iter().map(|sample| (east_m(sample["lon"].as_f64().unwrap()), sample["lat"].as_f64().unwrap())).collect()
}

#[test]
fn a_road_that_closes_ahead_leads_the_vehicle_around_it() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    // The quickest way is straight along the southern street.
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    until_driving(&world, n, &trip);
    let before = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    let closure = close(&world, (2.5 * BLOCK_M, 0.0));
    let offered = await_step(&world, &trip, "trip.rerouted");
    assert!(offered["body"]["reason"].as_str().unwrap().contains(&closure), "{offered:#}");
    assert!(offered["body"]["begins_at_m"].as_f64().unwrap() > 30.0, "{offered:#}");
    await_step(&world, &trip, "trip.reroute_taken");
    let after = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    assert!(after["version"].as_u64() > before["version"].as_u64(), "{after:#}");
    let reroute = world.commands(n).into_iter().find(|command| command["kind"] == "reroute").unwrap();
    assert_eq!((&reroute["state"], &reroute["class"]), (&json!("done"), &json!("permissive")), "{reroute:#}");
    // The other way outlives the vehicle's own restart.
    world.agents[n].kill();
    world.agents[n].start_again_at(&world.server, FAST);
    world.until_status(&trip, &["COMPLETED"]);
    let inside = |(east, lat): &(f64, f64)| {
        let north_m = (lat - site::degrees(0.0, 0.0).0) * 111_320.0;
        (2.5 * BLOCK_M - 40.0..2.5 * BLOCK_M + 40.0).contains(east) && north_m.abs() < 40.0
    };
    assert!(!places(&world, n).iter().any(inside), "it drove through the closure");
    let events = world.events(&trip);
    assert!(!events.iter().any(|event| event == "trip.violation_opened"), "{events:?}");
    world.verify();
}
