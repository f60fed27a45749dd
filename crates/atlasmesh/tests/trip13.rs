//! TRIP-13 through the public surface, with agents of their own: a vehicle asks, one person takes the request under a
//! lease and answers, the vehicle checks the answer and may refuse. And SAFE-13: what stopped goes on when it is told to.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::{self, BLOCK_M, crossing};
use support::world::{FAST, square};
use support::{Http, World};

/// The vehicle meets something on its way to the drop-off, with its passenger aboard.
const OBSTACLE: [&str; 2] = ["--obstacle-after-m", "150"];

/// A town with a vehicle that meets an obstacle, and the trip on which it stands there.
fn town_with_an_obstacle() -> (World, usize, String) {
    let mut world = World::new();
    let n = world.ready_vehicle_that(crossing(0, 0), FAST, &OBSTACLE);
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&trip, &["AWAITING_ASSIST"]);
    (world, n, trip)
}

fn request(world: &World) -> Value {
    world.until("one request is open", || {
        let page = world.http.get("/v1/assistance").ok();
        let items = page["items"].as_array().unwrap();
        if let [only] = items.as_slice() { Ok(only.clone()) } else { Err(page) }
    })
}

fn path(request: &Value, what: &str) -> String {
    format!("/v1/assistance/{}/{what}", request["id"].as_str().unwrap())
}

fn take(who: &Http, request: &Value) -> u64 {
    who.post(&path(request, "take"), &Value::Null).ok()["lease"]["number"].as_u64().unwrap()
}

fn answer(lease: u64, answer: &str) -> Value {
    json!({ "lease": lease, "answer": answer, "reason": "seen through the camera" })
}

/// Waits for what the vehicle says to the newest answer; the request then.
fn until_spoken(world: &World, request: &Value, state: &str) -> Value {
    world.until(&format!("the vehicle {state} the answer"), || {
        let now = world.http.get(&format!("/v1/assistance/{}", request["id"].as_str().unwrap())).ok();
        let last = now["answers"].as_array().unwrap().last().cloned();
        if last.is_some_and(|last| last["outcome"]["state"] == state) { Ok(now) } else { Err(now) }
    })
}

/// Waits until a stop holds the vehicle no more, by its own word.
fn until_over(world: &World, n: usize, stop: &Value) {
    world.until("the stop is over on the vehicle", || {
        let commands = world.commands(n);
        let over = commands.iter().any(|command| command["id"] == *stop && command["state"] == "done");
        if over { Ok(()) } else { Err(json!(commands)) }
    });
}

/// Waits until a request needs nobody any more; it then.
fn until_done(world: &World, request: &Value) -> Value {
    world.until("the request is done", || {
        let now = world.http.get(&format!("/v1/assistance/{}", request["id"].as_str().unwrap())).ok();
        if now["status"] == "DONE" { Ok(now) } else { Err(now) }
    })
}

#[test]
fn trip_13_a_vehicle_that_meets_an_obstacle_asks_and_one_person_lets_it_go_on() {
    let (world, n, trip) = town_with_an_obstacle();
    let asked = request(&world);
    assert_eq!((&asked["kind"], &asked["trip"]), (&json!("OBSTACLE"), &json!(trip)), "{asked:#}");
    assert_eq!((&asked["vehicle"], &asked["occupied"]), (&json!(world.vehicle_id(n)), &json!(true)), "{asked:#}");
    let shown = world.http.get(&format!("/v1/assistance/{}", asked["id"].as_str().unwrap())).ok();
    assert_eq!(shown["snapshot"]["media_type"], "application/json");
    assert!(shown["snapshot"]["base64"].as_str().unwrap().len() > 100, "{shown:#}");
    let (ada, bob) = (world.principal("dispatcher", "ada"), world.principal("dispatcher", "bob"));
    world.principal("viewer", "screen").post(&path(&asked, "take"), &Value::Null).problem(403, "FORBIDDEN");
    ada.post(&path(&asked, "answer"), &answer(1, "proceed")).problem(409, "CONFLICT");
    let lease = take(&ada, &asked);
    bob.post(&path(&asked, "take"), &Value::Null).problem(409, "CONFLICT");
    bob.post(&path(&asked, "answer"), &answer(lease, "proceed")).problem(409, "CONFLICT");
    ada.post(&path(&asked, "answer"), &answer(lease + 1, "proceed")).problem(409, "CONFLICT");
    let wrong = json!({ "lease": lease, "answer": "fly", "reason": "why not" });
    let problem = ada.post(&path(&asked, "answer"), &wrong).problem(400, "INVALID_REQUEST");
    assert_eq!(problem["errors"][0]["field"], "/answer", "{problem:#}");
    ada.post(&path(&asked, "answer"), &answer(lease, "choose_path")).problem(400, "INVALID_REQUEST");
    // It waits as it is told, and goes on as it is told.
    ada.post(&path(&asked, "answer"), &answer(lease, "wait")).ok();
    until_spoken(&world, &asked, "accepted");
    assert_eq!(world.trip_now(&trip)["status"], "AWAITING_ASSIST");
    ada.post(&path(&asked, "answer"), &answer(lease, "proceed")).ok();
    world.until_status(&trip, &["COMPLETED"]);
    let done = until_done(&world, &asked);
    assert_eq!((&done["status"], &done["closing"]["code"]), (&json!("DONE"), &json!("RESUMED")), "{done:#}");
    bob.post(&path(&asked, "take"), &Value::Null).problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(world.http.get("/v1/assistance").ok()["items"], json!([]));
    // Asked, taken, answered and done are told with the trip, and the decision is the person's.
    let events = world.events(&trip);
    for event in ["assist.asked", "assist.taken", "assist.answered", "assist.accepted", "assist.done"] {
        assert!(events.iter().any(|seen| seen == event), "{event} is missing: {events:?}");
    }
    let why = world.http.get(&format!("/v1/trips/{trip}/why")).ok();
    let step = why["steps"].as_array().unwrap().iter().find(|step| step["body"]["answer"] == "proceed");
    let proceeds = |step: &&Value| step["event"] == "assist.answered" && step["decision"].is_object();
    let decided =
        step.or_else(|| why["steps"].as_array().unwrap().iter().find(proceeds)).expect("a decision behind it");
    assert_eq!(decided["decision"]["action"], "trip.resume", "{decided:#}");
    assert_eq!(decided["actor"]["role"], "dispatcher", "{decided:#}");
    world.verify();
}

