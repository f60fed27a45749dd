//! What dispatchers meet from outside: what is refused at once, what waits and why, and which vehicle gets a trip again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use kernel::Timestamp;
use serde_json::{Value, json};
use support::site::{self, BLOCK_M, crossing};
use support::world::{World, passenger};

/// How much faster than real the vehicles drive.
const FAST: f64 = 20.0;

/// What no vehicle can carry is refused at once: it would wait until it expires.
#[test]
fn what_no_vehicle_can_carry_is_refused() {
    let world = World::new();
    let ask = |needs: Value| {
        let mut wish = passenger(crossing(0, 0), crossing(3, 3));
        wish["requirements"] = needs;
        world.http.post("/v1/trips", &wish)
    };
    // Nobody knows yet how large the vehicles of a new fleet will be.
    assert_eq!(ask(json!({ "passengers": 6 })).status, 201);
    world.register("car-0");
    let fields = |needs: Value| -> Vec<String> {
        let refused = ask(needs).problem(422, "UNKNOWN_CAPABILITY");
        let errors = refused["errors"].as_array().unwrap().iter();
        errors.map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(fields(json!({ "passengers": 5 })), ["/requirements/passengers"]);
    let all = json!({ "passengers": 5, "payload_kg": 501, "capabilities": ["fly"] });
    let every = ["/requirements/capabilities", "/requirements/passengers", "/requirements/payload_kg"];
    assert_eq!(fields(all), every);
    assert_eq!(ask(json!({ "passengers": 4, "payload_kg": 500 })).status, 201);
}

/// The route is the one that the trip then gets, and asking for it leaves nothing behind.
#[test]
fn a_route_is_found_without_a_trip() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 1), FAST);
    let path = format!("/v1/sites/{}/routes", site::NAME);
    let at = |(e, n): (f64, f64)| site::at(e, n);
    let wish = json!({ "kind": "passenger", "origin": at(crossing(0, 0)), "destination": at(crossing(1, 0)) });
    let polygon = [(100.0, -40.0), (200.0, -40.0), (200.0, 40.0), (100.0, 40.0)].map(at);
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": "works" });
    let closed = world.http.post(&format!("/v1/sites/{}/closures", site::NAME), &closure).ok();
    let size = world.journal_size();
    let found = world.http.post(&path, &wish).ok();
    let distance_m = found["distance_m"].as_f64().unwrap();
    assert!((distance_m - 3.0 * BLOCK_M).abs() < 30.0, "{found:#}");
    assert!(found["binding"].as_array().unwrap().contains(&closed["id"]), "{found:#}");
    assert_eq!((&found["approach_m"], &found["energy_wh"]), (&Value::Null, &Value::Null));
    let with = |name: &str, value: Value| {
        let mut wish = wish.clone();
        wish[name] = value;
        world.http.post(&path, &wish)
    };
    let of_vehicle = with("vehicle", json!(world.vehicle_id(n))).ok();
    assert!((of_vehicle["approach_m"].as_f64().unwrap() - BLOCK_M).abs() < 30.0, "{of_vehicle:#}");
    assert!(of_vehicle["energy_wh"].as_f64().unwrap() > 0.0);
    let by_way_of = with("stops", json!([at(crossing(1, 1))])).ok();
    assert_eq!(by_way_of["stops_m"].as_array().unwrap().len(), 3);
    // Why not: as the trip would be refused.
    with("destination", json!({ "lat": 0.0, "lon": 0.0 })).problem(422, "OFF_MAP");
    let unknown = with("vehicle", json!("veh_01m8ks63jtfzqb907akj9yts0z")).problem(404, "NOT_FOUND");
    assert_eq!(unknown["errors"][0]["field"], "/vehicle");
    for (name, value) in [("vehicle", json!(7)), ("priority", json!(1)), ("kind", json!("taxi"))] {
        let refused = with(name, value).problem(400, "INVALID_REQUEST");
        assert_eq!(refused["errors"][0]["field"], format!("/{name}"));
    }
    assert_eq!(world.journal_size(), size, "a question is no event");
    let trip = world.trip(crossing(0, 0), crossing(1, 0));
    let route = world.until("the trip has its route", || {
        let answer = world.http.get(&format!("/v1/trips/{trip}/route"));
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.body) }
    });
    assert_eq!((&route["distance_m"], &route["duration_ms"]), (&found["distance_m"], &found["duration_ms"]));
}

/// A hold keeps the vehicle away as long as it lasts, and no longer.
#[test]
fn a_vehicle_that_was_held_serves_the_trip_that_it_lost() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(3, 3), 4.0);
    let trip = world.trip(crossing(0, 0), crossing(0, 3));
    world.until_status(&trip, &["TO_PICKUP"]);
    let hold = json!({ "kind": "cleaning", "timing": "now", "reason": "dust" });
    let placed = world.command(n, "holds", &hold);
    assert_eq!(placed.status, 201, "{}", placed.body);
    world.until_status(&trip, &["WAITING"]);
    let hold = placed.body["id"].as_str().unwrap();
    world.http.delete(&format!("/v1/vehicles/{}/holds/{hold}", world.vehicle_id(n))).ok();
    let again = world.until_status(&trip, &["TO_PICKUP"]);
    assert_eq!(again["vehicle"], world.vehicle_id(n));
}

/// The vehicle may come early; nobody leaves before the window begins.
#[test]
fn nobody_is_driven_off_before_the_window_begins() {
    let mut world = World::new();
    world.ready_vehicle(crossing(1, 0), FAST);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let earliest = Timestamp::from_ms(now.as_millis() as i64 + 8_000);
    let mut wish = passenger(crossing(0, 0), crossing(1, 1));
    wish["window"] = json!({ "earliest": earliest.to_string() });
    let made = world.http.post("/v1/trips", &wish).ok();
    let trip = made["id"].as_str().unwrap();
    world.until_status(trip, &["COMPLETED"]);
    let history = world.history(trip);
    let at = |event: &str| -> Timestamp {
        let step = history.iter().find(|step| step["event"] == event).unwrap();
        step["at"].as_str().unwrap().parse().unwrap()
    };
    assert!(at("trip.arrived_pickup") < earliest && earliest <= at("trip.boarded"), "{earliest}: {history:#?}");
}

/// A vehicle that stands in a field is online and nobody's choice: the trip says so.
#[test]
fn a_vehicle_far_from_every_road_is_named_as_the_reason() {
    let mut world = World::new();
    world.ready_vehicle((150.0, 85.0), FAST);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let waits = world.until_trip(&trip, "waiting with its reason", |trip| trip["wait"].is_object());
    assert_eq!(waits["wait"]["reason"], "of 1 vehicles: 1 more than 50 m from any road", "{waits:#}");
}

/// A question about a trip that does not exist asks no policy.
#[test]
fn what_does_not_exist_is_refused_before_policy_is_asked() {
    let world = World::new();
    let size = world.journal_size();
    for what in ["resume", "cancel", "fail"] {
        let path = format!("/v1/trips/trip_01m8ks63jtfzqb907akj9yts0z/{what}");
        world.http.post(&path, &json!({ "reason": "test" })).problem(404, "NOT_FOUND");
    }
    assert_eq!(world.journal_size(), size);
}
