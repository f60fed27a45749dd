//! A server with one tenant and one town, and what tests do there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::agent::Agent;
use super::http::{Answer, Http};
use super::server::{PATIENCE, Serve, Server};
use super::site;

/// How many times faster than a real one a vehicle drives where a test only wants it to arrive.
pub const FAST: f64 = 40.0;

/// The tenant of a world.
pub const TENANT: &str = "town-cars";

/// The secret of the session that an answer opens.
pub fn session_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("a cookie");
    cookie.split([';', '=']).nth(1).unwrap().to_owned()
}

/// An installation with a town.
#[derive(Debug)]
pub struct World {
    // First, so that they end before the server and its folder go.
    pub agents: Vec<Agent>,
    pub server: Server,
    pub http: Http,
    pub token: String,
}

/// The password of everybody who signs in.
pub const PASSWORD: &str = "correct horse battery";

impl World {
    /// Somebody who was invited, chose a password and is signed in.
    pub fn person(&self, name: &str, roles: &[&str]) -> Http {
        let body = json!({ "name": name, "email": format!("{name}@mine.example"), "roles": roles });
        let invited = self.http.post("/v1/users", &body).ok();
        let link = invited["invitation"].as_str().unwrap();
        let code = link.split_once('/').and_then(|(_, rest)| rest.split_once('/')).unwrap().1;
        let accept = json!({ "tenant": TENANT, "code": code, "password": PASSWORD });
        let signed_in = self.server.http("").post("/v1/session/invitation", &accept);
        let secret = session_of(&signed_in);
        signed_in.ok();
        self.server.http(&secret)
    }

    pub fn new() -> Self {
        Self::with(Serve::default())
    }

    pub fn with(serve: Serve) -> Self {
        let server = Server::start(serve);
        let token = tenant(&server, TENANT, "ride-hail");
        let http = server.http(&token);
        let world = Self { agents: Vec::new(), server, http, token };
        let made = world.import().ok();
        assert_eq!(made["site"], site::NAME);
        world
    }

    pub fn import(&self) -> Answer {
        let path = format!("/v1/sites/{}/map", site::NAME);
        self.http.put(&path, site::network().to_string().as_bytes(), "application/json")
    }

    /// Registers a vehicle that has no agent; its id.
    pub fn register(&self, name: &str) -> String {
        self.http.post("/v1/vehicles", &profile(name)).ok()["id"].as_str().unwrap().to_owned()
    }

    /// What a technician carries to a vehicle, with a new join token.
    pub fn bootstrap(&self, vehicle: &str) -> Value {
        self.http.post(&format!("/v1/vehicles/{vehicle}/join-token"), &json!({})).ok()["bootstrap"].clone()
    }

    /// Registers a vehicle and starts its agent at a crossing.
    pub fn vehicle(&mut self, at: (f64, f64), speedup: f64) -> usize {
        self.vehicle_that(at, speedup, &[])
    }

    /// Like [`Self::vehicle`], with more for its agent's command line.
    fn vehicle_that(&mut self, at: (f64, f64), speedup: f64, more: &[&str]) -> usize {
        let name = format!("car-{}", self.agents.len() + 1);
        let bootstrap = self.bootstrap(&self.register(&name));
        let (lat, lon) = site::degrees(at.0, at.1);
        self.agents.push(Agent::start(&self.server, &name, &bootstrap, (lat, lon), speedup, more));
        self.agents.len() - 1
    }

    /// Starts the agent of a vehicle that was registered otherwise.
    pub fn start_agent(&mut self, name: &str, bootstrap: &Value, at: (f64, f64), speedup: f64) -> usize {
        let (lat, lon) = site::degrees(at.0, at.1);
        self.agents.push(Agent::start(&self.server, name, bootstrap, (lat, lon), speedup, &[]));
        self.agents.len() - 1
    }

    /// Like [`Self::vehicle`], and waits until it is ready and somebody knows where it is.
    pub fn ready_vehicle(&mut self, at: (f64, f64), speedup: f64) -> usize {
        self.ready_vehicle_that(at, speedup, &[])
    }

    /// Like [`Self::ready_vehicle`], with more for its agent's command line.
    pub fn ready_vehicle_that(&mut self, at: (f64, f64), speedup: f64, more: &[&str]) -> usize {
        let n = self.vehicle_that(at, speedup, more);
        self.until_vehicle(n, "ready", |vehicle| vehicle["ready"] == true && vehicle["seen"]["position"].is_object());
        n
    }

    pub fn vehicle_id(&self, n: usize) -> &str {
        &self.agents[n].vehicle
    }

    /// A vehicle as the API shows it.
    pub fn vehicle_now(&self, n: usize) -> Value {
        self.http.get(&format!("/v1/vehicles/{}", self.agents[n].vehicle)).ok()
    }

