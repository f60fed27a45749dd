//! Programs that nobody here wrote against our own library: a vehicle in Python, from nothing but the protocol's file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::json;
use support::World;
use support::foreign::{python, root};
use support::process::Process;
use support::site::{self, crossing};
use support::world::{profile, square};

/// Registers a vehicle and starts the example as its agent, at a crossing, twenty times as fast as the clock.
fn python_vehicle(world: &World, at: (f64, f64)) -> (String, Process) {
    let made = world.http.post("/v1/vehicles", &profile("python")).ok();
    let registered = world.server.folder.path().join("registered.json");
    std::fs::write(&registered, made.to_string()).unwrap();
    let (lat, lon) = site::degrees(at.0, at.1);
    let mut command = Command::new(python("python"));
    command.arg(root().join("examples/vehicle.py")).arg(registered).args([format!("{lat},{lon}"), "20".into()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    (made["id"].as_str().unwrap().to_owned(), Process::start("vehicle.py", &mut command))
}

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
