//! One session with the server: hello and welcome, signs of life, and what was stored meanwhile. Reports go first and
//! in order, samples newest first (SAFE-16); nothing is forgotten before the server says that it is durable.

use std::collections::BTreeMap;

use kernel::id::BootId;
use link::{Claim, ServerMessage, Welcome, flags, v1};

use super::clock::LiveClaim;
use super::{Agent, Now, VehicleKind};
use crate::durable::{Latch, Record, records};

/// How often a sample is taken unless the server says otherwise, in milliseconds.
const SAMPLE_INTERVAL_MS: u64 = 1_000;
/// How often live samples are sent, in milliseconds: one message per second and vehicle.
const FLUSH_INTERVAL_MS: u64 = 1_000;
/// Samples in one stored batch: small enough that a live one never waits long behind it.
const BACKLOG_BATCH: usize = 200;
/// Stored batches sent per flush, so that a returning fleet does not drown the server: 600 samples per second.
const BACKLOG_BATCHES_PER_FLUSH: usize = 3;
/// Heartbeats until the server names its interval, in milliseconds.
const HEARTBEAT_INTERVAL_MS: u64 = 5_000;
/// Heartbeats remembered until they are answered; older ones tell nothing about the clock.
const HEARTBEATS_MAX: usize = 16;
/// Answers to commands repeated after a reconnect: more are never open at once.
const ANSWERS_REPEATED: usize = 64;
/// Progress is not reported while so many reports wait: the samples carry it too.
pub(super) const PROGRESS_REPORTS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Link {
    #[default]
    Closed,
    Open,
    Welcome,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    link: Link,
    hello_ms: u64,
    heartbeat_interval_ms: u64,
    next_heartbeat_ms: u64,
    heartbeat_counter: u64,
    heartbeats: BTreeMap<u64, u64>,
    next_flush_ms: u64,
    /// Samples of this boot up to here are sent or in the backlog.
    sent_through_seq: u64,
    /// Stretches to send, the next one last.
    backlog: Vec<(BootId, u64, u64)>,
    site: SiteSettings,
}

/// What the server said of the vehicle's site. It holds until the server says something else, also without a link.
#[derive(Debug, Clone, Copy, Default)]
struct SiteSettings {
    sample_interval_ms: Option<u64>,
    max_speed_mps: Option<f64>,
}

impl Session {
    /// No session, after this one.
    pub fn closed(&self) -> Self {
        Self { site: self.site, ..Self::default() }
    }

    pub fn max_speed_mps(&self) -> Option<f64> {
        self.site.max_speed_mps
    }

    pub fn is_open(&self) -> bool {
        self.link != Link::Closed
    }

    pub fn is_welcome(&self) -> bool {
        self.link == Link::Welcome
    }
}

impl Agent {
    pub(super) fn connected(&mut self, now: Now) {
        self.session = Session {
            link: Link::Open,
            hello_ms: now.ms,
            heartbeat_interval_ms: HEARTBEAT_INTERVAL_MS,
            ..self.session.closed()
        };
        let boot = self.config.boot.to_string();
        let mut pending: Vec<String> = self.memory.reports.iter().map(|r| r.boot_id.clone()).collect();
        pending.extend(self.memory.samples.iter().map(|(boot, _)| boot.to_string()));
        pending.sort_unstable();
        pending.dedup();
        pending.retain(|id| *id != boot);
        // The newest matter most, and the message is bounded.
        pending.drain(..pending.len().saturating_sub(64));
        let trip = self.plan.as_ref().map(|plan| (plan.id.to_string(), plan.epoch)).unwrap_or_default();
        let hello = v1::Hello {
            boot_id: boot,
            boot_counter: self.memory.boot_counter,
            agent_version: self.config.agent_version.clone(),
            protocol_version: link::PROTOCOL_VERSION,
            map_digest: self.memory.map_digest.clone(),
            last_command_seen: self.memory.commands.back().map(|c| c.command_id.clone()).unwrap_or_default(),
            newest_checkpoint: self.memory.checkpoint.clone(),
            vehicle_time_us: now.vehicle_time.as_us(),
            mode: self.wire_mode(),
            parked: self.vehicle.is_some_and(|v| v.parked),
            simulated: self.config.kind == VehicleKind::Simulated,
            position: self.vehicle.map(|v| v.position.into()),
            trip_id: trip.0,
            claim_epoch: trip.1,
            pending_boot_ids: pending,
            held_command_ids: self.memory.held.keys().map(ToString::to_string).collect(),
            site_rules_revision: self.memory.rules.as_ref().map_or(0, |kept| kept.rules.revision),
        };
        self.send(v1::from_vehicle::Message::Hello(hello));
    }