    /// Waits until a vehicle is as a test wants it.
    #[track_caller]
    pub fn until_vehicle(&self, n: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("vehicle {n} is {what}"), || {
            let vehicle = self.vehicle_now(n);
            if wanted(&vehicle) { Ok(vehicle) } else { Err(vehicle) }
        })
    }

    /// Asks for a passenger trip between two places.
    pub fn ask(&self, from: (f64, f64), to: (f64, f64)) -> Answer {
        self.http.post("/v1/trips", &passenger(from, to))
    }

    /// Asks for a trip that must be allowed; its id.
    #[track_caller]
    pub fn trip(&self, from: (f64, f64), to: (f64, f64)) -> String {
        let answer = self.ask(from, to);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub fn trip_now(&self, trip: &str) -> Value {
        self.http.get(&format!("/v1/trips/{trip}")).ok()
    }

    /// Waits until a trip is as a test wants it.
    #[track_caller]
    pub fn until_trip(&self, trip: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("trip {trip} is {what}"), || {
            let now = self.trip_now(trip);
            if wanted(&now) { Ok(now) } else { Err(now) }
        })
    }

    /// Waits until a trip is in one of some states.
    #[track_caller]
    pub fn until_status(&self, trip: &str, statuses: &[&str]) -> Value {
        self.until_trip(trip, &statuses.join(" or "), |now| {
            let status = now["status"].as_str().unwrap_or_default();
            let over = ["COMPLETED", "CANCELLED", "FAILED", "EXPIRED"].contains(&status);
            assert!(
                !over || statuses.contains(&status),
                "ended as {status} while awaiting {statuses:?}: {now}\n{}",
                self.why(trip)
            );
            statuses.contains(&status)
        })
    }

    /// Waits until the vehicle has spoken to the last answer to its request for assistance; that answer.
    #[track_caller]
    pub fn until_spoken(&self, assistance: &str) -> Value {
        self.until("the vehicle speaks to the answer", || {
            let now = self.http.get(&format!("/v1/assistance/{assistance}")).ok();
            let last = now["answers"].as_array().and_then(|answers| answers.last()).cloned();
            last.filter(|last| last["outcome"]["state"] != "pending").ok_or(now)
        })
    }

    pub fn history(&self, trip: &str) -> Vec<Value> {
        let page = self.http.get(&format!("/v1/trips/{trip}/history?after=0&wait_ms=0")).ok();
        page["items"].as_array().unwrap().clone()
    }

    /// The types of a trip's events, in order.
    pub fn events(&self, trip: &str) -> Vec<String> {
        self.history(trip).iter().map(|step| step["event"].as_str().unwrap().to_owned()).collect()
    }

    /// A trip's story as text, for a failing test's message.
    pub fn why(&self, trip: &str) -> String {
        serde_json::to_string_pretty(&self.http.get(&format!("/v1/trips/{trip}/why")).body).unwrap()
    }

    /// How many entries the tenant's journal has.
    pub fn journal_size(&self) -> u64 {
        self.http.get("/v1/journal/head").ok()["size"].as_u64().unwrap()
    }

    /// Entries of the journal from a position on.
    pub fn entries(&self, from: u64) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut from = from;
        loop {
            let page = self.http.get(&format!("/v1/journal?from={from}&limit=500")).ok();
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return entries;
            }
            from = items.last().unwrap()["index"].as_u64().unwrap() + 1;
            entries.extend(items.iter().cloned());
        }
    }

    /// The journal's entries of one type.
    pub fn entries_of(&self, event: &str) -> Vec<Value> {
        self.entries(0).into_iter().filter(|entry| entry["event"]["type"] == event).collect()
    }

    /// Waits for a level. Between looks the server itself holds the request until something happened or a moment passed.
    #[track_caller]
    pub fn until<T>(&self, what: &str, look: impl Fn() -> Result<T, Value>) -> T {
        self.until_within(PATIENCE, what, look)
    }

    #[track_caller]
    pub fn until_within<T>(&self, limit: Duration, what: &str, look: impl Fn() -> Result<T, Value>) -> T {
        let began = Instant::now();
        loop {
            match look() {
                Ok(found) => return found,
                Err(seen) => assert!(began.elapsed() < limit, "never came: {what}; last seen {seen:#}"),
            }
            self.pause();
        }
    }

    /// Lets the server hold a request until the journal grows, a short moment at most.
    pub fn pause(&self) {
        self.await_entries(self.journal_size(), 100);
    }

    /// Lets the server hold a request until the journal has more entries than this, or a time passed.
    pub fn await_entries(&self, more_than: u64, wait_ms: u64) {
        // A tenant that has no stream left is not let wait; whoever called looks again at once.
        let answer = self.http.get(&format!("/v1/journal?from={more_than}&limit=1&wait_ms={wait_ms}"));
        assert!([200, 429].contains(&answer.status), "{}", answer.body);
    }

    /// Makes a principal; a client that acts as it.
    pub fn principal(&self, role: &str, name: &str) -> Http {
        let made = self.http.post("/v1/principals", &json!({ "role": role, "name": name })).ok();
        self.server.http(made["token"].as_str().unwrap())
    }

    /// Waits until a trip's history has an event; it.
    #[track_caller]
    pub fn await_step(&self, trip: &str, event: &str) -> Value {
        self.until(&format!("{event} of {trip}"), || {
            let step = self.history(trip).into_iter().find(|step| step["event"] == event);
            step.ok_or_else(|| json!(self.events(trip)))
        })
    }

    /// Verifies the running server's journal and rows.
    #[track_caller]
    pub fn verify(&self) {
        let verdict = self.verdict(true);
        assert_eq!(verdict["ok"], true, "{verdict:#}");
    }

    /// What a verification of the running server's journal finds.
    #[track_caller]
    pub fn verdict(&self, replay: bool) -> Value {
        let begun = self.http.post("/v1/journal/verify", &json!({ "replay": replay })).ok();
        let path = format!("/v1/journal/verify/{}", begun["id"].as_str().unwrap());
        self.until("a verdict", || {
            let now = self.http.get(&path).ok();
            if now["verdict"].is_object() { Ok(now["verdict"].clone()) } else { Err(now) }
        })
    }

    /// A command to a vehicle, e.g. `stop`.
    pub fn command(&self, n: usize, what: &str, body: &Value) -> Answer {
        self.http.post(&format!("/v1/vehicles/{}/{what}", self.agents[n].vehicle), body)
    }

    pub fn commands(&self, n: usize) -> Vec<Value> {
        let page = self.http.get(&format!("/v1/vehicles/{}/commands", self.agents[n].vehicle)).ok();
        page["items"].as_array().unwrap().clone()
    }

    /// The newest sample of a vehicle that the server holds; null before the first.
    pub fn newest_sample(&self, n: usize) -> Value {
        let page = self.http.get(&format!("/v1/vehicles/{}/telemetry?limit=1000", self.agents[n].vehicle)).ok();
        let newest = page["items"].as_array().unwrap().iter().max_by_key(|sample| sample["at"].to_string()).cloned();
        newest.unwrap_or_default()
    }

    /// Waits until a vehicle stands, by a sample that it takes from now on; where.
    #[track_caller]
    pub fn until_stands(&self, n: usize) -> (f64, f64) {
        let began_us = super::time::now_us();
        self.until(&format!("vehicle {n} stands"), || {
            let newest = self.newest_sample(n);
            let is_new = newest["at"].as_str().is_some_and(|at| super::time::us(at) >= began_us);
            match newest["speed_mps"].as_f64().filter(|_| is_new) {
                Some(speed) if speed < 0.05 => Ok((newest["lat"].as_f64().unwrap(), newest["lon"].as_f64().unwrap())),
                _ => Err(newest),
            }
        })
    }

    /// Restarts the agent of a vehicle that is under way, and orders it to go on: a restart alone moves nothing (SAFE-13).
    pub fn restart_under_way(&mut self, n: usize, trip: &str, speedup: f64) {
        self.agents[n].kill();
        self.agents[n].start_again_at(&self.server, speedup);
        self.until_status(trip, &["AWAITING_ASSIST"]);
        self.let_go_on(trip);
    }

    /// Orders a standing vehicle to go on as soon as it can be ordered to.
    pub fn let_go_on(&self, trip: &str) {
        self.until("the vehicle is ordered to go on", || {
            let answer =
                self.http.post(&format!("/v1/trips/{trip}/resume"), &json!({ "reason": "the street is clear" }));
            if answer.status == 202 { Ok(()) } else { Err(answer.body) }
        });
    }

    /// Starts a killed agent on the state that it left.
    pub fn start_agent_again(&mut self, n: usize) {
        self.agents[n].start_again(&self.server);
    }
}

