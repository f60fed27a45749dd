//! TRIP-1 … TRIP-9: one trip from request to completion, through the public surface, with agents of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::World;
use support::site::{self, BLOCK_M, crossing};
use support::time::us;
use support::world::{FAST, passenger};

fn decisions<'a>(entries: &'a [Value], action: &'a str) -> impl Iterator<Item = &'a Value> {
    entries
        .iter()
        .map(|entry| &entry["event"])
        .filter(move |event| event["type"] == "policy.decided" && event["body"]["action"] == action)
}

#[test]
fn trip_1_each_bad_field_is_named_and_nothing_changes() {
    let world = World::new();
    let before = world.journal_size();
    let body = json!({
        "site": site::NAME, "kind": "passenger",
        "origin": { "lat": 95.0, "lon": -71.25 }, "destination": { "lat": -29.9, "lon": 200.0 },
        "requirements": { "passengers": 1, "payload_kg": -4.0 },
    });
    let problem = world.http.post("/v1/trips", &body).problem(400, "INVALID_REQUEST");
    let errors = problem["errors"].as_array().unwrap();
    let mut fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["/destination/lon", "/origin/lat", "/requirements/payload_kg"], "{problem:#}");
    assert!(errors.iter().all(|error| error["message"].as_str().is_some_and(|message| !message.is_empty())));
    assert_eq!(world.journal_size(), before);
    assert_eq!(world.http.get("/v1/trips").ok()["items"], json!([]));
}

#[test]
fn trip_2_policy_is_asked_with_the_trips_context_before_the_trip_is() {
    let world = World::new();
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let entries = world.entries(0);
    let of_trip: Vec<&Value> =
        entries.iter().map(|entry| &entry["event"]).filter(|event| event["stream"] == format!("trip/{trip}")).collect();
    assert_eq!(of_trip[0]["type"], "policy.decided", "{:#}", of_trip[0]);
    assert_eq!(of_trip[0]["body"]["action"], "trip.request");
    let asked = of_trip[0].to_string();
    for fact in ["passengers", "distance_m", "closed_at_stops", "required_capabilities"] {
        assert!(asked.contains(fact), "{fact} is not among the facts: {asked}");
    }
    // The constraints that the answer carries: ride-hail's 25 m/s is tighter than the base's 33.3.
    assert!(asked.contains("max_speed_mps"), "{asked}");
    assert_eq!(of_trip[1]["type"], "trip.created", "{:#}", of_trip[1]);
    assert_eq!(of_trip[1]["decision_id"], of_trip[0]["decision_id"]);
    assert!(of_trip[1]["decision_id"].is_string());
}

#[test]
fn trip_3_a_denied_trip_is_logged_with_its_reasons_and_does_not_exist() {
    let world = World::new();
    let before = world.journal_size();
    let mut body = passenger(crossing(0, 0), crossing(3, 3));
    body["kind"] = json!("haul");
    body["requirements"] = json!({ "payload_kg": 100.0 });
    let problem = world.http.post("/v1/trips", &body).problem(403, "POLICY_VIOLATION");
    let reasons = problem["decision"]["reasons"].as_array().unwrap();
    let haul = reasons.iter().find(|reason| reason["policy_id"] == "ride-hail.trip.haul").unwrap();
    assert_eq!(haul["text"], "Passenger service has no trips of kind haul");
    assert_eq!(world.http.get("/v1/trips").ok()["items"], json!([]));
    let entries = world.entries(before);
    let denied = decisions(&entries, "trip.request").next().expect("the denial is in the journal");
    assert!(denied["stream"].as_str().unwrap().starts_with("request/"), "{denied:#}");
    assert!(denied.to_string().contains("ride-hail.trip.haul"), "{denied:#}");
    assert_eq!(entries.len(), 1, "{entries:#?}");
}

#[test]
fn trip_4_an_allowed_trip_is_stored_at_once_and_goes_on_without_its_caller() {
    let mut world = World::new();
    let answer = world.ask(crossing(0, 0), crossing(1, 0));
    assert_eq!((answer.status, answer.body["status"].as_str()), (201, Some("CREATED")), "{}", answer.body);
    let trip = answer.body["id"].as_str().unwrap().to_owned();
    // Nobody can take it yet: it waits and says why, across a crash.
    world.until_trip(&trip, "waiting and saying why", |trip| trip["status"] == "WAITING" && trip["wait"].is_object());
    world.server.kill();
    world.server.start_again();
    world.vehicle(crossing(0, 0), FAST);
    world.until_status(&trip, &["COMPLETED"]);
}

