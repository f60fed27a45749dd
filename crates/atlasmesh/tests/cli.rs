//! Every command of the command line against a real server, for people and for programs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::process::Output;

use serde_json::Value;
use support::server::atlasmesh;
use support::site::{self, crossing, degrees};
use support::world::{FAST, profile};
use support::{Agent, Serve, Server, World};

/// The command line of one person.
struct Person<'a> {
    server: &'a Server,
    token: String,
}

impl Person<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = atlasmesh();
        command.env("ATLASMESH_URL", &self.server.url).env("ATLASMESH_TOKEN", &self.token);
        command.args(arguments).output().unwrap()
    }

    /// What a command prints for people.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{errors}");
        assert!(serde_json::from_str::<Value>(&said).is_err(), "JSON for a person: {said}");
        assert!(!said.contains('\u{1b}'), "colours without a terminal: {said}");
        said
    }

    /// What a command prints for programs: one document.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How a command that must fail fails: nothing on standard output, one error, exit code 1.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn place(at: (f64, f64)) -> String {
    let (lat, lon) = degrees(at.0, at.1);
    format!("{lat:.6},{lon:.6}")
}

fn after<'a>(said: &'a str, mark: &str) -> &'a str {
    said.split(mark).nth(1).unwrap().split_whitespace().next().unwrap()
}

/// ONB-5
#[test]
fn a_person_runs_a_fleet_from_the_first_token_to_the_last_proof() {
    let server = Server::start(Serve::default());
    let platform = Person { server: &server, token: server.platform_token.clone() };
    let made = platform.says(&["tenant", "create", "town-cars", "--sector", "ride-hail"]);
    let person = Person { server: &server, token: after(&made, "shown this once: ").to_owned() };
    assert!(platform.says(&["tenant", "list"]).contains("town-cars"));
    let made = platform.json(&["tenant", "create", "other-cars", "--sector", "mining"]);
    assert!(made["token"].as_str().unwrap().starts_with("amt_"));
    assert_eq!(platform.json(&["tenant", "list"])["items"].as_array().unwrap().len(), 2);

    map(&person, server.folder.path());
    let (vehicle, _agent) = vehicle(&person);
    let trip = drive(&person);
    hold_and_stop(&person, &vehicle);
    hold_and_stop(&person, "car-1");
    look_back(&person, &trip);
    principals(&person);
}

fn principals(person: &Person) {
    let create = ["principals", "create", "--role", "viewer", "--name", "gate"];
    let said = person.says(&create);
    let viewer = Person { server: person.server, token: after(&said, "shown this once: ").to_owned() };
    assert!(viewer.says(&["vehicles", "list"]).contains("car-1"));
    let another = person.json(&create);
    assert!(another["token"].as_str().unwrap().starts_with("amt_town-cars_"));
    let listed = person.says(&["principals", "list"]);
    assert!(listed.starts_with("PRINCIPAL") && listed.contains("gate"), "{listed}");
    assert_eq!(person.json(&["principals", "list"])["items"].as_array().unwrap().len(), 3);
    assert!(person.says(&["principals", "revoke", after(&said, "principal ")]).contains("nothing any more"));
    assert_eq!(person.json(&["principals", "revoke", another["id"].as_str().unwrap()])["id"], another["id"]);
    assert!(viewer.fails(&["vehicles", "list"]).contains("UNAUTHENTICATED"));
    assert!(person.fails(&["principals", "create", "--role", "king", "--name", "gate"]).contains("/role"));
}

fn map(person: &Person, folder: &std::path::Path) {
    let file = |name: &str| {
        let path = folder.join(format!("{name}.csv"));
        fs::write(&path, site::network()[name].as_str().unwrap()).unwrap();
        path.display().to_string()
    };
    let (nodes, links, no_stop) = (file("nodes"), file("links"), file("no_stop"));
    let import = ["site", "import", site::NAME, "--nodes", &nodes, "--links", &links, "--no-stop", &no_stop];
    let said = person.says(&import);
    assert!(said.contains("map 1 of town") && said.contains("digest "), "{said}");
    let again = person.json(&import);
    assert_eq!(again["site"], site::NAME);
    assert!(person.says(&["site", "list"]).contains(site::NAME));
    assert_eq!(person.json(&["site", "list"])["items"][0]["site"], site::NAME);
    let corner = |east: f64, north: f64| format!("--corner={}", place((east, north)));
    let (a, b, c) = (corner(590.0, 890.0), corner(610.0, 890.0), corner(600.0, 910.0));
    let closed = person.json(&["site", "close", site::NAME, "--reason", "works", &a, &b, &c]);
    let id = closed["id"].as_str().unwrap();
    assert!(person.says(&["site", "show", site::NAME]).contains(id));
    assert!(person.json(&["site", "show", site::NAME]).to_string().contains(id));
    assert!(person.says(&["site", "lift", site::NAME, id]).contains("lifted"));
    let closed = person.says(&["site", "close", site::NAME, "--reason", "works", &a, &b, &c]);
    person.json(&["site", "lift", site::NAME, after(&closed, "closed: ")]);
    assert!(person.fails(&["site", "import", site::NAME]).contains("--osm FILE"));
}

