//! Compliance of vehicles under way (TRIP-8). Every sample is checked by policy; the check goes to telemetry's hashed
//! segment, and only edges — a violation opened or closed — and a summary at least each minute enter the journal. The
//! event that opens a violation carries the response that policy asks for; the gateway's outbox carries it out.

pub mod deviation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::id::BootId;
use kernel::{Aggregate, Coordinate, Ctx, DecisionId, RouteId, Subject, Timestamp, TripId, VehicleId};
use policy::{Checked, Compliance, Debounce, DebounceLimits, Edge, Request};
use serde::{Deserialize, Serialize};
use store::CommandError;
use store::port::Fault;

use crate::actions;
use crate::facts::MonitorFacts;
use crate::service::{Trips, VehiclePath, safety_extras};
use crate::trip::decide::ComplianceEdge;
use crate::trip::events::{RecordedChunks, TripComplianceSummary};
use crate::trip::{Command, Trip};

/// A summary is due this long after the first check that it covers, in milliseconds: under TRIP-8's minute, with room
/// for a slow sample.
pub const SUMMARY_EVERY_MS: i64 = 50_000;
/// How many trips are monitored in memory; beyond it the oldest are forgotten and begin anew from the rows.
const MONITORED_TRIPS_MAX: usize = 10_000;
/// The limit where neither map nor policy says one, in metres per second: policy's own base limit.
const SPEED_LIMIT_MPS: f64 = 33.3;

/// What a vehicle on a trip tells with one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFacts {
    pub vehicle: VehicleId,
    pub boot: BootId,
    /// When it took the sample, by the server's clock as far as that is known.
    pub sampled_at: Timestamp,
    pub at: Coordinate,
    pub speed_mps: f64,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Driving mode: AUTONOMOUS, REMOTE, MANUAL, SERVICE, ESTOP.
    pub mode: String,
    /// People or load aboard, by its sensors.
    pub occupied: bool,
    /// Metres along approach and trip leg.
    pub progress_m: f64,
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    Compliant,
    Violating,
    /// Nobody can tell (SAFE-1: the vehicle keeps its last constraints).
    Unknown,
}

/// One check, for the vehicle's hashed segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub trip: TripId,
    pub vehicle: VehicleId,
    pub sampled_at: Timestamp,
    pub verdict: CheckVerdict,
    /// The rules that are violated, or that nobody can tell about.
    pub rules: BTreeSet<String>,
    /// The most severe response that is asked for.
    pub response: Option<policy::Response>,
    pub decision: DecisionId,
    /// SHA-256 of the bundle that decided.
    pub policy_bundle: String,
    /// Speed and limit, in metres per second, and distance off the route, in metres, as they were judged.
    pub speed_mps: f64,
    /// See [`Check::speed_mps`].
    pub speed_limit_mps: f64,
    /// See [`Check::speed_mps`].
    pub off_route_m: f64,
    /// Whether a summary is due: record the checks, then call [`ComplianceMonitor::summarize`].
    #[serde(skip)]
    pub summary_due: bool,
}

/// What is counted between two summaries.
#[derive(Debug, Clone, Default)]
struct Counted {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    compliant: u64,
    violating: u64,
    unknown: u64,
    boots: BTreeSet<BootId>,
}

impl Counted {
    fn count(&mut self, check: &Check, boot: BootId) {
        let at = check.sampled_at;
        self.boots.insert(boot);
        self.from = Some(self.from.map_or(at, |from| from.min(at)));
        self.to = Some(self.to.map_or(at, |to| to.max(at)));
        match check.verdict {
            CheckVerdict::Compliant => self.compliant += 1,
            CheckVerdict::Violating => self.violating += 1,
            CheckVerdict::Unknown => self.unknown += 1,
        }
    }
}

/// What is remembered of one trip between samples. Lost in a crash, it begins anew from the trip's open violations.
#[derive(Debug, Clone, Default)]
struct Monitor {
    vehicle: Option<VehicleId>,
    debounce: Debounce,
    counted: Counted,
    path: Option<(RouteId, Arc<VehiclePath>)>,
}

/// The trips that are monitored.
#[derive(Debug, Default)]
struct Monitors(BTreeMap<TripId, Monitor>);

