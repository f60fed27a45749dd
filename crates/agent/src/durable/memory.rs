//! The fold of the records: everything that the agent knows for longer than one connection. Every collection in it is
//! bounded; what goes when it is full stands beside the limit.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

use kernel::id::BootId;
use kernel::{Bearing, CommandId, Coordinate, TripId};
use link::restrict::{Holding, Restriction, Scope};
use link::{Body, Mode, Position, SiteRules, flags, v1};

use super::record::{Latch, Phase, Record, records};
use crate::vehicle::VehicleState;

/// Samples kept while they are not acknowledged: 5 hours at one per second. The oldest go first, because the newest
/// are what an operator needs after an outage.
pub const SAMPLES_MAX: usize = 18_000;
/// Answers to commands kept for repetitions. The oldest go first: the server repeats only what is open.
const COMMANDS_MAX: usize = 256;
/// Cancelled trips remembered against late dispatches. The oldest go first: their dispatches expire in seconds.
const CANCELLED_MAX: usize = 64;
/// Restrictions kept. Beyond it, those meant for another trip than the present go first, never one of the vehicle.
const HELD_MAX: usize = 256;

/// The trip under way.
#[derive(Debug, Clone, PartialEq)]
pub struct TripMemory {
    pub dispatch: v1::Command,
    /// The routes that replaced its own, in order, and from where on.
    pub reroutes: Vec<(v1::Command, f64)>,
    pub phase: Phase,
    /// Stops behind the pickup that are served.
    pub stops_served: usize,
    /// Whether it stands until somebody lets it go on.
    pub latch: Latch,
    pub latch_reason: String,
    /// Why it ends before its end, if it does.
    pub ending: Option<String>,
    /// When it was accepted, by the vehicle's clock.
    pub accepted_at_us: i64,
    pub odometer_m: f64,
    pub battery_pct: f64,
}

/// Where nobody may drive at the site.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesMemory {
    /// The command that brought it, as it came.
    pub command: v1::Command,
    pub rules: SiteRules,
}

/// What the agent knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    pub boot_counter: u64,
    pub boot: Option<BootId>,
    /// What holds the vehicle, as it came.
    pub held: BTreeMap<CommandId, v1::Command>,
    pub holding: Holding,
    pub trip: Option<TripMemory>,
    pub reports: VecDeque<v1::TripReport>,
    /// The newest number of a report of this boot.
    pub report_seq: u64,
    pub samples: VecDeque<(BootId, v1::Sample)>,
    /// The newest number of a sample of this boot.
    pub sample_seq: u64,
    /// The newest sample of all, acknowledged or not: where the vehicle was.
    pub last_sample: Option<v1::Sample>,
    /// How far each command got, oldest first.
    pub commands: VecDeque<v1::CommandState>,
    /// The highest claim epoch heard of.
    pub epoch: u64,
    /// Trips up to this claim epoch are over.
    pub finished_epoch: u64,
    /// Trips cancelled and up to which claim epoch, oldest first.
    pub cancelled: VecDeque<(TripId, u64)>,
    /// The map that the vehicle holds.
    pub map_digest: String,
    /// Where nobody may drive at the site.
    pub rules: Option<RulesMemory>,
    /// The newest checkpoint of the tenant's log; empty: none.
    pub checkpoint: Vec<u8>,
}

fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(value);
}

