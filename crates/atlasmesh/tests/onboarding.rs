//! Vehicles come into the fleet by identities that can be proven, renewed and taken away at once (ONB, SAFE-3).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::foreign::{enrol, enrolment};
use support::server::atlasmesh;
use support::site::crossing;
use support::world::{FAST, profile};
use support::{Serve, World};

fn identity(world: &World, vehicle: &str) -> Value {
    world.http.get(&format!("/v1/vehicles/{vehicle}/identity")).ok()
}

fn until_identity(world: &World, vehicle: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    world.until(&format!("the identity is {what}"), || {
        let now = identity(world, vehicle);
        if wanted(&now) { Ok(now) } else { Err(now) }
    })
}

/// Whether the link listener takes a connection with this certificate: it answers the handshake with data of its own, or
/// with an alert.
fn link_takes(world: &World, certificate: &Path, key: &Path) -> bool {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &world.server.link, "-alpn", "h2", "-ign_eof", "-cert"]);
    command.arg(certificate).arg("-key").arg(key).stdin(std::process::Stdio::null());
    let mut timed = Command::new("timeout");
    timed.arg("2").arg(command.get_program()).args(command.get_args()).stdin(std::process::Stdio::null());
    let output = timed.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("CONNECTED"), "{said}");
    !said.contains("alert")
}

/// ONB-1, ONB-2, ONB-3, ONB-4, ONB-6, ONB-7, ONB-8, ONB-9
#[test]
fn a_technician_onboards_a_vehicle_from_its_profile_to_online() {
    let mut world = World::new();
    let technician = world.person("tomas", &["technician"]);
    let wrong = json!({ "site": "town", "name": "", "simulated": true });
    technician.post("/v1/vehicles", &wrong).problem(400, "INVALID_REQUEST");
    let mut denied = profile("car-0");
    denied["capabilities"] = json!([]);
    let refusal = technician.post("/v1/vehicles", &denied).problem(403, "POLICY_VIOLATION");
    assert!(refusal["decision"]["reasons"][0].is_object(), "{refusal}");

    let made = technician.post("/v1/vehicles", &profile("car-1")).ok();
    let vehicle = made["id"].as_str().unwrap().to_owned();
    let spiffe_id = format!("spiffe://atlasmesh.local/tenant/town-cars/vehicle/{vehicle}");
    assert_eq!(made["spiffe_id"], spiffe_id.as_str());
    assert_eq!(identity(&world, &vehicle)["status"], "registered");
    let path = format!("/v1/vehicles/{vehicle}/join-token");
    world.principal("viewer", "screen").post(&path, &json!({})).problem(403, "FORBIDDEN");
    technician.post(&path, &json!({ "valid_minutes": 4 })).problem(400, "INVALID_REQUEST");
    let bootstrap = technician.post(&path, &json!({ "valid_minutes": 5 })).ok()["bootstrap"].clone();
    assert_eq!(identity(&world, &vehicle)["status"], "invited");

    let n = world.start_agent("car-1", &bootstrap, crossing(0, 0), FAST);
    world.until_vehicle(n, "ready", |vehicle| vehicle["ready"] == true);
    let seen = world.until_vehicle(n, "heard", |vehicle| vehicle["seen"]["health"][0]["name"].is_string());
    assert!(seen["seen"]["clock_ahead_ms"].as_i64().unwrap().abs() < 60_000, "{seen}");
    let now = identity(&world, &vehicle);
    assert_eq!((&now["status"], &now["connected"]), (&json!("active"), &json!(true)), "{now}");
    assert_eq!((&now["device"]["key_origin"], &now["epoch"]), (&json!("device"), &json!(1)));
    assert!(now["join_token"]["used_at"].is_string() && now["svids"][0]["first_used_at"].is_string(), "{now}");

    let entries = world.entries(0);
    let about = |entry: &&Value| entry["event"].to_string().contains(&vehicle);
    let types = entries.iter().filter(about).map(|entry| entry["event"]["type"].as_str().unwrap());
    // What it runs comes over a connection of its own, sooner or later.
    let types: Vec<&str> = types.filter(|kind| !kind.starts_with("vehicle_software.")).collect();
    let steps = [
        "policy.decided",
        "vehicle.registered",
        "identity.registered",
        "identity.join_token_issued",
        "identity.enrolled",
        "identity.svid_issued",
        "identity.svid_used",
        "vehicle.came_online",
    ];
    assert_eq!(types[..steps.len()], steps, "{types:?}");
    let online = world.entries_of("vehicle.came_online").pop().unwrap();
    assert_eq!(online["event"]["actor"]["authentication"], "certificate");
    // Neither the token nor a private key ever comes to the server's folder.
    let token = bootstrap["join_token"].as_str().unwrap();
    let found = Command::new("grep").args(["-rlaE", &format!("{token}|PRIVATE KEY")]).arg(world.server.data()).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "", "kept by the server");
    world.verify();
}

