//! What the product does with wrong input and on bad days: one clear error that says what to do, and nothing changed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the row that failed is the last one printed")]

mod support;

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use serde_json::{Value, json};
use support::openapi::{self, Operation};
use support::server::refused;
use support::site::{self, crossing};
use support::world::{passenger, profile};
use support::{Answer, Serve, Server, World};

/// Sends something wrong and holds that it changed nothing but, where policy was asked, the record of that.
#[track_caller]
fn unchanged(world: &World, send: impl FnOnce(&World) -> Answer) -> Answer {
    let (before, trips) = (world.journal_size(), world.http.get("/v1/trips").ok());
    let answer = send(world);
    for entry in world.entries(before) {
        assert_eq!(entry["event"]["type"], "policy.decided", "{entry:#}");
    }
    assert_eq!(world.http.get("/v1/trips").ok(), trips);
    answer
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[test]
fn requests_that_cannot_be_served_get_one_clear_error_each() {
    let world = World::new();
    let trip = passenger(crossing(0, 0), crossing(3, 3));
    // The only road to the east is closed.
    let polygon = [(1_000.0, -50.0), (1_100.0, -50.0), (1_100.0, 50.0), (1_000.0, 50.0)].map(|(e, n)| site::at(e, n));
    let closure = json!({ "class": "no_entry", "polygon": polygon, "reason": "works" });
    assert_eq!(world.http.post(&format!("/v1/sites/{}/closures", site::NAME), &closure).status, 201);
    let place = |lat: f64, lon: f64| json!({ "lat": lat, "lon": lon });
    let rows: [(&str, Value, u16, &str); 9] = [
        ("a place off the map", with(trip.clone(), "/origin", place(0.0, 0.0)), 422, "OFF_MAP"),
        (
            "a street that nothing leads to",
            with(trip.clone(), "/origin", site::at(site::ISLAND_M.0, site::ISLAND_M.1)),
            422,
            "OFF_MAP",
        ),
        ("no way there", with(trip.clone(), "/destination", site::at(site::ROAD_END_M, 0.0)), 422, "UNROUTABLE"),
        ("a latitude of 95", with(trip.clone(), "/origin", place(95.0, 0.0)), 400, "INVALID_REQUEST"),
        ("a text for a number", with(trip.clone(), "/origin/lat", json!("north")), 400, "INVALID_REQUEST"),
        ("a kind that is none", with(trip.clone(), "/kind", json!("teleport")), 400, "INVALID_REQUEST"),
        ("a site that is none", with(trip.clone(), "/site", json!("atlantis")), 404, "NOT_FOUND"),
        ("an unknown field", with(trip.clone(), "/requirements", json!({ "wings": 2 })), 400, "INVALID_REQUEST"),
        (
            "a capability that no vehicle has",
            with(trip.clone(), "/requirements", json!({ "passengers": 1, "capabilities": ["flight"] })),
            422,
            "UNKNOWN_CAPABILITY",
        ),
    ];
    for (what, body, status, code) in rows {
        println!("{what}");
        unchanged(&world, |world| world.http.post("/v1/trips", &body)).problem(status, code);
    }
}

#[test]
fn bodies_that_are_no_requests_are_refused_before_they_are_understood() {
    let world = World::new();
    let send = |world: &World, bytes: &[u8]| world.http.send("POST", "/v1/trips", Some(bytes), &[]).unwrap();
    let rows: [(&str, Vec<u8>, u16, &str); 5] = [
        ("10 MB", vec![b' '; 10 * 1024 * 1024], 413, "PAYLOAD_TOO_LARGE"),
        ("deeply nested", vec![b'['; 200_000], 400, "INVALID_REQUEST"),
        (
            "a deeply nested field",
            format!("{{\"site\":{}", "{\"a\":".repeat(100_000)).into_bytes(),
            400,
            "INVALID_REQUEST",
        ),
        ("not JSON", b"trip please".to_vec(), 400, "INVALID_REQUEST"),
        ("not UTF-8", vec![0xff, 0xfe, 0x00], 400, "INVALID_REQUEST"),
    ];
    for (what, bytes, status, code) in rows {
        println!("{what}");
        unchanged(&world, |world| send(world, &bytes)).problem(status, code);
    }
    // The server is as well as before.
    assert_eq!(world.trip_now(&{ world.trip(crossing(0, 0), crossing(1, 1)) })["kind"], "passenger");
}

/// The fields that a refusal names.
#[track_caller]
fn fields(answer: Answer) -> Vec<String> {
    let problem = answer.problem(400, "INVALID_REQUEST");
    let errors = problem["errors"].as_array().unwrap().iter();
    errors.map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

/// An object's names as JSON pointers, in the order of an answer.
fn pointers<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut pointers: Vec<String> = names.map(|name| format!("/{name}")).collect();
    pointers.sort();
    pointers
}

/// OFREP and AuthZEN say themselves what is wrong and what is passed over; their own tests hold them to it.
fn is_of_a_standard(path: &str) -> bool {
    path.starts_with("/ofrep/") || path.starts_with("/access/")
}

#[test]
fn every_operation_names_every_field_that_is_wrong() {
    let world = World::new();
    let mut operations = openapi::operations(&world);
    operations.retain(|operation| operation.body.is_object() && !is_of_a_standard(&operation.path));
    assert!(operations.len() > 15, "the operations with a body are found");
    let size = world.journal_size();
    for Operation { method, path, body, http } in operations {
        println!("{method} {path}");
        let send = |text: &str| http.send(&method, &path, Some(text.as_bytes()), &[]).unwrap();
        let required: Vec<&str> = body["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !required.is_empty() {
            assert_eq!(fields(send("{}")), pointers(required.into_iter()));
        }
        // No field is a list of an empty object, and none has this name.
        let names: Vec<&str> = body["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut wrong: Value = names.iter().map(|name| ((*name).to_owned(), json!([[{}]]))).collect();
        wrong["no such/field"] = json!(1);
        let named = fields(send(&wrong.to_string()));
        let mut named: Vec<String> =
            named.iter().map(|field| format!("/{}", field.split('/').nth(1).unwrap())).collect();
        named.sort();
        named.dedup();
        assert_eq!(named, pointers(names.iter().copied().chain(["no such~1field"])));
        assert_eq!(fields(send(r#"{ "reason": "a", "reason": "b" }"#)), ["/reason"]);
        assert_eq!(fields(send(r#"{ "a": [{ "b": 1, "b": 1 }] }"#)), ["/a/0/b"]);
        assert_eq!(fields(send("[]")), ["/"]);
    }
    assert_eq!(world.journal_size(), size, "nothing came of any of them");
}

#[test]
fn every_operation_refuses_what_says_that_it_is_no_json_before_it_reads_it() {
    let world = World::new();
    for Operation { method, path, body, http } in openapi::operations(&world) {
        if is_of_a_standard(&path) {
            continue;
        }
        let send = |media_type| http.send(&method, &path, Some(b"no json"), &[("content-type", media_type)]).unwrap();
        if body.is_object() {
            println!("{method} {path}");
            for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
                send(media_type).problem(415, "UNSUPPORTED_MEDIA_TYPE");
            }
            for media_type in ["Application/JSON; charset=utf-8", "application/vnd.fleet+json"] {
                send(media_type).problem(400, "INVALID_REQUEST");
            }
        }
    }
}

#[test]
fn the_type_of_every_problem_leads_to_a_page_that_says_what_to_do() {
    let world = World::new();
    let wrong = world.http.get("/v1/trips/trip_x").problem(404, "NOT_FOUND");
    let mut anybody = world.http.clone();
    anybody.token = None;
    let page = anybody.get(wrong["type"].as_str().unwrap());
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/plain"));
    assert!(page.body.as_str().unwrap().contains("## What to do next"));
    anybody.get("/docs/errors/NO_SUCH_CODE").problem(404, "NOT_FOUND");
}

#[test]
fn two_vehicles_of_a_tenant_have_two_names() {
    let world = World::new();
    let first = world.register("taxi-01");
    let answer = unchanged(&world, |world| world.http.post("/v1/vehicles", &profile(" taxi-01 ")));
    let problem = answer.problem(409, "CONFLICT");
    assert_eq!(problem["errors"][0]["field"], "/name");
    assert!(problem["detail"].as_str().unwrap().contains(&first), "{problem}");
    world.register("taxi-02");
    let other = world.server.http(&support::world::tenant(&world.server, "other-cars", "ride-hail"));
    assert_eq!(
        other
            .put(&format!("/v1/sites/{}/map", site::NAME), site::network().to_string().as_bytes(), "application/json")
            .status,
        201
    );
    other.post("/v1/vehicles", &profile("taxi-01")).ok();
}

#[test]
fn an_area_that_encloses_nothing_closes_nothing() {
    let world = World::new();
    let here = || site::at(0.0, 0.0);
    let line = json!([here(), site::at(50.0, 0.0), site::at(100.0, 0.0)]);
    let eight = json!([here(), site::at(50.0, 50.0), site::at(50.0, 0.0), site::at(0.0, 50.0)]);
    for polygon in [json!([here(), here(), here()]), line, eight] {
        let closure = json!({ "polygon": polygon, "reason": "works", "until": "2020-01-01T00:00:00Z" });
        let zone = json!({ "name": "yard", "kind": "avoided", "polygon": polygon });
        let post = |what: &str, body: &Value| {
            fields(unchanged(&world, |world| world.http.post(&format!("/v1/sites/{}/{what}", site::NAME), body)))
        };
        assert_eq!(post("closures", &closure), ["/polygon", "/until"]);
        assert_eq!(post("zones", &zone), ["/polygon"]);
    }
}

#[test]
fn credentials_that_are_wrong_open_nothing() {
    let world = World::new();
    let nobody = world.server.http("amt_0000000000000000000000000000000000000000000000000000");
    nobody.get("/v1/trips").problem(401, "UNAUTHENTICATED");
    let mut silent = nobody;
    silent.token = None;
    silent.get("/v1/trips").problem(401, "UNAUTHENTICATED");
    world
        .http
        .post("/v1/tenants", &json!({ "name": "own", "sector": "mining", "simulated": true }))
        .problem(403, "FORBIDDEN");
    world.http.get("/v1/nothing-here").problem(404, "NOT_FOUND");
}

#[test]
fn a_map_that_is_broken_leaves_the_one_in_use() {
    let world = World::new();
    let path = format!("/v1/sites/{}", site::NAME);
    let before = world.http.get(&path).ok();
    let osm = "application/vnd.openstreetmap.data+pbf";
    // A header that promises a block of which only the beginning is there.
    let mut header = vec![0x0a, 9];
    header.extend_from_slice(b"OSMHeader");
    header.extend_from_slice(&[0x18, 0x80, 0x08]);
    let mut truncated = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
    truncated.extend_from_slice(&header);
    truncated.extend_from_slice(&[0x12; 100]);
    let without_nodes = json!({ "nodes": "node_id,lon,lat,is_centroid\n", "links": site::network()["links"] });
    let rows: [(&str, Vec<u8>, &str); 5] = [
        ("a truncated .pbf", truncated, osm),
        ("an empty .pbf", Vec::new(), osm),
        ("a text as .pbf", b"not a map at all, but long enough to be read as one".to_vec(), osm),
        ("links without nodes", without_nodes.to_string().into_bytes(), "application/json"),
        ("half a CSV", json!({ "nodes": "node_id,lon\n1,", "links": "" }).to_string().into_bytes(), "application/json"),
    ];
    for (what, bytes, content_type) in rows {
        println!("{what}");
        let answer = unchanged(&world, |world| world.http.put(&format!("{path}/map"), &bytes, content_type));
        assert!((400..500).contains(&answer.status), "{}", answer.body);
        let code = answer.body["code"].as_str().unwrap().to_owned();
        answer.clone().problem(answer.status, &code);
        assert_eq!(world.http.get(&path).ok(), before);
    }
    world.trip(crossing(0, 0), crossing(1, 1));
}

/// SAFE-15
#[test]
fn a_vehicle_that_makes_no_sense_is_not_registered() {
    let world = World::new();
    for (pointer, value) in [
        ("/max_speed_mps", json!(-1)),
        ("/seats", json!(100_000)),
        ("/name", json!("")),
        ("/site", json!("atlantis")),
        ("/simulated", json!(false)),
        ("/capabilities", json!([])),
    ] {
        println!("{pointer}: {value}");
        let answer =
            unchanged(&world, |world| world.http.post("/v1/vehicles", &with(profile("car-1"), pointer, value)));
        assert!((400..500).contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(world.http.get("/v1/vehicles").ok()["items"], json!([]));
}

/// What a start that must fail says: one error, for a person, without a panic.
#[track_caller]
fn says_why((code, said): (Option<i32>, String), words: &[&str]) {
    assert_eq!(code, Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not said:\n{said}");
    }
}

#[test]
fn a_policy_that_does_not_type_check_starts_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let policies = support::server::exported_policies(folder.path());
    let wrong = "\n@id(\"base.trip.wrong\")\n@version(\"1\")\n@purpose(\"none\")\n@reason(\"none\")\n\
                 forbid (principal, action == Fleet::Action::\"trip.request\", resource) when { context.passengers == \"two\" };\n";
    fs::File::options()
        .append(true)
        .open(policies.join("base/trip.cedar"))
        .unwrap()
        .write_all(wrong.as_bytes())
        .unwrap();
    let serve = Serve::default().with("--policies", policies.display());
    says_why(refused(&folder.path().join("data"), "127.0.0.1:0", &serve), &["trip.cedar", "base.trip.wrong"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = Server::start(Serve::default());
    let folder = tempfile::tempdir().unwrap();
    let taken = server.url.strip_prefix("http://").unwrap();
    says_why(refused(&folder.path().join("data"), taken, &Serve::default()), &[taken, "choose another port"]);
}

#[test]
fn a_folder_that_is_in_use_is_left_alone() {
    let server = Server::start(Serve::default());
    says_why(refused(&server.data(), "127.0.0.1:0", &Serve::default()), &["store"]);
    assert_eq!(server.platform().get("/readyz").status, 200);
}

#[test]
fn a_store_from_a_newer_version_is_not_touched() {
    let mut server = Server::start(Serve::default());
    server.stop();
    let store = server.data().join("store");
    let database =
        fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path()).find(|path| is_database(path)).unwrap();
    // SQLite's user version stands at byte 60 of its header, big-endian (file format §1.3).
    let mut file = fs::File::options().write(true).open(&database).unwrap();
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(&9_999_u32.to_be_bytes()).unwrap();
    drop(file);
    let before = fs::read(&database).unwrap();
    says_why(refused(&server.data(), "127.0.0.1:0", &Serve::default()), &["9999"]);
    assert_eq!(fs::read(&database).unwrap(), before);
}

fn is_database(path: &std::path::Path) -> bool {
    let mut magic = [0; 15];
    path.is_file() && fs::File::open(path).unwrap().read_exact(&mut magic).is_ok() && &magic == b"SQLite format 3"
}

#[test]
fn a_full_disk_refuses_changes_and_keeps_what_was_acknowledged() {
    let mut world = World::with(Serve::default().with("--store-mib-max", 2));
    let mut acknowledged = Vec::new();
    let refusal = loop {
        let answer = world.ask(crossing(0, 0), crossing(1, 1));
        match answer.status {
            201 => acknowledged.push(answer.body["id"].as_str().unwrap().to_owned()),
            _ => break answer,
        }
        assert!(acknowledged.len() < 5_000, "the store never became full");
    };
    refusal.problem(503, "UNAVAILABLE");
    assert!(!acknowledged.is_empty());
    // What can be read is still read.
    assert_eq!(world.trip_now(&acknowledged[0])["id"], acknowledged[0].as_str());
    world.server.kill();
    world.server.start_again_with(Serve::default());
    for trip in &acknowledged {
        assert_eq!(world.trip_now(trip)["id"], trip.as_str());
    }
    world.trip(crossing(0, 0), crossing(1, 1));
    world.verify();
}