#[test]
fn trip_5_the_route_keeps_to_the_constraints_and_says_which_one_bound() {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    // The street straight between the two crossings is closed; around the block it is three times as long.
    let polygon = [(100.0, -40.0), (200.0, -40.0), (200.0, 40.0), (100.0, 40.0)].map(|(e, n)| site::at(e, n));
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": "works" });
    let path = format!("/v1/sites/{}/closures", site::NAME);
    let closed = world.http.post(&path, &closure);
    assert_eq!(closed.status, 201, "{}", closed.body);
    let trip = world.trip(crossing(0, 0), crossing(1, 0));
    world.until_status(&trip, &["DISPATCHED", "TO_PICKUP", "AT_PICKUP", "ON_TRIP", "AT_DROPOFF", "COMPLETED"]);
    let route = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    let distance_m = route["distance_m"].as_f64().unwrap();
    assert!((distance_m - 3.0 * BLOCK_M).abs() < 30.0, "{distance_m} m: {route:#}");
    assert!(route["route"].is_string() && route["duration_ms"].as_u64().unwrap() > 30_000, "{route:#}");
    assert!(route["points"].as_array().unwrap().len() >= 4, "{route:#}");
    let history = world.history(&trip);
    let calculated = history.iter().find(|step| step["event"] == "trip.route_found").unwrap().to_string();
    assert!(calculated.contains(closed.body["id"].as_str().unwrap()), "the closure is not named: {calculated}");
}

#[test]
fn trip_6_the_vehicles_that_wait_together_are_assigned_best() {
    let mut world = World::new();
    // Greedy would send the near vehicle to the first trip and leave the second one the whole town to cross.
    let near = world.ready_vehicle(crossing(1, 0), 5.0);
    let far = world.ready_vehicle(crossing(3, 0), 5.0);
    let held = world.ready_vehicle(crossing(0, 0), 5.0);
    let hold = json!({ "kind": "cleaning", "timing": "now", "reason": "dust" });
    assert_eq!(world.command(held, "holds", &hold).status, 201);
    world.until_vehicle(held, "held", |vehicle| vehicle["ready"] == false);
    let beside_near = world.trip(crossing(1, 0), crossing(1, 3));
    let beside_far = world.trip(crossing(3, 0), crossing(3, 3));
    let assigned = |trip: &str| world.until_trip(trip, "assigned", |trip| trip["vehicle"].is_string());
    assert_eq!(assigned(&beside_near)["vehicle"], world.vehicle_id(near));
    assert_eq!(assigned(&beside_far)["vehicle"], world.vehicle_id(far));
    // The held vehicle stood at the origin all the time; the third trip waits and names what forbids it.
    let third = world.trip(crossing(0, 0), crossing(0, 3));
    let waits = world.until_trip(&third, "waiting with its reason", |trip| {
        trip["status"] == "WAITING" && trip["wait"].to_string().contains("base.assignment")
    });
    assert!(waits["vehicle"].is_null(), "{waits:#}");
    // After assignment the route is that vehicle's own, and names the map and the policy.
    let route = world.until("the vehicle's own route", || {
        let answer = world.http.get(&format!("/v1/trips/{beside_near}/route"));
        if answer.status == 200 && answer.body["policy_digest"].is_string() {
            Ok(answer.body)
        } else {
            Err(answer.body)
        }
    });
    let map = world.http.get(&format!("/v1/sites/{}", site::NAME)).ok();
    assert_eq!(route["map_digest"], map["map"]["digest"]);
    let entries = world.entries(0);
    assert!(decisions(&entries, "vehicle.assign").any(|event| event.to_string().contains(&beside_near)));
    world.verify();
}

#[test]
fn trip_7_the_agent_gets_route_and_instructions_and_accepts_with_an_arrival_time() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(2, 2), 5.0);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["DISPATCHED", "TO_PICKUP"]);
    let dispatch = world.until("the dispatch is accepted", || {
        let commands = world.commands(n);
        let dispatch = commands.iter().find(|command| command["kind"] == "dispatch" && command["state"] == "accepted");
        dispatch.cloned().ok_or(json!(commands))
    });
    assert_eq!(dispatch["class"], "permissive");
    assert!(dispatch["expires_at"].as_str().unwrap() > dispatch["issued_at"].as_str().unwrap());
    assert_eq!(dispatch["claim_epoch"], world.trip_now(&trip)["claim_epoch"]);
    let accepted = world.history(&trip).into_iter().find(|step| step["event"] == "trip.dispatched").unwrap();
    let (at, expected_at) = (&accepted["at"], &accepted["body"]["pickup_expected_at"]);
    let eta_us = us(expected_at.as_str().unwrap()) - us(at.as_str().unwrap());
    // 1.2 km at some 50 km/h, five times as fast.
    assert!((10_000_000..60_000_000).contains(&eta_us), "{eta_us} µs: {accepted:#}");
}