fn vehicle(person: &Person) -> (String, Agent) {
    let folder = person.server.folder.path();
    let write = |name: &str| {
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, profile(name).to_string()).unwrap();
        path.display().to_string()
    };
    let said = person.says(&["garage", "register", "--profile", &write("car-1")]);
    let id = after(&said, "vehicle ");
    assert!(person.says(&["garage", "token", "car-1", "--minutes", "5"]).contains("shown this once: amj_"));
    let out = folder.join("bootstrap.json").display().to_string();
    assert!(person.says(&["garage", "bootstrap", "car-1", "--out", &out]).contains("--bootstrap"));
    let bootstrap = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let (lat, lon) = degrees(0.0, 0.0);
    let agent = Agent::start(person.server, "car-1", &bootstrap, (lat, lon), FAST, &[]);
    let made = person.json(&["garage", "register", "--profile", &write("car-2")]);
    assert!(made["spiffe_id"].as_str().unwrap().starts_with("spiffe://"));
    let listed = person.says(&["vehicles", "list"]);
    assert!(listed.starts_with("VEHICLE") && listed.contains("car-1") && listed.contains("car-2"), "{listed}");
    assert_eq!(person.json(&["vehicles", "list"])["items"].as_array().unwrap().len(), 2);
    assert_eq!(person.json(&["vehicles", "show", id])["name"], "car-1");
    let shown = person.says(&["vehicles", "show", "CAR-1"]);
    assert!(shown.starts_with("VEHICLE        car-1\n") && shown.contains(id), "{shown}");
    let unknown = person.fails(&["vehicles", "show", "car-3"]);
    assert_eq!(unknown, "error: there is no vehicle car-3; there are car-1, car-2\n");
    (id.to_owned(), agent)
}

fn drive(person: &Person) -> String {
    let (from, to) = (format!("--from={}", place(crossing(0, 0))), format!("--to={}", place(crossing(2, 2))));
    let create = ["trips", "create", "--site", site::NAME, &from, &to, "--passengers", "1"];
    let made = person.json(&[&create[..], &["--idempotency-key", "k1"]].concat());
    let again = person.json(&[&create[..], &["--idempotency-key", "k1"]].concat());
    assert_eq!(made["id"], again["id"], "the same key is the same trip");
    let trip = made["id"].as_str().unwrap().to_owned();
    let watched = person.says(&["trips", "watch", &trip]);
    assert!(watched.contains("trip.completed"), "{watched}");
    let said = person.says(&create);
    assert!(said.contains("is CREATED"), "{said}");
    let second = after(&said, "trip ");
    assert!(person.says(&["trips", "cancel", second, "--reason", "changed my mind"]).contains("CANCEL"));
    let third = person.json(&create)["id"].as_str().unwrap().to_owned();
    person.json(&["trips", "cancel", &third, "--reason", "again"]);
    let short = &trip[trip.len() - 6..];
    let listed = person.says(&["trips", "list", "--vehicle", "car-1"]);
    assert!(listed.contains(short) && listed.contains("car-1") && !listed.contains("trip_"), "{listed}");
    let newest = person.run(&["trips", "list", "--limit", "1", "--json"]);
    assert_eq!(text(&newest.stderr), "more: use --limit\n");
    let newest: Value = serde_json::from_slice(&newest.stdout).unwrap();
    assert_eq!((newest["items"].as_array().unwrap().len(), &newest["items"][0]["id"]), (1, &newest["next"]));
    assert_eq!(text(&person.run(&["trips", "list", "--limit", "3"]).stderr), "", "there are no more than these");
    assert_eq!(person.json(&["trips", "show", short])["id"], trip.as_str());
    let unknown = person.fails(&["trips", "show", "zzzzzzzz"]);
    assert!(unknown.contains("there are ") && unknown.contains(&format!("{short} (COMPLETED)")), "{unknown}");
    assert!(person.fails(&["trips", "list", "--status", "flying"]).contains("status: unknown variant `FLYING`"));
    assert_eq!(person.json(&["trips", "list", "--status", "completed"])["items"][0]["id"], trip.as_str());
    assert_eq!(person.json(&["trips", "show", &trip])["status"], "COMPLETED");
    assert!(person.says(&["trips", "show", &trip]).contains("COMPLETED"));
    let refused = person.fails(&["trips", "cancel", &trip, "--reason", "too late"]);
    assert!(refused.contains("ILLEGAL_TRANSITION"), "{refused}");
    let refused = person.fails(&[&create[..], &["--kind", "haul"]].concat());
    assert!(refused.contains("POLICY_VIOLATION") && refused.contains("ride-hail.trip.haul"), "{refused}");
    trip
}