/// Makes a tenant of simulated vehicles; its administrator's token.
pub fn tenant(server: &Server, name: &str, sector: &str) -> String {
    let made =
        server.platform().post("/v1/tenants", &json!({ "name": name, "sector": sector, "simulated": true })).ok();
    made["token"].as_str().unwrap().to_owned()
}

/// A passenger trip between two places.
pub fn passenger(from: (f64, f64), to: (f64, f64)) -> Value {
    json!({
        "site": site::NAME, "kind": "passenger",
        "origin": site::at(from.0, from.1), "destination": site::at(to.0, to.1),
        "requirements": { "passengers": 1 },
    })
}

/// The corners of a square around a place.
pub fn square(east_m: f64, north_m: f64, half_m: f64) -> Value {
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    json!(corners.map(|(east, north)| site::at(east_m + east * half_m, north_m + north * half_m)))
}

pub fn profile(name: &str) -> Value {
    json!({
        "site": site::NAME,
        "name": name,
        "simulated": true,
        "sectors": ["ride-hail"],
        "capabilities": ["passenger", "delivery"],
        "max_speed_mps": 27.0,
        "payload_max_kg": 500.0,
        "seats": 4,
        "energy_capacity_wh": 75_000.0,
        "components": [{ "name": "ads", "version": "1.0.0" }],
    })
}
