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

/// TRIP-10, SAFE-9
#[test]
fn a_road_that_closes_ahead_leads_the_vehicle_around_it() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    // The quickest way is straight along the southern street.
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    until_driving(&world, n, &trip);
    let before = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    let closure = close(&world, (2.5 * BLOCK_M, 0.0));
    let offered = world.await_step(&trip, "trip.rerouted");
    assert!(offered["body"]["reason"].as_str().unwrap().contains(&closure), "{offered:#}");
    assert!(offered["body"]["begins_at_m"].as_f64().unwrap() > 30.0, "{offered:#}");
    world.await_step(&trip, "trip.reroute_taken");
    let after = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    assert!(after["version"].as_u64() > before["version"].as_u64(), "{after:#}");
    let reroute = world.commands(n).into_iter().find(|command| command["kind"] == "reroute").unwrap();
    assert_eq!((&reroute["state"], &reroute["class"]), (&json!("done"), &json!("permissive")), "{reroute:#}");
    // The other way outlives the vehicle's own restart.
    world.restart_under_way(n, &trip, FAST);
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

/// TRIP-10, SAFE-9
#[test]
fn a_vehicle_that_no_way_leads_on_for_stops_before_the_closure_and_needs_a_person() {
    let mut world = World::new();
    let n = world.ready_vehicle((site::TUNNEL_TO_M, 0.0), SLOW);
    // Behind the tunnel one road leads to the end of the map, and nothing leads around it.
    let trip = world.trip((site::TUNNEL_TO_M, 0.0), (site::ROAD_END_M, 0.0));
    until_driving(&world, n, &trip);
    let closed_m = site::ROAD_END_M - 200.0;
    close(&world, (closed_m, 0.0));
    let failed = world.await_step(&trip, "trip.reroute_failed");
    assert_eq!(failed["body"]["code"], "NO_LEGAL_EXIT", "{failed:#}");
    let waits = world.until_status(&trip, &["AWAITING_ASSIST"]);
    assert_eq!(waits["blocked"]["code"], "NO_LEGAL_EXIT", "{waits:#}");
    let stands_m = east_m(world.until_stands(n).1);
    assert!(stands_m < closed_m - 40.0, "it stands {stands_m} m east, inside the closure");
    let stop = world.commands(n).into_iter().find(|command| command["kind"] == "stop").unwrap();
    assert_eq!((&stop["class"], &stop["state"]), (&json!("restrictive"), &json!("accepted")), "{stop:#}");
    assert!(world.why(&trip).contains("NO_LEGAL_EXIT"), "{}", world.why(&trip));
    world.verify();
}

/// TRIP-10
#[test]
fn a_passenger_whose_trip_is_called_off_is_brought_to_a_drop_off_ahead() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    until_driving(&world, n, &trip);
    let cancel = format!("/v1/trips/{trip}/cancel");
    let answer = world.http.post(&cancel, &json!({ "reason": "feels sick" }));
    assert_eq!((answer.status, &answer.body["diverted"]), (202, &json!(true)), "{}", answer.body);
    assert_eq!((answer.body["status"].as_str(), answer.body["occupied"].as_bool()), (Some("ON_TRIP"), Some(true)));
    let again = world.http.post(&cancel, &json!({ "reason": "really" }));
    assert_eq!((again.status, &again.body["diverted"]), (202, &json!(true)), "{}", again.body);
    world.await_step(&trip, "trip.reroute_taken");
    let ended = world.until_status(&trip, &["CANCELLED"]);
    assert_eq!((&ended["occupied"], &ended["ended"]["reason"]), (&json!(false), &json!("feels sick")), "{ended:#}");
    let driven_m = ended["summary"]["distance_m"].as_f64().unwrap();
    assert!((50.0..3.0 * BLOCK_M).contains(&driven_m), "{driven_m} m of 1800 m: {ended:#}");
    let events = world.events(&trip);
    let order = ["trip.diverted", "trip.rerouted", "trip.reroute_taken", "trip.arrived_dropoff", "trip.cancelled"];
    let places: Vec<usize> =
        order.iter().map(|event| events.iter().position(|seen| seen == event).expect("it happened")).collect();
    assert!(places.is_sorted(), "{events:?}");
    world.until_vehicle(n, "free", |vehicle| vehicle["ready"] == true && vehicle["claim"].is_null());
    world.verify();
}

