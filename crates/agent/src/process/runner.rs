//! One vehicle's life in the process: events in, the core's outputs performed in their order. What must survive is on
//! disk before anything that follows from it leaves; when the disk fails the vehicle stops and the agent ends, because
//! an agent that cannot remember may not move.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernel::id::{BootId, TypedId, uuid_v7};
use kernel::{Coordinate, VehicleId};
use link::{Component, StopClass, v1};
use pki::SpiffeId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::bootstrap::Bootstrap;
use super::bundle::Bundle;
use super::connection::{self, LinkEvent, LinkTo, Outbound};
use super::diagnostics::{self, Stand};
use super::entropy::{self, Jitter};
use super::update::{self, World};
use super::{clock, identity, workload};
use crate::core::{Agent, Config, Event, Input, Output, VehicleKind};
use crate::durable::{FileError, Record, StateFile};
use crate::simulated::{BATTERY_WH, SimulatedVehicle};
use crate::vehicle::{Vehicle, VehicleCommand};
use crate::wear::{Components, Wearing};

/// How often the vehicle's state is read, in milliseconds.
const STEP_MS: u64 = 100;
/// The longest time that one step of the simulated world covers: a process that slept does not leap.
const STEP_MAX: Duration = Duration::from_millis(1_000);
/// Events from the connection that may wait for the agent: one is handled in microseconds.
const EVENTS_MAX: usize = 256;
/// How long a vehicle without a working disk may take to stand.
const STAND_WITHIN: Duration = Duration::from_secs(60);

/// What one agent is told on its command line.
#[derive(Clone)]
pub struct Setup {
    pub bootstrap: Bootstrap,
    /// The folder of its state; one per vehicle.
    pub state: PathBuf,
    /// Where a simulated vehicle stands when it has no state yet.
    pub start: Coordinate,
    /// How much faster than the clock its world runs; more than 0.
    pub speedup: f64,
    pub capabilities: Vec<String>,
    /// After how many metres something stands on its way, once; `None`: never.
    pub obstacle_after_m: Option<f64>,
    /// How the simulated components wear; `None`: they do not, and the vehicle says nothing of them.
    pub wear: Option<Wearing>,
    /// Where programs on the vehicle ask for its identity; `None`: nowhere.
    pub workload_socket: Option<PathBuf>,
}

struct Runner {
    vehicle_id: VehicleId,
    boot: BootId,
    boot_id: String,
    agent: Agent,
    vehicle: SimulatedVehicle,
    file: StateFile,
    outbound: Option<Outbound>,
    began: Instant,
    advanced: Instant,
    speedup: f64,
    /// What updates look at before they go on.
    world: watch::Sender<World>,
    /// What a grounding looks at.
    stand: watch::Sender<Stand>,
    components: Option<Arc<Mutex<Components>>>,
    worn: WornFile,
}