fn hold_and_stop(person: &Person, vehicle: &str) {
    let said = person.says(&["vehicles", "hold", vehicle, "--timing", "now", "--reason", "a sound"]);
    let hold = after(&said, "hold ");
    assert!(person.says(&["vehicles", "release", vehicle, hold]).contains("released"));
    let made = person.json(&["vehicles", "hold", vehicle, "--kind", "cleaning", "--timing", "now", "--reason", "dust"]);
    person.json(&["vehicles", "release", vehicle, made["id"].as_str().unwrap()]);
    let said = person.says(&["vehicles", "stop", vehicle, "--reason", "a child"]);
    let stop = after(&said, "stop ");
    assert!(person.says(&["vehicles", "clear", vehicle, stop]).contains("waits for a dispatch"));
    let made = person.json(&["vehicles", "stop", vehicle, "--class", "now", "--reason", "a dog"]);
    person.json(&["vehicles", "clear", vehicle, made["stop"].as_str().unwrap()]);
}

fn look_back(person: &Person, trip: &str) {
    let why = person.says(&["trips", "why", trip]);
    assert!(why.contains("is COMPLETED") && why.contains("base.trip.permit"), "{why}");
    assert_eq!(person.json(&["trips", "why", trip])["trip"], trip);
    let journal = person.says(&["journal", "--limit", "1000"]);
    assert!(journal.contains("vehicle.registered") && journal.contains("trip.completed"), "{journal}");
    let about = person.json(&["journal", "--about", &format!("trip/{trip}"), "--limit", "3"]);
    assert_eq!(about["items"].as_array().unwrap().len(), 3);
    let about = person.json(&["journal", "--about", "vehicle/car-1", "--limit", "1000"]);
    let mut entries = about["items"].as_array().unwrap().iter();
    assert!(entries.any(|entry| entry["event"]["type"] == "vehicle.registered"), "{about}");
    let verified = person.says(&["verify", "--replay"]);
    assert!(verified.contains("intact") && verified.contains("equal the fold"), "{verified}");
    assert_eq!(person.json(&["verify"])["ok"], true);
}

#[test]
fn what_the_server_did_is_counted() {
    let world = World::new();
    let trip = world.trip(crossing(0, 0), crossing(1, 1));
    world.until_trip(&trip, "waiting", |trip| trip["status"] == "WAITING");
    let mut anybody = world.server.http("");
    anybody.token = None;
    let text = world.until("the trip is counted", || {
        let text = anybody.get("/metrics").ok().as_str().unwrap().to_owned();
        if text.contains("atlasmesh_events_total{type=\"trip.created\"} 1") {
            Ok(text)
        } else {
            Err(Value::String(text))
        }
    });
    assert!(text.contains("atlasmesh_http_seconds"), "{text}");
    assert!(!text.contains(&trip) && !text.contains("town-cars"), "{text}");
}