/// ONB-3, ONB-10
#[test]
fn a_join_token_is_used_once_by_one_key_and_a_lost_answer_is_given_again() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let bootstrap = world.bootstrap(&vehicle);
    let folder = |n: usize| world.server.folder.path().join(format!("device-{n}"));
    let tries: Vec<(bool, String)> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|n| (folder(n), &bootstrap))
            .map(|(folder, it)| scope.spawn(move || enrolment(&folder, it)))
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won: Vec<usize> = (0..8).filter(|&n| tries[n].0).collect();
    assert_eq!(won.len(), 1, "{tries:#?}");
    assert!(tries.iter().all(|(done, said)| *done || said.contains("used already")), "{tries:#?}");
    let serial = identity(&world, &vehicle)["device"]["serial"].clone();
    // The answer was lost: the same key asks again.
    std::fs::remove_file(folder(won[0]).join("identity/device.pem")).unwrap();
    enrol(&folder(won[0]), &bootstrap);
    assert_eq!(identity(&world, &vehicle)["device"]["serial"], serial);
    assert!(world.entries_of("identity.refused").len() >= 7);
    // A newer token takes the place of the older one, and a token of another vehicle opens nothing.
    let other = world.register("car-2");
    let (first, second) = (world.bootstrap(&other), world.bootstrap(&other));
    assert!(!enrolment(&folder(20), &first).0);
    let mut mixed = second.clone();
    mixed["vehicle"] = json!(vehicle);
    assert!(!enrolment(&folder(21), &mixed).0);
    let mut pinned = second.clone();
    pinned["device_authority_sha256"] = json!("0".repeat(64));
    let (done, said) = enrolment(&folder(22), &pinned);
    assert!(!done && said.contains("another server"), "{said}");
    enrol(&folder(23), &second);
    world.verify();
}

/// ONB-3: the specification's literal text, for a vehicle that cannot make its own key.
#[test]
fn a_key_made_by_the_server_is_delivered_once() {
    let world = World::new();
    let vehicle = world.register("car-1");
    let out = world.server.folder.path().join("made/identity");
    std::fs::create_dir_all(out.parent().unwrap()).unwrap();
    let mut command = atlasmesh();
    command.env("ATLASMESH_URL", &world.server.url).env("ATLASMESH_TOKEN", &world.token);
    let output = command.args(["garage", "credentials", "car-1", "--out"]).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(identity(&world, &vehicle)["device"]["key_origin"], "server");
    let bootstrap = json!({ "vehicle": vehicle, "enrol": world.server.enrol });
    let identity = enrol(out.parent().unwrap(), &bootstrap);
    assert!(link_takes(&world, &identity.join("svid.pem"), &identity.join("svid.key")));
    assert!(!link_takes(&world, &identity.join("device.pem"), &identity.join("device.key")), "E2: it only enrols");
}

