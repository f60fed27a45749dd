//! A vehicle, its agent and a server that says what a test tells it to: one thread, one clock that the test moves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]
#![allow(dead_code, reason = "each test file uses its part")]

use agent::core::{Agent, Config, Event, Input, Output, VehicleKind};
use agent::durable::{Memory, Record};
use agent::simulated::SimulatedVehicle;
use agent::vehicle::{Vehicle, VehicleCommand};
use kernel::id::{BootId, TypedId};
use kernel::{CommandId, Coordinate, RouteId, Timestamp, TripId, VehicleId};
use link::v1::command::Body;
use link::v1::from_vehicle::Message as Said;
use link::v1::to_vehicle::Message as Told;
use link::v1::trip_report::Kind;
use link::{Leg, Route, Step, issue, v1};

/// When the world begins, by the server's clock.
pub const BEGIN_MS: i64 = 1_795_489_212_000;
/// One step of the world.
pub const STEP_MS: u64 = 100;

pub fn map() -> String {
    "a".repeat(64)
}

pub fn trip(n: u128) -> TripId {
    TripId::from_u128(n)
}

/// A place so many metres east of the origin.
pub fn at_m(east_m: f64) -> Coordinate {
    Coordinate::new(0.0, east_m / kernel::geo::EARTH_RADIUS_M.to_radians()).unwrap()
}

/// A straight leg; `steps` are (length, speed, no_stop).
pub fn leg(from_m: f64, steps: &[(f64, f64, bool)]) -> Leg {
    let mut along_m = from_m;
    let mut points = vec![at_m(from_m)];
    for (length_m, _, _) in steps {
        along_m += length_m;
        points.push(at_m(along_m));
    }
    let steps = steps.iter().map(|&(length_m, speed_mps, no_stop)| Step { length_m, speed_mps, no_stop }).collect();
    Leg { points, steps }
}

/// 200 m to the pickup, 600 m to the drop-off; the middle third of the trip leg is a tunnel.
pub fn route() -> Route {
    Route {
        id: RouteId::from_u128(1),
        version: 1,
        map_digest: map(),
        policy_digest: String::new(),
        approach: leg(0.0, &[(200.0, 10.0, false)]),
        trip: leg(200.0, &[(200.0, 10.0, false), (200.0, 10.0, true), (200.0, 10.0, false)]),
        released_to_m: 1e6,
        stops_m: Vec::new(),
    }
}

pub fn stop(class: v1::StopClass) -> Body {
    Body::Stop(v1::Stop { class: class.into(), scope: v1::Scope::Vehicle.into(), ..Default::default() })
}

pub fn clearance_of(id: CommandId) -> Body {
    Body::Clearance(v1::Clearance { of: Some(v1::clearance::Of::CommandId(id.to_string())), trip_id: String::new() })
}

pub fn resume(n: u128) -> Body {
    Body::Resume(v1::Resume { trip_id: trip(n).to_string(), ..Default::default() })
}

pub struct World {
    pub agent: Agent,
    pub vehicle: SimulatedVehicle,
    pub ms: u64,
    /// Server time minus the world's own.
    pub server_offset_ms: i64,
    pub said: Vec<Said>,
    pub drives: Vec<VehicleCommand>,
    pub records: Vec<Record>,
    /// What happened since the last look.
    pub lines: Vec<String>,
    commands: u128,
    boots: u128,
}

pub fn config(boot: u128) -> Config {
    Config {
        vehicle: VehicleId::from_u128(1),
        boot: BootId::from_u128(boot),
        agent_version: "1".into(),
        capabilities: vec!["passengers".into()],
        components: vec![],
        map_digest: None,
        kind: VehicleKind::Simulated,
        battery_wh: 40_000.0,
        pace: 1.0,
    }
}

pub fn connected() -> World {
    let mut world = World::new();
    world.connect();
    world.heard();
    world
}

