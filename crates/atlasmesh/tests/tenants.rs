//! Every operation of the API, called by a stranger with a tenant's ids and by the tenant itself: the stranger learns and
//! changes nothing, and every answer is what the OpenAPI says. An operation without a row here fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the row that failed is the last one printed")]

mod support;
mod tenants_rows;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support::authority;
use support::furnish::{self, CANARY, evidence, incident, maintained, people_and_approvals};
use support::live::Frame;
use support::site::{self, crossing};
use support::world::{FAST, passenger, profile, square, tenant};
use support::{Answer, Http, World, openapi};
use tenants_rows::{Stranger, TENANT, area_of_town, is_refused_here, place_of_town, rows};

/// The tenant with one of everything, named and reasoned with canaries; the ids of it all.
#[expect(clippy::too_many_lines, reason = "one of everything")]
fn furnished() -> (World, BTreeMap<&'static str, String>) {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 1.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(3, 3), crossing(0, 3));
    world.until_trip(&trip, "on its way", |trip| trip["vehicle"] == vehicle.as_str() && trip["route"].is_object());
    let http = world.http.clone();
    let made = |path: &str, body: Value, id: &str| http.post(path, &body).ok()[id].as_str().unwrap().to_owned();
    let polygon = square(450.0, 450.0, 20.0);
    let site = format!("/v1/sites/{}", site::NAME);
    let restriction =
        made(&format!("{site}/zones"), json!({ "name": CANARY, "kind": "avoided", "polygon": polygon }), "id");
    let closure = json!({ "class": "no_entry", "polygon": square(850.0, 450.0, 20.0), "reason": CANARY });
    made(&format!("{site}/closures"), closure, "id");
    let spare = made("/v1/vehicles", profile(CANARY), "id");
    let principal = made("/v1/principals", json!({ "role": "viewer", "name": CANARY }), "id");
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": CANARY });
    let hold = made(&format!("/v1/vehicles/{vehicle}/holds"), hold, "id");
    let stop = json!({ "class": "now", "reason": CANARY });
    let stop = made(&format!("/v1/vehicles/{vehicle}/stop"), stop, "stop");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    // Another one stands before something that it asks about.
    let asking = world.ready_vehicle_that(crossing(0, 0), FAST, &["--obstacle-after-m", "100"]);
    let updated = world.vehicle_id(asking).to_owned();
    let standing_trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&standing_trip, &["AWAITING_ASSIST"]);
    let assistance = world.until("it asks", || {
        let open = world.http.get("/v1/assistance").ok();
        open["items"][0]["id"].as_str().map(str::to_owned).ok_or(open)
    });
    let maintained = maintained(&mut world);
    let incident = incident(&world, &maintained[0].1);
    let evidence = evidence(&world, &spare);
    let standing = json!({ "trip": passenger(crossing(1, 1), crossing(2, 2)), "goal": { "trips": 1 } });
    let standing = made("/v1/standing-orders", standing, "id");
    let event = world.entries(0)[0]["event"]["id"].as_str().unwrap().to_owned();
    let site = site::NAME.to_owned();
    let tenant = TENANT.to_owned();
    let verification = made("/v1/journal/verify", json!({}), "id");
    let (release, _) = world.release("canary-os", 10, true);
    let by_person = json!({ "soak_s": 0, "advance": "person" });
    let stages = json!([by_person, { "share_ppm": 1_000_000, "soak_s": 0, "advance": "person" }]);
    let rollout = world.plan(&release, &[&spare], json!({ "stages": stages }));
    world.start_rollout(&world.plan(&release, &[&updated], json!({})));
    world.until("an update is scheduled", || {
        let shown = world.updates_of(&updated);
        if shown["current"]["number"] == 1 { Ok(()) } else { Err(shown) }
    });
    let people = people_and_approvals(&world, &spare);
    let policies = furnish::policies(&world);
    let place = made("/v1/places", place_of_town(), "id");
    let area = made("/v1/service-areas", area_of_town(), "id");
    let ids = [
        ("release", release),
        ("rollout", rollout),
        ("updated", updated),
        ("number", "1".to_owned()),
        ("sha256", support::updates::sha256(&support::updates::image("canary-os", true, 3_000_000))),
        ("verification", verification),
        ("vehicle", vehicle),
        ("trip", trip),
        ("standing_trip", standing_trip),
        ("assistance", assistance),
        ("standing", standing),
        ("site", site),
        ("restriction", restriction),
        ("principal", principal),
        ("hold", hold),
        ("stop", stop),
        ("event", event),
        ("tenant", tenant),
        // The tile that the town lies in.
        ("zoom", "14".to_owned()),
        ("x", "4949".to_owned()),
        ("y", "9618.mvt".to_owned()),
        // Each tenant's journal has a first entry.
        ("tile", "entries/000.p/1".to_owned()),
        ("code", "NOT_FOUND".to_owned()),
        ("part", "pump-7".to_owned()),
        ("place", place),
        ("area", area),
        ("blast", "blast_none".to_owned()),
        ("job", "job_none".to_owned()),
        ("kind", "vehicle".to_owned()),
        ("id", spare),
    ];
    (world, ids.into_iter().chain(policies).chain(people).chain(maintained).chain(incident).chain(evidence).collect())
}

