//! AuthZEN: what a program of others is told of policy, over HTTP and by a client that is not ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::{self, crossing};
use support::world::tenant;
use support::{Http, World};

const EVALUATION: &str = "/access/v1/evaluation";

/// A question about a thing, by a role.
fn question(role: &str, action: &str, kind: &str, id: &str) -> Value {
    json!({
        "subject": { "type": "role", "id": role }, "action": { "name": action },
        "resource": { "type": kind, "id": id },
    })
}

/// Everything that a request for a trip is decided by.
fn trip_facts() -> Value {
    json!({
        "kind": "passenger", "closed_at_stops": [], "zone_kinds_at_stops": [], "avoided_zones": [], "passengers": 1,
        "payload_kg": 0, "required_capabilities": [], "distance_m": 900,
    })
}

#[track_caller]
fn ask(http: &Http, body: &Value) -> Value {
    http.post(EVALUATION, body).ok()
}

fn hits(found: &Value, member: &str) -> Vec<String> {
    let results = found["results"].as_array().unwrap();
    results.iter().map(|hit| hit[member].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_question_is_answered_with_reasons_and_limits_and_nothing_follows() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let size = world.journal_size();
    // What the server knows by itself suffices, and there is nothing to add.
    let import = question("administrator", "site.import", "site", site::NAME);
    assert_eq!(ask(&world.http, &import), json!({ "decision": true }));
    let mut claims = import;
    claims["resource"]["properties"] = json!({ "trips_open": 7 });
    assert_eq!(ask(&world.http, &claims), json!({ "decision": true }), "the server knows better");
    // What only the caller says makes an answer of it that is advice; whole numbers are decimals too.
    let mut trip = question("dispatcher", "trip.request", "trip", "new");
    trip["resource"]["properties"] = trip_facts();
    trip["context"] = json!({ "time": "2025-06-27T18:03-07:00", "colour": "red" });
    let allowed = ask(&world.http, &trip);
    assert_eq!((&allowed["decision"], &allowed["context"]["evaluation"]), (&json!(true), &json!("advisory")));
    let limits = allowed["context"]["constraints"].as_array().unwrap();
    for (field, operator, value) in [
        ("max_speed_mps", "<=", json!(33.3)),
        ("min_battery_pct", ">=", json!(10.0)),
        ("allowed_modes", "in", json!(["AUTONOMOUS", "REMOTE"])),
    ] {
        let limit = limits.iter().find(|limit| limit["field"] == field && limit["value"] == value);
        assert_eq!(limit.map(|limit| &limit["operator"]), Some(&json!(operator)), "{field}: {allowed:#}");
        assert!(limit.unwrap()["policy_id"].as_str().unwrap().starts_with("base.trip."), "{allowed:#}");
    }
    assert!(limits.iter().all(|limit| limit["value"] != json!([])), "{allowed:#}");
    // A denial says which rule, for both readers.
    trip["resource"]["properties"]["closed_at_stops"] = json!(["quarry road"]);
    let denied = ask(&world.http, &trip);
    let context = &denied["context"];
    assert_eq!((&denied["decision"], &context["evaluation"]), (&json!(false), &json!("advisory")));
    assert_eq!(context["reason"], context["reasons"][0]);
    assert!(context["reason_admin"]["en"].as_str().unwrap().contains(context["reason"].as_str().unwrap()));
    assert!(context["reason_user"]["en"].is_string() && context["decision_id"].is_string(), "{denied:#}");
    // What is missing is not guessed, and what is of a wrong type is missing.
    trip["resource"]["properties"] = json!({ "kind": 7 });
    assert_eq!(ask(&world.http, &trip)["decision"], false);
    for (role, action, kind, id, reason) in [
        ("viewer", "site.import", "site", site::NAME, "builtin.no-permit"),
        ("nobody", "site.import", "site", site::NAME, "access.unknown-subject"),
        ("administrator", "fly", "site", site::NAME, "access.unknown-action"),
        ("administrator", "site.import", "", "", "access.unknown-resource"),
    ] {
        let denied = ask(&world.http, &question(role, action, kind, id));
        assert_eq!((&denied["decision"], &denied["context"]["reason"]), (&json!(false), &json!(reason)), "{denied:#}");
    }
    // A thing of another kind than the action is about is denied too.
    assert_eq!(ask(&world.http, &question("administrator", "site.import", "vehicle", &vehicle))["decision"], false);
    assert_eq!(world.journal_size(), size, "no answer is in the journal");
}

#[test]
fn what_the_server_knows_goes_before_what_is_said() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let mut clear = question("dispatcher", "stop.clear", "vehicle", &vehicle);
    clear["resource"]["properties"] = json!({ "holds": ["lockout"] });
    clear["context"] = json!({ "ordered_by_another": false, "second_person": false });
    assert_eq!(ask(&world.http, &clear)["decision"], true, "it has no hold");
    let hold = json!({ "kind": "grounded", "timing": "now", "reason": "a look at the brakes" });
    assert_eq!(world.http.post(&format!("/v1/vehicles/{vehicle}/holds"), &hold).status, 201);
    clear["resource"]["properties"] = json!({ "holds": [] });
    let denied = ask(&world.http, &clear);
    assert_eq!(denied["context"]["reason"], "base.stop-clear.no-hold", "{denied:#}");
    // Of a vehicle that nobody has, what is said is all that there is.
    clear["resource"]["id"] = json!("vh_none");
    assert_eq!(ask(&world.http, &clear)["decision"], true);
    // Another tenant's is one that nobody has.
    let stranger = world.server.http(&tenant(&world.server, "other-cars", "ride-hail"));
    clear["resource"]["id"] = json!(vehicle);
    assert_eq!(ask(&stranger, &clear)["decision"], true, "it learns nothing of the hold");
}

