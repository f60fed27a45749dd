//! What the table of roles lets people do, policy lets them do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use kernel::Role;
use serde_json::{Value, json};
use support::World;
use support::site::{self, crossing};
use support::world::{passenger, square};

const HOLD: &str = r#"{ "kind": "grounded", "timing": "now", "reason": "a look at the brakes" }"#;

#[test]
fn who_places_a_hold_releases_it_and_nobody_else_does() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let holds = format!("/v1/vehicles/{vehicle}/holds");
    for role in ["administrator", "dispatcher", "safety_officer", "technician"] {
        let (owner, other) = (world.principal(role, "owner"), world.principal(role, "other"));
        let hold = owner.post(&holds, &serde_json::from_str::<Value>(HOLD).unwrap());
        assert_eq!(hold.status, 201, "{role}: {}", hold.body);
        let hold = format!("{holds}/{}", hold.body["id"].as_str().unwrap());
        other.delete(&hold).problem(403, "POLICY_VIOLATION");
        owner.delete(&hold).ok();
    }
    world
        .principal("viewer", "screen")
        .post(&holds, &serde_json::from_str::<Value>(HOLD).unwrap())
        .problem(403, "FORBIDDEN");
}

/// The matrix of docs/guides/people.md, as the server keeps it: each operation refuses each role that it does not name, and
/// none that it does. Nothing that is named here exists, so that whoever is let in changes nothing.
#[test]
fn every_role_is_let_into_its_operations_and_no_others() {
    let world = World::new();
    let openapi = world.http.get("/v1/openapi.json").ok();
    let methods = |item: &Value| item.as_object().unwrap().clone();
    let mut refused = 0;
    for role in Role::ALL {
        let http = world.principal(role.as_str(), "one of each");
        let may = http.get("/v1/session").ok()["may"].as_array().unwrap().clone();
        for (path, item) in openapi["paths"].as_object().unwrap() {
            for (method, operation) in methods(item) {
                // These two never end by themselves, and who signs out is not let in again.
                if operation["security"] == json!([])
                    || matches!(path.as_str(), "/v1/events" | "/v1/positions" | "/ofrep/v1/events")
                {
                    continue;
                }
                let path = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
                let path = path.collect::<Vec<_>>().join("/");
                let body = (method != "get" && method != "delete").then_some(&b"{}"[..]);
                let answer = http.send(&method.to_uppercase(), &path, body, &[]).unwrap();
                let is_refused = answer.status == 403 && answer.body["code"] == "FORBIDDEN";
                let is_named = may.contains(&operation["operationId"]);
                assert_eq!(is_refused, !is_named, "{role} {method} {path}: {} {}", answer.status, answer.body);
                refused += usize::from(is_refused);
            }
        }
    }
    assert!(refused > 100, "only {refused} refusals");
}

#[test]
fn the_same_refusal_of_trips_is_journaled_once_and_names_that_decision() {
    let world = World::new();
    let mut haul = passenger(crossing(0, 0), crossing(1, 1));
    (haul["kind"], haul["requirements"]) = (json!("haul"), json!({ "payload_kg": 5.0 }));
    let refused = || {
        let answer = world.http.post("/v1/trips", &haul).problem(403, "POLICY_VIOLATION");
        answer["decision"]["id"].as_str().unwrap().to_owned()
    };
    let told: Vec<String> = (0..3).map(|_| refused()).collect();
    let kept = |entry: &Value| entry["event"]["body"]["verdict"] == "deny";
    let kept: Vec<Value> = world.entries_of("policy.decided").into_iter().filter(kept).collect();
    assert_eq!(kept.len(), 1, "{kept:#?}");
    assert!(told.iter().all(|id| kept[0]["event"]["body"]["id"] == id.as_str()), "{told:?}");
}

#[test]
fn who_stopped_in_a_hurry_says_why_afterwards() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let dispatcher = world.principal("dispatcher", "desk");
    let stop = json!({ "class": "now", "reason": "stopped from the page" });
    let stop = dispatcher.post(&format!("/v1/vehicles/{vehicle}/stop"), &stop).ok()["stop"].clone();
    let (explain, why) =
        (format!("/v1/vehicles/{vehicle}/explain"), json!({ "stop": stop, "reason": "a person on the road" }));
    world.principal("viewer", "screen").post(&explain, &why).problem(403, "FORBIDDEN");
    dispatcher.post(&explain, &why).ok();
    let known = world.http.get(&format!("/v1/vehicles/{vehicle}")).ok();
    assert_eq!((&known["stop"]["reason"], &known["stop"]["id"]), (&why["reason"], &stop));
    let said = |event: &str| world.entries_of(event).pop().unwrap()["event"]["body"]["reason"].clone();
    assert_eq!(said("vehicle.stop_ordered"), "stopped from the page", "the journal keeps what was said first");
    assert_eq!(said("vehicle.stop_explained"), "a person on the road");
    dispatcher.post(&explain, &json!({ "stop": stop, "reason": " " })).problem(400, "INVALID_REQUEST");
}

#[test]
fn a_safety_officer_clears_a_stop_and_lifts_a_closure() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let officer = world.principal("safety_officer", "officer");
    let stop = json!({ "class": "now", "reason": "smoke" });
    let stop = officer.post(&format!("/v1/vehicles/{vehicle}/stop"), &stop).ok()["stop"].clone();
    officer.post(&format!("/v1/vehicles/{vehicle}/clear"), &json!({ "stop": stop })).ok();
    let decided = world.entries_of("policy.decided").pop().unwrap()["event"]["body"].clone();
    assert_eq!(
        (&decided["action"], &decided["resource"]),
        (&json!("stop.clear"), &json!(format!("vehicle/{vehicle}")))
    );
    assert_eq!(decided["about"], json!([]), "no trip is told of: {decided:#}");
    let closure = json!({ "class": "no_entry", "polygon": square(450.0, 450.0, 20.0), "reason": "smoke" });
    let site = format!("/v1/sites/{}", site::NAME);
    let closure = officer.post(&format!("{site}/closures"), &closure);
    officer.delete(&format!("{site}/restrictions/{}", closure.body["id"].as_str().unwrap())).ok();
}