impl Monitors {
    fn take(&mut self, trip: &Trip) -> Monitor {
        let vehicle = trip.vehicle();
        match self.0.remove(&trip.id) {
            Some(monitor) if monitor.vehicle == vehicle => monitor,
            _ => {
                let debounce = trip.violations.keys().fold(Debounce::default(), |all, rule| all.reopened(rule));
                Monitor { vehicle, debounce, ..Monitor::default() }
            }
        }
    }

    fn put(&mut self, trip: TripId, monitor: Monitor) {
        self.0.insert(trip, monitor);
        if self.0.len() > MONITORED_TRIPS_MAX {
            self.0.pop_first();
        }
    }
}

/// Checks the samples of vehicles on trips.
#[derive(Debug)]
pub struct ComplianceMonitor {
    trips: Arc<Trips>,
    monitors: Mutex<Monitors>,
}

impl ComplianceMonitor {
    /// The monitor of these trips. One of it serves a process: it counts checks between two summaries.
    pub fn new(trips: Arc<Trips>) -> Self {
        Self { trips, monitors: Mutex::default() }
    }

    fn monitors(&self) -> MutexGuard<'_, Monitors> {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks one sample of a vehicle on a trip. Samples of one vehicle are given in order, one after the other. `None`
    /// when the trip is not this vehicle's: such a sample is telemetry, not evidence of a trip.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store or a neighbour cannot answer; the sample may be given again.
    pub async fn monitor(&self, ctx: &Ctx, trip: TripId, sample: &SampleFacts) -> Result<Option<Check>, CommandError> {
        let known = self.trips.get(&ctx.tenant, trip).await?;
        let Some(trip) = known.filter(|trip| trip.vehicle() == Some(sample.vehicle)) else {
            self.monitors().0.remove(&trip);
            return Ok(None);
        };
        let mut monitor = self.monitors().take(&trip);
        let result = self.check(ctx, &trip, sample, &mut monitor).await;
        self.monitors().put(trip.id, monitor);
        result.map(Some)
    }

    async fn check(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        sample: &SampleFacts,
        monitor: &mut Monitor,
    ) -> Result<Check, CommandError> {
        let facts = self.monitor_facts(ctx, trip, sample, monitor).await?;
        let question = Request::new(ctx, actions::MONITOR_TRIP, Subject::new(Trip::KIND, trip.id))
            .about(Subject::new("vehicle", sample.vehicle))
            .facts(facts.facts());
        let checked = self.trips.policy.monitor(&question);
        let (debounce, edges) = monitor.debounce.clone().step(&checked.compliance, DebounceLimits::default());
        if !edges.is_empty() {
            self.record_edges(ctx, trip, &facts, &checked, edges).await?;
        }
        monitor.debounce = debounce;
        let mut check = check_of(trip, sample, &facts, &checked);
        monitor.counted.count(&check, sample.boot);
        let since = monitor.counted.from.unwrap_or(sample.sampled_at);
        check.summary_due = sample.sampled_at.since_ms(since) >= SUMMARY_EVERY_MS;
        Ok(check)
    }

    async fn record_edges(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        facts: &MonitorFacts,
        checked: &Checked,
        edges: Vec<Edge>,
    ) -> Result<(), CommandError> {
        let edges = edges
            .into_iter()
            .map(|edge| {
                let (rule, opened) = match edge {
                    Edge::Opened(violation) => (violation.rule, Some((violation.response, violation.text))),
                    Edge::Closed { rule } => (rule, None),
                };
                let slows = matches!(opened, Some((policy::Response::Slow, _)));
                ComplianceEdge {
                    violation: ctx.new_id(),
                    rule,
                    opened,
                    max_speed_mps: slows.then_some(facts.speed_limit_mps),
                    sampled_at: facts.sampled_at,
                }
            })
            .collect();
        let decision = checked.decision.to_record();
        self.trips.command(ctx, trip.id, &Command::Compliance(edges), &[decision], safety_extras()).await.map(drop)
    }

