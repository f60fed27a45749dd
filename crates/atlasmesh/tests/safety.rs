//! Safety of motion (SAFE-n) through the public surface, with agents of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use support::site::crossing;
use support::world::FAST;
use support::{Serve, World};

/// So slow that a trip through town is still under way after everything that a test does.
const SLOW: f64 = 2.0;

fn stop(class: &str) -> Value {
    json!({ "class": class, "reason": "a person on the road" })
}

/// The shipped policies, changed so that nobody's role may do anything.
fn policies_without_permits(folder: &Path) -> PathBuf {
    let policies = support::server::exported_policies(folder);
    for entry in fs::read_dir(policies.join("base")).unwrap() {
        let file = entry.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let nobody = text.replace(".contains(principal.role)", ".contains(Fleet::Role::\"auditor\")");
        fs::write(file, nobody).unwrap();
    }
    policies
}

/// SAFE-1: nobody can ask anew whether it may, so that it stands once what allowed it has ended, and a person cannot prolong it.
#[test]
fn safe_1_a_vehicle_keeps_its_limits_until_they_end_and_then_stands() {
    let folder = tempfile::tempdir().unwrap();
    let policies = support::server::exported_policies(folder.path());
    let trips = policies.join("base/trip.cedar");
    let text = fs::read_to_string(&trips).unwrap();
    let short = text.replace(r#"@value("86400")"#, r#"@value("20")"#);
    assert_ne!(short, text);
    fs::write(&trips, short).unwrap();
    let mut world = World::with(Serve::default().with("--policies", policies.display()));
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    world.server.kill();
    let stopped = world.agents[n].process.line_with("SafeStopped");
    assert!(stopped.contains("CONSTRAINTS_EXPIRED"), "{stopped}");
    world.server.start_again();
    world.until_status(&trip, &["AWAITING_ASSIST"]);
    world.until_stands(n);
    let resume = world.http.post(&format!("/v1/trips/{trip}/resume"), &json!({ "reason": "the road is clear" }));
    let refused = resume.problem(409, "ILLEGAL_TRANSITION");
    assert!(refused["detail"].as_str().unwrap().contains("what allowed this trip ended"), "{refused}");
    world.verify();
}

#[test]
fn safe_1_what_reduces_risk_needs_no_decision_and_nothing_else_moves() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    let waiting = world.trip(crossing(1, 1), crossing(2, 2));
    world.until_status(&waiting, &["WAITING"]);
    let policies = policies_without_permits(world.server.folder.path());
    world.server.kill();
    world.server.start_again_with(Serve::default().with("--policies", policies.display()));
    // No new motion: nobody may ask for any.
    world.ask(crossing(0, 0), crossing(1, 1)).problem(403, "POLICY_VIOLATION");
    // The vehicle is back, and what takes motion away is obeyed.
    let stopped = world.until("the vehicle takes the stop", || {
        let answer = world.command(n, "stop", &stop("nearest_admissible"));
        if answer.body["delivery"] == "sent" { Ok(answer.ok()) } else { Err(answer.body) }
    });
    assert_eq!(stopped["recorded"], "journal");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    world.until_stands(n);
    let hold = world.command(n, "holds", &json!({ "kind": "grounded", "timing": "now", "reason": "inquiry" }));
    assert_eq!(hold.status, 201, "{}", hold.body);
    world.http.post(&format!("/v1/trips/{waiting}/cancel"), &json!({ "reason": "inquiry" })).ok();
    // Whoever is aboard is not put out where the vehicle happens to stand.
    let occupied = world.http.post(&format!("/v1/trips/{trip}/cancel"), &json!({ "reason": "inquiry" }));
    assert_eq!((occupied.status, &occupied.body["diverted"]), (202, &json!(true)), "{}", occupied.body);
    assert_eq!(occupied.body["status"], "SAFE_STOPPED", "{}", occupied.body);
}

/// Vehicles that are only registered: their stops fill what a trip does not fit into.
const OTHERS: usize = 40;

/// So many stops one after the other found no room: what one batch of the agents' reports was refused leaves none either.
const FULL: usize = 20;

