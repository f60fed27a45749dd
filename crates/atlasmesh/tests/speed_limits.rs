//! Speed limits of areas end to end: routes keep them, vehicles by themselves as well, the sector's own limit for such places
//! holds too, and a vehicle under way slows down gently.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::{self, BLOCK_M, crossing, east_m};
use support::time::{now_us, text, us};
use support::world::{square, tenant};
use support::{Answer, Http, Serve, Server, World, openapi};

/// How many times faster than life the vehicle's world goes.
const SPEEDUP: f64 = 4.0;
/// So slow that a limit is announced, known and in force before the vehicle is there.
const SLOW: f64 = 2.0;
/// Half the side of the slow square.
const HALF_M: f64 = 40.0;
/// A place on the southern street, half way between its last two crossings.
const AHEAD: (f64, f64) = (2.5 * BLOCK_M, 0.0);
/// A trip slows down by at most so much, in metres per second squared: what its agent brakes with, and some error of measurement.
const GENTLE_MPS2: f64 = 3.0;

fn path(what: &str) -> String {
    format!("/v1/sites/{}/{what}", site::NAME)
}

fn limit(http: &Http, max_speed_mps: f64, place: Option<&str>) -> Answer {
    limit_from(http, max_speed_mps, place, None)
}

fn limit_from(http: &Http, max_speed_mps: f64, place: Option<&str>, from: Option<&str>) -> Answer {
    let body = json!({
        "max_speed_mps": max_speed_mps, "place": place, "polygon": square(AHEAD.0, AHEAD.1, HALF_M), "reason": "road works",
        "from": from,
    });
    http.post(&path("speed-limits"), &body)
}

/// A vehicle that drives from the first crossing of the southern street to its last one, with its trip.
fn driving(world: &mut World, speedup: f64) -> (usize, String) {
    let n = world.ready_vehicle(crossing(0, 0), speedup);
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&trip, &["ON_TRIP"]);
    world.until("the vehicle drives", || {
        let sample = world.newest_sample(n);
        if sample["speed_mps"].as_f64().is_some_and(|speed| speed > 10.0) { Ok(()) } else { Err(sample) }
    });
    (n, trip)
}

/// Waits until a speed limit is in force on the one vehicle there is.
fn until_in_force(world: &World, id: &Value) {
    world.until("the vehicle keeps the limit", || {
        let listed = world.http.get(&path("speed-limits")).ok();
        let limit = listed["items"].as_array().unwrap().iter().find(|limit| limit["id"] == *id).cloned();
        let in_force = limit.map(|limit| limit["in_force"].clone()).unwrap_or_default();
        if (&in_force["on"], &in_force["of"]) == (&json!(1), &json!(1)) { Ok(()) } else { Err(listed) }
    });
}

/// What a vehicle told of itself, oldest first: when, how far east, and its speed.
fn told(world: &World, n: usize) -> Vec<(i64, f64, f64)> {
    let page = world.http.get(&format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(n))).ok();
    let mut told: Vec<_> = page["items"].as_array().unwrap().iter().map(sample).collect();
    told.sort_by_key(|(at_us, _, _)| *at_us);
    told
}

fn slow_inside(told: &[(i64, f64, f64)]) {
    let inside = told.iter().filter(|(_, east, _)| (east - AHEAD.0).abs() < HALF_M);
    let inside: Vec<f64> = inside.map(|(_, _, speed)| *speed).collect();
    assert!(!inside.is_empty() && inside.iter().all(|speed| *speed <= 8.2), "{inside:?}");
}

/// SAFE-14
#[test]
fn safe_14_a_speed_limit_slows_a_vehicle_under_way_gently() {
    let mut world = World::new();
    let (n, trip) = driving(&mut world, SPEEDUP);
    // Slower than elsewhere, and still quicker than the way around.
    let made = limit(&world.http, 8.0, None).ok();
    let rerouted = world.await_step(&trip, "trip.rerouted");
    assert!(rerouted.to_string().contains("speed limit of 8 m/s: road works"), "{rerouted:#}");
    world.await_step(&trip, "trip.reroute_taken");
    until_in_force(&world, &made["id"]);
    world.until_status(&trip, &["COMPLETED"]);
    let rerouted = world.events(&trip).iter().filter(|event| *event == "trip.rerouted").count();
    assert_eq!(rerouted, 1, "one limit leads it anew once");
    let told = told(&world, n);
    slow_inside(&told);
    for pair in told.windows(2) {
        let ((from_us, _, before), (to_us, _, after)) = (pair[0], pair[1]);
        let seconds = (to_us - from_us) as f64 / 1e6 * SPEEDUP;
        assert!((before - after) <= GENTLE_MPS2 * seconds + 0.5, "{before} to {after} m/s within {seconds} s");
    }
    world.verify();
}