/// TRIP-10
#[test]
fn a_trip_by_three_stops_serves_each_before_it_completes() {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    let mut body = passenger(crossing(0, 0), crossing(3, 0));
    body["stops"] = json!([site::at(0.0, 2.0 * BLOCK_M), site::at(3.0 * BLOCK_M, 3.0 * BLOCK_M)]);
    let trip = world.http.post("/v1/trips", &body).ok()["id"].as_str().unwrap().to_owned();
    let ended = world.until_status(&trip, &["COMPLETED"]);
    let events = world.events(&trip);
    let driven: Vec<&str> = events
        .iter()
        .map(String::as_str)
        .filter(|event| ["trip.boarded", "trip.arrived_dropoff", "trip.completed"].contains(event))
        .collect();
    let (goes, stands) = ("trip.boarded", "trip.arrived_dropoff");
    assert_eq!(driven, [goes, stands, goes, stands, goes, stands, "trip.completed"], "{events:?}");
    // Two blocks north, one more and three east, three south.
    let distance_m = ended["summary"]["distance_m"].as_f64().unwrap();
    assert!((distance_m - 9.0 * BLOCK_M).abs() < 60.0, "{distance_m} m: {ended:#}");
    world.verify();
}

/// TRIP-10
#[test]
fn a_trip_for_later_waits_for_its_time_and_its_vehicle_comes_early() {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    // It begins to look for a vehicle ten minutes before its earliest pickup.
    const LEAD_US: i64 = 600_000_000;
    let earliest_us = now_us() + LEAD_US + 3_000_000;
    let mut body = passenger(crossing(0, 0), crossing(1, 0));
    body["window"] = json!({ "earliest": support::time::text(earliest_us) });
    let asked = world.http.post("/v1/trips", &body).ok();
    assert_eq!(asked["status"], "SCHEDULED", "{asked}");
    let trip = asked["id"].as_str().unwrap().to_owned();
    let released = world.await_step(&trip, "trip.released");
    let at_us = support::time::us(released["at"].as_str().unwrap());
    assert!(at_us >= earliest_us - LEAD_US, "released {} µs early", earliest_us - LEAD_US - at_us);
    // The vehicle comes early, and waits there for the time.
    world.until_status(&trip, &["AT_PICKUP"]);
    // One that waits for its time can be called off.
    body["window"] = json!({ "earliest": support::time::text(earliest_us + LEAD_US) });
    let later = world.http.post("/v1/trips", &body).ok()["id"].as_str().unwrap().to_owned();
    let cancelled = world.http.post(&format!("/v1/trips/{later}/cancel"), &json!({ "reason": "rain" })).ok();
    assert_eq!((&cancelled["status"], &cancelled["diverted"]), (&json!("CANCELLED"), &json!(false)));
}

/// TRIP-7, TRIP-10
#[test]
fn a_trip_that_one_vehicle_rejects_goes_to_another() {
    let mut world = World::new();
    let first = world.ready_vehicle(crossing(0, 0), FAST);
    // The map changes under the first vehicle; the second one comes with the new map.
    let mut network = site::network();
    let links = network["links"].as_str().unwrap().replace(",50,50,", ",40,40,");
    network["links"] = json!(links);
    let path = format!("/v1/sites/{}/map", site::NAME);
    world.http.put(&path, network.to_string().as_bytes(), "application/json").ok();
    let second = world.ready_vehicle(crossing(3, 3), FAST);
    let trip = world.trip(crossing(0, 0), crossing(1, 0));
    let given_back = world.await_step(&trip, "trip.unassigned");
    assert_eq!(given_back["body"]["code"], "REJECTED_MAP_MISMATCH", "{given_back:#}");
    assert_eq!(given_back["body"]["vehicle"], world.vehicle_id(first));
    let done = world.until_status(&trip, &["COMPLETED"]);
    assert_eq!(done["vehicle"], world.vehicle_id(second), "{done:#}");
    world.verify();
}