/// Asks for trips until the store takes none, then stops other vehicles until it does not even take that.
fn fill(world: &World, others: &[String]) {
    let mut asked = 0;
    while world.ask(crossing(0, 0), crossing(1, 1)).status != 503 {
        asked += 1;
        assert!(asked < 5_000, "the store never became full");
    }
    let mut refused = 0;
    for other in others.iter().cycle().take(5_000) {
        let answer = world.http.post(&format!("/v1/vehicles/{other}/stop"), &stop("nearest_admissible"));
        refused = if answer.ok()["recorded"] == "emergency" { refused + 1 } else { 0 };
        if refused == FULL {
            return;
        }
    }
    panic!("the store always has room for a stop");
}

#[test]
fn safe_2_a_stop_leaves_although_the_store_is_full() {
    let mut world = World::with(Serve::default().with("--store-mib-max", 2));
    let others: Vec<String> = (0..OTHERS).map(|other| world.register(&format!("other-{other}"))).collect();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    fill(&world, &others);
    let stopped = world.until("the stop is sent", || {
        let answer = world.command(n, "stop", &stop("nearest_admissible"));
        assert_eq!(answer.status, 202, "{}", answer.body);
        if answer.body["delivery"] == "sent" { Ok(answer.body) } else { Err(answer.body) }
    });
    assert_eq!(stopped["recorded"], "emergency", "{stopped}");
    let standing = world.until_stands(n);
    // With room again, the journal says what was done, and when.
    world.server.kill();
    world.server.start_again_with(Serve::default());
    let id = stopped["stop"].as_str().unwrap();
    let entry = world.until("the stop is in the journal", || {
        let found = world.entries(0).into_iter().find(|entry| {
            entry["event"]["type"].as_str().unwrap().starts_with("vehicle.")
                && entry["event"]["body"].to_string().contains(id)
        });
        found.ok_or(Value::Null)
    });
    assert!(entry.to_string().contains("a person on the road"), "{entry:#}");
    assert_eq!(entry["event"]["simulated"], true, "{entry:#}");
    world.until_status(&trip, &["SAFE_STOPPED"]);
    assert_eq!(world.until_stands(n), standing, "it stands where it stopped");
    world.verify();
}

/// How long a connected vehicle may take to obey what takes its motion away.
const OBEYED_WITHIN: Duration = Duration::from_secs(1);

/// A vehicle's log has the command within a second, although no commit comes through.
#[track_caller]
fn obeys(world: &World, n: usize, what: &str, order: impl FnOnce() -> support::http::Answer) -> Value {
    let began = std::time::Instant::now();
    let answer = order();
    let line = world.agents[n].process.try_line_with(what, OBEYED_WITHIN);
    assert!(line.is_some(), "{what} after {:?}: {}\n{}", began.elapsed(), answer.body, world.agents[n].process.said());
    assert!(began.elapsed() < OBEYED_WITHIN, "{what}: {:?}", began.elapsed());
    assert!([200, 201, 202].contains(&answer.status), "{}", answer.body);
    assert_eq!(answer.body["recorded"], "emergency", "{}", answer.body);
    answer.body
}