/// SAFE-14
#[test]
fn a_vehicle_keeps_an_announced_limit_by_itself_when_nobody_serves() {
    let mut world = World::new();
    let (n, trip) = driving(&mut world, SLOW);
    let from_us = now_us() + 3_000_000;
    let made = limit_from(&world.http, 8.0, None, Some(&text(from_us))).ok();
    until_in_force(&world, &made["id"]);
    world.server.kill();
    assert!(now_us() < from_us, "the server served when the limit began");
    // By then it has passed through.
    while now_us() < from_us + 14_000_000 {
        world.agents[n].process.line_with("no session");
    }
    world.server.start_again();
    world.until_status(&trip, &["COMPLETED"]);
    assert!(!world.events(&trip).iter().any(|event| event == "trip.rerouted"), "its route knew nothing of the limit");
    slow_inside(&told(&world, n));
    world.verify();
}

/// SECTOR-6
#[test]
fn a_sector_that_comes_into_force_lowers_what_vehicles_keep() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SPEEDUP);
    let rules = |world: &World| -> Vec<Value> {
        world.commands(n).into_iter().filter(|command| command["kind"] == "site_rules").collect()
    };
    let made = limit(&world.http, 15.0, Some("school-zone")).ok();
    until_in_force(&world, &made["id"]);
    let before = rules(&world);
    world.http.post("/v1/sectors/ride-hail/activate", &json!({ "reason": "a day at work" })).ok();
    world.until("the vehicle is told anew", || {
        let now = rules(&world);
        if now.len() == 1 && now[0]["id"] != before[0]["id"] { Ok(()) } else { Err(json!(now)) }
    });
    until_in_force(&world, &made["id"]);
    let limit = world.http.get(&path("speed-limits")).ok()["items"][0].clone();
    let speeds = (&limit["max_speed_mps"], &limit["in_force"]["max_speed_mps"]);
    assert_eq!(speeds, (&json!(15.0), &json!(6.9)), "as it was drawn, and what it comes to");
    world.verify();
}

/// When it was taken, how far east, and its speed.
fn sample(item: &Value) -> (i64, f64, f64) {
    let at = us(item["at"].as_str().unwrap());
    (at, east_m(item["lon"].as_f64().unwrap()), item["speed_mps"].as_f64().unwrap())
}

/// SECTOR-6
#[test]
fn a_sectors_limit_holds_in_places_of_its_kind() {
    let server = Server::start(Serve::default());
    let http = server.http(&tenant(&server, "city", "ride-hail"));
    http.put(&path("map"), &serde_json::to_vec(&site::network()).unwrap(), "application/json").ok();
    let document = http.get("/v1/openapi.json").ok();
    let seconds = || {
        let ends = [crossing(0, 0), crossing(3, 0)].map(|(east, north)| site::at(east, north));
        let route = json!({ "kind": "passenger", "origin": ends[0], "destination": ends[1] });
        let found = http.post(&path("routes"), &route).ok();
        (found["duration_ms"].as_f64().unwrap() / 1_000.0, found["binding"].clone())
    };
    let (free_s, _) = seconds();
    limit(&http, 0.1, None).problem(400, "INVALID_REQUEST");
    limit(&http, 8.0, Some("School zone")).problem(400, "INVALID_REQUEST");
    let made = limit(&http, 10.0, Some("school-zone"));
    openapi::hold(&document, "post", "/v1/sites/{site}/speed-limits", &made);
    let id = made.ok()["id"].as_str().unwrap().to_owned();
    let (drawn_s, binding) = seconds();
    assert!(binding.as_array().unwrap().contains(&json!("school-zone")), "{binding}");
    http.post("/v1/sectors/ride-hail/activate", &json!({ "reason": "a day in the city" })).ok();
    let (of_sector_s, _) = seconds();
    // The street there is 300 m long; the sector wants 6.9 m/s before schools.
    let slower = [
        drawn_s - free_s - (300.0 / 10.0 - 300.0 / (50.0 / 3.6)),
        of_sector_s - drawn_s - (300.0 / 6.9 - 300.0 / 10.0),
    ];
    assert!(slower.iter().all(|off_s| off_s.abs() < 2.0), "{free_s} {drawn_s} {of_sector_s}");
    let listed = http.get(&path("speed-limits"));
    openapi::hold(&document, "get", "/v1/sites/{site}/speed-limits", &listed);
    assert_eq!(listed.ok()["items"][0]["place"], "school-zone");
    http.delete(&path(&format!("restrictions/{id}"))).ok();
    assert!((seconds().0 - free_s).abs() < 0.5);
    assert_eq!(http.get(&path("speed-limits")).ok()["items"], json!([]));
}
