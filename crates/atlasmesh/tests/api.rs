//! The HTTP API where a request and an answer are not all there is: streams, limits, versions, principals.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::live::{Frame, Record};
use support::site::{crossing, degrees};
use support::time::{now_us, us};
use support::world::{FAST, profile};
use support::{Http, Serve, World};

/// TRIP-11
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
fn trip_11_every_change_reaches_who_watches_within_a_second() {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    let mut events = world.http.events("?types=trip.", &[]).unwrap();
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    let (mut told, mut late_us) = (Vec::new(), Vec::new());
    while told.last().is_none_or(|last| last != "trip.completed") {
        let event = events.next_event().unwrap();
        late_us.push(now_us() - us(event.data["event"]["recorded_at"].as_str().unwrap()));
        told.push(event.event);
    }
    let mut history = world.events(&trip);
    history.retain(|event| event.starts_with("trip."));
    assert_eq!(told, history, "who watches and who reads back are told the same");
    // On a machine that also builds one of them may be late; most are not.
    late_us.sort_unstable();
    assert!(late_us[late_us.len() / 2] < 1_000_000, "{late_us:?} µs");
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
    large["components"][0]["serial"] = json!("s".repeat(45_000));
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
    let world = World::with(Serve::default().with("--streams-max", 4));
    let mut open: Vec<_> = (0..3).map(|_| world.http.events("", &[]).unwrap()).collect();
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
    // Slow enough that every leg of a trip lasts for some records.
    let n = world.ready_vehicle(crossing(1, 1), 10.0);
    let mut socket = world.http.positions().unwrap();
    assert_eq!(
        socket.next_frame().unwrap(),
        Frame::Text(json!({ "vehicles": [{ "n": 0, "id": world.vehicle_id(n) }] }))
    );
    let (lat, lon) = degrees(300.0, 300.0);
    let near = |record: &Record| (record.lat - lat).abs() < 1e-4 && (record.lon - lon).abs() < 1e-4;
    let parked = until_record(&mut socket, |record| record.n == 0);
    assert!(near(&parked) && parked.flags == 0b11, "{parked:?}");
    let trip = world.trip(crossing(3, 1), crossing(3, 3));
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

#[test]
fn who_asks_too_fast_waits_and_a_stop_does_not() {
    let world = World::with(Serve::default().with("--rate-limit", 2));
    let vehicle = world.register("car-1");
    let refused = (0..50).map(|_| world.http.get("/v1/trips")).find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(429, "OVERLOADED");
    let stop = json!({ "class": "now", "reason": "test" });
    for _ in 0..20 {
        assert_eq!(world.http.post(&format!("/v1/vehicles/{vehicle}/stop"), &stop).status, 202);
    }
}

#[test]
fn who_edits_what_somebody_else_changed_is_told() {
    let world = World::new();
    let site = format!("/v1/sites/{}", support::site::NAME);
    let vehicle = format!("/v1/vehicles/{}", world.register("car-1"));
    let zone = json!({ "name": "yard", "kind": "avoided", "polygon": support::world::square(0.0, 0.0, 50.0) });
    let hold = json!({ "kind": "grounded", "timing": "now", "reason": "test" });
    for (thing, edit, body) in [(&site, "zones", &zone), (&vehicle, "holds", &hold)] {
        let shown = world.http.get(thing);
        let tag = shown.header("etag").unwrap().to_owned();
        let again = world.http.send("GET", thing, None, &[("if-none-match", &tag)]).unwrap();
        assert_eq!((again.status, again.header("etag"), again.body.clone()), (304, Some(tag.as_str()), Value::Null));
        let send = |tag: &str| {
            let body = body.to_string();
            let answer =
                world.http.send("POST", &format!("{thing}/{edit}"), Some(body.as_bytes()), &[("if-match", tag)]);
            answer.unwrap()
        };
        let made = send(&tag).ok()["id"].as_str().unwrap().to_owned();
        let before = world.journal_size();
        send(&tag).problem(412, "PRECONDITION_FAILED");
        send("yesterday").problem(412, "PRECONDITION_FAILED");
        let undo = match edit {
            "zones" => format!("{thing}/restrictions/{made}"),
            _ => format!("{thing}/{edit}/{made}"),
        };
        let undone = |tag: &str| world.http.send("DELETE", &undo, None, &[("if-match", tag)]).unwrap();
        undone(&tag).problem(412, "PRECONDITION_FAILED");
        assert_eq!(world.journal_size(), before, "what is refused changes nothing");
        let now = world.http.get(thing);
        assert_ne!(now.header("etag"), Some(tag.as_str()));
        assert_eq!(world.http.send("GET", thing, None, &[("if-none-match", &tag)]).unwrap().status, 200);
        undone(now.header("etag").unwrap()).ok();
        send("*").ok();
    }
    let network = support::site::network().to_string();
    let import = |tag: &str| {
        world.http.send("PUT", &format!("{site}/map"), Some(network.as_bytes()), &[("if-match", tag)]).unwrap()
    };
    import("\"1\"").problem(412, "PRECONDITION_FAILED");
    import(world.http.get(&site).header("etag").unwrap()).ok();
}

#[test]
fn principals_do_what_their_role_may_until_they_are_revoked() {
    let world = World::new();
    let create = |http: &Http, role: &str| http.post("/v1/principals", &json!({ "role": role, "name": "gate 3" }));
    let viewer = create(&world.http, "viewer").ok();
    let as_viewer = world.server.http(viewer["token"].as_str().unwrap());
    let vehicle = format!("/v1/vehicles/{}", world.register("car-1"));
    as_viewer.get(&vehicle).ok();
    as_viewer.post(&format!("{vehicle}/stop"), &json!({ "class": "now", "reason": "x" })).problem(403, "FORBIDDEN");
    create(&as_viewer, "administrator").problem(403, "FORBIDDEN");
    assert_eq!(as_viewer.events("", &[]).unwrap_err(), 403);
    let auditor = create(&world.http, "auditor").ok();
    let as_auditor = world.server.http(auditor["token"].as_str().unwrap());
    assert_eq!(as_auditor.positions().unwrap_err(), 403);
    let (mut events, mut socket) = (as_auditor.events("", &[]).unwrap(), as_viewer.positions().unwrap());
    // Revoked: at once, also what is open.
    for made in [&viewer, &auditor] {
        let path = format!("/v1/principals/{}", made["id"].as_str().unwrap());
        world.http.delete(&path).ok();
        world.http.delete(&path).ok();
    }
    as_viewer.get(&vehicle).problem(401, "UNAUTHENTICATED");
    assert!(std::iter::from_fn(|| events.next_event()).all(|told| told.data["event"]["type"] != "principal.revoked"
        || told.data["event"]["stream"].to_string().contains(viewer["id"].as_str().unwrap())));
    while socket.next_frame().unwrap() != Frame::Close(1008) {}
    let listed = world.http.get("/v1/principals").ok();
    let listed: Vec<&Value> = listed["items"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 3, "the administrator, the viewer, the auditor");
    let shown = listed.iter().find(|shown| shown["id"] == viewer["id"]).unwrap();
    assert_eq!((&shown["name"], &shown["revoked"], shown.get("token")), (&json!("gate 3"), &json!(true), None));
    // Nobody locks themselves out, and a lost token is replaced by the platform.
    let own = listed.iter().find(|shown| shown["role"] == "administrator").unwrap()["id"].as_str().unwrap().to_owned();
    world.http.delete(&format!("/v1/principals/{own}")).problem(409, "ILLEGAL_TRANSITION");
    let another = json!({ "name": "after the flood" });
    world.http.post("/v1/tenants/town-cars/administrators", &another).problem(403, "FORBIDDEN");
    world.server.platform().post("/v1/tenants/nobody/administrators", &another).problem(404, "NOT_FOUND");
    let made = world.server.platform().post("/v1/tenants/town-cars/administrators", &another).ok();
    let successor = world.server.http(made["token"].as_str().unwrap());
    successor.delete(&format!("/v1/principals/{own}")).ok();
    world.http.get(&vehicle).problem(401, "UNAUTHENTICATED");
    successor.get(&vehicle).ok();
    world.http.delete("/v1/principals/prin_x").problem(401, "UNAUTHENTICATED");
    assert!(!world.server.process.said().contains(made["token"].as_str().unwrap()));
}

/// A request that waits holds what a stream holds.
#[test]
fn who_waits_for_news_has_a_stream() {
    let world = World::with(Serve::default().with("--streams-max", 2));
    let trip = world.trip(crossing(0, 0), crossing(3, 3));
    // The reason of the wait is the last event of a trip that nobody can serve.
    let seen = world.until("the wait has its reason", || {
        let history = world.history(&trip);
        if history.iter().any(|entry| entry["event"] == "trip.waits") { Ok(history.len()) } else { Err(json!(history)) }
    });
    let streams: Vec<_> = (0..2).map(|_| world.http.events("", &[]).unwrap()).collect();
    let size = world.journal_size();
    let history = format!("/v1/trips/{trip}/history?after={seen}");
    for path in [&format!("/v1/journal?from={size}"), &history] {
        world.http.get(&format!("{path}&wait_ms=1000")).problem(429, "OVERLOADED");
        world.http.get(&format!("{path}&wait_ms=0")).ok();
    }
    drop(streams);
    world.until("a stream is free", || {
        let answer = world.http.get(&format!("/v1/journal?from={size}&wait_ms=1"));
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    });
    // What concerns the trip ends the wait for it.
    let waits = world.http.clone();
    let path = format!("/v1/trips/{trip}/history");
    // Why it waits may change before it ends: each is an answer of its own.
    let told = std::thread::spawn(move || {
        let follow = |after: usize| waits.get(&format!("{path}?after={after}&wait_ms=30000")).ok();
        let mut after = seen;
        loop {
            let page = follow(after);
            if page["ended"] == true {
                return page;
            }
            after += page["items"].as_array().unwrap().len().max(1);
        }
    });
    world.register("car-more");
    world.http.post(&format!("/v1/trips/{trip}/cancel"), &json!({ "reason": "test" })).ok();
    assert_eq!(told.join().unwrap()["ended"], true);
}

#[test]
fn who_waits_for_news_is_answered_when_the_server_stops() {
    let mut world = World::new();
    let (waits, size) = (world.http.clone(), world.journal_size());
    let mut metrics = world.http.keep();
    let told = std::thread::spawn(move || waits.get(&format!("/v1/journal?from={size}&wait_ms=30000")).ok());
    let waiting = |metrics: &mut support::http::Kept| {
        metrics.get("/metrics").body.as_str().unwrap().lines().any(|line| line == "atlasmesh_streams 1")
    };
    while !waiting(&mut metrics) {}
    drop(metrics);
    world.server.stop();
    assert!(!world.server.process.said().contains("cut off"), "nothing was waited for");
    assert_eq!(told.join().unwrap()["items"], json!([]));
}