#[test]
fn safe_2_stops_holds_and_cancellations_leave_within_a_second_although_the_store_hangs() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let held = world.ready_vehicle(crossing(3, 0), SLOW);
    let away = world.ready_vehicle(crossing(0, 3), SLOW);
    // The first drives to its passenger, so that its trip can be called off where it is.
    let trip = world.trip(crossing(3, 3), crossing(0, 0));
    let driving = world.until_status(&trip, &["TO_PICKUP"]);
    let driver = [n, held, away].into_iter().find(|n| driving["vehicle"] == world.vehicle_id(*n)).unwrap();
    let [held, away] = [n, held, away].into_iter().filter(|n| *n != driver).collect::<Vec<_>>().try_into().unwrap();
    world.agents[away].kill();
    let lock = world.server.hang_store();
    let cancel = format!("/v1/trips/{trip}/cancel");
    obeys(&world, driver, "Cancelled", || world.http.post(&cancel, &json!({ "reason": "the passenger left" })));
    let hold = json!({ "kind": "grounded", "timing": "now", "reason": "smoke" });
    let hold = obeys(&world, held, "Held", || world.command(held, "holds", &hold));
    obeys(&world, driver, "Held", || world.command(driver, "stop", &stop("now")));
    // One that is away obeys when it is back, while the store still hangs.
    let waits = world.command(away, "stop", &stop("now"));
    assert_eq!(waits.body["delivery"], "waiting", "{}", waits.body);
    world.start_agent_again(away);
    world.agents[away].process.line_with("Held");
    drop(lock);
    // The journal has all of it later, and nothing twice.
    world.until_status(&trip, &["CANCELLED"]);
    let has = |world: &World, n: usize, what: &str| {
        let vehicle = world.vehicle_now(n);
        if vehicle[what].is_null() || vehicle[what] == json!([]) { Err(vehicle) } else { Ok(vehicle) }
    };
    let shown = world.until("the hold is in the journal", || has(&world, held, "holds"));
    assert_eq!(shown["holds"].as_array().unwrap().len(), 1, "{shown:#}");
    assert_eq!(shown["holds"][0]["id"], hold["id"], "{shown:#}");
    for n in [driver, away] {
        world.until("the stop is in the journal", || has(&world, n, "stop"));
    }
    assert_eq!(world.entries_of("vehicle.stop_ordered").len(), 2);
    assert_eq!(world.entries_of("trip.cancelled").len(), 1);
    world.verify();
}

/// SAFE-6: stop and clear while the vehicle is away; the clearance expires long before it is back.
#[test]
fn safe_6_a_stop_that_was_cleared_while_the_vehicle_was_away_holds_nobody() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let of_kind = |world: &World, kind: &str| world.commands(n).into_iter().find(|command| command["kind"] == kind);
    world.agents[n].kill();
    let made = world.command(n, "stop", &stop("nearest_admissible")).ok();
    world.until("the stop is issued", || of_kind(&world, "stop").ok_or(Value::Null));
    world.command(n, "clear", &json!({ "stop": made["stop"] })).ok();
    let clearance = world.until("the clearance is issued", || of_kind(&world, "clearance").ok_or(Value::Null));
    let left_us = support::time::us(clearance["expires_at"].as_str().unwrap()) - support::time::now_us();
    // Nothing comes that is waited for here but the time at which the clearance is over.
    world.await_entries(world.journal_size() + 1_000, u64::try_from(left_us / 1_000 + 100).unwrap());
    world.start_agent_again(n);
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