impl Memory {
    /// Takes one record. Total: a record that names what is not there changes nothing.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Boot(boot) => self.booted(boot.counter, &boot.boot_id),
            Record::Held(command) => self.hold(command),
            Record::Cleared(id) => {
                if let Ok(id) = CommandId::from_str(&id) {
                    self.held.remove(&id);
                    self.holding.clear(link::Clearance::Command(id));
                }
            }
            Record::Dispatched(dispatched) => self.trip = dispatched.try_into().ok(),
            Record::Rerouted(rerouted) => {
                if let (Some(trip), Some(command)) = (&mut self.trip, rerouted.command) {
                    trip.reroutes.push((command, rerouted.at_m));
                }
            }
            Record::Entered(phase) => {
                if let (Some(trip), Ok(phase)) = (&mut self.trip, Phase::try_from(phase)) {
                    let goes_on = (trip.phase, phase) == (Phase::AtDropoff, Phase::OnTrip);
                    trip.stops_served += usize::from(goes_on);
                    trip.phase = phase;
                }
            }
            Record::Latched(latched) => {
                if let (Some(trip), Ok(latch)) = (&mut self.trip, Latch::try_from(latched.latch)) {
                    trip.latch = latch;
                    trip.latch_reason = latched.reason;
                }
            }
            Record::Ending(reason) => {
                if let Some(trip) = &mut self.trip {
                    trip.ending = Some(reason);
                }
            }
            Record::TripOver(_) => {
                let epoch = self.trip.take().map_or(0, |trip| trip.dispatch.claim_epoch);
                self.finished_epoch = self.finished_epoch.max(epoch);
            }
            Record::Finished(epoch) => self.finished_epoch = self.finished_epoch.max(epoch),
            Record::Reported(report) => {
                self.report_seq = report.report_seq;
                self.reports.push_back(report);
            }
            Record::ReportsAcked(acked) => {
                self.reports.retain(|r| r.boot_id != acked.boot_id || r.report_seq > acked.through_seq);
            }
            Record::Sampled(sampled) => self.sampled(sampled),
            Record::SamplesAcked(acked) => {
                if let Ok(boot) = BootId::from_str(&acked.boot_id) {
                    self.samples.retain(|(b, s)| *b != boot || s.seq > acked.through_seq);
                }
            }
            Record::Command(state) => {
                self.commands.retain(|known| known.command_id != state.command_id);
                push_bounded(&mut self.commands, state, COMMANDS_MAX);
            }
            Record::Epoch(epoch) => self.epoch = self.epoch.max(epoch),
            Record::CancelledWhole(trip) => self.cancel(&trip, u64::MAX),
            Record::Cancelled(cancelled) => self.cancel(&cancelled.trip_id, cancelled.claim_epoch),
            Record::Map(digest) => self.map_digest = digest,
            Record::Checkpoint(note) => self.checkpoint = note,
            Record::Rules(command) => {
                if let Ok(link::Command { body: Body::Rules(rules), .. }) = link::read_command(command.clone()) {
                    self.rules = Some(RulesMemory { command, rules });
                }
            }
        }
    }

    fn booted(&mut self, counter: u64, id: &str) {
        self.boot_counter = counter;
        self.boot = BootId::from_str(id).ok();
        self.report_seq = 0;
        self.sample_seq = 0;
    }

    fn cancel(&mut self, trip: &str, claim_epoch: u64) {
        let Ok(trip) = TripId::from_str(trip) else { return };
        let known = self.cancelled.iter().position(|(known, _)| *known == trip);
        let before = known.and_then(|at| self.cancelled.remove(at)).map_or(0, |(_, epoch)| epoch);
        push_bounded(&mut self.cancelled, (trip, claim_epoch.max(before)), CANCELLED_MAX);
    }

    /// Whether a claim of a trip was cancelled.
    pub fn is_cancelled(&self, trip: TripId, claim_epoch: u64) -> bool {
        self.cancelled.iter().any(|(cancelled, through)| *cancelled == trip && claim_epoch <= *through)
    }

    fn hold(&mut self, command: v1::Command) {
        let Ok(link::Command { id, body: Body::Restrict(restriction), .. }) = link::read_command(command.clone())
        else {
            return;
        };
        if restriction.scope().is_none() {
            return;
        }
        self.holding.take(id, restriction);
        self.held.insert(id, command);
        if self.held.len() > HELD_MAX
            && let Some(other) = self.held.iter().find(|(_, c)| self.is_for_another_trip(c)).map(|(id, _)| *id)
        {
            self.held.remove(&other);
            self.holding.clear(link::Clearance::Command(other));
        }
    }

    fn is_for_another_trip(&self, command: &v1::Command) -> bool {
        match link::read_command(command.clone()).map(|c| c.body) {
            Ok(Body::Restrict(Restriction::Stop { scope, .. } | Restriction::Slow { scope, .. })) => {
                matches!(scope, Scope::Trip(trip) if Some(trip) != self.trip_id())
            }
            _ => false,
        }
    }

    fn sampled(&mut self, sampled: records::Sampled) {
        let (Ok(boot), Some(sample)) = (BootId::from_str(&sampled.boot_id), sampled.sample) else { return };
        if Some(boot) == self.boot {
            self.sample_seq = sample.seq;
        }
        self.last_sample = Some(sample.clone());
        push_bounded(&mut self.samples, (boot, sample), SAMPLES_MAX);
    }

    pub fn trip_id(&self) -> Option<TripId> {
        self.trip.as_ref().and_then(TripMemory::id)
    }

    /// Where and how the vehicle was when it was last written down.
    pub fn last_state(&self) -> Option<VehicleState> {
        let sample = self.last_sample.as_ref()?;
        Some(VehicleState {
            position: Position {
                at: Coordinate::new(sample.lat, sample.lon).ok()?,
                heading: Bearing::from_degrees(sample.heading_deg),
            },
            speed_mps: 0.0,
            battery_pct: sample.battery_pct,
            odometer_m: sample.odometer_m,
            mode: Mode::Autonomous,
            parked: true,
            // The phase is written at once, the sample up to a second later.
            occupied: self.trip.as_ref().map_or(sample.flags & flags::OCCUPIED != 0, |t| t.phase >= Phase::OnTrip),
            along_m: None,
            served: false,
            help: None,
        })
    }

    /// The records that fold to this state: what a compacted file holds.
    pub fn records(&self) -> Vec<Record> {
        let mut all = vec![
            Record::Epoch(self.epoch),
            Record::Finished(self.finished_epoch),
            Record::Map(self.map_digest.clone()),
            Record::Checkpoint(self.checkpoint.clone()),
        ];
        all.extend(self.cancelled.iter().map(|(trip, claim_epoch)| {
            Record::Cancelled(records::Cancelled { trip_id: trip.to_string(), claim_epoch: *claim_epoch })
        }));
        // The boot comes before what is counted in it and after what older boots left.
        let boot = self.boot.map(|boot| boot.to_string()).unwrap_or_default();
        let sampled = |(boot, sample): &(BootId, v1::Sample)| {
            Record::Sampled(records::Sampled { boot_id: boot.to_string(), sample: Some(sample.clone()) })
        };
        let (mine, older): (Vec<_>, Vec<_>) = self.samples.iter().partition(|(b, _)| Some(*b) == self.boot);
        let (my_reports, old_reports): (Vec<_>, Vec<_>) = self.reports.iter().partition(|r| r.boot_id == boot);
        all.extend(older.into_iter().map(sampled));
        all.extend(old_reports.into_iter().cloned().map(Record::Reported));
        all.push(Record::Boot(records::Boot { counter: self.boot_counter, boot_id: boot.clone() }));
        all.extend(mine.into_iter().map(sampled));
        all.extend(my_reports.into_iter().cloned().map(Record::Reported));
        if let Some(sample) =
            self.last_sample.as_ref().filter(|last| self.samples.back().is_none_or(|(_, s)| s != *last))
        {
            // Where the vehicle is outlives the acknowledgement; it is written and acknowledged again.
            let last = Record::Sampled(records::Sampled { boot_id: boot.clone(), sample: Some(sample.clone()) });
            let acked = records::Acked { boot_id: boot, through_seq: sample.seq };
            all.extend([last, Record::SamplesAcked(acked)]);
        }
        all.extend(self.rules.iter().map(|kept| Record::Rules(kept.command.clone())));
        all.extend(self.held.values().cloned().map(Record::Held));
        all.extend(self.trip.iter().flat_map(TripMemory::records));
        all.extend(self.commands.iter().cloned().map(Record::Command));
        all
    }
}

