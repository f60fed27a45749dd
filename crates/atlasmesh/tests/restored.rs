//! A store that was put back to an older state is found out: by the head that is kept beside the keys, by vehicles, and by
//! `atlasmesh verify`, until somebody accepts it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::server::atlasmesh;
use support::site::crossing;
use support::world::FAST;
use support::{Serve, World};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn verify(world: &World) -> Output {
    atlasmesh().args(["verify", "--data"]).arg(world.server.data()).output().unwrap()
}

/// The size of the newest head that a vehicle's agent keeps.
fn kept_by_agent(world: &World, n: usize) -> u64 {
    let state = world.server.folder.path().join("agents").join(world.vehicle_id(n)).join("state/agent.state");
    let state = String::from_utf8_lossy(&fs::read(state).unwrap()).into_owned();
    let sizes =
        state.split("atlasmesh.local/log/town-cars\n").skip(1).filter_map(|rest| rest.lines().next()?.parse().ok());
    sizes.last().unwrap_or(0)
}

fn alarms(world: &World) -> u64 {
    world.http.get("/readyz").ok()["log_alarms"].as_u64().unwrap()
}

#[test]
fn an_older_store_that_was_put_back_is_found_out_at_the_start_by_vehicles_and_by_verify() {
    // Four heartbeats within the time: the agent learns of heads each half second.
    let mut world = World::with(Serve::default().with("--offline-after-s", 2));
    let car = world.ready_vehicle(crossing(0, 0), FAST);
    world.server.stop();
    let (store, old) = (world.server.data().join("store"), world.server.folder.path().join("old"));
    copy(&store, &old);
    world.server.start_again();
    let old_size = world.journal_size();
    // More than what follows from the alarm, an incident among it, brings back.
    (0..12).for_each(|n| drop(world.register(&format!("another {n}"))));
    let newer = world.journal_size();
    world.until("the agent keeps a newer head", || {
        let kept = kept_by_agent(&world, car);
        if kept >= newer { Ok(()) } else { Err(Value::from(kept)) }
    });
    assert_eq!(alarms(&world), 0);
    world.agents[car].kill();
    world.server.stop();
    world.server.verify_stopped();

    fs::remove_dir_all(&store).unwrap();
    copy(&old, &store);
    let found = verify(&world);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("an older state was put back"), "{}", text(&found));

    world.server.start_again();
    world.server.process.line_with("an older state was put back");
    assert!(world.journal_size() < newer, "{} were there, {old_size} came back", newer);
    assert!(alarms(&world) > 0);
    world.start_agent_again(car);
    let by = format!("vehicle/{}", world.vehicle_id(car));
    world.until("the vehicle's head raises an alarm", || {
        let raised = world.entries_of("log.alarm_raised");
        let seen_by = |entry: &Value| entry["event"]["body"]["seen_by"] == by.as_str();
        if raised.iter().any(seen_by) { Ok(()) } else { Err(Value::from(raised)) }
    });
    assert!(kept_by_agent(&world, car) >= newer, "the evidence stays with the vehicle");
    world.server.stop();
    let found = verify(&world);
    assert!(!found.status.success() && text(&found).contains("alarm"), "{}", text(&found));

    let accept = atlasmesh()
        .args(["store", "accept", "--reason", "the disk was lost", "--data"])
        .arg(world.server.data())
        .output()
        .unwrap();
    assert!(accept.status.success(), "{}", text(&accept));
    world.server.start_again();
    assert_eq!(alarms(&world), 0);
    world.until("the vehicle is given a head of the log as it is", || {
        let (kept, size) = (kept_by_agent(&world, car), world.journal_size());
        if kept < newer || size >= newer && kept == size { Ok(()) } else { Err(Value::from(kept)) }
    });
    assert_eq!(alarms(&world), 0);
    world.agents.clear();
    world.server.stop();
    world.server.verify_stopped();
}

#[test]
fn keys_that_were_put_back_to_an_older_generation_are_refused() {
    let mut world = World::new();
    world.server.stop();
    let keys = world.server.data().join("keys");
    let older = fs::read(keys.join("keys.sealed")).unwrap();
    keys::Keystore::open_in(&keys).unwrap().prepare::<keys::Audit>().unwrap();
    world.server.start_again();
    world.server.stop();
    world.server.verify_stopped();
    fs::write(keys.join("keys.sealed"), older).unwrap();
    let found = verify(&world);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("the keys are of generation"), "{}", text(&found));
    let (code, said) = support::server::refused(&world.server.data(), "127.0.0.1:0", &Serve::default());
    assert!(code == Some(1) && said.contains("put the newest keys back"), "{said}");
}
