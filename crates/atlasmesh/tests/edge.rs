//! What anybody can do to the listeners without a credential, and what vehicles and people notice of it: nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::server::PATIENCE;
use support::site::crossing;
use support::world::FAST;
use support::{Serve, World};

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