/// Runs one simulated vehicle until `stop` turns true.
///
/// # Errors
/// The state folder cannot be used or written, or the socket of the Workload API cannot be opened.
pub async fn run(setup: Setup, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let (mut runner, seed) = Runner::start(&setup)?;
    let bootstrap = &setup.bootstrap;
    let vehicle = bootstrap.vehicle;
    let identity = identity::start(bootstrap.clone(), &setup.state, Jitter(seed ^ 1))?;
    let (client, link_client) = watch::channel(None);
    let workload = match setup.workload_socket {
        Some(path) => {
            let me = workload::Workload::new(bootstrap.vehicle_id(), identity.holds.clone(), link_client);
            Some(workload::serve(&path, me).with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let updates = tokio::spawn(update::keep(update::Setup {
        bootstrap: bootstrap.clone(),
        state: setup.state.clone(),
        holds: identity.holds.clone(),
        world: runner.world.subscribe(),
        boot_id: runner.boot_id.clone(),
        jitter: Jitter(seed ^ 2),
    }));
    let diagnostics = runner.components.clone().zip(setup.wear).map(|(components, wear)| {
        tokio::spawn(diagnostics::keep(diagnostics::Setup {
            bootstrap: bootstrap.clone(),
            holds: identity.holds.clone(),
            components,
            every: Duration::from_millis(wear.every_ms.max(100)),
            stand: runner.stand.subscribe(),
            boot: runner.boot,
            jitter: Jitter(seed ^ 3),
        }))
    });
    let link = LinkTo {
        vehicle,
        address: bootstrap.link.clone(),
        server: SpiffeId::service(&bootstrap.trust_domain, "gateway"),
        holds: identity.holds,
        asks: identity.asks,
        client,
    };
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let connection = tokio::spawn(connection::keep(link, sender, Jitter(seed)));
    let mut steps = tokio::time::interval(Duration::from_millis(STEP_MS));
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        let done = tokio::select! {
            biased;
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() { break Ok(()) } else { Ok(()) }
            }
            event = events.recv() => runner.on_link_event(event),
            _ = steps.tick() => runner.advance(),
        };
        if let Err(error) = done {
            runner.stand().await;
            break Err(error);
        }
    };
    drop(events);
    connection.await.context("the connection failed")?;
    identity.task.abort();
    updates.abort();
    diagnostics.iter().for_each(tokio::task::JoinHandle::abort);
    runner.keep_wear();
    drop(workload);
    let synced = runner.file.sync();
    tracing::info!(%vehicle, "stopped");
    result?;
    Ok(synced?)
}

/// Runs every vehicle of a bundle, each with a folder of its own below `state`, until `stop` turns true.
///
/// # Errors
/// No agent could run; one that fails is reported and the others go on.
pub async fn run_fleet(bundle: Bundle, state: PathBuf, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let mut agents = JoinSet::new();
    for entry in bundle.vehicles {
        let vehicle = entry.bootstrap.vehicle;
        let setup = Setup {
            bootstrap: entry.bootstrap,
            state: state.join(vehicle.to_string()),
            start: entry.start,
            speedup: bundle.speedup,
            capabilities: entry.capabilities,
            obstacle_after_m: entry.obstacle_after_m,
            wear: entry.wear,
            workload_socket: None,
        };
        let stop = stop.clone();
        agents.spawn(async move { (vehicle, run(setup, stop).await) });
    }
    let (mut ran, mut failure) = (false, None);
    while let Some(joined) = agents.join_next().await {
        match joined.context("an agent failed")? {
            (_, Ok(())) => ran = true,
            (vehicle, Err(error)) => {
                tracing::error!(%vehicle, error = format!("{error:#}"), "the agent ended");
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(error) if !ran => Err(error),
        _ => Ok(()),
    }
}

impl Runner {
    fn start(setup: &Setup) -> anyhow::Result<(Self, u64)> {
        anyhow::ensure!(setup.speedup > 0.0 && setup.speedup <= 1_000.0, "speedup is more than 0 and at most 1000");
        let (file, memory) = StateFile::open(&setup.state)?;
        let entropy = entropy::bits().map_err(|_| anyhow::anyhow!("the operating system gives no entropy"))?;
        let boot = BootId::from_u128(uuid_v7(u64::try_from(clock::now().as_ms()).unwrap_or(0), entropy));
        // The seed of how it drives is the vehicle's, so that a restart does not change its temper.
        let temper = setup.bootstrap.vehicle.as_u128() as u64;
        let vehicle = memory
            .last_state()
            .map_or_else(|| SimulatedVehicle::new(setup.start, temper), |last| SimulatedVehicle::resumed(last, temper));
        let vehicle = match setup.obstacle_after_m {
            // A vehicle that was under way before has met it, or meets it again: nobody has answered yet.
            Some(distance_m) => vehicle.with_obstacle_after(distance_m),
            None => vehicle,
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let component = |name: &str| Component { name: name.into(), version: version.clone(), serial: String::new() };
        let config = Config {
            vehicle: setup.bootstrap.vehicle,
            boot,
            agent_version: version.clone(),
            capabilities: setup.capabilities.clone(),
            components: vec![component("agent"), component("simulated-vehicle")],
            map_digest: None,
            kind: VehicleKind::Simulated,
            battery_wh: BATTERY_WH,
            pace: setup.speedup,
        };
        let (agent, outputs) = Agent::start(config, memory);
        let began = Instant::now();
        let world = watch::Sender::new(world_of(&vehicle, false));
        let worn = WornFile::below(&setup.state);
        let components =
            setup.wear.as_ref().map(|wear| worn.read().unwrap_or_else(|| Components::new(wear, temper, clock::now())));
        let mut runner = Self {
            vehicle_id: setup.bootstrap.vehicle,
            boot,
            boot_id: boot.to_string(),
            world,
            stand: watch::Sender::default(),
            components: components.map(|components| Arc::new(Mutex::new(components))),
            worn,
            agent,
            vehicle,
            file,
            outbound: None,
            began,
            advanced: began,
            speedup: setup.speedup,
        };
        runner.perform(outputs)?;
        let (boots, trip) = (runner.agent.memory().boot_counter, runner.agent.memory().trip_id());
        tracing::info!(vehicle = %setup.bootstrap.vehicle, %boot, boots, ?trip, "started");
        runner.step(Event::Vehicle(runner.vehicle.state()))?;
        Ok((runner, entropy as u64))
    }

    fn step(&mut self, event: Event) -> anyhow::Result<()> {
        let monotonic_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outputs = self.agent.step(Input { monotonic_ms, vehicle_time: clock::now(), event });
        self.perform(outputs)
    }

    fn on_link_event(&mut self, event: Option<LinkEvent>) -> anyhow::Result<()> {
        match event {
            Some(LinkEvent::Connected(outbound)) => {
                self.outbound = Some(outbound);
                self.step(Event::Connected)
            }
            Some(LinkEvent::Received(message)) => {
                tracing::debug!(vehicle = %self.vehicle_id, ?message, "received");
                self.step(Event::Received(message))
            }
            Some(LinkEvent::Disconnected) => {
                self.outbound = None;
                self.step(Event::Disconnected)
            }
            None => anyhow::bail!("the connection ended"),
        }
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        let passed = self.advanced.elapsed();
        self.advanced += passed;
        let (seconds, before) = (passed.min(STEP_MAX).as_secs_f64() * self.speedup, self.vehicle.state());
        self.vehicle.advance(seconds);
        self.wear(seconds, before.speed_mps);
        self.step(Event::Vehicle(self.vehicle.state()))?;
        self.step(Event::Tick)?;
        let world = world_of(&self.vehicle, self.agent.memory().trip_id().is_some());
        self.world.send_if_modified(|known| std::mem::replace(known, world) != world);
        let (state, held) = (self.vehicle.state(), self.agent.memory().held.keys().copied().collect());
        let stand = Stand { standstill: state.stands(), parking_brake: state.parked, held };
        self.stand.send_if_modified(|known| (*known != stand).then(|| *known = stand).is_some());
        Ok(self.file.compact_if_due(self.agent.memory())?)
    }

    fn log_samples(&self, message: &v1::FromVehicle) {
        let Some(v1::from_vehicle::Message::Telemetry(batch)) = &message.message else { return };
        let (first_seq, samples, historical) = (batch.first_seq, batch.samples.len(), batch.historical);
        tracing::debug!(vehicle = %self.vehicle_id, first_seq, samples, historical, "samples sent");
    }

    fn perform(&mut self, outputs: Vec<Output>) -> anyhow::Result<()> {
        let (mut unwritten, mut failed) = (Vec::new(), None);
        for output in outputs {
            match output {
                Output::Persist(record) => unwritten.push(*record),
                Output::Send(message) => {
                    self.write(&mut unwritten, &mut failed);
                    if let (None, Some(outbound)) = (&failed, &self.outbound) {
                        self.log_samples(&message);
                        outbound.send(*message);
                    }
                }
                Output::Drive(command) => {
                    self.write(&mut unwritten, &mut failed);
                    // A stop needs no disk; everything else does.
                    if failed.is_none() || matches!(command, VehicleCommand::Stop { .. } | VehicleCommand::Hold) {
                        tracing::debug!(vehicle = %self.vehicle_id, command = name_of(&command), "drive");
                        self.vehicle.apply(command);
                    }
                }
            }
        }
        self.write(&mut unwritten, &mut failed);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// What follows leaves only after the records before it are written, as one, and safe.
    fn write(&mut self, unwritten: &mut Vec<Record>, failed: &mut Option<FileError>) {
        let records = std::mem::take(unwritten);
        if failed.is_some() || records.is_empty() {
            return;
        }
        let must_sync = records.iter().any(Record::must_sync);
        *failed = tokio::task::block_in_place(|| {
            self.file.append(&records).and_then(|()| if must_sync { self.file.sync() } else { Ok(()) })
        })
        .err();
        for record in records.iter().filter(|record| !matches!(record, Record::Sampled(_))) {
            tracing::debug!(vehicle = %self.vehicle_id, ?record, "known");
        }
    }

    /// Lets components wear; one that fails and without which the vehicle does not drive stops it until it is replaced.
    fn wear(&mut self, seconds: f64, speed_before_mps: f64) {
        let Some(components) = &self.components else { return };
        let mut components = components.lock().unwrap_or_else(PoisonError::into_inner);
        components.advance(seconds, speed_before_mps, self.vehicle.state().speed_mps);
        let failed = components.failed().map(str::to_owned);
        drop(components);
        if self.vehicle.break_down(failed.is_some()) {
            tracing::warn!(vehicle = %self.vehicle_id, component = failed, "a component has failed: the vehicle stops");
        }
        if self.worn.is_due() {
            self.keep_wear();
        }
    }

    /// Keeps how worn the components are, so that a restart does not make them new.
    fn keep_wear(&mut self) {
        if let Some(components) = &self.components {
            let components = components.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.worn.write(&components);
        }
    }

    /// Stops without the core: its memory can no longer be kept.
    async fn stand(&mut self) {
        self.vehicle.apply(VehicleCommand::Stop { class: StopClass::NearestAdmissible, at_m: None });
        let by = Instant::now() + STAND_WITHIN;
        while !self.vehicle.state().stands() && Instant::now() < by {
            tokio::time::sleep(Duration::from_millis(STEP_MS)).await;
            self.vehicle.advance(STEP_MS as f64 / 1_000.0 * self.speedup);
        }
    }
}

/// How worn the simulated components are, on disk.
struct WornFile {
    path: PathBuf,
    written: Instant,
}

/// How often it is written; what is lost with a crash is the wear of some seconds.
const WORN_EVERY: Duration = Duration::from_secs(10);

impl WornFile {
    fn below(folder: &Path) -> Self {
        Self { path: folder.join("components.json"), written: Instant::now() }
    }

    fn read(&self) -> Option<Components> {
        serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()
    }

    fn is_due(&self) -> bool {
        self.written.elapsed() >= WORN_EVERY
    }

    fn write(&mut self, components: &Components) {
        self.written = Instant::now();
        let part = self.path.with_extension("part");
        let written = serde_json::to_vec(components)
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&part, bytes))
            .and_then(|()| std::fs::rename(&part, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, "how worn the components are is not kept");
        }
    }
}

fn world_of(vehicle: &SimulatedVehicle, on_trip: bool) -> World {
    let (state, footing) = (vehicle.state(), vehicle.footing());
    World {
        standstill: state.stands(),
        parking_brake: state.parked,
        occupied: state.occupied,
        on_trip,
        grade_pct: footing.grade_pct,
        place_admissible: footing.admissible,
        battery_pct: state.battery_pct,
    }
}

fn name_of(command: &VehicleCommand) -> &'static str {
    match command {
        VehicleCommand::FollowRoute { .. } => "follow_route",
        VehicleCommand::SlowTo { .. } => "slow_to",
        VehicleCommand::Stop { .. } => "stop",
        VehicleCommand::Hold => "hold",
        VehicleCommand::Serve { .. } => "serve",
    }
}
