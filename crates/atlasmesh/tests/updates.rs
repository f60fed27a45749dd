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

/// OTA-2
///
/// Who gets a release, who does not, and why, before anybody gets it.
#[test]
fn a_plan_shows_who_is_left_out_and_why() {
    let mut world = World::new();
    let ready = world.ready_vehicle(crossing(0, 0), FAST);
    let excluded = world.ready_vehicle(crossing(1, 1), FAST);
    let [ready, excluded] = [ready, excluded].map(|n| world.vehicle_id(n).to_owned());
    let silent = world.register("silent");
    world.until("both have reported", || {
        let runs = [&ready, &excluded].map(|vehicle| world.updates_of(vehicle)["installed"]["release"].clone());
        if runs.iter().all(|runs| runs == "factory") { Ok(()) } else { Err(json!(runs)) }
    });
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&ready], json!({ "excluded": [excluded] }));
    let preview = world.http.get(&format!("/v1/rollouts/{rollout}/preview")).ok();
    let row = |vehicle: &str| {
        let rows = preview["vehicles"].as_array().unwrap();
        rows.iter().find(|row| row["vehicle"] == vehicle).unwrap().clone()
    };
    assert_eq!((row(&ready)["stage"].clone(), row(&ready)["ready"].clone()), (json!(0), json!(true)), "{preview:#}");
    assert_eq!(row(&excluded)["reasons"], json!(["no stage of the plan admits it"]));
    assert_eq!(row(&silent)["reasons"], json!(["it has not reported what it runs"]));
    // A release without a way back starts nowhere, nor one for everybody at once.
    let bare = json!({
        "name": "bare", "sha256": world.upload(b"bare"), "hardware_ids": ["sim-compute-1"], "counter": 12, "notes": "x",
    });
    let bare = world.http.post("/v1/releases", &bare).ok()["id"].as_str().unwrap().to_owned();
    let plan = json!({ "name": "all", "release": bare, "stages": [{ "share_ppm": 1_000_000 }] });
    let rollout = world.http.post("/v1/rollouts", &plan).ok()["id"].as_str().unwrap().to_owned();
    let refused =
        world.http.post(&format!("/v1/rollouts/{rollout}/start"), &json!({})).problem(403, "POLICY_VIOLATION");
    let reasons = refused["decision"]["reasons"].to_string();
    assert!(reasons.contains("base.rollout-start.few-first") && reasons.contains("base.rollout-start.way-back"));
}

/// OTA-3, SAFE-12, SAFE-17
///
/// A vehicle on a trip finishes it first; then it is held, and no trip comes in between.
#[test]
fn a_vehicle_on_a_trip_is_updated_after_it_and_held_meanwhile() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), 2.0);
    let vehicle = world.vehicle_id(n).to_owned();
    let trip = world.trip(crossing(0, 0), crossing(2, 0));
    world.until_trip(&trip, "assigned", |trip| trip["vehicle"] == vehicle.as_str());
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({ "bandwidth_max": 220_000 }));
    world.start_rollout(&rollout);
    world.until("it waits for the end of the trip", || {
        let shown = world.updates_of(&vehicle);
        let code = shown["current"]["code"].as_str().unwrap_or_default();
        if code.contains("base.update-offer.on-trip") { Ok(()) } else { Err(shown) }
    });
    assert_ne!(world.trip_now(&trip)["status"], "COMPLETED");
    world.until("it downloads", || {
        let shown = world.updates_of(&vehicle);
        if shown["current"]["status"] == "DOWNLOADING" { Ok(()) } else { Err(shown) }
    });
    assert_eq!(world.trip_now(&trip)["status"], "COMPLETED");
    assert_eq!(world.vehicle_now(n)["holds"][0]["kind"], "update");
    // Dispatch obeys: the next trip waits for the end of the update.
    let next = world.trip(crossing(2, 0), crossing(0, 0));
    world.until_update(&vehicle, "SUCCEEDED");
    // It took longer than a stranger may stay, on one connection.
    assert!(!world.agents[n].process.said().contains("does not answer"));
    world.until_trip(&next, "assigned", |trip| trip["vehicle"] == vehicle.as_str());
    let steps = world.events(&next);
    assert!(steps.iter().any(|step| step == "trip.waits"), "{steps:?}");
}