#[test]
fn a_person_is_told_what_to_do_where_nothing_can_be_done() {
    let mut world = World::new();
    let person = Person { server: &world.server, token: world.token.clone() };
    let missing = person.fails(&["trips", "show", "trip_00000000000000000000000000"]);
    assert!(missing.contains("NOT_FOUND"), "{missing}");
    let nobody = Person { server: &world.server, token: "amt_wrong".into() };
    let told = nobody.fails(&["trips", "list"]);
    for words in ["UNAUTHENTICATED", "`atlasmesh login`", "--token", "ATLASMESH_TOKEN"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(person.fails(&["verify", "--data", "/nowhere"]).contains("no data folder"));
    let usage = |arguments: &[&str]| {
        let output = atlasmesh().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    usage(&["trips", "fly"]);
    let told = usage(&["trips", "create", "--site", "town", "--from=here", "--to=1,2"]);
    assert!(told.contains("latitude,longitude") && told.matches("--from").count() == 1, "{told}");
    assert!(usage(&["trips", "list", "--limit", "0"]).contains("--limit <N>"));
    world.server.stop();
    let person = Person { server: &world.server, token: world.token.clone() };
    assert!(person.fails(&["trips", "list"]).contains("atlasmesh serve"));
    world.server.verify_stopped();
    let human = atlasmesh().args(["verify", "--replay", "--data"]).arg(world.server.data()).output().unwrap();
    assert!(text(&human.stdout).contains("intact"), "{}", text(&human.stderr));
}

#[test]
fn shells_complete_commands_and_people_see_who_may_do_what() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef atlasmesh"), ("fish", "complete -c atlasmesh")] {
        let output = atlasmesh().args(["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains(mark) && script.contains("completions"), "{shell}");
    }
    let roles = |more: &[&str]| {
        let output = atlasmesh().arg("roles").args(more).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let matrix = roles(&[]);
    let marks = |operation: &str| {
        let line = matrix.lines().find(|line| line.split("  ").next() == Some(operation)).unwrap();
        line.matches('●').count()
    };
    assert!(matrix.starts_with("OPERATION") && matrix.contains("DISPATCHER"), "{matrix}");
    assert_eq!((marks("POST /v1/users"), marks("POST /v1/trips")), (1, 2));
    let of_dispatchers = roles(&["--role", "dispatcher"]);
    assert!(of_dispatchers.contains("POST /v1/trips ") && !of_dispatchers.contains("POST /v1/users"));
    let told: Value = serde_json::from_str(&roles(&["--json"])).unwrap();
    let operations = told["operations"].as_array().unwrap();
    let ask = operations.iter().find(|one| one["operation"] == "post_v1_trips").unwrap();
    assert_eq!(ask["roles"], serde_json::json!(["administrator", "dispatcher"]));
    let unknown = atlasmesh().args(["roles", "--role", "king"]).output().unwrap();
    assert!(text(&unknown.stderr).contains("there is no role king; there are administrator, "));
}

/// A terminal shows colours, and NO_COLOR takes them away.
#[test]
fn colours_are_for_terminals() {
    let roles = |name: &str, value: &str| {
        let output = atlasmesh().args(["roles", "--role", "viewer"]).env(name, value).output().unwrap();
        text(&output.stdout)
    };
    assert!(roles("CLICOLOR_FORCE", "1").starts_with("\u{1b}[1mOPERATION"));
    assert!(roles("NO_COLOR", "1").starts_with("OPERATION"));
}

#[test]
fn a_copy_made_while_the_server_runs_is_whole_but_for_the_master_key_and_starts_a_server() {
    let mut world = World::new();
    let car = world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(0, 0), crossing(1, 1));
    world.until_status(&trip, &["COMPLETED"]);
    assert_eq!(world.entries_of("trip.compliance_summary").len(), 1);
    let copy = world.server.folder.path().join("copy");
    let backup = || {
        atlasmesh()
            .args(["store", "backup", "--data"])
            .arg(world.server.data())
            .arg("--to")
            .arg(&copy)
            .output()
            .unwrap()
    };
    let made = backup();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&backup().stderr).contains("exists already"));
    assert!(text(&made.stdout).contains("--master-key"), "{}", text(&made.stdout));
    let kept = |path: &str| copy.join(path).exists();
    assert!(!kept("keys/master.key") && kept("keys/keys.sealed"), "what opens the keys is not beside them");
    assert!(kept("emergency.jsonl") && kept("telemetry/town-cars/0000000001.log"));
    let verify = |more: &[&std::ffi::OsStr]| {
        atlasmesh().args(["verify", "--replay", "--json", "--data"]).arg(&copy).args(more).output().unwrap()
    };
    let without = verify(&[]);
    assert!(!without.status.success() && text(&without.stderr).contains("--master-key"), "{}", text(&without.stderr));
    let master = world.server.data().join("keys/master.key");
    let verified = verify(&["--master-key".as_ref(), master.as_os_str()]);
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
    let other = Server::on(copy.clone(), Serve::default().with("--master-key", master.display()));
    let path = format!("/v1/vehicles/{}/telemetry?limit=1000", world.vehicle_id(car));
    let samples = |http: &support::Http| http.get(&path).ok()["items"].as_array().unwrap().len();
    assert!(samples(&other.http(&world.token)) > 0, "telemetry is in the copy");
    let found = other.http(&world.token).get(&format!("/v1/trips/{trip}")).ok();
    assert_eq!(found["id"], trip.as_str());
}