#[test]
fn trip_13_a_path_that_a_person_chose_is_the_one_that_is_driven() {
    let (world, n, trip) = town_with_an_obstacle();
    let asked = request(&world);
    let lease = take(&world.http, &asked);
    // A path begins where the vehicle stands, which its samples tell.
    world.until_stands(n);
    // Around by the street one block north.
    let mut wish = answer(lease, "choose_path");
    wish["via"] = json!([site::at(1.0 * BLOCK_M, 1.0 * BLOCK_M), site::at(2.0 * BLOCK_M, 1.0 * BLOCK_M)]);
    let before = world.trip_now(&trip)["route"]["version"].as_u64().unwrap();
    world.http.post(&path(&asked, "answer"), &wish).ok();
    let done = world.until_status(&trip, &["COMPLETED"]);
    assert_eq!(done["route"]["version"].as_u64(), Some(before + 1), "{done:#}");
    let route = world.http.get(&format!("/v1/trips/{trip}/route")).ok();
    let street_lat = site::degrees(0.0, BLOCK_M).0;
    let on_street = |point: &Value| (point["lat"].as_f64().unwrap() - street_lat).abs() < 1e-4;
    assert!(route["points"].as_array().unwrap().iter().any(on_street), "{route:#}");
    // Three blocks east, and one north and south again.
    let driven_m = done["summary"]["distance_m"].as_f64().unwrap();
    assert!(driven_m > 4.5 * BLOCK_M, "{driven_m} m: {done:#}");
    world.verify();
}