fn filled(text: &str, ids: &BTreeMap<&str, String>) -> String {
    ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
}

fn call(http: &Http, method: &str, path: &str, body: &Value, ids: &BTreeMap<&str, String>) -> Answer {
    let body = (!body.is_null()).then(|| filled(&body.to_string(), ids));
    let headers = [("content-type", "application/json")];
    http.send(&method.to_uppercase(), &filled(path, ids), body.as_deref().map(str::as_bytes), &headers).unwrap()
}

/// Whoever asks for the release of a hold or the end of a stop is another than who placed it; and what ends an identity ends
/// that of a vehicle that nothing else needs.
fn with_hold(ids: &BTreeMap<&'static str, String>, path: &str) -> BTreeMap<&'static str, String> {
    let mut ids = ids.clone();
    if path.ends_with("/release") {
        ids.insert("hold", ids["others_hold"].clone());
        ids.insert("vehicle", ids["spare"].clone());
    }
    if path.contains("/stops/") {
        ids.insert("stop", ids["others_stop"].clone());
    }
    if path.starts_with("/v1/policy-drafts/") {
        ids.insert("draft", ids["policy_draft"].clone());
    }
    if path.ends_with("/evidence") {
        ids.insert("vehicle", ids["updated"].clone());
    }
    for (verb, order) in [("/return", "repaired"), ("/reopen", "doubted"), ("/cancel", "superfluous")] {
        if path.contains("/work-orders/") && path.ends_with(verb) {
            ids.insert("order", ids[order].clone());
        }
    }
    if path.starts_with("/v1/evidence/reports/")
        && ["/values", "/sign", "/submit"].iter().any(|verb| path.ends_with(verb))
    {
        ids.insert("report", ids["draft"].clone());
    }
    if path.contains("/artefacts/") {
        ids.insert("sha256", ids["artefact"].clone());
    }
    if path.contains("/components/") || path.ends_with("/ground") {
        ids.insert("vehicle", ids["worn"].clone());
    }
    let is_of_identity = ["/identity", "/join-token", "/credentials", "/decommission", "/stops/"];
    if is_of_identity.iter().any(|part| path.contains(part)) {
        ids.insert("vehicle", ids["spare"].clone());
    }
    ids
}

/// Signing in proves who one is, whoever the client was before.
fn is_sign_in(method: &str, path: &str) -> bool {
    method == "post" && matches!(path, "/v1/session" | "/v1/session/invitation")
}

fn is_stream(path: &str) -> bool {
    matches!(path, "/v1/events" | "/v1/positions" | "/ofrep/v1/events")
}

#[test]
fn every_operation_has_a_row() {
    let world = World::new();
    let document = world.server.http("").get("/v1/openapi.json").ok();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let held: BTreeSet<(String, String)> =
        rows().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, held);
}

/// SECTOR-7
#[test]
fn a_stranger_learns_and_changes_nothing() {
    let (world, ids) = furnished();
    let document = world.http.get("/v1/openapi.json").ok();
    let stranger = world.server.http(&tenant(&world.server, "other-cars", "ride-hail"));
    let regulator = json!({ "role": "regulator", "name": "an authority" });
    let regulator = stranger.post("/v1/principals", &regulator).ok();
    let regulator = world.server.http(regulator["token"].as_str().unwrap());
    // The vehicle stands, so that nothing but the stranger could add to the tenant's journal.
    let (mut events, mut positions) = (stranger.events("", &[]).unwrap(), stranger.positions().unwrap());
    let rows = rows().into_iter().filter(|row| !is_stream(row.1) && !is_sign_in(row.0, row.1));
    for (method, path, query, body, expected) in rows {
        println!("{method} {path}");
        let http = if path.starts_with("/v1/submissions") { &regulator } else { &stranger };
        let answer = call(http, method, &format!("{path}{query}"), &body, &ids);
        openapi::hold(&document, method, path, &answer);
        let told = answer.body.to_string();
        assert!(!told.contains(CANARY) && !told.contains(TENANT), "{told}");
        match expected {
            Stranger::Refused(status, code) => drop(answer.problem(status, code)),
            Stranger::Nothing => assert_eq!(answer.ok()["items"], json!([])),
            Stranger::Own => drop(answer.ok()),
        }
    }
    let by_stranger = world.entries(0).into_iter().filter(|entry| entry.to_string().contains("other-cars"));
    assert_eq!(by_stranger.collect::<Vec<_>>(), Vec::<Value>::new());
    for id in [&ids["hold"], &ids["stop"], &ids["restriction"]] {
        let [vehicle, site] =
            ["vehicle", "site"].map(|kind| world.http.get(&format!("/v1/{kind}s/{}", ids[kind])).ok());
        assert!(vehicle.to_string().contains(id) || site.to_string().contains(id), "{id} is still there");
    }
    // What the tenant did meanwhile did not reach the stranger's streams; what the stranger did, did.
    let told = events.next_event().unwrap();
    assert_eq!(told.data["event"]["tenant"], "other-cars");
    assert!(!told.data.to_string().contains(CANARY));
    assert_eq!(positions.next_frame().unwrap(), Frame::Text(json!({ "vehicles": [] })));
}

