//! What anybody can do to the listeners without a credential, and what vehicles and people notice of it: nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::http::Kept;
use support::openapi::{self, Operation};
use support::server::PATIENCE;
use support::site::crossing;
use support::world::FAST;
use support::{Answer, Serve, World};

/// More than the files of the small server, and than the handshakes that it once did at a time.
const SILENT: usize = 300;

/// Connections on which nothing is said.
fn silent(address: &str, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

fn http_address(world: &World) -> String {
    world.server.url.strip_prefix("http://").unwrap().to_owned()
}

/// A number among the metrics; zero before it is counted.
fn metric(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |rest| rest.trim().parse().unwrap())
}

#[test]
fn silent_connections_keep_neither_vehicle_nor_person_out_of_a_server_with_few_files() {
    let mut world = World::with(Serve::default().files(160));
    let mut held = silent(&world.server.link, SILENT);
    held.extend(silent(&http_address(&world), SILENT));
    world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(1, 0), crossing(2, 0));
    world.until_status(&trip, &["COMPLETED"]);
    assert!(!world.server.process.said().contains("no connection can be accepted"));
    drop(held);
}

#[test]
fn silent_connections_take_no_handshake_from_a_vehicle() {
    let mut world = World::new();
    let held = silent(&world.server.link, SILENT);
    // A vehicle that comes after all of them waits for none of them.
    world.vehicle(crossing(0, 0), FAST);
    world.until_vehicle(0, "connected", |vehicle| vehicle["status"] == "ONLINE");
    let open = held.iter().filter(|stream| {
        stream.set_nonblocking(true).unwrap();
        let mut stream: &TcpStream = stream;
        stream.read(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert_eq!(open.count(), SILENT, "none of them had to end first");
}

#[test]
fn a_request_whose_head_does_not_end_is_cut_off() {
    let world = World::new();
    let mut slow = TcpStream::connect(http_address(&world)).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Holds that a connection serves its next request after an answer, or that the answer said that it ends.
#[track_caller]
fn is_kept_or_says_not(kept: &mut Kept, answer: &Answer) -> bool {
    if answer.header("connection") == Some("close") {
        return false;
    }
    assert_eq!(kept.get("/healthz").body["status"], "alive", "after {}: {}", answer.status, answer.body);
    true
}

#[test]
fn a_connection_outlives_an_answer_that_came_before_the_body_was_read_or_says_that_it_ends() {
    let world = World::new();
    let mut stranger = world.http.clone();
    stranger.token = Some("amt_nobody".into());
    let body = [b' '; 1_000];
    let json = "content-type: application/json";
    let operations = openapi::operations(&world);
    assert!(operations.len() > 50, "the operations are found");
    for Operation { method, path, http, .. } in operations.iter().filter(|operation| operation.method != "GET") {
        for http in [&stranger, http] {
            let mut kept = http.keep();
            let answer = kept.send(method, path, &[json, "content-length: 1000"], &body);
            assert!(is_kept_or_says_not(&mut kept, &answer), "{method} {path}");
        }
    }
    for (method, path, status, http) in [
        ("POST", "/v1/trips", 401, &stranger),
        ("POST", "/v1/tenants", 403, &world.http),
        ("POST", "/v1/nothing", 404, &world.http),
        ("DELETE", "/v1/trips", 405, &world.http),
        ("POST", "/v1/trips", 413, &world.http),
    ] {
        let sent = |headers: &[&str], body: &[u8]| {
            let mut kept = http.keep();
            let answer = kept.send(method, path, &[&[json], headers].concat(), body);
            (is_kept_or_says_not(&mut kept, &answer), answer.status)
        };
        // It is too large once more than a mebibyte of it is there.
        let begun = if status == 413 { vec![b' '; 2_000_000] } else { body.to_vec() };
        assert_eq!(sent(&["content-length: 10000000"], &begun), (false, status), "a long body");
        if status != 413 {
            assert_eq!(sent(&["transfer-encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n"), (true, status), "chunks");
            assert_eq!(sent(&["content-length: 1000"], b"half"), (false, status), "a body that does not come");
            assert_eq!(sent(&["content-length: 1000", "expect: 100-continue"], b""), (false, status), "who asks first");
        }
    }
}

#[test]
fn a_server_without_files_waits_for_them() {
    let world = World::new();
    let pid = Pid::from_raw(i32::try_from(world.server.process.pid()).unwrap());
    let mut kept = world.http.keep();
    let size = kept.get("/v1/journal/head").ok()["size"].as_u64().unwrap();
    kept.get(&format!("/v1/journal?from={size}&wait_ms=1")).ok();
    let names = std::fs::read_dir(format!("/proc/{}/fd", world.server.process.pid())).unwrap();
    let used: BTreeSet<u64> = names.map(|name| name.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    let free = (0..).find(|number| !used.contains(number)).unwrap();
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let before = prlimit(pid, Resource::Nofile, Rlimit { current: Some(free), maximum }).unwrap();
    let mut waiting = silent(&http_address(&world), 2);
    world.server.process.line_with("no connection can be accepted");
    let failures = |kept: &mut support::http::Kept| {
        let metrics = kept.get("/metrics").body;
        metric(metrics.as_str().unwrap(), "atlasmesh_accept_failures_total{listener=\"http\"}")
    };
    let first = failures(&mut kept);
    // A second that the server itself measures.
    kept.get(&format!("/v1/journal?from={size}&wait_ms=1000")).ok();
    let later = failures(&mut kept);
    assert!(first >= 1 && later - first < 50, "it was tried {} times in a second", later - first);
    prlimit(pid, Resource::Nofile, before).unwrap();
    world.server.process.line_with("connections are accepted again");
    let last = waiting.last_mut().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    last.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    last.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
