//! The sectors' own work, walked through the API as people do it: a blast of a mine, a job of a yard, a service area of a
//! city, the emissions and clearances of a unit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use support::site;
use support::time::{now_us, text};
use support::world::{self, square, tenant};
use support::{Answer, Http, Serve, Server, World, openapi};

/// A tenant of a sector with a mapped site, its administrator, and what the API says of itself.
struct Unit {
    server: Server,
    http: Http,
    document: Value,
}

impl Unit {
    fn of(sector: &str) -> Self {
        let server = Server::start(Serve::default());
        let http = server.http(&tenant(&server, "unit", sector));
        let network = serde_json::to_vec(&site::network()).unwrap();
        http.put(&format!("/v1/sites/{}/map", site::NAME), &network, "application/json").ok();
        let document = http.get("/v1/openapi.json").ok();
        Self { server, http, document }
    }

    fn somebody(&self, role: &str, name: &str) -> Http {
        let made = self.http.post("/v1/principals", &json!({ "role": role, "name": name })).ok();
        self.server.http(made["token"].as_str().unwrap())
    }

    /// Posts, and holds the answer against the document under the address as it stands there.
    fn post(&self, http: &Http, address: &str, path: &str, body: &Value) -> Answer {
        let answer = http.post(path, body);
        openapi::hold(&self.document, "post", address, &answer);
        answer
    }

    fn put(&self, http: &Http, address: &str, path: &str, body: &Value) -> Answer {
        let answer = http.put(path, body.to_string().as_bytes(), "application/json");
        openapi::hold(&self.document, "put", address, &answer);
        answer
    }