#[test]
fn a_log_that_was_changed_is_found_out() {
    let mut world = World::new();
    world.server.stop();
    let database = world.server.data().join("store");
    let mut changed = 0;
    for file in fs::read_dir(database).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&file).unwrap();
        // One letter of the tenant's sector, wherever a journaled event has it: the first place in the file may be one that
        // no row uses any more.
        let places: Vec<usize> =
            bytes.windows(11).enumerate().filter(|(_, at)| *at == b"ride-hail\",").map(|(n, _)| n).collect();
        let mut bytes = bytes;
        places.iter().for_each(|at| bytes[*at] = b'R');
        fs::write(&file, bytes).unwrap();
        changed += places.len();
    }
    assert!(changed > 0, "nothing was changed");
    let output = atlasmesh().args(["verify", "--replay", "--data"]).arg(world.server.data()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// Every operation of the API has a name, help and fields on the command line.
#[test]
fn any_operation_can_be_called() {
    let world = World::new();
    let person = Person { server: &world.server, token: world.token.clone() };
    let call = |arguments: &[&str]| -> Value {
        let output = person.run(&[&["call"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let listed = text(&person.run(&["call"]).stdout);
    assert_eq!(text(&person.run(&["call", "--help"]).stdout), listed);
    let document = world.http.get("/v1/openapi.json").ok();
    let methods = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<&str> = methods.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    for id in &ids {
        assert!(listed.contains(id), "{id} is not listed");
    }
    let help = text(&person.run(&["call", "post_v1_trips_trip_cancel", "--help"]).stdout);
    assert!(help.contains("POST /v1/trips/{trip}/cancel") && help.contains("reason"), "{help}");
    let coordinate = |name: &str, at: (f64, f64)| {
        let (lat, lon) = degrees(at.0, at.1);
        [format!("--{name}.lat"), lat.to_string(), format!("--{name}.lon={lon}")]
    };
    let places = [coordinate("origin", crossing(0, 0)), coordinate("destination", crossing(1, 1))].concat();
    let mut ask = vec!["post_v1_trips", "--site", site::NAME, "--kind", "passenger", "--idempotency-key", "k-1"];
    ask.extend(places.iter().map(String::as_str));
    ask.extend(["--requirements.passengers", "1"]);
    let trip = call(&ask);
    assert_eq!((&call(&ask)["id"], &trip["requirements"]["passengers"]), (&trip["id"], &Value::from(1)));
    let id = trip["id"].as_str().unwrap();
    assert_eq!(call(&["get_v1_trips", "--status", "CANCELLED"])["items"], Value::Array(Vec::new()));
    let cancelled = call(&["post_v1_trips_trip_cancel", "--trip", id, "--reason", "rain & wind"]);
    assert_eq!(cancelled["ended"]["reason"], "rain & wind");
    let stops = ["post_v1_sites_site_routes", "--site", site::NAME, "--kind", "passenger"];
    let (lat, lon) = degrees(300.0, 0.0);
    let stop = format!("{{\"lat\": {lat}, \"lon\": {lon}}}");
    let mut found = stops.to_vec();
    found.extend(places.iter().map(String::as_str));
    found.extend(["--stops", &stop]);
    assert_eq!(call(&found)["stops_m"].as_array().unwrap().len(), 3);
    for (arguments, problem) in [
        (vec!["call", "post_v1_trip"], "there is no operation post_v1_trip"),
        (vec!["call", "post_v1_trips", "--colour", "red"], "takes no colour"),
        (vec!["call", "post_v1_trips", "--priority", "high"], "error: --priority: expected integer"),
        (vec!["call", "get_v1_trips_trip"], "--trip is missing"),
        (vec!["call", "get_v1_events"], "does not end"),
        (vec!["call", "get_v1_positions"], "does not end"),
        (vec!["call", "post_v1_trips", "site"], "expected --FIELD VALUE"),
        (vec!["call", "post_v1_trips", "--site"], "--site needs a value"),
        (vec!["call", "get_v1_trips_trip", "--trip", "trip_x"], "refused (NOT_FOUND)"),
    ] {
        let said = person.fails(&arguments);
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
}