    async fn monitor_facts(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        sample: &SampleFacts,
        monitor: &mut Monitor,
    ) -> Result<MonitorFacts, CommandError> {
        let path = self.path_of(ctx, trip, monitor).await?;
        let zones = &trip.constraints.avoided_zones;
        let entered = self.trips.ports.fleet.closed_zones_at(ctx, &trip.site, sample.at, zones).await?;
        let claim = self.trips.ports.fleet.claim(ctx, trip.id, sample.vehicle).await?;
        let lapsed = claim.valid_until.is_none_or(|until| until <= sample.sampled_at);
        let planned = path.as_ref().and_then(|path| deviation::planned_speed_mps(path, sample.progress_m));
        let limits = [planned, trip.constraints.max_speed_mps];
        Ok(MonitorFacts {
            sampled_at: sample.sampled_at,
            speed_mps: sample.speed_mps,
            speed_limit_mps: limits.into_iter().flatten().fold(SPEED_LIMIT_MPS, f64::min),
            avoided_zones_entered: entered,
            off_route_m: path.as_ref().map_or(0.0, |path| deviation::off_route_m(path, sample.at)),
            mode: sample.mode.clone(),
            allowed_modes: trip.constraints.allowed_modes.clone().unwrap_or_else(|| [sample.mode.clone()].into()),
            battery_pct: sample.battery_pct,
            claim_valid: claim.is_current && !lapsed,
            occupied: sample.occupied,
        })
    }

    /// The path so far and to come. Another route counts once the vehicle took it, from where it begins.
    async fn path_of(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        monitor: &mut Monitor,
    ) -> Result<Option<Arc<VehiclePath>>, CommandError> {
        let Some(summary) = &trip.route else { return Ok(None) };
        if let Some((id, path)) = &monitor.path
            && *id == summary.route
        {
            return Ok(Some(Arc::clone(path)));
        }
        let path = self.trips.vehicle_path(&ctx.tenant, summary.route).await?.map(Arc::new);
        monitor.path = path.as_ref().map(|path| (summary.route, Arc::clone(path)));
        Ok(path)
    }

    /// Journals what was checked since the last summary. `seal` ends what a boot of a vehicle has recorded up to now, on the
    /// disk, and names it. Called when [`Check::summary_due`] says so, and when a trip ends; without checks since the last
    /// one it does nothing.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store or the disk cannot answer; nothing is lost, call it again.
    pub async fn summarize(&self, ctx: &Ctx, trip: TripId, seal: Seal<'_>) -> Result<(), CommandError> {
        let known = self.monitors().0.get(&trip).map(|monitor| (monitor.vehicle, monitor.counted.clone()));
        let Some((Some(vehicle), counted)) = known else { return Ok(()) };
        let (Some(from), Some(to)) = (counted.from, counted.to) else { return Ok(()) };
        let mut chunks = Vec::new();
        for boot in counted.boots {
            chunks.extend(seal(vehicle, boot)?);
        }
        let segment_digest = chunks.last().map(|last: &RecordedChunks| last.root.to_string()).unwrap_or_default();
        let Counted { compliant, violating, unknown, .. } = counted;
        let summary =
            TripComplianceSummary { vehicle, from, to, compliant, violating, unknown, segment_digest, chunks };
        self.trips.command(ctx, trip, &Command::Summary(Box::new(summary)), &[], safety_extras()).await?;
        if let Some(monitor) = self.monitors().0.get_mut(&trip) {
            monitor.counted = Counted::default();
        }
        Ok(())
    }
}

/// Ends what a boot of a vehicle has recorded, and names it; `None` where it recorded nothing.
pub type Seal<'a> = &'a (dyn Fn(VehicleId, BootId) -> Result<Option<RecordedChunks>, Fault> + Sync);

fn check_of(trip: &Trip, sample: &SampleFacts, facts: &MonitorFacts, checked: &Checked) -> Check {
    let (verdict, rules): (CheckVerdict, BTreeSet<String>) = match &checked.compliance {
        Compliance::Compliant => (CheckVerdict::Compliant, BTreeSet::new()),
        Compliance::Violations(violations) => {
            (CheckVerdict::Violating, violations.iter().map(|violation| violation.rule.clone()).collect())
        }
        Compliance::Unknown(reasons) => {
            (CheckVerdict::Unknown, reasons.iter().map(|reason| reason.policy_id.clone()).collect())
        }
    };
    Check {
        trip: trip.id,
        vehicle: sample.vehicle,
        sampled_at: sample.sampled_at,
        verdict,
        rules,
        response: checked.compliance.response(),
        decision: checked.decision.id,
        policy_bundle: checked.decision.bundle.clone(),
        speed_mps: facts.speed_mps,
        speed_limit_mps: facts.speed_limit_mps,
        off_route_m: facts.off_route_m,
        summary_due: false,
    }
}