/// No map is imported while trips are under way. Standing orders first: they ask for the next trip as one ends.
fn cancel_all(world: &World) {
    let items = |path: &str| world.http.get(path).ok()["items"].as_array().unwrap().clone();
    let cancel = |kind: &str, one: &Value| {
        let path = format!("/v1/{kind}/{}/cancel", one["id"].as_str().unwrap());
        world.http.post(&path, &json!({ "reason": CANARY })).ok();
    };
    for order in items("/v1/standing-orders").iter().filter(|order| order["status"] == "ACTIVE") {
        cancel("standing-orders", order);
    }
    world.until("no trip is under way", || {
        let open: Vec<Value> = items("/v1/trips").into_iter().filter(|trip| trip["ended"].is_null()).collect();
        open.iter().for_each(|trip| cancel("trips", trip));
        if open.is_empty() { Ok(()) } else { Err(json!(open)) }
    });
}

#[test]
fn answers_are_what_the_openapi_says() {
    let (world, mut ids) = furnished();
    let (mut asked, mut told) = (BTreeSet::new(), BTreeSet::new());
    let document = world.http.get("/v1/openapi.json").ok();
    for (method, path, query, body, _) in rows().into_iter().filter(|row| !is_stream(row.1)) {
        println!("{method} {path}");
        if path.ends_with("/map") {
            cancel_all(&world);
        }
        if path.ends_with("/hand-back") {
            world.until_spoken(&ids["assistance"]);
        }
        if path.ends_with("/investigate") {
            let incident = format!("/v1/incidents/{}", ids["incident"]);
            world.until("it is contained", || {
                let shown = world.http.get(&incident).ok();
                if shown["status"] == "CONTAINED" { Ok(()) } else { Err(shown) }
            });
        }
        if path.ends_with("/fail") {
            ids.insert("trip", ids["standing_trip"].clone());
        }
        if path.ends_with("/approve") {
            ids.insert("approval", ids["second_approval"].clone());
        }
        let ids = &with_hold(&ids, path);
        let http = match path {
            _ if path.starts_with("/v1/tenants") || path.starts_with("/v1/keys") => world.server.platform(),
            _ if path.starts_with("/v1/session") => world.server.http(&ids["session_secret"]),
            _ if path.starts_with("/v1/submissions") => world.server.http(&ids["regulator_token"]),
            _ => world.http.clone(),
        };
        let body = match path {
            // What was given when it was begun is given again.
            _ if path.ends_with("/values") => {
                let shown = world.http.get(&format!("/v1/evidence/reports/{}", ids["draft"])).ok();
                json!({ "values": shown["values"] })
            }
            _ => body,
        };
        let body = if path.ends_with("/decision") { authority::decision(&http, &ids["report"]) } else { body };
        let before = world.journal_size();
        let answer = call(&http, method, &format!("{path}{query}"), &body, ids);
        openapi::hold(&document, method, path, &answer);
        if is_refused_here(method, path) {
            continue;
        }
        answer.ok();
        let described = asked_by(&document["paths"][path][method]);
        let decided = decided_for_people(&world, before);
        assert!(decided.iter().all(|action| Some(action) == described.as_ref()), "{decided:?} but {described:?}");
        asked.extend(decided);
        told.extend(described);
    }
    assert_eq!(asked, told);
}

/// The action that an operation's description says policy is asked for.
fn asked_by(operation: &Value) -> Option<String> {
    let (_, action) = operation["description"].as_str().unwrap().split_once("Asks policy for ")?;
    Some(action.trim_end_matches('.').to_owned())
}

/// The actions that policy was asked for since then, for people.
fn decided_for_people(world: &World, since: u64) -> BTreeSet<String> {
    let entries = world.entries(since).into_iter().map(|entry| entry["event"].clone());
    // What two people decided is carried out behind the journal, and asked for then.
    let by_one = |actor: &Value| actor["kind"] == "principal" && actor["second_approver"].is_null();
    let decided = entries.filter(|event| event["type"] == "policy.decided" && by_one(&event["actor"]));
    decided.map(|event| event["body"]["action"].as_str().unwrap().to_owned()).collect()
}