#[test]
fn trip_8_progress_and_samples_are_kept_once_and_compliance_is_watched() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 10.0);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let on_trip =
        world.until_trip(&trip, "on its way", |trip| trip["status"] == "ON_TRIP" && trip["progress"].is_object());
    assert_eq!(on_trip["occupied"], true);
    // A connection that breaks in the middle makes late and duplicate reports.
    world.server.kill();
    world.server.start_again();
    world.until_status(&trip, &["COMPLETED"]);
    let telemetry = format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(n));
    let samples = world.until("the samples of the whole trip", || {
        let samples = world.http.get(&telemetry).ok()["items"].as_array().unwrap().clone();
        let of_trip = samples.iter().filter(|sample| sample["trip"] == trip.as_str()).count();
        if of_trip >= 5 { Ok(samples) } else { Err(json!(of_trip)) }
    });
    let mut numbers: Vec<(String, u64)> =
        samples.iter().map(|sample| (sample["boot"].to_string(), sample["seq"].as_u64().unwrap())).collect();
    numbers.sort();
    let sent = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), sent, "a sample is kept twice");
    let first = numbers[0].1;
    assert!(
        numbers.iter().enumerate().all(|(n, (_, seq))| *seq == first + n as u64),
        "a sample is missing: {numbers:?}"
    );
    let watched = world.history(&trip).iter().filter(|step| step["event"] == "trip.compliance_summary").count();
    assert!(watched > 0, "no verdict of compliance: {:?}", world.events(&trip));
    world.verify();
}

/// TRIP-11
#[test]
fn trip_9_a_completed_trip_has_its_summary_and_a_story_with_every_decision() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["COMPLETED"]);
    let history = world.history(&trip);
    let completed = history.iter().find(|step| step["event"] == "trip.completed").unwrap();
    let distance_m = completed["body"]["summary"]["distance_m"].as_f64().unwrap();
    assert!((distance_m - 6.0 * BLOCK_M).abs() < 60.0, "one block to the pickup, five to go: {completed:#}");
    let page = world.http.get(&format!("/v1/trips/{trip}/history?after=0&wait_ms=30000")).ok();
    assert_eq!(page["ended"], true);
    let story = world.http.get(&format!("/v1/trips/{trip}/why")).ok();
    let steps = story["steps"].as_array().unwrap();
    let decided: Vec<&Value> = steps.iter().filter(|step| step["decision"].is_object()).collect();
    assert!(decided.len() >= 2, "request and assignment were decided: {story:#}");
    for policy in ["base.trip.permit", "base.assignment.permit"] {
        assert!(story.to_string().contains(policy), "{policy} is not told: {story:#}");
    }
    let free = world.until_vehicle(n, "ready again", |vehicle| vehicle["ready"] == true);
    assert!(free["claim"].is_null(), "{free:#}");
    // The same story, entry by entry, is provable.
    let event = world.entries_of("trip.completed")[0]["event"]["id"].as_str().unwrap().to_owned();
    let receipt = world.http.get(&format!("/v1/journal/{event}/proof")).ok();
    assert_eq!((receipt["level"].as_str(), receipt["trust"].as_str()), (Some("provable"), Some("self-asserted")));
    world.verify();
}

#[test]
fn trip_10_the_same_key_gives_the_same_answer_and_a_trip_can_be_cancelled() {
    let mut world = World::new();
    let body = passenger(crossing(0, 0), crossing(3, 3));
    let first = world.http.post_once("/v1/trips", &body, "one");
    assert_eq!(first.status, 201);
    assert!(world.http.post_once("/v1/trips", &body, "one").is_same(&first));
    let mut denied = body.clone();
    denied["kind"] = json!("haul");
    denied["requirements"] = json!({});
    let refusal = world.http.post_once("/v1/trips", &denied, "two");
    assert_eq!(refusal.status, 403);
    assert!(world.http.post_once("/v1/trips", &denied, "two").is_same(&refusal));
    world.http.post_once("/v1/trips", &denied, "one").problem(409, "CONFLICT");
    // Cancelled on the way to the pickup: the vehicle stops, leaves the trip and is free again.
    let n = world.vehicle(crossing(3, 3), 4.0);
    let trip = first.body["id"].as_str().unwrap();
    world.until_status(trip, &["TO_PICKUP"]);
    let cancel = format!("/v1/trips/{trip}/cancel");
    world.http.post(&cancel, &json!({ "reason": "changed my mind" })).ok();
    world.until_status(trip, &["CANCELLED"]);
    world.until_vehicle(n, "free", |vehicle| vehicle["ready"] == true && vehicle["claim"].is_null());
    // Asked again it changes nothing; what is done cannot be cancelled.
    let events = world.events(trip);
    assert_eq!(world.http.post(&cancel, &json!({ "reason": "again" })).ok()["status"], "CANCELLED");
    assert_eq!(world.events(trip), events);
    let done = world.trip(crossing(3, 3), crossing(3, 2));
    world.until_status(&done, &["COMPLETED"]);
    let late = format!("/v1/trips/{done}/cancel");
    world.http.post(&late, &json!({ "reason": "too late" })).problem(409, "ILLEGAL_TRANSITION");
}