#[test]
fn safe_6_what_permits_expires_and_what_restricts_waits_for_the_vehicle() {
    let mut world = World::with(Serve::default().with("--offline-after-s", 120));
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    // The vehicle is deaf for longer than the dispatch may be obeyed.
    world.agents[n].process.signal("STOP");
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let of_kind = |world: &World, kind: &str| world.commands(n).into_iter().find(|command| command["kind"] == kind);
    let dispatch = world.until("a dispatch is issued", || of_kind(&world, "dispatch").ok_or(Value::Null));
    assert_eq!(dispatch["class"], "permissive");
    let id = dispatch["id"].as_str().unwrap().to_owned();
    let this = |world: &World| world.commands(n).into_iter().find(|command| command["id"] == id.as_str()).unwrap();
    let expired = |world: &World| {
        world.until("the dispatch is expired", || {
            let command = this(world);
            if command["state"] == "expired" { Ok(()) } else { Err(command) }
        });
    };
    let left_us = support::time::us(dispatch["expires_at"].as_str().unwrap()) - support::time::now_us();
    world.await_entries(world.journal_size() + 1_000, u64::try_from(left_us / 1_000 + 100).unwrap());
    // SAFE-7: it could have taken the trip, for all that anybody knows.
    assert_eq!(world.trip_now(&trip)["vehicle"], world.vehicle_id(n));
    world.agents[n].process.signal("CONT");
    expired(&world);
    // It refuses what came too late, and is not asked again for a while.
    world.until_status(&trip, &["WAITING"]);
    assert!(!world.events(&trip).contains(&"trip.dispatched".to_owned()));
    world.http.post(&format!("/v1/trips/{trip}/cancel"), &json!({ "reason": "the test goes on" })).ok();
    // A stop for a vehicle that is away waits for it, for as long as it takes.
    world.agents[n].kill();
    world.until("its link is closed", || {
        let answer = world.http.get("/readyz").ok();
        if answer["vehicles_connected"] == 0 { Ok(()) } else { Err(answer) }
    });
    let made = world.command(n, "stop", &stop("nearest_admissible")).ok();
    assert_eq!(made["delivery"], "waiting", "{made}");
    let restrictive = world.until("the stop is issued", || of_kind(&world, "stop").ok_or(Value::Null));
    assert_eq!((&restrictive["class"], &restrictive["expires_at"]), (&json!("restrictive"), &Value::Null));
    for _ in 0..2 {
        world.start_agent_again(n);
        world.until("the stop is obeyed", || {
            let command = of_kind(&world, "stop").unwrap();
            if command["state"] == "accepted" { Ok(()) } else { Err(command) }
        });
        // It survives the vehicle's own restart too.
        world.agents[n].kill();
    }
    world.start_agent_again(n);
    let trip = world.trip(crossing(3, 3), crossing(0, 0));
    world.until_status(&trip, &["WAITING"]);
    assert_eq!(world.vehicle_now(n)["ready"], false);
    world.command(n, "clear", &json!({ "stop": made["stop"] })).ok();
    world.until_status(&trip, &["COMPLETED"]);
}