#[test]
fn trip_13_an_answer_that_comes_too_late_moves_nothing_and_policy_lets_no_held_vehicle_go_on() {
    let (world, n, trip) = town_with_an_obstacle();
    let asked = request(&world);
    let lease = take(&world.http, &asked);
    let proceed = answer(lease, "proceed");
    let stop = json!({ "class": "nearest_admissible", "reason": "smoke on the road" });
    let stop = world.command(n, "stop", &stop).ok()["stop"].clone();
    world.http.post(&path(&asked, "answer"), &proceed).problem(403, "POLICY_VIOLATION");
    world.command(n, "clear", &json!({ "stop": stop })).ok();
    until_over(&world, n, &stop);
    // The vehicle's computer hangs for longer than an order to go on is valid.
    world.agents[n].process.signal("STOP");
    world.http.post(&path(&asked, "answer"), &proceed).ok();
    let refused = until_spoken(&world, &asked, "refused");
    let outcome = &refused["answers"].as_array().unwrap().last().unwrap()["outcome"];
    assert_eq!(outcome["code"], "NO_ANSWER", "{refused:#}");
    world.agents[n].process.signal("CONT");
    let expired = world.until("the vehicle says that it is too late", || {
        let commands = world.commands(n);
        let late =
            commands.iter().find(|command| command["kind"] == "assist" && command["state"] == "expired").cloned();
        late.ok_or_else(|| json!(commands))
    });
    assert_eq!(expired["class"], "permissive", "{expired:#}");
    assert_eq!(world.trip_now(&trip)["status"], "AWAITING_ASSIST");
    // Heard again, it can be told in time.
    world.until_stands(n);
    world.http.post(&path(&asked, "answer"), &proceed).ok();
    let spoken = world.until_spoken(asked["id"].as_str().unwrap());
    assert_eq!(spoken["outcome"]["state"], "accepted", "{}\n{:#}", world.why(&trip), json!(world.commands(n)));
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

#[test]
fn trip_13_a_trip_that_is_stopped_strands_and_a_person_ends_it() {
    let (world, n, trip) = town_with_an_obstacle();
    let asked = request(&world);
    let lease = take(&world.http, &asked);
    world.http.post(&path(&asked, "answer"), &answer(lease, "send_crew")).ok();
    until_spoken(&world, &asked, "accepted");
    world.http.post(&path(&asked, "answer"), &answer(lease, "stop")).ok();
    world.until_status(&trip, &["STRANDED"]);
    let done = until_done(&world, &asked);
    assert_eq!(done["closing"]["code"], "STRANDED", "{done:#}");
    assert_eq!(done["answers"].as_array().unwrap().last().unwrap()["outcome"]["state"], "accepted", "{done:#}");
    // Its passenger is aboard: it neither goes on, nor to another vehicle, nor away by itself.
    let why = json!({ "reason": "another car took the passenger" });
    world.http.post(&format!("/v1/trips/{trip}/resume"), &why).problem(409, "ILLEGAL_TRANSITION");
    world.http.post(&format!("/v1/trips/{trip}/cancel"), &why).problem(409, "ILLEGAL_TRANSITION");
    world.http.post(&format!("/v1/trips/{trip}/fail"), &why).ok();
    world.until_status(&trip, &["FAILED"]);
    world.until_vehicle(n, "free", |vehicle| vehicle["claim"].is_null());
    world.verify();
}

#[test]
fn trip_13_a_vehicle_that_no_way_led_on_for_goes_on_once_the_road_is_open_again() {
    let mut world = World::new();
    let n = world.ready_vehicle((site::TUNNEL_TO_M, 0.0), 12.0);
    let trip = world.trip((site::TUNNEL_TO_M, 0.0), (site::ROAD_END_M, 0.0));
    world.until_status(&trip, &["ON_TRIP"]);
    let closure = json!({
        "class": "no_entry", "polygon": square(site::ROAD_END_M - 200.0, 0.0, 40.0), "reason": "a burst pipe",
    });
    let closures = format!("/v1/sites/{}/closures", site::NAME);
    let closure = world.http.post(&closures, &closure).ok()["id"].as_str().unwrap().to_owned();
    world.until_status(&trip, &["AWAITING_ASSIST"]);
    let asked = request(&world);
    assert_eq!(asked["kind"], "NO_LEGAL_EXIT", "{asked:#}");
    let lease = take(&world.http, &asked);
    // Another way is looked for from where the vehicle stands, which its samples tell.
    world.until_stands(n);
    world.http.post(&path(&asked, "answer"), &answer(lease, "proceed")).problem(422, "UNROUTABLE");
    world.http.delete(&format!("/v1/sites/{}/restrictions/{closure}", site::NAME)).ok();
    // An open road alone moves nothing (SAFE-13).
    assert_eq!(world.trip_now(&trip)["status"], "AWAITING_ASSIST");
    world.http.post(&path(&asked, "answer"), &answer(lease, "proceed")).ok();
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

#[test]
fn safe_13_what_stopped_goes_on_when_it_is_told_to_and_not_before() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 4.0);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    let resume = format!("/v1/trips/{trip}/resume");
    let why = json!({ "reason": "the smoke is gone" });
    world.http.post(&resume, &why).problem(409, "ILLEGAL_TRANSITION");
    let stop = json!({ "class": "nearest_admissible", "reason": "smoke on the road" });
    let stop = world.command(n, "stop", &stop).ok()["stop"].clone();
    world.until_status(&trip, &["SAFE_STOPPED"]);
    world.http.post(&resume, &why).problem(403, "POLICY_VIOLATION");
    world.command(n, "clear", &json!({ "stop": stop })).ok();
    until_over(&world, n, &stop);
    let (east, north) = world.until_stands(n);
    assert_eq!(world.trip_now(&trip)["status"], "SAFE_STOPPED", "a clearance moves nothing");
    assert_eq!(world.until_stands(n), (east, north));
    assert_eq!(world.http.post(&resume, &why).status, 202);
    world.until_status(&trip, &["ON_TRIP"]);
    world.restart_under_way(n, &trip, FAST);
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}