/// Driving with people aboard, some metres into the trip leg.
pub fn driving_to(east_m: f64) -> World {
    let mut world = connected();
    world.dispatch(1, 1);
    world.until("report boarded");
    while world.east_m() < east_m {
        world.pass_ms(STEP_MS);
    }
    world.heard();
    world
}

impl World {
    pub fn new() -> Self {
        Self::with(Memory::default(), SimulatedVehicle::new(at_m(0.0), 7))
    }

    fn with(memory: Memory, vehicle: SimulatedVehicle) -> Self {
        let (agent, outputs) = Agent::start(config(1), memory);
        let mut world = Self {
            agent,
            vehicle,
            ms: 0,
            server_offset_ms: 0,
            said: vec![],
            drives: vec![],
            records: vec![],
            lines: vec![],
            commands: 0,
            boots: 1,
        };
        world.perform(outputs);
        world.pass_ms(STEP_MS);
        world
    }

    /// The process dies and starts again with what was written; the monotonic clock begins anew.
    pub fn restart(&mut self) {
        let mut memory = Memory::default();
        self.records.iter().cloned().for_each(|record| memory.apply(record));
        self.server_offset_ms += self.ms as i64;
        self.ms = 0;
        self.boots += 1;
        self.vehicle = SimulatedVehicle::resumed(memory.last_state().unwrap(), 7);
        let (agent, outputs) = Agent::start(config(self.boots), memory);
        self.agent = agent;
        self.perform(outputs);
        self.pass_ms(STEP_MS);
    }

    pub fn server_time(&self) -> Timestamp {
        Timestamp::from_ms(BEGIN_MS + self.ms as i64 + self.server_offset_ms)
    }

    pub fn step(&mut self, event: Event) {
        let input = Input { monotonic_ms: self.ms, vehicle_time: Timestamp::from_ms(BEGIN_MS + self.ms as i64), event };
        let outputs = self.agent.step(input);
        self.perform(outputs);
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Persist(record) => self.records.push(*record),
                Output::Send(message) => {
                    let said = message.message.unwrap();
                    self.lines.extend(line_of(&said));
                    self.said.push(said);
                }
                Output::Drive(command) => {
                    self.lines.push(format!("drive {}", text_of(&command)));
                    self.drives.push(command.clone());
                    self.vehicle.apply(command);
                }
            }
        }
    }

    pub fn pass_ms(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.ms += STEP_MS;
            self.vehicle.advance(STEP_MS as f64 / 1_000.0);
            self.step(Event::Vehicle(self.vehicle.state()));
            self.step(Event::Tick);
        }
    }

    pub fn pass_s(&mut self, s: u64) {
        self.pass_ms(s * 1_000);
    }

    /// Lets time pass until something is said or done.
    pub fn until(&mut self, line: &str) {
        for _ in 0..6_000 {
            if self.lines.iter().any(|l| l == line) {
                return;
            }
            self.pass_ms(STEP_MS);
        }
        panic!("never: {line}\n{:#?}", self.lines);
    }

    pub fn told(&mut self, told: Told) {
        self.step(Event::Received(Box::new(v1::ToVehicle { message: Some(told) })));
    }

    pub fn welcome(&mut self, claim: Option<(TripId, u64)>, valid_for_ms: u64) {
        let claim = claim.map(|(trip, claim_epoch)| v1::Claim { trip_id: trip.to_string(), claim_epoch, valid_for_ms });
        self.told(Told::Welcome(v1::Welcome {
            token: None,
            trust_bundle_sequence: 0,
            server_time_us: self.server_time().as_us(),
            heartbeat_interval_ms: 5_000,
            claim_epoch: claim.as_ref().map_or(0, |c| c.claim_epoch),
            claim,
            map_digest: map(),
            ..Default::default()
        }));
    }

    pub fn connect(&mut self) {
        self.step(Event::Connected);
        self.welcome(None, 0);
    }

    /// The vehicle comes back to the trip that it has.
    pub fn connect_to(&mut self, n: u128, epoch: u64) {
        self.step(Event::Connected);
        self.welcome(Some((trip(n), epoch)), 120_000);
    }

    pub fn next_command(&mut self) -> CommandId {
        self.commands += 1;
        CommandId::from_u128(self.commands)
    }

    pub fn command(&mut self, epoch: u64, body: Body) -> CommandId {
        let id = self.next_command();
        let command = issue::command(id, epoch, self.server_time(), body);
        self.told(Told::Command(command));
        id
    }

    pub fn dispatch_body(&self, n: u128, route: &Route) -> v1::Dispatch {
        v1::Dispatch {
            trip_id: trip(n).to_string(),
            route: Some(route.into()),
            claim_valid_for_ms: 120_000,
            pickup_dwell_ms: 3_000,
            dropoff_dwell_ms: 3_000,
            ..Default::default()
        }
    }

    pub fn dispatch(&mut self, n: u128, epoch: u64) -> CommandId {
        let body = self.dispatch_body(n, &route());
        self.command(epoch, Body::Dispatch(body))
    }

    pub fn renew(&mut self, n: u128, claim_epoch: u64) {
        let server_time_us = self.server_time().as_us();
        let trip_id = trip(n).to_string();
        self.told(Told::ClaimRenewal(v1::ClaimRenewal { trip_id, claim_epoch, valid_for_ms: 120_000, server_time_us }));
    }

    /// What was said and done since the last look, without progress.
    pub fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub fn is_occupied(&self) -> bool {
        self.vehicle.state().occupied
    }

    pub fn speed_mps(&self) -> f64 {
        self.vehicle.state().speed_mps
    }

    /// Metres along the route, read from where the vehicle is.
    pub fn east_m(&self) -> f64 {
        self.vehicle.state().position.at.distance_m(at_m(0.0))
    }
}