/// ONB-10
#[test]
fn certificates_renew_by_themselves_and_a_copy_of_an_old_one_is_noticed() {
    let mut world = World::with(Serve::default().with("--svid-valid-s", 10));
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let newest = || identity(&world, &vehicle)["svids"].as_array().unwrap().last().unwrap()["serial"].clone();
    let renewed = |first: &Value| {
        until_identity(&world, &vehicle, "renewed", |now| {
            let svids = now["svids"].as_array().unwrap();
            svids.iter().all(|svid| svid["serial"] != *first)
                && svids.iter().any(|svid| svid["first_used_at"].is_string())
        });
    };
    let first = newest();
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    renewed(&first);
    world.until_status(&trip, &["COMPLETED"]);
    // A thief copies what the vehicle has.
    let copy = world.server.folder.path().join("copy.pem");
    let copied = newest();
    std::fs::copy(world.agents[n].state().join("identity/svid.pem"), &copy).unwrap();
    renewed(&copied);
    assert!(!link_takes(&world, &copy, &copy));
    let refused = world.until("the copy is noticed", || {
        let refused = world.entries_of("identity.refused");
        refused.last().cloned().ok_or(json!(refused))
    });
    assert_eq!(refused["event"]["body"]["why"], "superseded");
    for _ in 0..3 {
        assert!(!link_takes(&world, &copy, &copy));
    }
    let noted = world.entries_of("identity.refused").into_iter();
    let noted = noted.filter(|entry| entry["event"]["body"]["why"] == "superseded");
    assert_eq!(noted.count(), 1, "whoever tries again fills no journal");
    // The vehicle of which somebody has a copy is stopped, and out.
    until_identity(&world, &vehicle, "revoked", |now| now["status"] == "revoked");
    world.verify();
}

/// SAFE-3, SAFE-4
#[test]
fn safe_3_a_moving_vehicle_is_stopped_before_its_identity_is_gone() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 2.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["TO_PICKUP", "AT_PICKUP", "ON_TRIP"]);
    let officer = world.person("sofia", &["safety_officer"]);
    let path = format!("/v1/vehicles/{vehicle}/identity/revoke");
    let reason = json!({ "reason": "its computer was opened" });
    world.principal("dispatcher", "desk").post(&path, &reason).problem(403, "FORBIDDEN");
    let revoked = officer.post(&path, &reason);
    assert_eq!((revoked.status, &revoked.body["state"]), (202, &json!("quarantined")), "{}", revoked.body);
    assert_eq!(officer.post(&path, &reason).ok()["state"], "quarantined", "asked twice");
    // It stops over the channel that it keeps, says so, and is out.
    let now = until_identity(&world, &vehicle, "revoked", |now| now["status"] == "revoked");
    assert_eq!((&now["svids"], &now["device"]), (&json!([]), &Value::Null));
    let known = world.vehicle_now(n);
    assert_eq!((&known["seen"]["parked"], &known["holds"][0]["kind"]), (&json!(true), &json!("quarantine")));
    until_identity(&world, &vehicle, "cut off", |now| now["connected"] == false);
    world.agents[n].process.line_with("needs a person");

    // The way back: a new token, a new key; what holds it is released by who placed it.
    let bootstrap = world.bootstrap(&vehicle);
    world.agents[n].kill();
    world.agents[n].start_again_with(&bootstrap);
    until_identity(&world, &vehicle, "active again", |now| now["status"] == "active");
    assert!(world.vehicle_now(n)["ready"] == false, "restored is not released");
    let hold = known["holds"][0]["id"].as_str().unwrap();
    officer.delete(&format!("/v1/vehicles/{vehicle}/holds/{hold}")).ok();
    world.verify();
}