/// OTA-5
///
/// The agent dies in the middle of a download and goes on where it was; the image is what it was to be.
#[test]
fn a_download_that_broke_goes_on() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({ "bandwidth_max": 1_000_000 }));
    world.start_rollout(&rollout);
    world.until("a part is there", || {
        let shown = world.updates_of(&vehicle);
        let part = world.agents[n].state().join("updates/slots/download");
        let length = std::fs::metadata(part).map_or(0, |known| known.len());
        if length >= 1_048_576 { Ok(()) } else { Err(shown) }
    });
    world.agents[n].kill();
    world.start_agent_again(n);
    world.until_update(&vehicle, "SUCCEEDED");
    let said = world.agents[n].process.said();
    // What was there was not fetched again.
    let fetched = said.split("downloaded").nth(1).and_then(|rest| rest.split("bytes=").nth(1)).unwrap_or_default();
    let fetched: u64 = fetched.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    assert!(fetched < 2_100_000, "{fetched} of 3,000,000 bytes were fetched again");
}

/// OTA-6
///
/// Policy forbids the installation: nothing is installed, and the failure is not held against the release.
#[test]
fn policy_is_asked_before_it_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let policies = support::server::exported_policies(folder.path());
    let rule = r#"
@id("base.update-install.never")
@version("1")
@purpose("A test.")
@reason("Nothing is installed today")
forbid (principal, action == Fleet::Action::"update.install", resource);
"#;
    let path = policies.join("base/updates.cedar");
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + rule).unwrap();
    let mut world = World::with(support::server::Serve::default().with("--policies", policies.display()));
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({}));
    world.start_rollout(&rollout);
    let failed = world.until_update(&vehicle, "FAILED");
    assert_eq!(failed["code"], "POLICY_VIOLATION", "{failed:#}");
    assert!(failed["detail"].as_str().unwrap().contains("base.update-install.never"), "{failed:#}");
    assert_eq!(world.updates_of(&vehicle)["installed"]["release"], "factory");
    assert_eq!(world.rollout(&rollout)["counts"], json!({ "proven": 0, "failed": 0 }));
}

/// OTA-4, OTA-8
///
/// A vehicle that was set up with another root key takes nothing that these keys signed, and the line stops.
#[test]
fn a_vehicle_refuses_what_its_keys_did_not_sign_and_the_line_stops() {
    let mut world = World::new();
    let id = world.register("other-keys");
    let mut bootstrap = world.bootstrap(&id);
    bootstrap["update_root_key"] = json!("ab".repeat(32));
    let n = world.start_agent("other-keys", &bootstrap, crossing(0, 0), FAST);
    world.until_vehicle(n, "ready", |vehicle| vehicle["ready"] == true);
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&id], json!({}));
    world.start_rollout(&rollout);
    let paused = world.until_rollout(&rollout, "PAUSED");
    assert_eq!(paused["pause"]["code"], "STOP_THE_LINE", "{paused:#}");
    let rejected = world.until_update(&id, "REJECTED");
    assert_eq!(rejected["code"], "ARBITRARY_SOFTWARE", "{rejected:#}");
    assert_eq!(world.updates_of(&id)["installed"]["release"], "factory");
}

