//! Security incidents from a copied key to a vehicle that is back, through the public surface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::World;
use support::receiver::Receiver;
use support::security::{present, restored_by_two, until_incident};
use support::server::Serve;
use support::site::crossing;
use support::world::FAST;

/// SEC-1, SEC-2, SEC-3, SEC-4, SEC-6, SEC-7, SEC-8, SAFE-3
#[test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
fn a_copied_key_is_found_contained_looked_into_and_the_vehicle_comes_back() {
    let mut world = World::with(Serve::default().with("--svid-valid-s", 10));
    // The pager is busy at first.
    let (pager, hook) = (Receiver::start(&[429]), Receiver::start(&[]));
    let on_call = json!({
        "levels": [{ "people": ["simon"], "acknowledge_minutes": 5 }],
        "channels": [
            { "name": "pager", "kind": "pager_duty", "url": format!("{}/v2/enqueue", pager.url) },
            { "name": "hook", "kind": "webhook", "url": format!("{}/incidents", hook.url) },
        ],
        "secrets": { "pager": "routing-key-1", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
    });
    let set = world.http.put("/v1/on-call", on_call.to_string().as_bytes(), "application/json").ok();
    assert!(!set.to_string().contains("whsec_") && !set.to_string().contains("routing-key-1"), "{set}");
    let n = world.ready_vehicle(crossing(0, 0), 2.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let copy = world.server.folder.path().join("copy.pem");
    std::fs::copy(world.agents[n].state().join("identity/svid.pem"), &copy).unwrap();
    let serial = |identity: &Value| identity["svids"].clone();
    let first = serial(&world.http.get(&format!("/v1/vehicles/{vehicle}/identity")).ok())[0]["serial"].clone();
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["TO_PICKUP", "AT_PICKUP", "ON_TRIP"]);
    world.until("its certificate was renewed", || {
        let svids = serial(&world.http.get(&format!("/v1/vehicles/{vehicle}/identity")).ok());
        let is_used = |svid: &Value| svid["serial"] != first && svid["first_used_at"].is_string();
        if svids.as_array().unwrap().iter().any(is_used) { Ok(()) } else { Err(svids) }
    });
    present(&world, &copy);

    // Found, stopped, and out when it stands; the journal has why.
    let contained = until_incident(&world, "contained", |incident| incident["status"] == "CONTAINED");
    let id = contained["id"].as_str().unwrap().to_owned();
    assert_eq!((&contained["severity"], &contained["moving"]), (&json!("critical"), &json!(true)), "{contained:#}");
    assert_eq!(contained["subject"], format!("vehicle/{vehicle}"));
    assert_eq!(contained["contained"]["ordered"], json!({ "isolate": true, "revoke": true }));
    assert_eq!(contained["findings"][0]["rule"], "a07_dead_certificate");
    let identity = world.http.get(&format!("/v1/vehicles/{vehicle}/identity")).ok();
    assert_eq!(identity["status"], "revoked");
    assert_eq!(world.vehicle_now(n)["holds"][0]["kind"], "quarantine");
    let asked: Vec<Value> = world.entries_of("policy.decided");
    for action in ["incident.isolate", "incident.revoke"] {
        assert!(asked.iter().any(|entry| entry["event"]["body"]["action"] == action), "{action} was asked by itself");
    }

    // Called: the pager twice, as it was busy, under one key.
    world.until("both channels were told", || {
        let told = (pager.messages().len(), hook.messages().len());
        if told == (2, 1) { Ok(()) } else { Err(json!([told.0, told.1])) }
    });
    let [busy, paged] = [0, 1].map(|at| pager.messages()[at].body());
    assert_eq!((&paged["routing_key"], &paged["event_action"]), (&json!("routing-key-1"), &json!("trigger")));
    assert_eq!(busy["dedup_key"], paged["dedup_key"]);
    let told = hook.messages().remove(0);
    assert_eq!((told.path.as_str(), &told.body()["data"]["incident"]), ("/incidents", &json!(id)));
    assert!(told.header("webhook-signature").starts_with("v1,") && !told.header("webhook-id").is_empty());

    let (simon, sara) = (world.person("simon", &["security_analyst"]), world.person("sara", &["security_analyst"]));
    let path = |verb: &str| format!("/v1/incidents/{id}/{verb}");
    world.principal("dispatcher", "desk").post(&path("acknowledge"), &json!({})).problem(403, "FORBIDDEN");
    let acknowledged = simon.post(&path("acknowledge"), &json!({})).ok();
    assert!(acknowledged["call"]["acknowledged_at"].is_string(), "{acknowledged:#}");
    simon.post(&path("investigate"), &json!({})).ok();
    let timeline = simon.get(&path("timeline")).ok();
    let types: Vec<&str> =
        timeline["entries"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    for wanted in ["identity.refused", "incident.opened", "vehicle.hold_placed", "identity.revoked", "incident.called"]
    {
        assert!(types.contains(&wanted), "{wanted} is not in {types:?}");
    }
    let event = timeline["entries"][0]["event"].as_str().unwrap();
    world.http.get(&format!("/v1/journal/{event}/proof")).ok();

    // Nobody restores it with the old identity, nor before it was looked at.
    let failed = restored_by_two(&world, &id, &simon, &sara);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    let bootstrap = world.bootstrap(&vehicle);
    world.agents[n].kill();
    world.agents[n].start_again_with(&bootstrap);
    simon.post(&path("diagnostics"), &json!({})).ok();
    let looked_at = until_incident(&world, "looked at", |incident| {
        incident["artefacts"].as_array().unwrap().iter().any(|kept| kept["complete"] == true)
    });
    let kept = looked_at["artefacts"].as_array().unwrap().last().unwrap()["sha256"].as_str().unwrap().to_owned();
    let artefact = simon.get(&path(&format!("artefacts/{kept}"))).ok();
    assert!(artefact["text"].as_str().unwrap().contains("\\\"standstill\\\":true"), "{artefact:#}");
    assert!(world.vehicle_now(n)["ready"] == false, "it is kept");
    let done = restored_by_two(&world, &id, &simon, &sara);
    assert_eq!(done["state"], "done", "{done:#}");
    world.until("it may be dispatched again", || {
        let known = world.vehicle_now(n);
        if known["holds"] == json!([]) { Ok(()) } else { Err(known) }
    });
    let report = simon.get(&path("report")).ok();
    for name in ["detected_after_s", "acknowledged_after_s", "contained_after_s", "restored_after_s"] {
        assert!(report[name].is_number(), "{name}: {report:#}");
    }
    assert!(report["text"].as_str().unwrap().contains("a07_dead_certificate"));
    let closed = simon.post(&path("close"), &json!({ "lessons": "its key is in a module now" })).ok();
    assert_eq!(closed["status"], "CLOSED");

    // The same journal gives the same alert.
    let again = simon.get("/v1/detections/replay").ok();
    let alerts = again["alerts"].as_array().unwrap();
    assert!(alerts.iter().any(|alert| alert["alert"] == contained["findings"][0]["alert"]), "{again:#}");
    let rules = simon.get("/v1/detections").ok();
    assert!(
        rules["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| rule["rule"] == "a07_dead_certificate" && rule["hits"] == 1)
    );
    world.verify();
}

/// SEC-5, SEC-7
#[test]
fn what_is_no_emergency_is_watched_told_and_given_to_experts() {
    let world = World::new();
    let hook = Receiver::start(&[]);
    let on_call = json!({
        "levels": [{ "people": ["simon"], "acknowledge_minutes": 5 }],
        "channels": [{ "name": "hook", "kind": "webhook", "url": hook.url }], "secrets": { "hook": "secret" },
    });
    world.http.put("/v1/on-call", on_call.to_string().as_bytes(), "application/json").ok();
    world.person("ana", &["viewer"]);
    let wrong = json!({ "tenant": support::world::TENANT, "email": "ana@mine.example", "password": "wrong" });
    let watched = world.until("an incident", || {
        world.server.http("").post("/v1/session", &wrong);
        let incidents = world.http.get("/v1/incidents").ok();
        match &incidents["items"][0] {
            incident if incident["watch_until"].is_string() => Ok(incident.clone()),
            _ => Err(incidents),
        }
    });
    let id = watched["id"].as_str().unwrap();
    assert_eq!((&watched["severity"], &watched["status"]), (&json!("medium"), &json!("TRIAGED")), "{watched:#}");
    assert!(watched["contained"].is_null());
    world.until("the team was told", || if hook.messages().len() == 1 { Ok(()) } else { Err(json!(0)) });
    let simon = world.principal("security_analyst", "simon");
    let path = |verb: &str| format!("/v1/incidents/{id}/{verb}");
    // A rule takes no access from people, however bad it is; a person does.
    simon.post(&path("severity"), &json!({ "severity": "critical", "reason": "the passwords were leaked" })).ok();
    let waits = until_incident(&world, "waiting", |incident| incident["waits_for_person"].is_string());
    assert!(waits["contained"].is_null(), "{waits:#}");
    simon.post(&path("revoke"), &json!({})).ok();
    until_incident(&world, "contained", |incident| incident["contained"]["revoked_at"].is_string());
    let given = simon.post(&path("escalate"), &json!({ "team": "forensics", "reason": "leaked passwords" })).ok();
    assert_eq!((&given["status"], &given["escalation"]["team"]), (&json!("ESCALATED"), &json!("forensics")));
    world.verify();
}

/// SEC-8
#[test]
fn a_drill_goes_the_same_way_and_takes_nothing_away() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let simon = world.principal("security_analyst", "simon");
    let drill = json!({ "vehicle": vehicle, "severity": "high" });
    let id = simon.post("/v1/drills", &drill).ok()["id"].as_str().unwrap().to_owned();
    let contained = until_incident(&world, "contained", |incident| incident["status"] == "CONTAINED");
    assert_eq!((&contained["id"], &contained["exercise"]), (&json!(id), &json!(true)));
    simon.post("/v1/drills", &drill).problem(409, "CONFLICT");
    let known = world.vehicle_now(n);
    assert_eq!((&known["ready"], &known["holds"]), (&json!(true), &json!([])));
    let path = |verb: &str| format!("/v1/incidents/{id}/{verb}");
    simon.post(&path("acknowledge"), &json!({})).ok();
    simon.post(&path("investigate"), &json!({})).ok();
    assert!(simon.get(&path("report")).ok()["text"].as_str().unwrap().contains("(drill)"));
    let closed = simon.post(&path("close"), &json!({ "lessons": "the pager is too quiet" })).ok();
    assert_eq!(closed["status"], "CLOSED");
    world.verify();
}

/// SEC-6
#[test]
fn a_timeline_of_many_pages_is_whole() {
    let world = World::new();
    let vehicle = world.register("bus-1");
    let tokens = 1_100;
    for _ in 0..tokens {
        world.bootstrap(&vehicle);
    }
    let simon = world.principal("security_analyst", "simon");
    let id = simon.post("/v1/drills", &json!({ "vehicle": vehicle, "severity": "high" })).ok()["id"].clone();
    let timeline = simon.get(&format!("/v1/incidents/{}/timeline", id.as_str().unwrap())).ok();
    let entries = timeline["entries"].as_array().unwrap();
    let issued = entries.iter().filter(|entry| entry["type"] == "identity.join_token_issued").count();
    assert_eq!(issued, tokens);
    world.verify();
}

/// SAFE-14
///
/// A vehicle that is asked for its state and log while it drives drives on, and tells of itself when it stands.
#[test]
fn safe_14_forensic_mode_begins_at_standstill() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 2.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    let simon = world.principal("security_analyst", "simon");
    let drill = simon.post("/v1/drills", &json!({ "vehicle": vehicle, "severity": "high" })).ok();
    let path = |verb: &str| format!("/v1/incidents/{}/{verb}", drill["id"].as_str().unwrap());
    until_incident(&world, "contained", |incident| incident["status"] == "CONTAINED");
    simon.post(&path("acknowledge"), &json!({})).ok();
    simon.post(&path("investigate"), &json!({})).ok();
    simon.post(&path("diagnostics"), &json!({})).ok();
    let artefacts = || world.http.get("/v1/incidents").ok()["items"][0]["artefacts"].as_array().unwrap().clone();
    // It asks for updates each second, and with them for this, several times within these metres.
    let driven = |world: &World| world.newest_sample(n)["odometer_m"].as_f64().unwrap_or_default();
    let asked_at = driven(&world);
    world.until("it drives on", || {
        let now = driven(&world);
        if now > asked_at + 100.0 { Ok(()) } else { Err(json!(now)) }
    });
    assert_eq!(artefacts(), Vec::<Value>::new());
    world.command(n, "stop", &json!({ "class": "nearest_admissible", "reason": "a look at it" })).ok();
    world.until_stands(n);
    let kept = world.until("it has told", || {
        let kept = artefacts();
        if kept.iter().any(|kept| kept["complete"] == true) { Ok(kept) } else { Err(json!(kept)) }
    });
    let digest = kept.last().unwrap()["sha256"].as_str().unwrap();
    let artefact = simon.get(&path(&format!("artefacts/{digest}"))).ok();
    assert!(artefact["text"].as_str().unwrap().contains("\\\"standstill\\\":true"), "{artefact:#}");
    world.verify();
}
