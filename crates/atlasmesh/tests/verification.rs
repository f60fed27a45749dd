//! The journal is verified beside everything else: a job that can be looked at, one of each tenant at a time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site::crossing;
use support::world::{profile, tenant};
use support::{Http, Serve, World};

/// Vehicles of a world whose journal takes a while to verify.
const VEHICLES: usize = 1_000;

/// A world with a long journal.
fn long() -> World {
    let world = World::with(Serve::default().with("--rate-limit", 0));
    let register = |from: usize| {
        let http = world.http.clone();
        move || {
            (from..VEHICLES)
                .step_by(8)
                .for_each(|n| drop(http.post("/v1/vehicles", &profile(&format!("car-{n}"))).ok()))
        }
    };
    let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(register(n))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    world
}

fn begin(http: &Http) -> (String, Value) {
    let answer = http.post("/v1/journal/verify", &json!({ "replay": true }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(path, format!("/v1/journal/verify/{}", answer.body["id"].as_str().unwrap()));
    (path, answer.body)
}

/// Begins until a verification that has not ended is answered instead of another; its path.
fn again(http: &Http, mut path: String) -> String {
    for _ in 0..100 {
        let (next, _) = begin(http);
        if next == path {
            return path;
        }
        assert_eq!(http.get(&path).ok()["state"], "done", "one at a time");
        path = next;
    }
    panic!("each was done before it could be begun again");
}

#[test]
fn a_verification_is_a_job_beside_the_requests() {
    let world = long();
    let size = world.journal_size();
    let (path, begun) = begin(&world.http);
    assert!(begun["verdict"].is_null(), "it is answered before it is done: {begun}");
    let path = again(&world.http, path);
    // Nobody waits for it, and nobody else sees it.
    let trip = world.ask(crossing(0, 0), crossing(1, 1));
    assert_eq!(trip.status, 201, "{}", trip.body);
    let other = world.server.http(&tenant(&world.server, "other-cars", "ride-hail"));
    other.get(&path).problem(404, "NOT_FOUND");
    // Another tenant's has its turn.
    let (others, _) = begin(&other);
    let done = |http: &Http, path: &str| {
        world.until("it is done", || {
            let now = http.get(path).ok();
            if now["state"] == "done" { Ok(now) } else { Err(now) }
        })
    };
    assert_eq!(done(&other, &others)["verdict"]["ok"], true);
    let ended = done(&world.http, &path);
    assert_eq!(ended["verdict"]["ok"], true, "{ended}");
    let number = |name: &str| ended["progress"][name].as_u64().unwrap();
    assert!(number("entries_done") >= size && number("entries_total") == number("entries_done"), "{ended}");
    assert!(number("rows_compared") >= VEHICLES as u64, "{ended}");
    assert_ne!(begin(&world.http).0, path, "what is done is not done again under the same name");
}

#[test]
fn a_verification_ends_with_the_server() {
    let mut world = long();
    begin(&world.http);
    world.server.stop();
    assert!(!world.server.process.said().contains("cut off"), "nothing was waited for");
    world.server.verify_stopped();
}