#[test]
fn a_principal_is_asked_about_by_id_in_the_roles_that_it_has() {
    let world = World::new();
    let program = world.http.post("/v1/principals", &json!({ "role": "dispatcher", "name": "yard" })).ok();
    world.person("ada", &["viewer", "administrator"]);
    let ada = world.http.get("/v1/users").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    let import = |subject: Value| {
        let mut body = question("", "site.import", "site", site::NAME);
        body["subject"] = subject;
        ask(&world.http, &body)
    };
    let program = program["id"].as_str().unwrap();
    assert_eq!(import(json!({ "type": "principal", "id": program }))["context"]["reason"], "builtin.no-permit");
    let said = json!({ "type": "principal", "id": program, "properties": { "role": "administrator" } });
    assert_eq!(import(said)["decision"], false, "a role that it does not have is not taken from the caller");
    assert_eq!(import(json!({ "type": "principal", "id": ada })), json!({ "decision": true }));
    let as_viewer = json!({ "type": "principal", "id": ada, "properties": { "role": "viewer" } });
    assert_eq!(import(as_viewer)["decision"], false);
    let everybody = json!({ "subject": { "type": "principal", "id": "ignored" }, "action": { "name": "site.import" },
        "resource": { "type": "site", "id": site::NAME } });
    let found = hits(&world.http.post("/access/v1/search/subject", &everybody).ok(), "id");
    assert!(found.contains(&ada) && !found.iter().any(|id| id == program), "{found:?}");
    // Whoever lost its access is nobody.
    world.http.delete(&format!("/v1/principals/{program}")).ok();
    let gone = import(json!({ "type": "principal", "id": program }));
    assert_eq!(gone["context"]["reason"], "access.unknown-subject");
    for unknown in [json!({ "type": "principal", "id": "pr_x" }), json!({ "type": "user", "id": ada })] {
        assert_eq!(import(unknown)["context"]["reason"], "access.unknown-subject");
    }
}