impl TryFrom<records::Dispatched> for TripMemory {
    type Error = ();

    fn try_from(record: records::Dispatched) -> Result<Self, ()> {
        Ok(Self {
            dispatch: record.command.ok_or(())?,
            reroutes: Vec::new(),
            phase: Phase::Accepted,
            stops_served: 0,
            latch: Latch::Free,
            latch_reason: String::new(),
            ending: None,
            accepted_at_us: record.vehicle_time_us,
            odometer_m: record.odometer_m,
            battery_pct: record.battery_pct,
        })
    }
}

impl TripMemory {
    pub fn id(&self) -> Option<TripId> {
        match self.dispatch.body.as_ref()? {
            v1::command::Body::Dispatch(dispatch) => dispatch.trip_id.parse().ok(),
            _ => None,
        }
    }

    fn records(&self) -> Vec<Record> {
        let mut all = vec![Record::Dispatched(records::Dispatched {
            command: Some(self.dispatch.clone()),
            vehicle_time_us: self.accepted_at_us,
            odometer_m: self.odometer_m,
            battery_pct: self.battery_pct,
        })];
        all.extend(self.reroutes.iter().map(|(command, at_m)| {
            Record::Rerouted(records::Rerouted { command: Some(command.clone()), at_m: *at_m })
        }));
        // A stop is served by going on from it.
        let served = [Phase::AtDropoff, Phase::OnTrip].map(|phase| Record::Entered(phase.into()));
        all.extend((0..self.stops_served).flat_map(|_| served.clone()));
        all.push(Record::Entered(self.phase.into()));
        all.push(Record::Latched(records::Latched { latch: self.latch.into(), reason: self.latch_reason.clone() }));
        all.extend(self.ending.clone().map(Record::Ending));
        all
    }
}
