//! Where a vehicle stops, by the class of the stop (SAFE-5).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::World;
use support::server::atlasmesh;
use support::site::{self, crossing, east_m};

fn stop(class: &str) -> Value {
    json!({ "class": class, "reason": "a test" })
}

#[test]
fn safe_5_a_stop_waits_for_a_place_to_stand_and_only_now_stands_in_a_tunnel() {
    let mut world = World::new();
    let inside = |world: &World, n: usize| {
        let trip = world.trip((site::TUNNEL_FROM_M - 100.0, 0.0), (site::ROAD_END_M, 0.0));
        world.until("the vehicle is in the tunnel", || {
            let sample = world.newest_sample(n);
            let along = sample["lon"].as_f64().map(east_m).unwrap_or_default();
            let within = along > site::TUNNEL_FROM_M + 100.0 && along < site::TUNNEL_TO_M - 1_000.0;
            if within { Ok(()) } else { Err(sample) }
        });
        trip
    };
    let n = world.ready_vehicle((site::TUNNEL_FROM_M - 100.0, 0.0), 10.0);
    let trip = inside(&world, n);
    world.command(n, "stop", &stop("nearest_admissible")).ok();
    world.until_status(&trip, &["SAFE_STOPPED"]);
    let stands = east_m(world.until_stands(n).1);
    assert!(stands >= site::TUNNEL_TO_M - 10.0, "it stands {stands} m east: in the tunnel");
    // Another one follows, and now nobody has the time to wait for a better place.
    let n = world.ready_vehicle((site::TUNNEL_FROM_M - 100.0, 0.0), 10.0);
    let trip = inside(&world, n);
    world.command(n, "stop", &stop("now")).ok();
    let now = world.until_status(&trip, &["AWAITING_ASSIST", "SAFE_STOPPED"]);
    let stands = east_m(world.until_stands(n).1);
    assert!((site::TUNNEL_FROM_M..site::TUNNEL_TO_M).contains(&stands), "{stands} m east: {now:#}");
    world.until_status(&trip, &["AWAITING_ASSIST"]);
}

/// SAFE-5
#[test]
fn a_stop_at_a_place_waits_until_the_vehicle_comes_by() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 10.0);
    world.command(n, "stop", &json!({ "class": "at_place", "reason": "where?" })).problem(400, "INVALID_REQUEST");
    let no_place = json!({ "class": "now", "place": site::at(0.0, 0.0), "reason": "which?" });
    assert!(world.command(n, "stop", &no_place).problem(400, "INVALID_REQUEST").to_string().contains("/place"));
    assert_eq!(world.vehicle_now(n)["stop"], Value::Null);
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until_status(&trip, &["ON_TRIP"]);
    world.until("the vehicle drives", || {
        let sample = world.newest_sample(n);
        if sample["speed_mps"].as_f64().is_some_and(|speed_mps| speed_mps > 5.0) { Ok(()) } else { Err(sample) }
    });
    let ahead_m = 2.4 * site::BLOCK_M;
    let (lat, lon) = site::degrees(ahead_m, 0.0);
    let place = format!("--place={lat},{lon}");
    let mut order = atlasmesh();
    order.args(["vehicles", "stop", world.vehicle_id(n), "--class", "at_place", &place, "--reason", "a bag was left"]);
    assert!(order.args(["--url", &world.server.url, "--token", &world.token]).status().unwrap().success());
    let ordered = world.vehicle_now(n)["stop"].clone();
    assert_eq!((&ordered["class"], ordered["place"].is_object()), (&json!("at_place"), true), "{ordered:#}");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    let stands_m = east_m(world.until_stands(n).1);
    assert!((stands_m - ahead_m).abs() < 15.0, "it stands {stands_m} m east, not {ahead_m}");
    world.verify();
}