/// OTA-9
///
/// Paused by a person, nobody is offered anything; it goes on when a second person wants it; then it is taken back.
#[test]
fn a_rollout_is_paused_resumed_by_two_and_taken_back() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let second = world.ready_vehicle(crossing(1, 1), FAST);
    let [vehicle, second] = [n, second].map(|n| world.vehicle_id(n).to_owned());
    let (release, back) = world.release("av-os-2.0", 10, true);
    let stages = json!([{ "soak_s": 0, "advance": "person" }, { "share_ppm": 1_000_000, "soak_s": 0 }]);
    let rollout = world.plan(&release, &[&vehicle], json!({ "stages": stages }));
    world.start_rollout(&rollout);
    let path = |verb: &str| format!("/v1/rollouts/{rollout}/{verb}");
    world.until("it waits for a person", || {
        let shown = world.rollout(&rollout);
        if shown["hold"] == "NEEDS_PERSON" { Ok(()) } else { Err(shown) }
    });
    let reason = json!({ "reason": "a strange noise" });
    assert_eq!(world.http.post(&path("pause"), &reason).ok()["pause"]["code"], "PERSON");
    world.http.post(&path("advance"), &json!({})).problem(409, "ILLEGAL_TRANSITION");
    let approval = world.http.post(&path("resume"), &reason).ok()["id"].as_str().unwrap().to_owned();
    // Not by who asked.
    let approve = format!("/v1/approvals/{approval}/approve");
    world.http.post(&approve, &reason).problem(403, "FORBIDDEN");
    let officer = world.principal("safety_officer", "officer");
    officer.post(&approve, &reason).ok();
    world.until_rollout(&rollout, "RUNNING");
    assert_eq!(world.updates_of(&second)["history"], json!([]));
    world.http.post(&path("advance"), &json!({})).ok();
    world.until_rollout(&rollout, "COMPLETED");
    let reverted = world.http.post(&path("revert"), &reason).ok()["reverted_by"].as_str().unwrap().to_owned();
    assert_eq!(world.http.post(&path("revert"), &reason).ok()["reverted_by"], reverted.as_str());
    let over = world.until_rollout(&reverted, "COMPLETED");
    assert_eq!((over["release"].clone(), over["counts"]["proven"].clone()), (json!(back), json!(2)), "{over:#}");
    for vehicle in [&vehicle, &second] {
        assert_eq!(world.updates_of(vehicle)["installed"]["release"], "av-os-2.0-back");
    }
}

/// OTA-7
///
/// The server dies in the middle of a rollout and goes on; the evidence of an update is checked without it, and a changed
/// byte is found.
#[test]
fn evidence_outlives_the_server_and_shows_every_change() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let vehicle = world.vehicle_id(n).to_owned();
    let (release, _) = world.release("av-os-2.0", 10, true);
    let rollout = world.plan(&release, &[&vehicle], json!({ "bandwidth_max": 1_000_000 }));
    world.start_rollout(&rollout);
    world.until("it downloads", || {
        let shown = world.updates_of(&vehicle);
        if shown["current"]["status"] == "DOWNLOADING" { Ok(()) } else { Err(shown) }
    });
    world.server.kill();
    world.server.start_again();
    world.until_update(&vehicle, "SUCCEEDED");
    world.verify();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (url, token) = (world.server.url.clone(), world.token.clone());
    let run = |words: &[&str]| {
        let mut command = support::server::atlasmesh();
        command.env("ATLASMESH_URL", &url).env("ATLASMESH_TOKEN", &token);
        command.arg("ota").arg("evidence").args(words).output().unwrap()
    };
    assert!(run(&["save", &vehicle, "1", "--out", &file("evidence.json")]).status.success());
    assert!(run(&["key", "--out", &file("key.pem")]).status.success());
    world.server.stop();
    let checked = run(&["verify", &file("evidence.json"), "--key", &file("key.pem")]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("every signature and proof holds"), "{said}");
    let envelope: serde_json::Value = serde_json::from_slice(&std::fs::read(file("evidence.json")).unwrap()).unwrap();
    let mut changed = envelope.clone();
    let payload = envelope["payload"].as_str().unwrap();
    changed["payload"] = json!(payload.replacen('a', "b", 1));
    std::fs::write(file("changed.json"), changed.to_string()).unwrap();
    assert!(!run(&["verify", &file("changed.json"), "--key", &file("key.pem")]).status.success());
}
