//! What follows when a vehicle on a trip breaks a rule (TRIP-8, TRIP-10): warned of, slowed, led another way, stopped. The
//! vehicle is a puppet that keeps no rules, because our own agent would not break one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::World;
use support::foreign::{enrol, python};
use support::process::Process;
use support::site::{self, crossing};
use support::world::square;

/// Streets are planned at 50 km/h.
const PLANNED_MPS: f64 = 50.0 / 3.6;

/// A puppet on a trip along the southern street, with its passenger aboard.
struct Show {
    world: World,
    puppet: Process,
    trip: String,
}

/// A puppet that waits for a trip; its vehicle.
fn ready_puppet() -> (World, Process, String) {
    let world = World::new();
    let vehicle = world.register("puppet");
    let identity = enrol(&world.server.folder.path().join("puppet"), &world.bootstrap(&vehicle));
    let (lat, lon) = site::degrees(0.0, 0.0);
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../link/proto");
    let mut command = Command::new(python("python"));
    command
        .arg(format!("{tests}/puppet.py"))
        .arg(proto)
        .arg(identity)
        .arg(format!("{lat},{lon}"))
        .arg(&world.server.link);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let puppet = Process::start_with_input("puppet.py", &mut command);
    let path = format!("/v1/vehicles/{vehicle}");
    world.until("the puppet is ready", || {
        let vehicle = world.http.get(&path).ok();
        if vehicle["ready"] == true && vehicle["seen"]["position"].is_object() { Ok(()) } else { Err(vehicle) }
    });
    (world, puppet, vehicle)
}

impl Show {
    fn begin() -> Self {
        let (world, puppet, _) = ready_puppet();
        let trip = world.trip(crossing(0, 0), crossing(3, 0));
        puppet.line_with("told: dispatch");
        for act in ["accept", "depart", "pickup", "board"] {
            puppet.tell(act);
        }
        world.until_status(&trip, &["ON_TRIP"]);
        Self { world, puppet, trip }
    }

    /// So many samples of one kind: a rule opens at the second in a row, a stop at the first, and closes after five.
    fn sample(&self, times: usize, speed_mps: f64, north_m: f64, battery_pct: f64) {
        for _ in 0..times {
            self.puppet.tell(&format!("sample {speed_mps} {north_m} {battery_pct} AUTONOMOUS 0"));
        }
    }

    fn opened(&self, rule: &str) -> Value {
        self.await_violation("trip.violation_opened", rule)
    }

    fn closed(&self, rule: &str) {
        self.await_violation("trip.violation_closed", rule);
    }

    fn await_violation(&self, event: &str, rule: &str) -> Value {
        self.world.until(&format!("{event} of {rule}"), || {
            let history = self.world.history(&self.trip);
            let step = history.iter().rev().find(|step| step["event"] == event && step["body"]["rule"] == rule);
            step.map(|step| step["body"].clone()).ok_or_else(|| json!(self.world.events(&self.trip)))
        })
    }
}

#[test]
fn trip_10_a_vehicle_that_is_too_fast_is_slowed_and_freed_when_it_keeps_to_the_limit() {
    let show = Show::begin();
    show.sample(2, PLANNED_MPS + 3.0, 0.0, 80.0);
    let opened = show.opened("base.monitoring.speed");
    assert_eq!(opened["response"], "slow", "{opened:#}");
    let told = show.puppet.line_with("told: slow");
    assert!(told.ends_with(&format!("{PLANNED_MPS:.2}")), "{told}");
    show.sample(5, PLANNED_MPS, 0.0, 80.0);
    show.closed("base.monitoring.speed");
    show.puppet.line_with("told: clearance");
    assert_eq!(show.world.trip_now(&show.trip)["violations"], json!({}));
    show.world.verify();
}

#[test]
fn trip_10_a_vehicle_that_is_far_too_fast_is_stopped_and_goes_on_only_when_it_is_told() {
    let show = Show::begin();
    show.sample(1, PLANNED_MPS + 9.0, 0.0, 80.0);
    let opened = show.opened("base.monitoring.speed-gross");
    assert_eq!(opened["response"], "stop", "{opened:#}");
    show.puppet.line_with("told: stop");
    show.puppet.tell("stand");
    show.world.until_status(&show.trip, &["SAFE_STOPPED"]);
    let resume = format!("/v1/trips/{}/resume", show.trip);
    let why = json!({ "reason": "the driver's desk looked" });
    show.world.http.post(&resume, &why).problem(409, "ILLEGAL_TRANSITION");
    show.sample(5, 0.0, 0.0, 80.0);
    show.closed("base.monitoring.speed-gross");
    show.puppet.line_with("told: clearance");
    assert_eq!(show.world.trip_now(&show.trip)["status"], "SAFE_STOPPED", "a clearance moves nothing");
    assert_eq!(show.world.http.post(&resume, &why).status, 202);
    show.puppet.line_with("told: resume");
    show.world.await_step(&show.trip, "trip.resume_taken");
    show.world.verify();
}

