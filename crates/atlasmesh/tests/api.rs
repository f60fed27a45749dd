//! The HTTP API where a request and an answer are not all there is: streams, limits, versions, principals.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::live::{Frame, Record};
use support::site::{crossing, degrees};
use support::world::{FAST, profile};
use support::{Http, World};

#[test]
fn events_are_told_as_the_journal_has_them() {
    let world = World::new();
    let before = world.journal_size();
    let (mut all, mut some) = (world.http.events("", &[]).unwrap(), world.http.events("?types=trip.", &[]).unwrap());
    world.trip(crossing(0, 0), crossing(3, 3));
    let first = all.next_event().unwrap();
    assert_eq!(first.id, before, "it begins at what was the end");
    assert!(some.next_event().unwrap().event.starts_with("trip."));
    // Whoever comes back with the last id that it saw gets what follows, however it says so.
    let second = all.next_event().unwrap();
    let id = first.id.to_string();
    for (query, headers) in [
        ("", vec![("last-event-id", id.as_str())]),
        (&*format!("?after={id}"), vec![]),
        ("?after=0", vec![("last-event-id", id.as_str())]),
    ] {
        assert_eq!(world.http.events(query, &headers).unwrap().next_event().unwrap(), second);
    }
    let entry = &world.entries(before)[0];
    assert_eq!((&first.data["index"], &first.data["event"]), (&entry["index"], &entry["event"]));
    assert_eq!(first.event, entry["event"]["type"].as_str().unwrap());
    for (query, header) in [("?after=1000000", "0"), ("?types=", "0"), ("", "yesterday")] {
        let headers = if header == "0" { vec![] } else { vec![("last-event-id", header)] };
        assert_eq!(world.http.events(query, &headers).unwrap_err(), 400, "{query} {header}");
    }
}

#[test]
fn a_silent_stream_says_that_it_lives() {
    let world = World::new();
    assert_eq!(world.http.events("", &[]).unwrap().block().unwrap(), ":");
}

#[test]
fn streams_end_when_the_server_stops() {
    let mut world = World::new();
    let (mut events, mut positions) = (world.http.events("", &[]).unwrap(), world.http.positions().unwrap());
    assert_eq!(positions.next_frame().unwrap(), Frame::Text(json!({ "vehicles": [] })));
    world.server.stop();
    assert!(!world.server.process.said().contains("cut off"), "nothing was waited for");
    assert_eq!(events.next_event(), None);
    assert_eq!(positions.next_frame().unwrap(), Frame::Close(1001));
}

#[test]
fn who_does_not_read_is_cut_off_and_can_resume() {
    let world = World::new();
    let mut idle = world.http.events("", &[]).unwrap();
    let before = world.journal_size();
    // More than the kernel buffers for a connection: events as large as a registration can make them.
    let mut large = profile("car");
    large["components"][0]["serial"] = json!("s".repeat(40_000));
    for n in 0.. {
        large["name"] = json!(format!("car-{n}"));
        world.http.post("/v1/vehicles", &large).ok();
        let cut = "a subscriber that does not read is cut off";
        // Enough for every buffer on the way; then its time runs out.
        if n > 150 && world.server.process.try_line_with(cut, support::server::PATIENCE).is_some() {
            break;
        }
        assert!(n < 200, "it was never cut off");
    }
    let mut last = before - 1;
    while let Some(told) = idle.next_event() {
        assert_eq!(told.id, last + 1);
        last = told.id;
    }
    let mut resumed = world.http.events(&format!("?after={last}"), &[]).unwrap();
    assert_eq!(resumed.next_event().unwrap().id, last + 1);
}

#[test]
fn a_tenant_has_so_many_streams_and_no_more() {
    let world = World::new();
    let mut open: Vec<_> = (0..63).map(|_| world.http.events("", &[]).unwrap()).collect();
    let socket = world.http.positions().unwrap();
    assert_eq!(world.http.events("", &[]).unwrap_err(), 429);
    assert_eq!(world.http.positions().unwrap_err(), 429);
    // What is closed is free again, and another tenant's are its own.
    let other = world.server.http(&support::world::tenant(&world.server, "other-cars", "ride-hail"));
    other.events("", &[]).unwrap();
    open.pop();
    drop(socket);
    world.until("a stream is free", || world.http.positions().map_err(Value::from));
}

/// Reads frames until a record of a vehicle is as a test wants it.
#[track_caller]
fn until_record(socket: &mut support::live::Socket, wanted: impl Fn(&Record) -> bool) -> Record {
    // Every vehicle is told at least every five seconds.
    for _ in 0..120 {
        if let Frame::Binary(records) = socket.next_frame().unwrap()
            && let Some(record) = records.into_iter().find(&wanted)
        {
            return record;
        }
    }
    panic!("no record was as wanted");
}

fn feeds(http: &Http) -> Result<(), Value> {
    let metrics = http.get("/metrics").body;
    let none = metrics.as_str().unwrap().lines().any(|line| line == "atlasmesh_position_feeds 0");
    if none { Ok(()) } else { Err(metrics) }
}

#[test]
fn positions_follow_the_vehicles() {
    let mut world = World::new();
    let n = world.ready_vehicle(crossing(1, 1), FAST);
    let mut socket = world.http.positions().unwrap();
    assert_eq!(
        socket.next_frame().unwrap(),
        Frame::Text(json!({ "vehicles": [{ "n": 0, "id": world.vehicle_id(n) }] }))
    );
    let (lat, lon) = degrees(300.0, 300.0);
    let near = |record: &Record| (record.lat - lat).abs() < 1e-4 && (record.lon - lon).abs() < 1e-4;
    let parked = until_record(&mut socket, |record| record.n == 0);
    assert!(near(&parked) && parked.flags == 0b11, "{parked:?}");
    let trip = world.trip(crossing(1, 1), crossing(3, 3));
    until_record(&mut socket, |record| record.flags == 0b10_0001);
    until_record(&mut socket, |record| record.flags == 0b10_0101 && record.speed_mps > 1.0 && !near(record));
    world.until_status(&trip, &["COMPLETED"]);
    let stop = world.command(n, "stop", &json!({ "class": "now", "reason": "test" })).ok()["stop"].clone();
    until_record(&mut socket, |record| record.flags == 0b1001);
    world.command(n, "clear", &json!({ "stop": stop })).ok();
    world.command(n, "holds", &json!({ "kind": "grounded", "timing": "now", "reason": "test" })).ok();
    until_record(&mut socket, |record| record.flags == 0b1_0001);
    // A vehicle more gives new numbers; one without a position has no record.
    let more = world.register("car-more");
    let numbers = loop {
        if let Frame::Text(numbers) = socket.next_frame().unwrap() {
            break numbers;
        }
    };
    assert_eq!(numbers["vehicles"].as_array().unwrap().len(), 2);
    assert!(numbers["vehicles"].as_array().unwrap().iter().any(|vehicle| vehicle["id"] == more.as_str()));
    // Nobody computes what nobody watches, and nothing may be said here.
    socket.send_text("hello");
    while socket.next_frame().unwrap() != Frame::Close(1003) {}
    world.until("no feed is left", || feeds(&world.http));
    // Without a token, and without an upgrade, there is one clear answer.
    assert_eq!(world.server.http("amt_town-cars_wrong").positions().unwrap_err(), 401);
    world.http.get("/v1/positions").problem(400, "INVALID_REQUEST");
    assert!(!world.server.process.said().contains("bearer."));
}
