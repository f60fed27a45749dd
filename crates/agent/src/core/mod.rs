//! The agent without a clock, a socket or a disk: one event in, what must happen out, in order. The same inputs give
//! the same outputs, so the simulation drives the very code that runs on a vehicle.

mod clock;
mod commands;
mod motion;
mod rules;
mod session;
mod speed_limits;

use std::sync::Arc;

use kernel::id::BootId;
use kernel::{Timestamp, TripId, VehicleId};
use link::{Body, Component, Dispatch, v1};

use crate::durable::{Latch, Memory, Phase, Record, TripMemory, records};
use crate::path::Path;
use crate::vehicle::{VehicleCommand, VehicleState};
use clock::{LiveClaim, ServerClock};
use motion::Intent;
use rules::ROAD_CLOSED;
use session::Session;

/// Reports kept while they are not acknowledged. None is ever dropped; a vehicle with so many takes no further trip.
pub const REPORTS_MAX: usize = 2_048;

/// Why a trip stands or ends after the agent has started anew.
const RESTARTED: &str = "RESTARTED";

/// What the agent is told once.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub vehicle: VehicleId,
    pub boot: BootId,
    pub agent_version: String,
    pub capabilities: Vec<String>,
    pub components: Vec<Component>,
    /// SHA-256 of the map aboard, in hexadecimal; `None`: it takes the one that the server names.
    pub map_digest: Option<String>,
    pub kind: VehicleKind,
    /// Usable energy of the battery in watt-hours.
    pub battery_wh: f64,
    /// How much faster than the clock the vehicle's world runs; 1 on a real vehicle.
    pub pace: f64,
}

/// Simulated is part of the identity (SAFE-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VehicleKind {
    Real,
    Simulated,
}

/// One event and when it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// A clock that never jumps, in milliseconds since any moment.
    pub monotonic_ms: u64,
    /// The vehicle's own wall clock: evidence, never a reason.
    pub vehicle_time: Timestamp,
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Connected,
    Disconnected,
    Received(Box<v1::ToVehicle>),
    Tick,
    Vehicle(VehicleState),
}

/// What must happen, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write this; what follows waits for the disk where [`Record::must_sync`] says so. Records that follow one another
    /// count together or not at all: a phase is never found without its report.
    Persist(Box<Record>),
    Send(Box<v1::FromVehicle>),
    Drive(VehicleCommand),
}

/// One moment as the core sees it.
#[derive(Debug, Clone, Copy)]
struct Now {
    ms: u64,
    vehicle_time: Timestamp,
}

/// The trip under way, read once from the memory that must survive.
#[derive(Debug, Clone)]
struct TripPlan {
    id: TripId,
    epoch: u64,
    dispatch: Dispatch,
    path: Arc<Path>,
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    memory: Memory,
    plan: Option<TripPlan>,
    session: Session,
    clock: ServerClock,
    claim: Option<LiveClaim>,
    vehicle: Option<VehicleState>,
    /// Metres along the path; survives until the vehicle itself says where it is.
    along_m: f64,
    intent: Option<Intent>,
    watch: motion::Watch,
    ruled: rules::RuledPath,
    limits: speed_limits::SpeedLimits,
    out: Vec<Output>,
}

impl Agent {
    /// An agent that starts with what it wrote before. A restart ends a trip that has not reached its pickup, and any
    /// other stands until somebody orders it to go on (SAFE-13). The outputs are to be performed before the first step.
    pub fn start(config: Config, memory: Memory) -> (Self, Vec<Output>) {
        let along_m = resumed_along_m(&memory);
        let plan = memory.trip.as_ref().and_then(plan_of);
        let counter = memory.boot_counter + 1;
        let boot_id = config.boot.to_string();
        let mut agent = Self {
            session: Session::default(),
            clock: ServerClock::default(),
            claim: None,
            vehicle: None,
            intent: None,
            watch: motion::Watch::default(),
            ruled: rules::RuledPath::default(),
            limits: speed_limits::SpeedLimits::default(),
            out: Vec::new(),
            config,
            memory,
            plan,
            along_m,
        };
        agent.persist(Record::Boot(records::Boot { counter, boot_id }));
        if let Some(digest) = agent.config.map_digest.clone() {
            agent.persist(Record::Map(digest));
        }
        if agent.memory.trip.is_some() && agent.plan.is_none() {
            // Written by a version that could do more: nobody here can drive it.
            agent.persist(Record::TripOver(String::new()));
        }
        agent.stand_after_restart();
        let out = std::mem::take(&mut agent.out);
        (agent, out)
    }