#[test]
fn a_batch_and_searches_ask_the_same() {
    let world = World::new();
    let vehicles: Vec<String> = ["car-1", "car-2", "car-3"].iter().map(|name| world.register(name)).collect();
    let hold = json!({ "kind": "grounded", "timing": "now", "reason": "a look at the brakes" });
    assert_eq!(world.http.post(&format!("/v1/vehicles/{}/holds", vehicles[1]), &hold).status, 201);
    let mut batch = question("dispatcher", "stop.clear", "vehicle", "");
    batch["context"] = json!({ "ordered_by_another": false, "second_person": false });
    let items = vehicles.iter().map(|id| json!({ "resource": { "type": "vehicle", "id": id } }));
    batch["evaluations"] = items.chain([json!({ "resource": 7 })]).collect();
    let answers = |batch: &Value| {
        let answer = world.http.post("/access/v1/evaluations", batch).ok();
        answer["evaluations"].as_array().unwrap().iter().map(|one| one["decision"] == true).collect::<Vec<_>>()
    };
    assert_eq!(answers(&batch), [true, false, true, false]);
    for (semantic, expected) in [("deny_on_first_deny", &[true, false][..]), ("permit_on_first_permit", &[true])] {
        batch["options"] = json!({ "evaluations_semantic": semantic });
        assert_eq!(answers(&batch), expected);
    }
    batch["evaluations"] = json!([]);
    assert!(world.http.post("/access/v1/evaluations", &batch).ok()["decision"].is_boolean());
    // Searches find what the batch permits; the id of what is searched is ignored.
    let mut search = batch;
    search["resource"] = json!({ "type": "vehicle", "id": vehicles[1] });
    let mut free = vec![vehicles[0].clone(), vehicles[2].clone()];
    free.sort();
    assert_eq!(hits(&world.http.post("/access/v1/search/resource", &search).ok(), "id"), free);
    search["page"] = json!({ "limit": 1 });
    let (mut pages, mut all) = (0, Vec::new());
    loop {
        let found = world.http.post("/access/v1/search/resource", &search).ok();
        all.extend(hits(&found, "id"));
        pages += 1;
        search["page"]["token"] = found["page"]["next_token"].clone();
        if search["page"]["token"] == "" || pages > 5 {
            break;
        }
    }
    assert_eq!(all, free);
    search["subject"] = json!({ "type": "role" });
    search["page"] = json!({});
    search["resource"] = json!({ "type": "vehicle", "id": vehicles[0] });
    let roles = hits(&world.http.post("/access/v1/search/subject", &search).ok(), "id");
    assert_eq!(roles, ["administrator", "dispatcher", "safety_officer"]);
    search["subject"] = json!({ "type": "role", "id": "dispatcher" });
    let actions = hits(&world.http.post("/access/v1/search/action", &search).ok(), "name");
    assert!(actions.contains(&"stop.clear".to_owned()) && !actions.contains(&"site.import".to_owned()), "{actions:?}");
    let trip = world.trip(crossing(0, 0), crossing(1, 1));
    let trips = json!({ "subject": { "type": "role", "id": "dispatcher" }, "action": { "name": "trip.resume" },
        "resource": { "type": "trip" }, "context": { "holds": [], "mode": "AUTONOMOUS" } });
    assert_eq!(hits(&world.http.post("/access/v1/search/resource", &trips).ok(), "id"), [trip]);
    for (kind, member) in [("spaceship", "resource"), ("incident", "resource")] {
        let mut none = trips.clone();
        none[member]["type"] = json!(kind);
        assert_eq!(world.http.post("/access/v1/search/resource", &none).ok()["results"], json!([]));
    }
}

#[test]
fn what_is_wrong_is_400_and_who_may_not_ask_is_403() {
    let world = World::new();
    let good = question("administrator", "site.import", "site", site::NAME);
    for member in ["subject", "action", "resource"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(member);
        let told = world.http.post(EVALUATION, &body).problem(400, "INVALID_REQUEST");
        assert_eq!(told["errors"][0]["field"], format!("/{member}"));
        body[member] = json!("alice");
        world.http.post(EVALUATION, &body).problem(400, "INVALID_REQUEST");
        body[member] = json!({});
        world.http.post(EVALUATION, &body).problem(400, "INVALID_REQUEST");
    }
    let send = |body: &[u8], kind: &str| {
        world.http.send("POST", EVALUATION, Some(body), &[("content-type", kind), ("x-request-id", "mine-7")]).unwrap()
    };
    let text = good.to_string();
    for (body, kind) in [
        (text.as_bytes(), "text/plain"),
        (text.as_bytes(), "application/x-www-form-urlencoded"),
        (&b""[..], "application/json"),
        (&b"{"[..], "application/json"),
    ] {
        let answer = send(body, kind);
        assert_eq!(answer.header("x-request-id"), Some("mine-7"));
        answer.problem(400, "INVALID_REQUEST");
    }
    let answer = send(text.as_bytes(), "application/json; charset=utf-8");
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("mine-7")));
    assert_eq!(answer.headers.iter().filter(|(name, _)| name == "x-request-id").count(), 1);
    assert!(world.http.post(EVALUATION, &good).header("x-request-id").is_some());
    for (role, status) in
        [("safety_officer", 200), ("auditor", 200), ("dispatcher", 403), ("viewer", 403), ("regulator", 403)]
    {
        let answer = world.principal(role, "asks").post(EVALUATION, &good);
        assert_eq!(answer.status, status, "{role}");
    }
    world.server.http("").post(EVALUATION, &good).problem(401, "UNAUTHENTICATED");
    assert_eq!(world.person("eve", &["auditor"]).post(EVALUATION, &good).status, 200);
}

#[test]
fn the_metadata_names_the_address_that_was_asked() {
    let world = World::new();
    let well_known = "/.well-known/authzen-configuration";
    let metadata = world.server.http("").get(well_known).ok();
    let base = metadata["policy_decision_point"].as_str().unwrap();
    assert_eq!(base, world.server.url.trim_end_matches('/'));
    assert_eq!(metadata["access_evaluation_endpoint"], format!("{base}{EVALUATION}"));
    let behind = world.server.http("").send("GET", well_known, None, &[("x-forwarded-proto", "https")]).unwrap().ok();
    assert!(behind["search_action_endpoint"].as_str().unwrap().starts_with("https://"));
}