    /// Until the vehicle says how it is driven, nobody may think that it takes commands.
    fn wire_mode(&self) -> i32 {
        self.vehicle.map_or(v1::Mode::Service, |v| v.mode.into()).into()
    }

    pub(super) fn received(&mut self, message: v1::ToVehicle, now: Now) {
        // A message that cannot be read changes nothing; commands are answered one by one.
        let Ok(message) = link::to_vehicle(message) else { return };
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(*welcome, now),
            ServerMessage::Command(command) => self.commanded(*command, now),
            ServerMessage::TelemetryAck { boot, through_seq } => self.samples_acked(boot, through_seq),
            ServerMessage::ReportAck { boot, through_seq } => self.reports_acked(boot, through_seq),
            ServerMessage::HeartbeatAck { server_time, counter, checkpoint } => {
                self.keep_checkpoint(checkpoint);
                if let Some(sent_ms) = self.session.heartbeats.remove(&counter) {
                    self.clock.answered(server_time, sent_ms, now.ms);
                }
            }
            ServerMessage::ClaimRenewal { claim, server_time } => {
                self.clock.at_least(server_time, now.ms);
                self.claimed(claim, server_time, now);
            }
            // The stream closes next; that is what counts.
            ServerMessage::Goodbye { .. } => {}
        }
    }

    fn samples_acked(&mut self, boot: BootId, through_seq: u64) {
        if self.memory.samples.iter().any(|(b, s)| *b == boot && s.seq <= through_seq) {
            self.persist(Record::SamplesAcked(records::Acked { boot_id: boot.to_string(), through_seq }));
        }
    }

    fn reports_acked(&mut self, boot: BootId, through_seq: u64) {
        let boot_id = boot.to_string();
        if self.memory.reports.iter().any(|r| r.boot_id == boot_id && r.report_seq <= through_seq) {
            self.persist(Record::ReportsAcked(records::Acked { boot_id, through_seq }));
        }
    }

    fn welcomed(&mut self, welcome: Welcome, now: Now) {
        if self.session.link != Link::Open {
            return;
        }
        self.session.link = Link::Welcome;
        self.clock.answered(welcome.server_time, self.session.hello_ms, now.ms);
        self.session.heartbeat_interval_ms = welcome.heartbeat_interval_ms;
        self.session.next_heartbeat_ms = now.ms;
        if let Some(site) = &welcome.site {
            self.session.site =
                SiteSettings { sample_interval_ms: site.telemetry_interval_ms, max_speed_mps: site.max_speed_mps };
        }
        if self.config.map_digest.is_none()
            && !welcome.map_digest.is_empty()
            && welcome.map_digest != self.memory.map_digest
        {
            self.persist(Record::Map(welcome.map_digest));
        }
        for watermark in &welcome.watermarks {
            self.samples_acked(watermark.boot, watermark.telemetry_through_seq);
            self.reports_acked(watermark.boot, watermark.report_through_seq);
        }
        self.learn_epoch(welcome.claim_epoch);
        match welcome.claim {
            Some(claim) => self.claimed(claim, welcome.server_time, now),
            None => self.claim = None,
        }
        let lost = self
            .plan
            .as_ref()
            .is_some_and(|plan| welcome.claim.is_none_or(|claim| claim.trip != plan.id || claim.epoch != plan.epoch));
        if lost && !self.is_ending() {
            self.claim = None;
            self.persist(Record::Ending("CLAIM_LOST".into()));
        }
        self.catch_up();
    }

    /// What the server's log was: evidence against a server that goes on from an older or another one.
    fn keep_checkpoint(&mut self, checkpoint: Vec<u8>) {
        if !checkpoint.is_empty() && checkpoint != self.memory.checkpoint {
            self.persist(Record::Checkpoint(checkpoint));
        }
    }

    pub(super) fn learn_epoch(&mut self, epoch: u64) {
        if epoch > self.memory.epoch {
            self.persist(Record::Epoch(epoch));
        }
    }

    /// The server's word that a claim is valid from `server_time` on. For the trip under way, under its own epoch, it
    /// also ends a stop that only waited for this word.
    fn claimed(&mut self, claim: Claim, server_time: kernel::Timestamp, now: Now) {
        self.learn_epoch(claim.epoch);
        let known = self.plan.as_ref().is_some_and(|plan| plan.id == claim.trip && plan.epoch == claim.epoch);
        if !known {
            return;
        }
        let live = LiveClaim::new((claim.trip, claim.epoch), server_time, claim.valid_for_ms, &self.clock, now.ms);
        if live.is_some() {
            self.claim = live;
        }
        let quarantined = self.memory.holding.strictest(Some(claim.trip)).stop.is_some();
        if self.has_claim(now) && self.latch() == Latch::Unclaimed && !quarantined {
            self.latch_trip(Latch::Free, "");
        }
    }

    /// Everything not acknowledged: edges of trips first and in order, then samples newest first.
    fn catch_up(&mut self) {
        self.send(v1::from_vehicle::Message::Online(v1::Online {
            capabilities: self.config.capabilities.clone(),
            components: self
                .config
                .components
                .iter()
                .map(|c| v1::Component { name: c.name.clone(), version: c.version.clone(), serial: c.serial.clone() })
                .collect(),
        }));
        for report in self.memory.reports.clone() {
            self.send(v1::from_vehicle::Message::TripReport(report));
        }
        let repeated = self.memory.commands.len().saturating_sub(ANSWERS_REPEATED);
        for state in self.memory.commands.iter().skip(repeated).cloned().collect::<Vec<_>>() {
            self.send(v1::from_vehicle::Message::CommandState(state));
        }
        let mut backlog: Vec<(BootId, u64, u64)> = Vec::new();
        let mut size = 0;
        for (boot, sample) in &self.memory.samples {
            match backlog.last_mut() {
                Some((last, _, through)) if last == boot && size < BACKLOG_BATCH => {
                    *through = sample.seq;
                    size += 1;
                }
                _ => {
                    backlog.push((*boot, sample.seq, sample.seq));
                    size = 1;
                }
            }
        }
        self.session.backlog = backlog;
        self.session.sent_through_seq = self.memory.sample_seq;
    }

    pub(super) fn tick(&mut self, now: Now) {
        self.sample(now);
        if !self.session.is_welcome() {
            return;
        }
        if now.ms >= self.session.next_heartbeat_ms {
            self.session.next_heartbeat_ms = now.ms + self.session.heartbeat_interval_ms;
            self.heartbeat(now);
        }
        if now.ms >= self.session.next_flush_ms {
            self.session.next_flush_ms = now.ms + FLUSH_INTERVAL_MS;
            self.flush();
        }
    }

    fn heartbeat(&mut self, now: Now) {
        let Some(state) = self.vehicle else { return };
        self.session.heartbeat_counter += 1;
        let counter = self.session.heartbeat_counter;
        self.session.heartbeats.insert(counter, now.ms);
        if self.session.heartbeats.len() > HEARTBEATS_MAX {
            self.session.heartbeats.pop_first();
        }
        let metric =
            |name: &str, value: f64, unit: &str| v1::HealthMetric { name: name.into(), value, unit: unit.into() };
        self.send(v1::from_vehicle::Message::Heartbeat(v1::Heartbeat {
            boot_id: self.config.boot.to_string(),
            counter,
            battery_pct: state.battery_pct,
            mode: v1::Mode::from(state.mode).into(),
            metrics: vec![
                metric("agent.samples_waiting", self.memory.samples.len() as f64, "1"),
                metric("agent.reports_waiting", self.memory.reports.len() as f64, "1"),
            ],
            position: Some(state.position.into()),
            parked: state.parked,
            vehicle_time_us: now.vehicle_time.as_us(),
            odometer_m: state.odometer_m,
            // The connection knows it, and says it in passing.
            trust_bundle_sequence: 0,
        }));
    }

    fn sample(&mut self, now: Now) {
        let Some(state) = self.vehicle else { return };
        if now.ms < self.watch.next_sample_ms {
            return;
        }
        self.watch.next_sample_ms = now.ms + self.session.site.sample_interval_ms.unwrap_or(SAMPLE_INTERVAL_MS);
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        let trip = self.plan.as_ref().map(|plan| plan.id);
        let sample = v1::Sample {
            seq: self.memory.sample_seq + 1,
            vehicle_time_us: now.vehicle_time.as_us(),
            lat: state.position.at.lat(),
            lon: state.position.at.lon(),
            heading_deg: state.position.heading.degrees(),
            speed_mps: state.speed_mps,
            battery_pct: state.battery_pct,
            odometer_m: state.odometer_m,
            mode: v1::Mode::from(state.mode).into(),
            trip_id: trip.map(|trip| trip.to_string()).unwrap_or_default(),
            progress_m: if trip.is_some() { self.along_m } else { 0.0 },
            flags: bit(state.occupied, flags::OCCUPIED)
                | bit(self.memory.holding.strictest(trip).stop.is_some(), flags::HELD)
                | bit(state.parked, flags::PARKED)
                | bit(self.config.kind == VehicleKind::Simulated, flags::SIMULATED),
        };
        let boot_id = self.config.boot.to_string();
        self.persist(Record::Sampled(records::Sampled { boot_id, sample: Some(sample) }));
    }

    /// Sends where the vehicle is before the server plans from where it was: the samples until now, one of now the last.
    pub(super) fn send_position(&mut self, now: Now) {
        self.watch.next_sample_ms = now.ms;
        self.sample(now);
        if self.session.is_welcome() {
            self.flush_live();
        }
    }

    /// Live samples first; then some of what was stored, newest first.
    fn flush(&mut self) {
        self.flush_live();
        for _ in 0..BACKLOG_BATCHES_PER_FLUSH {
            let Some((boot, from, through)) = self.session.backlog.pop() else { break };
            self.send_samples(boot, from, through, Age::Stored);
        }
    }

    fn flush_live(&mut self) {
        let (boot, after) = (self.config.boot, self.session.sent_through_seq);
        if self.memory.sample_seq > after {
            self.session.sent_through_seq = self.memory.sample_seq;
            self.send_samples(boot, after + 1, self.memory.sample_seq, Age::Live);
        }
    }

    fn send_samples(&mut self, boot: BootId, from: u64, through: u64, age: Age) {
        let of_boot = || self.memory.samples.iter().filter(move |(b, _)| *b == boot).map(|(_, s)| s);
        let samples: Vec<v1::Sample> = of_boot().filter(|s| (from..=through).contains(&s.seq)).cloned().collect();
        let (Some(first_seq), Some(kept_from_seq)) = (samples.first().map(|s| s.seq), of_boot().next().map(|s| s.seq))
        else {
            return;
        };
        for batch in samples.chunks(BACKLOG_BATCH) {
            let batch = v1::TelemetryBatch {
                boot_id: boot.to_string(),
                first_seq: batch.first().map_or(first_seq, |s| s.seq),
                samples: batch.to_vec(),
                historical: age == Age::Stored,
                kept_from_seq,
            };
            self.send(v1::from_vehicle::Message::Telemetry(batch));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Live,
    Stored,
}