fn text_of(command: &VehicleCommand) -> String {
    match command {
        VehicleCommand::FollowRoute { until_m, .. } => format!("follow to {until_m:.0}"),
        VehicleCommand::SlowTo { max_speed_mps } => format!("slow to {max_speed_mps:.0}"),
        VehicleCommand::Stop { class, .. } => format!("stop {class:?}"),
        VehicleCommand::Hold => "hold".into(),
        VehicleCommand::Serve { service, .. } => format!("serve {service:?}"),
    }
}

fn line_of(said: &Said) -> Option<String> {
    match said {
        Said::TripReport(report) => match report.kind.as_ref().unwrap() {
            Kind::Accepted(_) => Some("report accepted".into()),
            Kind::Rejected(k) => Some(format!("report rejected {}", k.code)),
            Kind::Departed(_) => Some("report departed".into()),
            Kind::ArrivedPickup(_) => Some("report arrived_pickup".into()),
            Kind::Boarded(_) => Some("report boarded".into()),
            Kind::Progress(_) => None,
            Kind::ArrivedDropoff(_) => Some("report arrived_dropoff".into()),
            Kind::Completed(_) => Some("report completed".into()),
            Kind::SafeStopped(k) => {
                let place = if k.admissible { "admissible" } else { "inadmissible" };
                Some(format!("report safe_stopped {} {place}", k.reason))
            }
            Kind::Resumed(_) => Some("report resumed".into()),
            Kind::Paused(_) => Some("report paused".into()),
            Kind::AssistNeeded(k) => Some(format!("report assist {}", k.kind)),
            Kind::Ended(k) => Some(format!("report ended {}", k.reason)),
        },
        Said::CommandState(state) => {
            let id: CommandId = state.command_id.parse().unwrap();
            let name = v1::DeliveryState::try_from(state.state).unwrap().as_str_name().to_lowercase();
            let name = name.trim_start_matches("delivery_state_");
            if name == "delivered" {
                return None;
            }
            Some(format!("command {} {name} {}", id.as_u128(), state.code).trim_end().to_owned())
        }
        _ => None,
    }
}
