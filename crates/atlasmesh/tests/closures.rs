//! Zones and closures end to end (SAFE-9), with agents of their own: announced ones take effect at their time, vehicles
//! confirm them by name, and keep out by themselves when nobody can reach them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::server::atlasmesh;
use support::site::{self, BLOCK_M, crossing, east_m};
use support::time::{now_us, text, us};
use support::world::{FAST, square};
use support::{Serve, World};

/// So slow that a vehicle is still on the same street when something has happened.
const SLOW: f64 = 2.0;
/// Half the side of a closed square.
const HALF_M: f64 = 40.0;
/// A place on the southern street, half way between its last two crossings.
const AHEAD: (f64, f64) = (2.5 * BLOCK_M, 0.0);

fn path(what: &str) -> String {
    format!("/v1/sites/{}/{what}", site::NAME)
}

/// Closes the road around a place; `more` are fields of the closure.
fn close(world: &World, (east, north): (f64, f64), more: Value) -> String {
    let mut closure = json!({ "class": "no_entry", "polygon": square(east, north, HALF_M), "reason": "a burst pipe" });
    closure.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let closed = world.http.post(&path("closures"), &closure);
    assert_eq!(closed.status, 201, "{}", closed.body);
    closed.body["id"].as_str().unwrap().to_owned()
}

/// A closure or zone as its list shows it.
fn listed(world: &World, what: &str, id: &str) -> Option<Value> {
    let page = world.http.get(&path(what)).ok();
    page["items"].as_array().unwrap().iter().find(|item| item["id"] == id).cloned()
}

/// Waits until a rule is in force on so many of so many vehicles; who has not confirmed it.
#[track_caller]
fn until_in_force(world: &World, what: &str, id: &str, on: u64, of: u64) -> Vec<String> {
    world.until(&format!("{id} in force on {on} of {of}"), || {
        let told = listed(world, what, id).map(|item| item["in_force"].clone()).unwrap_or_default();
        let waiting = told["waiting"].as_array().cloned().unwrap_or_default();
        match (told["on"] == on, told["of"] == of) {
            (true, true) => Ok(waiting.iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()),
            _ => Err(told),
        }
    })
}

fn until_driving(world: &World, n: usize, trip: &str) {
    world.until_status(trip, &["ON_TRIP"]);
    world.until("the vehicle drives", || {
        let sample = world.newest_sample(n);
        if sample["speed_mps"].as_f64().is_some_and(|speed| speed > 3.0) { Ok(()) } else { Err(sample) }
    });
}

/// Whether a vehicle ever told a place inside the square around one.
fn was_inside(world: &World, n: usize, (east, north): (f64, f64)) -> bool {
    let items = world.http.get(&format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(n))).ok();
    let south = site::degrees(0.0, 0.0).0;
    items["items"].as_array().unwrap().iter().any(|sample| {
        let north_m = (sample["lat"].as_f64().unwrap() - south) * 111_320.0;
        (east_m(sample["lon"].as_f64().unwrap()) - east).abs() < HALF_M && (north_m - north).abs() < HALF_M
    })
}

fn site_rules(world: &World, n: usize) -> Vec<Value> {
    world.commands(n).into_iter().filter(|command| command["kind"] == "site_rules").collect()
}

/// SAFE-9
#[test]
fn a_closure_that_was_announced_takes_effect_at_its_time_and_leads_the_vehicle_around_it() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    until_driving(&world, n, &trip);
    let from_us = now_us() + 5_000_000;
    let closure = close(&world, AHEAD, json!({ "from": text(from_us), "until": text(from_us + 3_600_000_000) }));
    // The vehicle knows it before it counts.
    until_in_force(&world, "closures", &closure, 1, 1);
    let shown = listed(&world, "closures", &closure).unwrap();
    assert_eq!((&shown["class"], &shown["from"]), (&json!("no_entry"), &json!(text(from_us))), "{shown:#}");
    assert!(shown["owner"].as_str().unwrap().starts_with("prin_"), "{shown:#}");
    let rerouted = world.await_step(&trip, "trip.rerouted");
    let began = world.entries_of("site.restriction_began");
    let began = began.iter().find(|entry| entry["event"]["body"]["restriction"] == closure.as_str()).unwrap();
    let began_us = us(began["event"]["recorded_at"].as_str().unwrap());
    assert!(began_us >= from_us && us(rerouted["at"].as_str().unwrap()) >= began_us, "{rerouted:#}");
    assert_eq!(began["event"]["actor"]["rule"], "fleet.restrictions", "{began:#}");
    world.await_step(&trip, "trip.reroute_taken");
    world.restart_under_way(n, &trip, FAST);
    world.until_status(&trip, &["COMPLETED"]);
    assert!(!was_inside(&world, n, AHEAD), "it drove through the closure");
    world.verify();
}

