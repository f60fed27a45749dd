//! Programs that nobody here wrote against our own library: a vehicle in Python, from nothing but the protocol's file, and
//! curl, with the lines of the guide.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::json;
use support::foreign::{enrol, python, root};
use support::process::Process;
use support::server::atlasmesh;
use support::site::{self, crossing};
use support::world::{square, tenant};
use support::{Serve, Server, World};

/// Registers a vehicle and starts the example as its agent, at a crossing, twenty times as fast as the clock.
fn python_vehicle(world: &World, at: (f64, f64)) -> (String, Process) {
    let vehicle = world.register("python");
    let bootstrap = world.bootstrap(&vehicle);
    let folder = world.server.folder.path().join("python");
    let identity = enrol(&folder, &bootstrap);
    let (lat, lon) = site::degrees(at.0, at.1);
    let mut command = Command::new(python("python"));
    command
        .arg(root().join("examples/vehicle.py"))
        .arg(folder.join("bootstrap.json"))
        .arg(identity)
        .args([format!("{lat},{lon}"), "20".into()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    (vehicle, Process::start("vehicle.py", &mut command))
}

/// TRIP-7, TRIP-9
#[test]
fn a_vehicle_in_python_joins_drives_a_trip_and_stops_when_told() {
    let world = World::new();
    let (vehicle, process) = python_vehicle(&world, crossing(0, 0));
    process.line_with("online");
    let path = format!("/v1/vehicles/{vehicle}");
    world.until("the vehicle is ready", || {
        let vehicle = world.http.get(&path).ok();
        if vehicle["ready"] == true && vehicle["seen"]["position"].is_object() { Ok(()) } else { Err(vehicle) }
    });
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    let done = world.until_status(&trip, &["COMPLETED"]);
    assert_eq!(done["vehicle"], vehicle.as_str());
    process.line_with("over");
    // It confirms what is closed, and keeps out by itself.
    let closures = format!("/v1/sites/{}/closures", site::NAME);
    let closure = json!({ "polygon": square(450.0, 0.0, 40.0), "reason": "a burst pipe" });
    assert_eq!(world.http.post(&closures, &closure).status, 201);
    process.line_with("keeps out of 1 areas");
    world.until("the closure is in force", || {
        let told = world.http.get(&closures).ok()["items"][0]["in_force"].clone();
        if (&told["on"], &told["of"]) == (&json!(1), &json!(1)) { Ok(()) } else { Err(told) }
    });
    // The next trip it does not finish.
    let trip = world.trip(crossing(3, 3), crossing(0, 0));
    world.until_status(&trip, &["ON_TRIP"]);
    let stop =
        world.http.post(&format!("{path}/stop"), &json!({ "class": "nearest_admissible", "reason": "smoke" })).ok();
    process.line_with("stops: stop");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    let accepted = world.until("the stop is accepted", || {
        let commands = world.http.get(&format!("{path}/commands")).ok();
        let stop = commands["items"].as_array().unwrap().iter().find(|command| command["id"] == stop["stop"]).cloned();
        stop.filter(|stop| stop["state"] == "accepted").ok_or(commands)
    });
    assert_eq!(accepted["class"], "restrictive");
    world.verify();
}

#[test]
fn the_lines_of_the_guide_work_as_they_stand() {
    let guide = std::fs::read_to_string(root().join("docs/guides/api.md")).unwrap();
    let (_, lines) = guide.split_once("```sh\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    let server = Server::start(Serve::default());
    let token = tenant(&server, "coquimbo-city", "ride-hail");
    let run = |command: &mut Command| {
        let output = command
            .current_dir(root())
            .env("ATLASMESH_URL", &server.url)
            .env("ATLASMESH_TOKEN", &token)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let map = ["--nodes", "data/coquimbo/nodes.csv.gz", "--links", "data/coquimbo/links.csv.gz"];
    run(atlasmesh().args(["site", "import", "coquimbo"]).args(map));
    let said = run(Command::new("bash").args(["-ec", lines]));
    let told = ["\"spiffe_id\":", "\"items\":[{", "\"status\":\"CREATED\"", "limit: must be 1 to 1000", "event: trip."];
    let at: Vec<Option<usize>> = told.iter().map(|told| said.find(told)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{at:?} in {said}");
}
