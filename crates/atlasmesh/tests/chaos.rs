//! kill -9 of the server or of an agent at any moment of trips: nothing acknowledged is missing, no trip is done twice
//! or forgotten, and the journal verifies. `cargo xtask chaos --kills 50` kills more often and can repeat a run by its seed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the row that failed is the last one printed")]

mod support;

use std::collections::BTreeMap;

use support::site::crossing;
use support::world::passenger;
use support::{Serve, World};

/// Kills in an everyday run.
const KILLS: usize = 10;
/// Vehicles that drive.
const VEHICLES: usize = 3;
/// Trips that are open at a time.
const OPEN: usize = 4;

/// A generator whose whole run follows from its seed (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn crossing(&mut self) -> (f64, f64) {
        crossing(self.roll(4) as u32, self.roll(4) as u32)
    }
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// What clients were told, and must find again.
#[derive(Default)]
struct Acknowledged {
    /// Idempotency key by trip.
    trips: BTreeMap<String, String>,
    /// Keys whose answer never came: the trip may or may not be there; asked again, it is there once.
    unanswered: Vec<(String, serde_json::Value)>,
    asked: u64,
}

impl Acknowledged {
    fn ask(&mut self, world: &World, dice: &mut Dice) {
        let (from, mut to) = (dice.crossing(), dice.crossing());
        while to == from {
            to = dice.crossing();
        }
        self.asked += 1;
        let (key, body) = (format!("client-{}", self.asked), passenger(from, to));
        self.send(world, key, body);
    }

    fn send(&mut self, world: &World, key: String, body: serde_json::Value) {
        let bytes = body.to_string();
        match world.http.send("POST", "/v1/trips", Some(bytes.as_bytes()), &[("idempotency-key", &key)]) {
            Ok(answer) if answer.status == 201 => {
                let trip = answer.body["id"].as_str().unwrap().to_owned();
                assert_eq!(self.trips.insert(trip, key), None, "one trip answers two keys");
            }
            Ok(answer) => assert!([429, 503].contains(&answer.status), "{answer:?}"),
            Err(_) => self.unanswered.push((key, body)),
        }
    }

    /// Does what a person at the desk does: a vehicle whose computer was killed goes on when it is ordered to (SAFE-13).
    fn let_go_on(&self, world: &World) {
        self.trips.keys().for_each(|trip| let_go_on(world, &world.trip_now(trip)));
    }

    fn open(&self, world: &World) -> usize {
        let over = |trip: &String| is_over(&world.trip_now(trip));
        self.trips.keys().filter(|trip| !over(trip)).count()
    }
}

fn let_go_on(world: &World, trip: &serde_json::Value) {
    if ["AWAITING_ASSIST", "SAFE_STOPPED"].contains(&trip["status"].as_str().unwrap()) {
        // Refused while the vehicle is away, or has not answered the last order.
        let path = format!("/v1/trips/{}/resume", trip["id"].as_str().unwrap());
        let answer = world.http.post(&path, &serde_json::json!({ "reason": "the street is clear" }));
        assert!([202, 409, 429, 503].contains(&answer.status), "{answer:?}");
    }
}

fn is_over(trip: &serde_json::Value) -> bool {
    ["COMPLETED", "CANCELLED", "FAILED", "EXPIRED"].contains(&trip["status"].as_str().unwrap())
}

/// TRIP-4, TRIP-10
#[test]
fn killed_at_any_moment_nothing_acknowledged_is_missing_and_no_trip_is_done_twice() {
    let kills = setting("ATLASMESH_KILLS").unwrap_or(KILLS);
    let seed = setting("ATLASMESH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{kills} kills, ATLASMESH_SEED={seed}");
    let mut dice = Dice(seed);
    let mut world = World::with(Serve::default().with("--offline-after-s", 5).with("--claim-valid-s", 10));
    for n in 0..VEHICLES {
        world.ready_vehicle(crossing(n as u32, n as u32), 25.0);
    }
    let mut acknowledged = Acknowledged::default();
    for kill in 0..kills {
        while acknowledged.open(&world) < OPEN {
            acknowledged.ask(&world, &mut dice);
        }
        // Some entries later, or some time later: whichever comes first is the moment.
        world.await_entries(world.journal_size() + dice.roll(12), 1 + dice.roll(700));
        match dice.roll(2) {
            0 => {
                println!("kill {kill}: server");
                // A request in flight: its answer may never come.
                world.server.kill();
                acknowledged.ask(&world, &mut dice);
                world.server.start_again();
            }
            _ => {
                let n = dice.roll(VEHICLES as u64) as usize;
                println!("kill {kill}: agent {n}");
                world.agents[n].kill();
                world.start_agent_again(n);
            }
        }
        acknowledged.let_go_on(&world);
        for (key, body) in std::mem::take(&mut acknowledged.unanswered) {
            acknowledged.send(&world, key, body);
        }
    }
    settle(&world, &acknowledged);
    world.verify();
    world.agents.clear();
    world.server.stop();
    world.server.verify_stopped();
}

/// Every trip comes to an end, once, and says so.
fn settle(world: &World, acknowledged: &Acknowledged) {
    for (trip, key) in &acknowledged.trips {
        let now = world.until_trip(trip, "over", |trip| {
            let_go_on(world, trip);
            is_over(trip)
        });
        let ends: Vec<String> = world.events(trip).into_iter().filter(|event| is_end(event)).collect();
        assert_eq!(ends.len(), 1, "{trip} of {key} ended as {ends:?}: {now}");
    }
    let known: Vec<String> = world.http.get("/v1/trips?limit=1000").ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trip| trip["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(known.len(), acknowledged.trips.len(), "a trip that nobody was told of: {known:?}");
    let done = acknowledged.trips.keys().filter(|trip| world.trip_now(trip)["status"] == "COMPLETED").count();
    println!("{done} of {} trips completed", known.len());
    assert!(done * 2 > known.len(), "most trips complete: {done} of {}", known.len());
}

fn is_end(event: &str) -> bool {
    ["trip.completed", "trip.cancelled", "trip.failed", "trip.expired"].contains(&event)
}