    fn place(&self, name: &str, kind: &str, at: (f64, f64), more: &Value) -> String {
        let mut body = json!({
            "site": site::NAME, "name": name, "kind": kind, "at": site::at(at.0, at.1), "radius_m": 50,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id_of(&self.post(&self.http, "/v1/places", "/v1/places", &body).ok())
    }
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

fn in_an_hour() -> String {
    text(now_us() + 3_600_000_000)
}

fn zones(unit: &Unit) -> Vec<Value> {
    unit.http.get(&format!("/v1/sites/{}/zones", site::NAME)).ok()["items"].as_array().unwrap().clone()
}

/// SECTOR-3: every step by who may take it, two people where two are needed, and the area closed from the first to the last.
#[test]
fn a_blast_goes_from_its_announcement_to_its_release() {
    let unit = Unit::of("mining");
    let [dora, sam, sue] = [("dispatcher", "dora"), ("safety_officer", "sam"), ("safety_officer", "sue")]
        .map(|(role, name)| unit.somebody(role, name));
    let plan = json!({
        "site": site::NAME, "name": "bench 7", "area": square(900.0, 900.0, 100.0), "fire_at": in_an_hour(),
    });
    let planned = unit.post(&dora, "/v1/blasts", "/v1/blasts", &plan).ok();
    let id = id_of(&planned);
    assert_eq!((&planned["state"], &planned["next"]), (&json!("PLANNED"), &json!(["clear", "call-off"])));
    let step = |http: &Http, step: &str, more: Value| {
        let mut body = json!({ "reason": "as announced" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        unit.post(http, &format!("/v1/blasts/{{blast}}/{step}"), &format!("/v1/blasts/{id}/{step}"), &body)
    };
    step(&sam, "fire", json!({})).problem(409, "ILLEGAL_TRANSITION");
    let clearing = step(&dora, "clear", json!({})).ok();
    assert_eq!(clearing["state"], "CLEARING");
    let zone = &zones(&unit)[0];
    assert_eq!(
        (&zone["kind"], &zone["class"], &zone["id"]),
        (&json!("blast"), &json!("evacuate"), &clearing["restriction"])
    );
    assert_eq!(step(&dora, "clear", json!({})).ok()["steps"], clearing["steps"], "repeated");
    assert_eq!(zones(&unit).len(), 1);
    step(&dora, "guard", json!({ "posts": [] })).problem(400, "INVALID_REQUEST");
    step(&sam, "guard", json!({ "posts": ["north gate", "south gate"] })).ok();
    step(&dora, "fire", json!({})).problem(403, "FORBIDDEN");
    let alone = step(&sam, "fire", json!({})).problem(403, "POLICY_VIOLATION");
    assert!(alone.to_string().contains("base.blast-fire.another"), "{alone}");
    step(&dora, "call-off", json!({})).problem(403, "POLICY_VIOLATION");
    assert_eq!(step(&sue, "fire", json!({})).ok()["state"], "FIRED");
    step(&sue, "examine", json!({ "safe": true })).problem(403, "POLICY_VIOLATION");
    step(&sue, "release", json!({})).problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(step(&sam, "examine", json!({ "safe": true })).ok()["state"], "EXAMINED");
    assert_eq!(zones(&unit).len(), 1, "closed until it is released");
    let released = step(&sam, "release", json!({})).ok();
    assert_eq!((&released["state"], &released["next"]), (&json!("RELEASED"), &json!([])));
    assert_eq!(step(&sam, "release", json!({})).ok()["steps"], released["steps"], "repeated");
    assert_eq!(zones(&unit), Vec::<Value>::new());

    // Another misfires, and a third is called off.
    let second = id_of(&unit.post(&dora, "/v1/blasts", "/v1/blasts", &plan).ok());
    let at = |who: &Http, step: &str, body: Value| who.post(&format!("/v1/blasts/{second}/{step}"), &body);
    at(&dora, "clear", json!({ "reason": "r" })).ok();
    at(&dora, "guard", json!({ "reason": "r", "posts": ["gate"] })).ok();
    at(&sam, "fire", json!({ "reason": "r" })).ok();
    let misfire = at(&sue, "examine", json!({ "reason": "hole 4", "safe": false })).ok();
    assert_eq!((&misfire["state"], &misfire["next"]), (&json!("MISFIRE"), &json!([])));
    at(&sue, "examine", json!({ "reason": "r", "safe": true })).problem(409, "ILLEGAL_TRANSITION");
    at(&sue, "call-off", json!({ "reason": "r" })).problem(409, "ILLEGAL_TRANSITION");
    let third = id_of(&unit.post(&dora, "/v1/blasts", "/v1/blasts", &plan).ok());
    dora.post(&format!("/v1/blasts/{third}/clear"), &json!({ "reason": "r" })).ok();
    let off = sam.post(&format!("/v1/blasts/{third}/call-off"), &json!({ "reason": "lightning" })).ok();
    assert_eq!(off["state"], "CALLED_OFF");
    assert_eq!(zones(&unit).len(), 1, "that of the misfire");
    assert_eq!(unit.http.get("/v1/blasts").ok()["items"].as_array().unwrap().len(), 3);
    // A yard has no blasts, and a mine no jobs.
    let job = json!({ "site": site::NAME, "container": "C", "from": id_of_place(&unit), "to": id_of_place(&unit), "mass_kg": 1 });
    unit.post(&dora, "/v1/jobs", "/v1/jobs", &job).problem(403, "FEATURE_OFF");
}

fn id_of_place(unit: &Unit) -> String {
    unit.place("face 3", "load_face", (0.0, 0.0), &json!({ "loader": { "bucket_kg": 45_000, "passes_max": 5 } }))
}

/// SECTOR-4: nothing passes the gate unreleased, and what reacts does not stand together.
#[test]
fn a_job_is_released_at_the_gate_and_kept_from_what_it_reacts_with() {
    let unit = Unit::of("logistics");
    let dora = unit.somebody("dispatcher", "dora");
    let gate = unit.place("gate 1", "gate", (0.0, 0.0), &json!({}));
    let block = unit.place("block A", "block", (900.0, 900.0), &json!({ "hazards_refused": ["5.1"] }));
    let ask = |container: &str, to: &str, hazards: Value| {
        let body = json!({
            "site": site::NAME, "container": container, "from": gate, "to": to, "hazards": hazards, "mass_kg": 24_000,
        });
        unit.post(&dora, "/v1/jobs", "/v1/jobs", &body)
    };
    ask("MSKU1", &gate, json!([])).problem(400, "INVALID_REQUEST");
    ask("MSKU1", &block, json!(["12"])).problem(400, "INVALID_REQUEST");
    ask("MSKU1", &block, json!(["3", "4.2"])).problem(400, "INVALID_REQUEST");
    let fuel = ask("MSKU1", &block, json!(["3"])).ok();
    assert_eq!((&fuel["state"], &fuel["conflicts"]), (&json!("WAITING"), &json!([])));
    let release = |id: &str, seal: &str| {
        let body = json!({ "seal": seal, "reason": "the papers are there" });
        unit.post(&dora, "/v1/jobs/{job}/release", &format!("/v1/jobs/{id}/release"), &body)
    };
    let released = release(&id_of(&fuel), "S1").ok();
    assert_eq!((&released["state"], &released["seal"]), (&json!("RELEASED"), &json!("S1")));
    assert_eq!(release(&id_of(&fuel), "S1").ok()["steps"], released["steps"], "repeated");
    release(&id_of(&fuel), "S2").problem(409, "ILLEGAL_TRANSITION");
    let oxidiser = ask("MSKU2", &block, json!(["5.1"])).ok();
    assert_eq!(oxidiser["conflicts"], json!(["class 5.1 is refused there"]));
    let refused = release(&id_of(&oxidiser), "S3").problem(403, "POLICY_VIOLATION");
    assert!(refused.to_string().contains("base.job-release.segregation"), "{refused}");
    let cancel = |id: &str| {
        let path = format!("/v1/jobs/{id}/cancel");
        unit.post(&dora, "/v1/jobs/{job}/cancel", &path, &json!({ "reason": "the ship has left" }))
    };
    assert_eq!(cancel(&id_of(&oxidiser)).ok()["state"], "CANCELLED");
    assert_eq!(cancel(&id_of(&oxidiser)).ok()["state"], "CANCELLED");
    let listed = unit.http.get(&format!("/v1/jobs?site={}", site::NAME)).ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    unit.somebody("viewer", "vera").get(&format!("/v1/jobs/{}", id_of(&fuel))).ok();
}

/// SECTOR-5: an area has hours by its own clock, and is given up.
#[test]
fn a_service_area_is_drawn_with_its_hours() {
    let unit = Unit::of("ride-hail");
    let days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let area = |from: &str, to: &str| {
        json!({
            "site": site::NAME, "name": "centre", "area": square(0.0, 0.0, 5_000.0), "utc_offset_min": -480,
            "wheelchair": true, "hours": [{ "days": days, "from": from, "to": to }],
        })
    };
    let draw = |body: &Value| unit.post(&unit.http, "/v1/service-areas", "/v1/service-areas", body);
    draw(&area("6:00", "24:00")).problem(400, "INVALID_REQUEST");
    draw(&area("06:00", "06:00")).problem(400, "INVALID_REQUEST");
    let always = draw(&area("00:00", "24:00")).ok();
    assert_eq!(always["open_now"], true);
    let listed = unit.http.get(&format!("/v1/service-areas?site={}", site::NAME)).ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let path = format!("/v1/service-areas/{}", id_of(&always));
    unit.http.delete(&path).ok();
    unit.http.delete(&path).ok();
    assert_eq!(unit.http.get("/v1/service-areas").ok()["items"], json!([]));
    let stop = unit.place("station", "pick_up_place", (0.0, 0.0), &json!({ "wheelchair": true }));
    unit.http.delete(&format!("/v1/places/{stop}")).ok();
    assert_eq!(unit.http.get(&format!("/v1/places?site={}", site::NAME)).ok()["items"], json!([]));
}

/// SECTOR-6: tighter at once, looser by two people; nobody clears themselves.
#[test]
fn emissions_are_tightened_by_one_and_relaxed_by_two_and_clearances_are_granted_by_another() {
    let unit = Unit::of("defense");
    let [sam, sue, dora] = [("safety_officer", "sam"), ("safety_officer", "sue"), ("dispatcher", "dora")]
        .map(|(role, name)| unit.somebody(role, name));
    let path = format!("/v1/sites/{}/emission", site::NAME);
    let set = |http: &Http, state: &str| {
        let body = json!({ "state": state, "reason": "as ordered" });
        unit.put(http, "/v1/sites/{site}/emission", &path, &body)
    };
    let now = || unit.http.get(&format!("/v1/emission?site={}", site::NAME)).ok()["items"][0]["state"].clone();
    assert_eq!(now(), "unrestricted");
    assert_eq!(set(&dora, "silent").ok()["state"], "silent");
    let asked = set(&sam, "reduced");
    assert_eq!(asked.status, 202, "{}", asked.body);
    let approval = id_of(&asked.body);
    assert_eq!(now(), "silent");
    let approve =
        |http: &Http| http.post(&format!("/v1/approvals/{approval}/approve"), &json!({ "reason": "so be it" }));
    approve(&sam).problem(403, "FORBIDDEN");
    assert_eq!(approve(&sue).ok()["state"], "done");
    assert_eq!(now(), "reduced");

    let principals = unit.http.get("/v1/principals").ok();
    let all = principals["items"].as_array().unwrap();
    let of = |name: &str| id_of(all.iter().find(|one| one["name"] == name).unwrap());
    let grant = |http: &Http, id: &str, until: &str| {
        let body = json!({ "level": "confidential", "until": until, "reason": "for the exercise" });
        unit.put(http, "/v1/clearances/{kind}/{id}", &format!("/v1/clearances/principal/{id}"), &body)
    };
    grant(&dora, &of("dora"), &in_an_hour()).problem(403, "FORBIDDEN");
    grant(&sam, &of("sam"), &in_an_hour()).problem(403, "POLICY_VIOLATION");
    grant(&sam, &of("dora"), "2020-01-01T00:00:00Z").problem(400, "INVALID_REQUEST");
    let granted = grant(&sam, &of("dora"), &in_an_hour()).ok();
    assert_eq!((&granted["level"], &granted["in_force"]), (&json!("confidential"), &json!(true)));
    let shown = unit.http.get(&format!("/v1/clearances/principal/{}", of("dora"))).ok();
    assert_eq!(shown, granted);
    unit.http.get(&format!("/v1/clearances/principal/{}", of("sue"))).problem(404, "NOT_FOUND");
    assert_eq!(unit.http.get("/v1/clearances").ok()["items"], json!([granted]));
}

/// SECTOR-6
///
/// The trip of a job is refused until the gate has released it, and its end is the job's.
#[test]
fn the_trip_of_a_job_waits_for_its_release_and_ends_it() {
    let mut world = World::new();
    let http = world.http.clone();
    let subscription = json!({ "plan": "enterprise", "sectors": ["logistics", "ride-hail"], "reason": "order 7" });
    let path = format!("/v1/tenants/{}/subscription", world::TENANT);
    world.server.platform().send("PUT", &path, Some(subscription.to_string().as_bytes()), &[]).unwrap().ok();
    http.post("/v1/sectors/logistics/activate", &json!({ "reason": "the yard opens" })).ok();
    let mut profile = world::profile("tractor-1");
    profile["sectors"] = json!(["logistics"]);
    profile["capabilities"] = json!(["delivery"]);
    profile["payload_max_kg"] = json!(40_000.0);
    let vehicle = http.post("/v1/vehicles", &profile).ok()["id"].as_str().unwrap().to_owned();
    let bootstrap = world.bootstrap(&vehicle);
    let n = world.start_agent("tractor-1", &bootstrap, site::crossing(0, 0), world::FAST);
    world.until_vehicle(n, "ready", |vehicle| vehicle["ready"] == true && vehicle["seen"]["position"].is_object());
    let (from, to) = (site::crossing(0, 0), site::crossing(1, 1));
    let place = |name: &str, kind: &str, at: (f64, f64)| {
        let body = json!({
            "site": site::NAME, "name": name, "kind": kind, "at": site::at(at.0, at.1), "radius_m": 50,
        });
        id_of(&http.post("/v1/places", &body).ok())
    };
    let (gate, block) = (place("gate 1", "gate", from), place("block A", "block", to));
    let job = json!({
        "site": site::NAME, "container": "MSKU1", "from": gate, "to": block, "hazards": [], "mass_kg": 24_000,
    });
    let job = id_of(&http.post("/v1/jobs", &job).ok());
    let trip = json!({
        "site": site::NAME, "kind": "delivery", "origin": site::at(from.0, from.1), "destination": site::at(to.0, to.1),
        "requirements": { "payload_kg": 24_000 }, "attributes": { "job": job },
    });
    let refused = http.post("/v1/trips", &trip).problem(403, "POLICY_VIOLATION");
    assert!(refused.to_string().contains("logistics.gate.job-released"), "{refused}");
    let release = json!({ "seal": "S1", "reason": "the papers are there" });
    http.post(&format!("/v1/jobs/{job}/release"), &release).ok();
    let trip = id_of(&http.post("/v1/trips", &trip).ok());
    world.until_status(&trip, &["COMPLETED"]);
    let done = world.until("the job is done", || {
        let now = http.get(&format!("/v1/jobs/{job}")).ok();
        if now["state"] == "DONE" { Ok(now) } else { Err(now) }
    });
    assert_eq!(done["trip"], json!(trip));
    world.verify();
}