/// SAFE-9
#[test]
fn a_closure_ends_at_its_end_also_if_nobody_served_then() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let (from_us, until_us) = (now_us() + 1_500_000, now_us() + 4_000_000);
    let closure = close(&world, AHEAD, json!({ "from": text(from_us), "until": text(until_us) }));
    let zone = json!({ "name": "school", "kind": "avoided", "class": "evacuate", "reason": "children",
        "polygon": square(AHEAD.0, 2.0 * BLOCK_M, HALF_M), "from": text(from_us), "until": text(until_us + 3_600_000_000) });
    let zone = world.http.post(&path("zones"), &zone);
    assert_eq!(zone.status, 201, "{}", zone.body);
    let zone = zone.body["id"].as_str().unwrap().to_owned();
    until_in_force(&world, "closures", &closure, 1, 1);
    world.server.kill();
    // Nobody serves while the closure begins and ends: the vehicle knocks in vain.
    while now_us() < until_us {
        world.agents[n].process.line_with("no session");
    }
    world.server.start_again();
    world.until("the closure is over", || match listed(&world, "closures", &closure) {
        None => Ok(()),
        Some(item) => Err(item),
    });
    let ended = world.entries_of("site.restriction_ended");
    assert_eq!(ended[0]["event"]["body"]["restriction"], closure.as_str(), "{ended:#?}");
    let began = world.until("the zone began", || {
        let began = world.entries_of("site.restriction_began");
        began.first().cloned().ok_or(json!(began))
    });
    assert_eq!(began["event"]["body"]["restriction"], zone.as_str(), "{began:#}");
    let shown = listed(&world, "zones", &zone).unwrap();
    assert_eq!((&shown["class"], &shown["reason"]), (&json!("evacuate"), &json!("children")), "{shown:#}");
    // The vehicle is told, once it is back, that only the zone is left.
    until_in_force(&world, "zones", &zone, 1, 1);
    world.until("the vehicle keeps the newest rules", || {
        let told = site_rules(&world, n);
        if told.len() == 1 && told[0]["state"] == "done" { Ok(()) } else { Err(json!(told)) }
    });
    let trip = world.trip(crossing(2, 0), crossing(3, 0));
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

/// SAFE-9
#[test]
fn a_closure_says_on_which_vehicles_it_is_in_force_and_who_has_not_confirmed_it() {
    let mut world = World::with(Serve::default().with("--offline-after-s", 120));
    let here = world.ready_vehicle(crossing(0, 0), FAST);
    let away = world.ready_vehicle(crossing(0, 3), FAST);
    let second = world.agents[away].name.clone();
    // One that never connected counts for nothing.
    world.register("in the garage");
    world.agents[away].process.signal("STOP");
    let closure = close(&world, AHEAD, json!({}));
    assert_eq!(until_in_force(&world, "closures", &closure, 1, 2), [second.as_str()]);
    // The command line says the same.
    let mut closures = atlasmesh();
    closures.args(["site", "closures", site::NAME, "--url", &world.server.url, "--token", &world.token]);
    assert!(said(&mut closures).contains(&format!("on 1 of 2 vehicles; not confirmed: {second}")));
    world.agents[away].process.signal("CONT");
    assert_eq!(until_in_force(&world, "closures", &closure, 2, 2), [""; 0]);
    // Away for good, it misses two changes, and is told only the newest when it comes back.
    world.agents[away].kill();
    let zone = json!({ "name": "yard", "kind": "avoided", "polygon": square(450.0, 450.0, 20.0) });
    let zone = world.http.post(&path("zones"), &zone).body["id"].as_str().unwrap().to_owned();
    let again = close(&world, (AHEAD.0, BLOCK_M), json!({}));
    for (what, id) in [("zones", &zone), ("closures", &again)] {
        assert_eq!(until_in_force(&world, what, id, 1, 2), [second.as_str()]);
    }
    world.start_agent_again(away);
    for (what, id) in [("zones", &zone), ("closures", &closure), ("closures", &again)] {
        assert_eq!(until_in_force(&world, what, id, 2, 2), [""; 0]);
    }
    let told = site_rules(&world, away);
    assert_eq!((told.len(), &told[0]["state"], &told[0]["class"]), (1, &json!("done"), &json!("restrictive")));
    // What it keeps survives its own restart: nothing new is sent.
    world.agents[away].kill();
    world.start_agent_again(away);
    world.until_vehicle(away, "seen again", |vehicle| vehicle["seen"]["boot"] != Value::Null);
    assert_eq!(until_in_force(&world, "closures", &again, 2, 2), [""; 0]);
    assert_eq!(site_rules(&world, away), told);
    // What is lifted is told too.
    let before = [here, away].map(|n| site_rules(&world, n)[0]["id"].clone());
    world.http.delete(&path(&format!("restrictions/{closure}"))).ok();
    world.until("the vehicles are told of the opening", || {
        let told = [here, away].map(|n| site_rules(&world, n)[0].clone());
        let all = told.iter().zip(&before).all(|(told, before)| told["state"] == "done" && told["id"] != *before);
        if all { Ok(()) } else { Err(json!(told)) }
    });
    world.verify();
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// SAFE-9
#[test]
fn a_vehicle_that_nobody_can_reach_stops_before_the_closure_and_is_led_on_afterwards() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    until_driving(&world, n, &trip);
    let closure = close(&world, AHEAD, json!({ "from": text(now_us() + 3_000_000) }));
    until_in_force(&world, "closures", &closure, 1, 1);
    world.server.kill();
    let stopped = world.agents[n].process.line_with("SafeStopped");
    assert!(stopped.contains("ROAD_CLOSED"), "{stopped}");
    world.server.start_again();
    let stopped = world.await_step(&trip, "trip.safe_stopped");
    assert_eq!(stopped["body"]["reason"], "ROAD_CLOSED", "{stopped:#}");
    let stood_m = east_m(stopped["body"]["report"]["at"]["lon"].as_f64().unwrap());
    let before_m = AHEAD.0 - HALF_M;
    assert!((before_m - 30.0..before_m).contains(&stood_m), "it stood {stood_m} m east");
    let offered = world.await_step(&trip, "trip.rerouted");
    assert!(offered["body"]["reason"].as_str().unwrap().contains(&closure), "{offered:#}");
    world.await_step(&trip, "trip.resumed");
    world.restart_under_way(n, &trip, FAST);
    world.until_status(&trip, &["COMPLETED"]);
    assert!(!was_inside(&world, n, AHEAD), "it drove through the closure");
    world.verify();
}

