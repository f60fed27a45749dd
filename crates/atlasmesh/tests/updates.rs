//! Software updates from a signed release to a proven boot, through the public surface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::json;
use support::World;
use support::site::crossing;

use support::world::FAST;

/// OTA-1, OTA-3, OTA-4, OTA-5, OTA-7, OTA-9
///
/// Signed, offered to who is eligible, verified, downloaded, installed, booted, proven; the healthy first stage opens the
/// next one.
#[test]
fn a_release_goes_out_in_stages_and_is_proven_by_each_vehicle() {
    let mut world = World::new();
    let first = world.ready_vehicle(crossing(0, 0), FAST);
    let second = world.ready_vehicle(crossing(1, 1), FAST);
    let [first, second] = [first, second].map(|n| world.vehicle_id(n).to_owned());
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&first], json!({}));
    world.start_rollout(&rollout);
    let over = world.until_rollout(&rollout, "COMPLETED");
    assert_eq!(over["counts"], json!({ "proven": 2, "failed": 0 }), "{over:#}");
    for vehicle in [&first, &second] {
        let shown = world.updates_of(vehicle);
        assert_eq!(shown["history"][0]["status"], "SUCCEEDED", "{shown:#}");
        assert_eq!(shown["installed"]["release"], "av-os-2.0");
        assert_eq!(shown["installed"]["truth"], "attested");
        assert_eq!(shown["installed"]["slot"], "B");
        world.until("the hold is released", || {
            let known = world.http.get(&format!("/v1/vehicles/{vehicle}")).ok();
            if known["holds"] == json!([]) { Ok(()) } else { Err(known["holds"].clone()) }
        });
    }
    // The first stage was over before the second vehicle was offered anything.
    let offered = |vehicle: &str| {
        let events = world.entries_of("update.offered");
        events.iter().position(|event| event["event"]["stream"] == format!("vehicle_updates/{vehicle}")).unwrap()
    };
    assert!(offered(&first) < offered(&second));
}

/// OTA-7, OTA-9
///
/// A release whose self-test fails leaves every vehicle on its old image; the gate pauses the rollout.
#[test]
fn a_bad_release_falls_back_by_itself_and_is_paused_by_the_gate() {
    let mut world = World::new();
    let vehicles: Vec<String> = (0..4)
        .map(|n| {
            let n = world.ready_vehicle(crossing(n % 2, n / 2), FAST);
            world.vehicle_id(n).to_owned()
        })
        .collect();
    let (release, _) = world.release("av-os-3.0", 10, false);
    let first: Vec<&str> = vehicles.iter().take(3).map(String::as_str).collect();
    let rollout = world.plan(&release, &first, json!({}));
    world.start_rollout(&rollout);
    let paused = world.until_rollout(&rollout, "PAUSED");
    assert_eq!(paused["pause"]["code"], "FAILURES", "{paused:#}");
    assert_eq!(paused["pause"]["counts"], json!({ "proven": 0, "failed": 3 }));
    for vehicle in &vehicles[..3] {
        let shown = world.updates_of(vehicle);
        assert_eq!(shown["history"][0]["code"], "SELF_TEST_FAILED", "{shown:#}");
        assert_eq!(shown["installed"]["release"], "factory");
    }
    assert_eq!(world.updates_of(&vehicles[3])["history"], json!([]));
}
