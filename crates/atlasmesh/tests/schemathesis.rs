//! The API before a client that knows nothing but its OpenAPI document: Schemathesis sends what the document allows and
//! what it forbids, and holds every answer against it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::foreign::{python, root};
use support::site::{self, crossing};
use support::world::{FAST, passenger, square};
use support::{Serve, World};

/// Requests per operation and phase: what a slow machine sends in two minutes, and enough that what they find stays
/// found with the seed that the configuration names.
const EXAMPLES: u32 = 30;
/// Of somebody who may do little, so that most answers are the same refusal.
const EXAMPLES_OF_A_VIEWER: u32 = 3;

/// One of everything that an address or a body can name.
fn known(world: &mut World) -> Vec<(&'static str, String)> {
    let n = world.ready_vehicle(crossing(0, 0), 1.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(3, 3), crossing(0, 3));
    world.until_trip(&trip, "assigned", |trip| trip["vehicle"] == vehicle.as_str());
    // Another one stands before something that it asks about.
    world.ready_vehicle_that(crossing(0, 0), FAST, &["--obstacle-after-m", "100"]);
    let standing_trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&standing_trip, &["AWAITING_ASSIST"]);
    let assistance = world.until("it asks", || {
        let open = world.http.get("/v1/assistance").ok();
        open["items"][0]["id"].as_str().map(str::to_owned).ok_or(open)
    });
    let made = |path: &str, body: Value, id: &str| world.http.post(path, &body).ok()[id].as_str().unwrap().to_owned();
    let zone = json!({ "name": "yard", "kind": "avoided", "polygon": square(450.0, 450.0, 20.0) });
    let restriction = made(&format!("/v1/sites/{}/zones", site::NAME), zone, "id");
    let principal = made("/v1/principals", json!({ "role": "viewer", "name": "screen" }), "id");
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": "test" });
    let hold = made(&format!("/v1/vehicles/{vehicle}/holds"), hold, "id");
    let stop = json!({ "class": "now", "reason": "test" });
    let stop = made(&format!("/v1/vehicles/{vehicle}/stop"), stop, "stop");
    let standing = json!({ "trip": passenger(crossing(1, 1), crossing(2, 2)), "goal": { "trips": 1 } });
    let standing = made("/v1/standing-orders", standing, "id");
    let event = world.entries(0)[0]["event"]["id"].as_str().unwrap().to_owned();
    vec![
        ("vehicle", vehicle),
        ("trip", trip),
        ("site", site::NAME.to_owned()),
        ("restriction", restriction),
        ("principal", principal),
        ("hold", hold),
        ("stop", stop),
        ("event", event),
        ("standing", standing),
        ("assistance", assistance),
        ("tenant", "town-cars".to_owned()),
    ]
}

/// Who asks, what, and how much.
struct Asking<'a> {
    token: &'a str,
    /// The operations, by a regular expression of their addresses.
    paths: &'static str,
    examples: u32,
}

#[track_caller]
fn ask(world: &World, known: &[(&'static str, String)], asking: &Asking) {
    let template = root().join("crates/atlasmesh/tests/schemathesis/schemathesis.toml");
    let fill = |text: String, (name, id): &(&str, String)| text.replace(&format!("\"@{name}\""), &format!("\"{id}\""));
    let text = known.iter().fold(std::fs::read_to_string(template).unwrap(), fill);
    let configuration = world.server.folder.path().join("schemathesis.toml");
    std::fs::write(&configuration, text).unwrap();
    let mut command = Command::new(python("schemathesis"));
    command.arg("--config-file").arg(configuration).arg("run").arg(format!("{}/v1/openapi.json", world.server.url));
    command.args(["--checks", "all", "--max-examples", &asking.examples.to_string()]);
    command.args(["--include-path-regex", asking.paths]).env("ATLASMESH_TOKEN", asking.token);
    let status = command.current_dir(world.server.folder.path()).status().unwrap();
    assert!(status.success(), "{status}");
    assert!(!world.server.process.said().contains("panicked"));
}

#[test]
fn every_answer_is_what_the_openapi_says() {
    // The only client in a hurry is this one.
    let mut world = World::with(Serve::default().with("--rate-limit", 0));
    let known = known(&mut world);
    ask(&world, &known, &Asking { token: &world.token, paths: "/", examples: EXAMPLES });
    let platform = &world.server.platform_token;
    ask(&world, &known, &Asking { token: platform, paths: "^/v1/tenants", examples: EXAMPLES });
    let viewer = world.http.post("/v1/principals", &json!({ "role": "viewer", "name": "another screen" })).ok();
    let token = viewer["token"].as_str().unwrap();
    ask(&world, &known, &Asking { token, paths: "/", examples: EXAMPLES_OF_A_VIEWER });
    // Whatever was asked: what it did is in the journal, and nothing else is in the rows.
    world.verify();
}