#[test]
fn trip_10_a_vehicle_off_its_way_is_led_another_way() {
    let show = Show::begin();
    show.sample(2, 5.0, 60.0, 80.0);
    let opened = show.opened("base.monitoring.off-route");
    assert_eq!(opened["response"], "reroute", "{opened:#}");
    show.puppet.line_with("told: reroute");
    show.world.await_step(&show.trip, "trip.reroute_taken");
    show.world.verify();
}

#[test]
fn trip_10_of_a_low_battery_the_people_in_charge_are_warned_and_the_vehicle_is_told_nothing() {
    let show = Show::begin();
    let before = show.puppet.said().matches("told:").count();
    show.sample(2, 5.0, 0.0, 8.0);
    let opened = show.opened("base.monitoring.battery-low");
    assert_eq!(opened["response"], "warn", "{opened:#}");
    show.sample(5, 5.0, 0.0, 80.0);
    show.closed("base.monitoring.battery-low");
    // The vehicle hears of events in their order: what it is told next is of the hold.
    let vehicle = show.world.trip_now(&show.trip)["vehicle"].as_str().unwrap().to_owned();
    let hold = json!({ "kind": "grounded", "timing": "after_trip", "reason": "the battery again" });
    show.world.http.post(&format!("/v1/vehicles/{vehicle}/holds"), &hold).ok();
    show.puppet.line_with("told: ground");
    assert_eq!(show.puppet.said().matches("told:").count(), before + 1, "{}", show.puppet.said());
    show.world.verify();
}

/// SAFE-17: whom a person drives, works at or has stopped by the red button is given no trip, and is not told to go on.
#[test]
fn safe_17_in_the_modes_of_people_nothing_moves() {
    let (world, puppet, vehicle) = ready_puppet();
    let path = format!("/v1/vehicles/{vehicle}");
    let turn_to = |mode: &str| {
        puppet.tell(&format!("mode {mode}"));
        world.until(mode, || {
            let vehicle = world.http.get(&path).ok();
            if vehicle["mode"] == mode { Ok(()) } else { Err(vehicle) }
        });
    };
    turn_to("MANUAL");
    let trip = world.trip(crossing(0, 0), crossing(3, 0));
    world.until("the trip waits because of the mode", || {
        let why = world.why(&trip);
        if why.contains("MANUAL") { Ok(()) } else { Err(json!(why)) }
    });
    turn_to("AUTONOMOUS");
    puppet.line_with("told: dispatch");
    for act in ["accept", "depart", "pickup", "board", "stand"] {
        puppet.tell(act);
    }
    world.until_status(&trip, &["SAFE_STOPPED", "AWAITING_ASSIST"]);
    let resume = || world.http.post(&format!("/v1/trips/{trip}/resume"), &json!({ "reason": "the road is clear" }));
    for mode in ["MANUAL", "SERVICE", "ESTOP"] {
        turn_to(mode);
        let refused = resume();
        assert!(refused.status == 403 && refused.body.to_string().contains(mode), "{mode}: {}", refused.body);
    }
    turn_to("AUTONOMOUS");
    world.let_go_on(&trip);
    puppet.line_with("told: resume");
    world.verify();
}

/// SAFE-14
#[test]
fn a_vehicle_of_a_version_before_speed_limits_never_counts_among_those_that_keep_one() {
    let (world, puppet, _) = ready_puppet();
    let area = |east_m: f64| square(east_m, 600.0, 40.0);
    let made = |what: &str, order: Value| world.http.post(&format!("/v1/sites/{}/{what}", site::NAME), &order).ok();
    made("speed-limits", json!({ "max_speed_mps": 5.0, "polygon": area(0.0), "reason": "works" }));
    made("closures", json!({ "class": "no_entry", "polygon": area(600.0), "reason": "a burst pipe" }));
    puppet.line_with("told: site_rules");
    let in_force = |what: &str| {
        let listed = world.http.get(&format!("/v1/sites/{}/{what}", site::NAME)).ok();
        listed["items"][0]["in_force"].clone()
    };
    world.until("it keeps the closure", || {
        let closure = in_force("closures");
        if closure["on"] == 1 { Ok(()) } else { Err(closure) }
    });
    let limit = in_force("speed-limits");
    assert_eq!((&limit["on"], &limit["of"], &limit["waiting"][0]["name"]), (&json!(0), &json!(1), &json!("puppet")));
}