/// TRIP-10, ONB-9
#[test]
fn safe_7_a_silent_vehicles_trip_is_given_away_only_after_its_claim_has_lapsed() {
    let serve = Serve::default().with("--offline-after-s", 2).with("--claim-valid-s", 4);
    let mut world = World::with(serve);
    let first = world.ready_vehicle(crossing(3, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(0, 3));
    let before = world.until_status(&trip, &["TO_PICKUP"]);
    assert_eq!(before["vehicle"], world.vehicle_id(first));
    let other = world.ready_vehicle(crossing(0, 3), FAST);
    world.agents[first].kill();
    let last_renewal = world.journal_size();
    let after =
        world.until_trip(&trip, "given to the other vehicle", |trip| trip["vehicle"] == world.vehicle_id(other));
    assert_eq!(after["id"], trip.as_str());
    let released = world.entries(last_renewal);
    let seen = world.vehicle_now(first)["seen"]["at"].as_str().unwrap().to_owned();
    let given = released
        .iter()
        .map(|entry| &entry["event"])
        .find(|event| event["stream"] == format!("trip/{trip}") && event.to_string().contains(world.vehicle_id(other)))
        .unwrap();
    let silent_us = support::time::us(given["recorded_at"].as_str().unwrap()) - support::time::us(&seen);
    assert!(silent_us >= 4_000_000, "given away {silent_us} µs after the last sign of life, claim valid for 4 s");
    world.until_status(&trip, &["COMPLETED"]);
    // The first vehicle comes back with an old epoch: it stands, and what it says about the trip changes nothing.
    let ended = world.events(&trip);
    world.start_agent_again(first);
    world.until_vehicle(first, "back and free", |vehicle| vehicle["ready"] == true && vehicle["claim"].is_null());
    world.until_stands(first);
    assert_eq!(world.trip_now(&trip)["vehicle"], world.vehicle_id(other));
    assert_eq!(world.trip_now(&trip)["status"], "COMPLETED");
    let ends = world.events(&trip).iter().filter(|event| *event == "trip.completed").count();
    assert_eq!(ends, 1, "{ended:?}");
    world.verify();
}

/// The vehicle takes the dispatch, its answer and all that it says afterwards are lost, and it drives on while its claim
/// is renewed. It counts as connected for 30 s.
#[test]
fn safe_7_a_vehicle_whose_answer_was_lost_keeps_the_trip_until_its_claim_has_lapsed() {
    // Sessions are cut after twenty seconds of silence.
    let serve = Serve::default().with("--offline-after-s", 20).with("--claim-valid-s", 4);
    let mut world = World::with(serve);
    let first = world.ready_vehicle(crossing(0, 0), SLOW);
    let proxy = support::proxy::Proxy::before(&world.server.link);
    world.agents[first].go_through(&world.server, &proxy.address);
    world.agents[first].process.line_with("Welcome");
    world.until_vehicle(first, "ready", |vehicle| vehicle["ready"] == true);
    proxy.swallow();
    let trip = world.trip(crossing(0, 1), crossing(3, 3));
    world.agents[first].process.line_with("Departed");
    let other = world.ready_vehicle(crossing(0, 3), FAST);
    world.until_trip(&trip, "given to the other vehicle", |trip| trip["vehicle"] == world.vehicle_id(other));
    let recorded = |event: &str| {
        let step = world.history(&trip).into_iter().find(|step| step["event"] == event).unwrap();
        support::time::us(step["at"].as_str().unwrap())
    };
    let kept_us = recorded("trip.unassigned") - recorded("trip.assigned");
    assert!(kept_us > 24_000_000, "given away {kept_us} µs after the dispatch: its claim was renewed for 20 s");
    // By then it stands, as its claim has lapsed.
    world.agents[first].process.line_with("CLAIM_LAPSED");
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

/// SAFE-7, ONB-9
#[test]
fn safe_8_our_own_outage_makes_no_vehicle_offline_and_moves_no_trip() {
    let serve = Serve::default().with("--offline-after-s", 3).with("--claim-valid-s", 4);
    let mut world = World::with(serve);
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let other = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let before = world.until_status(&trip, &["ON_TRIP"]);
    let (n, other) = if before["vehicle"] == world.vehicle_id(n) { (n, other) } else { (other, n) };
    // Nobody listens for longer than any deadline; the other vehicle never comes back.
    world.server.kill();
    world.agents[other].kill();
    let sent = support::time::now_us();
    // Its claim lapses without a link: the vehicle stops by itself, with people aboard (SAFE-7).
    world.agents[n].process.line_with("SafeStopped");
    world.server.start_again();
    let listening_again = support::time::now_us();
    assert!(listening_again - sent > 3_000_000, "the outage was shorter than the deadline that it must outlast");
    // Seen at once, before either could say a word: nobody is offline.
    assert_eq!(world.vehicle_now(other)["status"], "ONLINE");
    assert_eq!(world.vehicle_now(n)["status"], "ONLINE");
    world.until_trip(&trip, "reported as stopped", |_| {
        world.history(&trip).iter().any(|step| step.to_string().contains("CLAIM_LAPSED"))
    });
    // It goes on under its claim, which the server renews: nothing was given away.
    world.until_status(&trip, &["ON_TRIP"]);
    let after = world.trip_now(&trip);
    assert_eq!((&after["vehicle"], &after["claim_epoch"]), (&before["vehicle"], &before["claim_epoch"]));
    // The one that never came back is offline, a full deadline after we listened again.
    world.until_vehicle(other, "offline", |vehicle| vehicle["status"] == "OFFLINE");
    let offline = world.entries_of("vehicle.went_offline");
    assert!(offline.iter().any(|entry| entry.to_string().contains(world.vehicle_id(other))), "{offline:#?}");
    // A vehicle that takes longer than that to come back may be offline too, but none was before its time.
    for entry in offline {
        let at = support::time::us(entry["event"]["recorded_at"].as_str().unwrap());
        assert!(at - listening_again >= 2_500_000, "offline {} µs after we listened again", at - listening_again);
    }
    world.verify();
}

/// The library that gives one process another clock, and only that: the monotonic one goes on.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists());
    library.expect("the package faketime is installed by `cargo xtask test`")
}

#[test]
fn safe_8_a_step_of_the_servers_clock_makes_nobody_silent_and_stalls_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    // Replaced as a whole: the server may read it at any moment.
    let set = |offset: &str| {
        fs::write(folder.path().join("next"), offset).unwrap();
        fs::rename(folder.path().join("next"), &clock).unwrap();
    };
    set("+0");
    let serve = Serve::default().with("--offline-after-s", 3).with("--claim-valid-s", 4);
    let serve = serve.env("LD_PRELOAD", faketime().display()).env("FAKETIME_TIMESTAMP_FILE", clock.display());
    let serve = serve.env("FAKETIME_NO_CACHE", 1).env("FAKETIME_DONT_FAKE_MONOTONIC", 1);
    let mut world = World::with(serve);
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let other = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    let before = world.until_status(&trip, &["ON_TRIP"]);
    let stepped = |world: &World, steps: u64| {
        world.until("the step is seen", || {
            let ready = world.http.get("/readyz").ok();
            if ready["clock"]["steps"] == steps { Ok(ready["clock"].clone()) } else { Err(ready) }
        })
    };
    set("+300");
    stepped(&world, 1);
    // Every deadline would be over by minutes; all of them get a fresh grace, and both vehicles are heard in it.
    world.await_entries(world.journal_size() + 1_000, 5_000);
    for n in [n, other] {
        assert_eq!(world.vehicle_now(n)["status"], "ONLINE");
    }
    let after = world.trip_now(&trip);
    assert_eq!((&after["vehicle"], &after["claim_epoch"]), (&before["vehicle"], &before["claim_epoch"]));
    for silence in ["vehicle.went_offline", "trip.vehicle_silent", "trip.unassigned", "trip.withdrawn"] {
        assert!(world.entries_of(silence).is_empty(), "{silence}");
    }
    // Back again: who falls silent now is found silent, and trips go on.
    set("+0");
    let clock = stepped(&world, 2);
    assert!(clock["ahead_ms"].as_i64().unwrap() > 200_000, "{clock}");
    let silent = if before["vehicle"] == world.vehicle_id(n) { other } else { n };
    world.agents[silent].kill();
    world.until_vehicle(silent, "offline", |vehicle| vehicle["status"] == "OFFLINE");
    let driving = [n, other].into_iter().find(|n| *n != silent).unwrap();
    world.http.post(&format!("/v1/trips/{trip}/cancel"), &json!({ "reason": "the test goes on" })).ok();
    world.until_status(&trip, &["CANCELLED"]);
    world.agents[driving].kill();
    let served = world.ready_vehicle(crossing(0, 3), FAST);
    let next = world.trip(crossing(0, 3), crossing(3, 3));
    assert_eq!(world.until_status(&next, &["COMPLETED"])["vehicle"], world.vehicle_id(served));
    assert!(world.server.process.said().contains("stepped forward"));
    world.verify();
}