/// Goods between two places, again and again.
fn standing(load_kg: f64, goal: &Value) -> Value {
    let trip = json!({
        "site": site::NAME, "kind": "delivery", "origin": site::at(0.0, 0.0), "destination": site::at(BLOCK_M, 0.0),
        "requirements": { "payload_kg": load_kg },
    });
    json!({ "trip": trip, "goal": goal, "at_once": 2 })
}

#[test]
fn trip_10_a_standing_order_goes_on_until_its_quantity_is_moved_whatever_is_killed() {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    world.ready_vehicle(crossing(1, 0), FAST);
    let body = standing(200.0, &json!({ "quantity_kg": 700 }));
    let opened = world.http.post_once("/v1/standing-orders", &body, "heap-7");
    assert_eq!(opened.status, 201, "{}", opened.body);
    let path = format!("/v1/standing-orders/{}", opened.body["id"].as_str().unwrap());
    let again = world.http.post_once("/v1/standing-orders", &body, "heap-7").ok();
    assert_eq!(again["id"], opened.body["id"]);
    let order = |wanted: &dyn Fn(&Value) -> bool, what: &str| {
        world.until(what, || {
            let now = world.http.get(&path).ok();
            if wanted(&now) { Ok(now) } else { Err(now) }
        })
    };
    let two = order(&|now| now["open"].as_object().is_some_and(|open| open.len() == 2), "two trips are open");
    assert_eq!((&two["asked"], &two["status"]), (&json!(2), &json!("ACTIVE")), "{two:#}");
    order(&|now| now["trips_done"].as_u64() > Some(0), "the first load is moved");
    let mut world = world;
    world.server.kill();
    world.server.start_again();
    let done = world.until("it is done", || {
        let now = world.http.get(&path).ok();
        if now["status"] == "COMPLETED" { Ok(now) } else { Err(now) }
    });
    // Three full loads and what was left.
    assert_eq!(
        (&done["moved_kg"], &done["trips_done"], &done["asked"]),
        (&json!(700.0), &json!(4), &json!(4)),
        "{done:#}"
    );
    let trips = world.http.get("/v1/trips").ok();
    let mut loads: Vec<f64> = trips["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trip| trip["requirements"]["payload_kg"].as_f64().unwrap())
        .collect();
    loads.sort_by(f64::total_cmp);
    assert_eq!(loads, [100.0, 200.0, 200.0, 200.0], "{trips:#}");
    world.http.post(&format!("{path}/cancel"), &json!({ "reason": "rain" })).problem(409, "ILLEGAL_TRANSITION");
    world.verify();
}

#[test]
fn trip_10_a_standing_order_is_refused_like_its_trips_and_can_be_called_off() {
    let world = World::new();
    let before = world.http.get("/v1/standing-orders").ok();
    assert_eq!(before["items"], json!([]));
    world
        .http
        .post("/v1/standing-orders", &standing(90_000.0, &json!({ "trips": 2 })))
        .problem(403, "POLICY_VIOLATION");
    let wrong = standing(0.0, &json!({ "quantity_kg": 5 }));
    let problem = world.http.post("/v1/standing-orders", &wrong).problem(400, "INVALID_REQUEST");
    assert_eq!(problem["errors"][0]["field"], "/trip/requirements/payload_kg", "{problem:#}");
    assert_eq!(world.http.get("/v1/standing-orders").ok()["items"], json!([]));
    let opened = world.http.post("/v1/standing-orders", &standing(200.0, &json!({ "trips": 2 }))).ok();
    let path = format!("/v1/standing-orders/{}", opened["id"].as_str().unwrap());
    let off = world.http.post(&format!("{path}/cancel"), &json!({ "reason": "rain" })).ok();
    assert_eq!(off["status"], "CANCELLED", "{off:#}");
    world.verify();
}