/// SAFE-9, SAFE-13
#[test]
fn a_vehicle_that_comes_back_to_a_closed_road_stops_before_it_and_a_reopened_one_moves_nobody() {
    let mut world = World::new();
    let n = world.ready_vehicle((site::TUNNEL_TO_M, 0.0), SLOW);
    // Behind the tunnel one road leads to the end of the map, and nothing leads around it.
    let trip = world.trip((site::TUNNEL_TO_M, 0.0), (site::ROAD_END_M, 0.0));
    until_driving(&world, n, &trip);
    let closed = (site::ROAD_END_M - 300.0, 0.0);
    let closure = close(&world, closed, json!({ "class": "stop" }));
    world.until_status(&trip, &["AWAITING_ASSIST"]);
    until_in_force(&world, "closures", &closure, 1, 1);
    let stood = world.until_stands(n);
    assert!(east_m(stood.1) < closed.0 - HALF_M, "{stood:?}");
    world.http.delete(&path(&format!("restrictions/{closure}"))).ok();
    world.until("the vehicle is told", || {
        let told = site_rules(&world, n);
        if told[0]["state"] == "done" && listed(&world, "closures", &closure).is_none() {
            Ok(())
        } else {
            Err(json!(told))
        }
    });
    let seq = world.newest_sample(n)["seq"].as_u64().unwrap();
    world.until("three more samples", || {
        let sample = world.newest_sample(n);
        if sample["seq"].as_u64().unwrap() >= seq + 3 { Ok(()) } else { Err(sample) }
    });
    assert_eq!(world.until_stands(n), stood, "a reopened road moves nobody");
    world.verify();
}

/// SAFE-9
#[test]
fn who_is_inside_a_closure_leaves_or_stands_by_its_class() {
    /// Half the side of a square that holds a vehicle and most of its street.
    const AROUND_M: f64 = 320.0;
    let mut world = World::new();
    let rows = [(0, "evacuate"), (3, "stop")];
    let ready = rows.map(|(row, _)| world.ready_vehicle(crossing(0, row), SLOW));
    let trips = rows.map(|(row, _)| world.trip(crossing(0, row), crossing(3, row)));
    for (n, trip) in ready.into_iter().zip(&trips) {
        until_driving(&world, n, trip);
    }
    for (row, class) in rows {
        let (east, north) = crossing(1, row);
        let closure = json!({ "class": class, "polygon": square(east, north, AROUND_M), "reason": "a leak of gas" });
        assert_eq!(world.http.post(&path("closures"), &closure).status, 201);
    }
    world.until_status(&trips[1], &["AWAITING_ASSIST"]);
    let stood = world.until_stands(ready[1]);
    assert!(east_m(stood.1) < crossing(1, 3).0 + AROUND_M, "{stood:?}: it stands inside");
    world.until_status(&trips[0], &["COMPLETED"]);
    assert!(!world.events(&trips[0]).contains(&"trip.safe_stopped".to_owned()), "{:?}", world.events(&trips[0]));
    world.verify();
}