#[test]
fn safe_13_a_clearance_makes_a_vehicle_ready_and_never_moves_it() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    let made = world.command(n, "stop", &stop("nearest_admissible")).ok();
    world.until_status(&trip, &["SAFE_STOPPED"]);
    world.until_stands(n);
    let stood_m = world.newest_sample(n)["odometer_m"].as_f64().unwrap();
    world.command(n, "clear", &json!({ "stop": made["stop"] })).ok();
    world.until_vehicle(n, "cleared", |vehicle| vehicle["stop"].is_null());
    // It had every chance to move: three samples later it still stands.
    let seen = world.newest_sample(n)["seq"].as_u64().unwrap();
    world.until("three more samples", || {
        let sample = world.newest_sample(n);
        if sample["seq"].as_u64().unwrap() >= seen + 3 { Ok(()) } else { Err(sample) }
    });
    assert_eq!(world.newest_sample(n)["odometer_m"].as_f64(), Some(stood_m));
    assert_eq!(world.trip_now(&trip)["status"], "SAFE_STOPPED");
    // Nor does a restart of the vehicle's computer move it, however often its claim is renewed.
    world.agents[n].kill();
    world.start_agent_again(n);
    world.until("samples of the new start", || {
        let sample = world.newest_sample(n);
        if sample["seq"].as_u64() < Some(seen) || sample["seq"].as_u64() > Some(seen + 5) {
            Ok(())
        } else {
            Err(sample)
        }
    });
    assert_eq!(world.newest_sample(n)["odometer_m"].as_f64(), Some(stood_m));
}