    pub fn step(&mut self, input: Input) -> Vec<Output> {
        let now = Now { ms: input.monotonic_ms, vehicle_time: input.vehicle_time };
        match input.event {
            Event::Connected => self.connected(now),
            Event::Disconnected => self.session = self.session.closed(),
            Event::Received(message) => self.received(*message, now),
            Event::Tick => self.tick(now),
            Event::Vehicle(state) => self.on_vehicle_state(state),
        }
        self.pursue(now);
        std::mem::take(&mut self.out)
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn persist(&mut self, record: Record) {
        self.memory.apply(record.clone());
        self.out.push(Output::Persist(Box::new(record)));
    }

    fn send(&mut self, message: v1::from_vehicle::Message) {
        if self.session.is_open() {
            self.out.push(Output::Send(Box::new(v1::FromVehicle { message: Some(message) })));
        }
    }

    /// The renewal of a claim that was valid before is no permission to drive after a restart (SAFE-13).
    fn stand_after_restart(&mut self) {
        if self.plan.is_none() || self.is_ending() || self.latch() == Latch::Stopped {
            return;
        }
        match self.phase() {
            Some(Phase::Accepted | Phase::ToPickup) => self.persist(Record::Ending(RESTARTED.into())),
            _ => self.latch_trip(Latch::Stopped, RESTARTED),
        }
    }

    fn latch(&self) -> Latch {
        self.memory.trip.as_ref().map_or(Latch::Free, |trip| trip.latch)
    }

    fn latch_trip(&mut self, latch: Latch, reason: &str) {
        // Another way frees who stands before a closed road; who was stopped for another reason too needs more than that.
        let weaker = |trip: &TripMemory| {
            trip.latch < latch || trip.latch == latch && trip.latch_reason == ROAD_CLOSED && reason != ROAD_CLOSED
        };
        let stricter = self.memory.trip.as_ref().is_some_and(|trip| weaker(trip) || latch == Latch::Free);
        if stricter {
            self.persist(Record::Latched(records::Latched { latch: latch.into(), reason: reason.into() }));
        }
    }

    fn phase(&self) -> Option<Phase> {
        self.memory.trip.as_ref().map(|trip| trip.phase)
    }

    fn is_ending(&self) -> bool {
        self.memory.trip.as_ref().is_some_and(|trip| trip.ending.is_some())
    }

    /// Whether the trip under way has its claim: current epoch, valid now (SAFE-7).
    fn has_claim(&self, now: Now) -> bool {
        let (Some(plan), Some(claim)) = (&self.plan, &self.claim) else { return false };
        claim.trip == plan.id
            && claim.epoch == plan.epoch
            && claim.epoch >= self.memory.epoch
            && now.ms < claim.until_ms
    }

    fn report(&mut self, kind: v1::trip_report::Kind, about: (TripId, u64), now: Now) {
        let Some(state) = self.vehicle else { return };
        let report = v1::TripReport {
            report_seq: self.memory.report_seq + 1,
            boot_id: self.config.boot.to_string(),
            trip_id: about.0.to_string(),
            claim_epoch: about.1,
            vehicle_time_us: now.vehicle_time.as_us(),
            position: Some(state.position.into()),
            odometer_m: state.odometer_m,
            occupied: state.occupied,
            mode: v1::Mode::from(state.mode).into(),
            kind: Some(kind),
        };
        self.persist(Record::Reported(report.clone()));
        if self.session.is_welcome() {
            self.send(v1::from_vehicle::Message::TripReport(report));
        }
    }

    fn report_trip(&mut self, kind: v1::trip_report::Kind, now: Now) {
        if let Some((id, epoch)) = self.plan.as_ref().map(|plan| (plan.id, plan.epoch)) {
            self.report(kind, (id, epoch), now);
        }
    }
}

/// Reads the trip that the memory holds; `None`: there is none that this version can drive.
fn plan_of(trip: &TripMemory) -> Option<TripPlan> {
    let command = link::read_command(trip.dispatch.clone()).ok()?;
    let Body::Dispatch(dispatch) = command.body else { return None };
    let mut path = Path::new(&dispatch.route)?;
    for (reroute, at_m) in &trip.reroutes {
        let route = match link::read_command(reroute.clone()).ok()?.body {
            Body::Reroute { route, .. } => *route,
            Body::Resume(resume) => resume.path?,
            _ => return None,
        };
        path = path.spliced(*at_m, &Path::new(&route)?);
    }
    Some(TripPlan { id: dispatch.trip, epoch: command.claim_epoch, path: Arc::new(path), dispatch: *dispatch })
}

fn resumed_along_m(memory: &Memory) -> f64 {
    let Some((trip, sample)) = memory.trip_id().zip(memory.last_sample.as_ref()) else { return 0.0 };
    if sample.trip_id == trip.to_string() { sample.progress_m } else { 0.0 }
}
