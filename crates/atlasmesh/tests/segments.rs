//! Samples and checks that the journal names are as they were recorded, or `atlasmesh verify` says what is not (TRIP-8).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::process::Output;

use support::server::atlasmesh;
use support::site::crossing;
use support::world::FAST;
use support::{Serve, World};

fn verify(world: &World) -> Output {
    atlasmesh().args(["verify", "--data"]).arg(world.server.data()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_byte_of_telemetry_that_was_changed_is_named_by_verify() {
    let mut world = World::with(Serve::default());
    let car = world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(0, 0), crossing(2, 2));
    world.until_status(&trip, &["COMPLETED"]);
    let vehicle = world.vehicle_id(car).to_owned();
    let summaries = world.entries_of("trip.compliance_summary");
    let chunks = summaries.last().unwrap()["event"]["body"]["chunks"].clone();
    assert_eq!(chunks[0]["first_seq"], 1, "{chunks}");
    assert_eq!(summaries.last().unwrap()["event"]["body"]["segment_digest"], chunks[0]["root"]);
    world.verify();

    let segment = world.server.data().join("telemetry/town-cars/0000000001.log");
    let whole = fs::read(&segment).unwrap();
    let checked = whole.windows(vehicle.len()).position(|window| window == vehicle.as_bytes()).unwrap();
    let mut changed = whole.clone();
    changed[checked] ^= 1;
    fs::write(&segment, &changed).unwrap();
    let client = || {
        let mut command = atlasmesh();
        command.env("ATLASMESH_URL", &world.server.url).env("ATLASMESH_TOKEN", &world.token).arg("verify");
        command.output().unwrap()
    };
    let running = client();
    assert!(!running.status.success() && text(&running).contains("telemetry segment 1"), "{}", text(&running));
    fs::write(&segment, &whole).unwrap();
    assert!(client().status.success());

    world.agents.clear();
    world.server.stop();
    world.server.verify_stopped();
    let (segment, whole) = (segment.clone(), fs::read(&segment).unwrap());
    fs::write(&segment, [&changed[..], &whole[changed.len()..]].concat()).unwrap();
    let found = verify(&world);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("telemetry segment 1: it is damaged at byte"), "{}", text(&found));
    fs::remove_file(&segment).unwrap();
    let found = verify(&world);
    assert!(!found.status.success() && text(&found).contains(&vehicle), "{}", text(&found));
}