#[test]
fn safe_13_a_restarted_vehicle_stands_until_a_person_orders_it_to_go_on() {
    let mut world = World::with(Serve::default().with("--claim-valid-s", 4));
    let n = world.ready_vehicle(crossing(0, 0), SLOW);
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_status(&trip, &["ON_TRIP"]);
    world.agents[n].kill();
    world.agents[n].start_again_at(&world.server, FAST);
    let waits = world.until_status(&trip, &["AWAITING_ASSIST"]);
    let stands = world.until_stands(n);
    // Its claim is renewed each second, and it still stands.
    let renewed = world.journal_size();
    world.await_entries(renewed + 1_000, 3_000);
    assert_eq!((world.until_stands(n), &world.trip_now(&trip)["claim_epoch"]), (stands, &waits["claim_epoch"]));
    world.let_go_on(&trip);
    world.until_status(&trip, &["COMPLETED"]);
    world.verify();
}

/// SAFE-6
#[test]
fn safe_13_a_clearance_that_came_too_late_is_told_again() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let made = world.command(n, "stop", &stop("now")).ok();
    let of_kind = |world: &World, kind: &str| world.commands(n).into_iter().find(|command| command["kind"] == kind);
    world.until("the stop is obeyed", || match of_kind(&world, "stop") {
        Some(command) if command["state"] == "accepted" => Ok(()),
        other => Err(json!(other)),
    });
    world.agents[n].kill();
    world.command(n, "clear", &json!({ "stop": made["stop"] })).ok();
    let clearance = world.until("the clearance is issued", || of_kind(&world, "clearance").ok_or(Value::Null));
    let left_us = support::time::us(clearance["expires_at"].as_str().unwrap()) - support::time::now_us();
    // Nothing comes that is waited for here but the time at which the clearance is over.
    world.await_entries(world.journal_size() + 1_000, u64::try_from(left_us / 1_000 + 100).unwrap());
    world.start_agent_again(n);
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["COMPLETED"]);
    assert_eq!(world.commands(n).iter().filter(|command| command["kind"] == "clearance").count(), 2);
    world.verify();
}

#[test]
fn safe_17_a_held_vehicle_is_not_dispatched_and_only_its_owner_lets_it_go() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(0, 0), FAST);
    let hold = |kind: &str| json!({ "kind": kind, "timing": "after_trip", "reason": "brake noise" });
    let cleaning = world.command(n, "holds", &hold("cleaning")).ok()["id"].as_str().unwrap().to_owned();
    let lockout = world.command(n, "holds", &hold("lockout")).ok()["id"].as_str().unwrap().to_owned();
    let held = world.until_vehicle(n, "held", |vehicle| vehicle["ready"] == false);
    assert_eq!(held["holds"].as_array().unwrap().len(), 2, "{held:#}");
    assert!(held["holds"].to_string().contains("brake noise"));
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    world.until_trip(&trip, "waiting for the holds", |trip| {
        trip["status"] == "WAITING" && trip["wait"].to_string().contains("hold")
    });
    let path = |hold: &str| format!("/v1/vehicles/{}/holds/{hold}", world.vehicle_id(n));
    // Somebody may be under the vehicle: nobody releases that from afar.
    let refused = world.http.delete(&path(&lockout)).problem(403, "POLICY_VIOLATION");
    assert!(refused.to_string().contains("base.hold-release.lockout"), "{refused}");
    world.http.delete(&path(&cleaning)).ok();
    world.await_entries(world.journal_size(), Duration::from_secs(1).as_millis() as u64);
    let still = world.trip_now(&trip);
    assert_eq!((still["status"].as_str(), still["vehicle"].is_null()), (Some("WAITING"), true), "{still:#}");
    assert_eq!(world.vehicle_now(n)["holds"].as_array().unwrap().len(), 1);
    // Another vehicle without holds takes the trip.
    world.ready_vehicle(crossing(0, 0), FAST);
    world.until_status(&trip, &["COMPLETED"]);
}