/// SAFE-3, ONB-10
#[test]
fn a_parked_vehicle_is_cut_off_at_once_and_a_decommissioned_one_for_good() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    world.until_vehicle(n, "parked", |vehicle| vehicle["seen"]["parked"] == true);
    let svid = world.agents[n].state().join("identity/svid.pem");
    assert!(link_takes(&world, &svid, &svid));
    until_identity(&world, &vehicle, "connected", |now| now["connected"] == true);
    let path = format!("/v1/vehicles/{vehicle}");
    let revoked = world.http.post(&format!("{path}/identity/revoke"), &json!({ "reason": "stolen" })).ok();
    assert_eq!(revoked["state"], "revoked", "{revoked}");
    assert!(revoked["effective_at"].is_string());
    assert!(!link_takes(&world, &svid, &svid));
    until_identity(&world, &vehicle, "cut off", |now| now["connected"] == false);
    // What is revoked stays revoked over a restart.
    world.server.kill();
    world.server.start_again();
    assert!(!link_takes(&world, &svid, &svid));
    world.http.post(&format!("{path}/decommission"), &json!({ "reason": "sold" })).ok();
    assert_eq!(identity(&world, &vehicle)["status"], "retired");
    world.http.post(&format!("{path}/join-token"), &json!({})).problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(world.vehicle_now(n)["status"], "DECOMMISSIONED");
    world.register("car-1");
    world.verify();
}

fn platform(world: &World, words: &[&str]) -> Command {
    let mut command = atlasmesh();
    command.env("ATLASMESH_URL", &world.server.url).env("ATLASMESH_TOKEN", &world.server.platform_token).args(words);
    command
}

fn rotated(world: &World, words: &[&str]) -> String {
    let output = platform(world, words).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// Two vehicles that drive while an authority is replaced: neither loses its connection.
fn drives_through(words: &[&str]) {
    let mut world = World::new();
    let vehicles = [crossing(0, 0), crossing(3, 0)].map(|at| world.ready_vehicle(at, 4.0));
    let trips = [(crossing(0, 0), crossing(3, 3)), (crossing(3, 0), crossing(0, 3))].map(|(a, b)| world.trip(a, b));
    for trip in &trips {
        world.until_status(trip, &["TO_PICKUP", "AT_PICKUP", "ON_TRIP", "COMPLETED"]);
    }
    let before = world.server.http("").get("/v1/trust-bundle").ok();
    let said = rotated(&world, words);
    assert!(said.contains("is revoked"), "{said}");
    let after = world.server.http("").get("/v1/trust-bundle").ok();
    assert_ne!(before["keys"][0]["x5c"], after["keys"][0]["x5c"]);
    let authorities = after["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "x509-svid").count();
    assert_eq!(authorities, 1, "{after}");
    let keys = world.server.platform().get("/v1/keys").ok();
    let active = keys["items"].as_array().unwrap().iter().rev().find(|key| key["purpose"] == "certificate_authority");
    for n in vehicles {
        until_identity(&world, world.vehicle_id(n), "of the new authority", |now| {
            let svids = now["svids"].as_array().unwrap();
            now["connected"] == true && svids.iter().all(|svid| svid["authority"] == active.unwrap()["id"])
        });
    }
    for trip in &trips {
        world.until_status(trip, &["COMPLETED"]);
    }
    let metrics = world.http.get("/metrics").body;
    let metrics = metrics.as_str().unwrap();
    assert!(!metrics.contains("atlasmesh_link_unauthenticated_total{"), "{metrics}");
    for agent in &world.agents {
        assert!(!agent.process.said().contains("no session"), "{}", agent.process.said());
    }
    world.verify();
}

/// ONB-10
#[test]
fn an_authority_is_replaced_under_a_driving_fleet() {
    drives_through(&["keys", "rotate", "certificate_authority", "--reason", "once a year"]);
}

/// ONB-10
#[test]
fn an_authority_is_replaced_at_once_when_its_key_was_seen_elsewhere() {
    drives_through(&["keys", "rotate", "certificate_authority", "--emergency", "--reason", "seen elsewhere"]);
}
