//! What the vehicle should do now. After every event the one intent that the rules leave is derived again from all
//! that is known, and the vehicle hears of it when it changes. Motion is the last line of a list of reasons to stand.

use std::sync::Arc;

use kernel::{Coordinate, RouteId};
use link::restrict::not_expired;
use link::{Mode, StopClass, v1};

use super::rules::ROAD_CLOSED;
use super::session::PROGRESS_REPORTS_MAX;
use super::{Agent, Now, RESTARTED, TripPlan};
use crate::durable::{Latch, Phase, Record};
use crate::path::Path;
use crate::vehicle::{Help, Service, VehicleCommand, VehicleState};

/// Deceleration that a planned stop counts on, in metres per second squared.
pub(super) const DECELERATION_MPS2: f64 = 2.0;
/// Time until the brakes act, in seconds.
const REACTION_S: f64 = 0.5;
/// Standing this close to a stop of the trip is being there, in metres.
pub(super) const ARRIVAL_M: f64 = 2.0;
/// How fast a tighter limit must be reached (SAFE-14), in metres per second squared.
const TIGHTENING_MPS2: f64 = 1.0;
/// Faster than the limit by this part and this much is a violation, once it lasts.
const SPEEDING: (f64, f64) = (1.05, 1.0);
/// How long speeding lasts before the vehicle stops itself, in milliseconds.
const SPEEDING_MS: u64 = 2_000;
/// A limit below this means: stand. In metres per second.
const CRAWL_MPS: f64 = 0.5;
/// How often progress is reported, in milliseconds.
const PROGRESS_INTERVAL_MS: u64 = 5_000;
/// How far from its path a named place to stop may be, in metres.
const PLACE_M_MAX: f64 = 30.0;

/// Why a vehicle stands whose trip's limits have ended (SAFE-1).
const CONSTRAINTS_EXPIRED: &str = "CONSTRAINTS_EXPIRED";

/// What the vehicle was last told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Intent {
    Follow { route: RouteId, limits: u64, until_m: f64, cap_mps: f64 },
    Stop { class: StopClass, place: Option<Coordinate>, reason: String },
    Serve(Service),
    Hold,
    Yield,
}

/// What is watched from event to event; nothing of it has to survive.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub next_sample_ms: u64,
    next_progress_ms: u64,
    /// The vehicle was told to follow the present path, so its own metres count.
    following: bool,
    stop_reported: bool,
    /// A person answered what the vehicle asks about; it counts until the vehicle asks no more.
    answered: bool,
    allowed_mps: f64,
    seen_ms: u64,
    speeding_since_ms: Option<u64>,
}

impl Watch {
    pub fn new_path(&mut self) {
        self.following = false;
        self.stop_reported = false;
    }

    pub fn forgive(&mut self) {
        self.speeding_since_ms = None;
        self.answered = true;
    }
}

impl Agent {
    pub(super) fn on_vehicle_state(&mut self, state: VehicleState) {
        self.vehicle = Some(state);
        self.watch.answered &= state.help.is_some();
        if let (true, Some(along_m)) = (self.watch.following, state.along_m) {
            self.along_m = along_m;
        }
    }

    /// How far the vehicle needs to stand from this speed, in metres.
    pub(super) fn stopping_m(&self, speed_mps: f64) -> f64 {
        speed_mps * REACTION_S + speed_mps * speed_mps / (2.0 * DECELERATION_MPS2)
    }

    pub(super) fn eta_ms(&self, path: &Path, from_m: f64, to_m: f64) -> u64 {
        (path.duration_ms(from_m, to_m, self.cap_mps()) as f64 / self.config.pace.max(0.01)) as u64
    }

    /// The lowest limit beside the path's own.
    fn cap_mps(&self) -> f64 {
        let plan = self.plan.as_ref();
        let held = self.memory.holding.strictest(plan.map(|plan| plan.id)).max_speed_mps;
        let constraint = plan.and_then(|plan| plan.dispatch.constraints.max_speed_mps);
        [held, constraint, self.session.max_speed_mps()].into_iter().flatten().fold(1_000.0, f64::min)
    }

    /// Brings the vehicle to what the rules leave.
    pub(super) fn pursue(&mut self, now: Now) {
        let Some(state) = self.vehicle else { return };
        self.look_up_rules();
        self.look_up_speed_limits(now);
        self.look_for_reasons_to_stand(state, now);
        self.advance_trip(state, now);
        let wanted = self.wanted(state, now);
        self.tell(wanted, state, now);
        self.report_standing(state, now);
        self.report_waiting(state, now);
        self.report_progress(state, now);
    }

    fn look_for_reasons_to_stand(&mut self, state: VehicleState, now: Now) {
        let Some(plan) = &self.plan else { return };
        let strictest = self.memory.holding.strictest(Some(plan.id));
        let until = plan.dispatch.constraints.valid_until;
        let constraints_over = until
            .is_some_and(|end| self.clock.latest(now.ms).is_some_and(|time| not_expired(end, Some(time)).is_err()));
        if strictest.stop.is_some() || strictest.max_speed_mps.is_some_and(|max_mps| max_mps < CRAWL_MPS) {
            self.latch_trip(Latch::Stopped, "COMMANDED");
        } else if !state.mode.takes_motion() {
            self.latch_trip(Latch::Stopped, "MODE");
        } else if constraints_over {
            self.latch_trip(Latch::Stopped, CONSTRAINTS_EXPIRED);
        } else if let Some(help) = self.asks(state) {
            self.latch_trip(Latch::Stopped, help.code());
        } else if self.is_speeding(state, now) {
            self.latch_trip(Latch::Stopped, "SPEED_VIOLATION");
        } else if self.stands_for_closed_road(state, now) {
            self.latch_trip(Latch::Stopped, ROAD_CLOSED);
        } else if !self.has_claim(now) {
            self.latch_trip(Latch::Unclaimed, "CLAIM_LAPSED");
        }
    }

    /// What the vehicle asks a person for and nobody answered yet.
    fn asks(&self, state: VehicleState) -> Option<Help> {
        state.help.filter(|_| !self.watch.answered)
    }

    /// The vehicle's own check of TRIP-8: whether it has been faster than allowed for a while. A limit that tightens
    /// counts as fast as it can be reached.
    fn is_speeding(&mut self, state: VehicleState, now: Now) -> bool {
        let passed_s = now.ms.saturating_sub(self.watch.seen_ms) as f64 / 1_000.0 * self.config.pace;
        self.watch.seen_ms = now.ms;
        let Some(path) = self.driven_path().filter(|_| self.watch.following) else { return false };
        let limit_mps = path.speed_at(self.along_m).min(self.cap_mps());
        self.watch.allowed_mps = limit_mps.max(self.watch.allowed_mps - TIGHTENING_MPS2 * passed_s);
        if state.speed_mps <= self.watch.allowed_mps * SPEEDING.0 + SPEEDING.1 {
            self.watch.speeding_since_ms = None;
            return false;
        }
        let since_ms = *self.watch.speeding_since_ms.get_or_insert(now.ms);
        now.ms - since_ms >= SPEEDING_MS
    }

    /// Where the vehicle drives to, in metres; `None`: it is there.
    pub(super) fn target_m(&self) -> Option<f64> {
        let plan = self.plan.as_ref()?;
        match self.phase()? {
            Phase::Accepted | Phase::ToPickup => Some(plan.path.pickup_m()),
            Phase::OnTrip => Some(self.next_stop_m(plan).unwrap_or(plan.path.length_m())),
            Phase::AtPickup | Phase::AtDropoff => None,
        }
    }

    /// Where the next stop before the drop-off is, if there is one.
    fn next_stop_m(&self, plan: &TripPlan) -> Option<f64> {
        plan.path.stop_m(self.memory.trip.as_ref()?.stops_served)
    }

    /// Ends a stop that was reported, before anything else of the trip is: nobody arrives or boards while stopped.
    fn report_resumed(&mut self, now: Now) {
        if std::mem::take(&mut self.watch.stop_reported) {
            self.report_trip(v1::trip_report::Kind::Resumed(v1::Resumed {}), now);
        }
    }

    fn enter(&mut self, phase: Phase, kind: v1::trip_report::Kind, now: Now) {
        self.report_resumed(now);
        self.persist(Record::Entered(phase.into()));
        self.report_trip(kind, now);
    }

    fn advance_trip(&mut self, state: VehicleState, now: Now) {
        use v1::trip_report::Kind;
        let (Some(phase), Some(plan)) = (self.phase(), &self.plan) else { return };
        if self.is_ending() {
            if state.stands() {
                let reason = self.memory.trip.as_ref().and_then(|trip| trip.ending.clone()).unwrap_or_default();
                self.leave_trip(&reason, now);
            }
            return;
        }
        if self.latch() != Latch::Free {
            return;
        }
        let stands_at = |at_m: f64| state.stands() && self.along_m >= at_m - ARRIVAL_M;
        let at_pickup = stands_at(plan.path.pickup_m());
        let at_stop = stands_at(self.next_stop_m(plan).unwrap_or(plan.path.length_m()));
        let served = |service| self.intent == Some(Intent::Serve(service)) && state.served;
        match phase {
            Phase::Accepted => self.enter(Phase::ToPickup, Kind::Departed(v1::Departed {}), now),
            Phase::ToPickup if at_pickup => {
                self.enter(Phase::AtPickup, Kind::ArrivedPickup(v1::ArrivedPickup {}), now);
            }
            Phase::AtPickup if served(Service::Pickup) && self.may_leave_pickup(now) => {
                self.enter(Phase::OnTrip, Kind::Boarded(v1::Boarded {}), now);
            }
            Phase::OnTrip if at_stop => {
                self.enter(Phase::AtDropoff, Kind::ArrivedDropoff(v1::ArrivedDropoff {}), now);
            }
            Phase::AtDropoff if served(Service::Dropoff) => self.complete(state, now),
            // At a stop between some leave and some come aboard.
            Phase::AtDropoff if served(Service::Pickup) => {
                self.enter(Phase::OnTrip, Kind::Boarded(v1::Boarded {}), now);
            }
            _ => {}
        }
    }

    /// Whether the time has come before which nobody leaves the pickup, by the earliest that the server's time can be.
    fn may_leave_pickup(&self, now: Now) -> bool {
        let not_before = self.plan.as_ref().and_then(|plan| plan.dispatch.leave_not_before);
        not_before.is_none_or(|at| self.clock.between(now.ms).is_some_and(|(earliest, _)| at <= earliest))
    }

    fn complete(&mut self, state: VehicleState, now: Now) {
        // The next trip is planned from here as soon as the server hears of the end of this one.
        self.send_position(now);
        let Some(trip) = &self.memory.trip else { return };
        let duration_us = now.vehicle_time.as_us().saturating_sub(trip.accepted_at_us);
        let used_pct = (trip.battery_pct - state.battery_pct).max(0.0);
        let summary = v1::Completed {
            distance_m: (state.odometer_m - trip.odometer_m).max(0.0),
            duration_ms: u64::try_from(duration_us / 1_000).unwrap_or(0),
            energy_wh: used_pct / 100.0 * self.config.battery_wh,
        };
        self.report_trip(v1::trip_report::Kind::Completed(summary), now);
        self.trip_over();
    }

    /// Leaves the trip under way before its end, if there is one.
    pub(super) fn leave_trip(&mut self, reason: &str, now: Now) {
        if self.plan.is_some() {
            self.send_position(now);
            self.report_trip(v1::trip_report::Kind::Ended(v1::Ended { reason: reason.into() }), now);
            self.trip_over();
        }
    }

    fn trip_over(&mut self) {
        let Some(plan) = self.plan.take() else { return };
        self.claim = None;
        self.persist(Record::TripOver(plan.id.to_string()));
        let over = self.memory.holding.clone().trip_ended(plan.id);
        self.over(over);
        // What is accepted and holds nothing was about this trip: its dispatch, its cancellation.
        let accepted = i32::from(v1::DeliveryState::Accepted);
        let done =
            self.memory.commands.iter().filter(|c| c.state == accepted).filter_map(|c| c.command_id.parse().ok());
        for id in done.filter(|id| !self.memory.holding.holds(*id)).collect::<Vec<_>>() {
            self.answer(id, v1::DeliveryState::Done, "", "");
        }
    }

    fn wanted(&self, state: VehicleState, now: Now) -> Intent {
        let nearest =
            |reason: &str| Intent::Stop { class: StopClass::NearestAdmissible, place: None, reason: reason.into() };
        let trip = self.memory.trip.as_ref();
        let strictest = self.memory.holding.strictest(self.plan.as_ref().map(|plan| plan.id));
        if let Some((class, place)) = strictest.stop {
            return Intent::Stop { class, place, reason: "COMMANDED".into() };
        }
        match state.mode {
            Mode::Autonomous | Mode::Remote => {}
            Mode::Estop => return Intent::Hold,
            Mode::Manual | Mode::Service => return Intent::Yield,
        }
        let (Some(trip), Some(plan)) = (trip, &self.plan) else {
            return if state.stands() { Intent::Hold } else { nearest("NO_TRIP") };
        };
        if let Some(reason) = &trip.ending {
            return nearest(reason);
        }
        if self.asks(state).is_some() {
            // It may not pass what it asks about, not even to a better place.
            return Intent::Stop { class: StopClass::Now, place: None, reason: trip.latch_reason.clone() };
        }
        if trip.latch != Latch::Free {
            return nearest(&trip.latch_reason);
        }
        if !self.has_claim(now) {
            return nearest("CLAIM_LAPSED");
        }
        match (self.target_m(), trip.phase) {
            (Some(target_m), _) => Intent::Follow {
                route: plan.path.id(),
                limits: self.limits.revision,
                until_m: self
                    .open_until_m(target_m, state, now)
                    .unwrap_or(target_m)
                    .min(target_m)
                    .min(plan.path.released_m()),
                cap_mps: self.cap_mps(),
            },
            (None, Phase::AtDropoff) if self.next_stop_m(plan).is_none() => Intent::Serve(Service::Dropoff),
            (None, _) => Intent::Serve(Service::Pickup),
        }
    }

    fn tell(&mut self, wanted: Intent, state: VehicleState, now: Now) {
        if self.intent.as_ref() == Some(&wanted) || self.would_loosen_a_stop(&wanted, state) {
            return;
        }
        let command = match &wanted {
            Intent::Follow { until_m, cap_mps, .. } => self.follow_command(*until_m, *cap_mps, &wanted),
            Intent::Stop { class, place, .. } => Some(self.stop_command(*class, *place, state)),
            Intent::Serve(service) => self.serve_command(*service),
            Intent::Hold => Some(VehicleCommand::Hold),
            Intent::Yield => None,
        };
        self.intent = Some(wanted);
        if matches!(self.intent, Some(Intent::Follow { .. } | Intent::Serve(_))) {
            self.report_resumed(now);
        }
        self.out.extend(command.map(super::Output::Drive));
    }

    /// A vehicle that is stopping finishes the stop it began; only a stricter one takes its place.
    fn would_loosen_a_stop(&self, wanted: &Intent, state: VehicleState) -> bool {
        match (&self.intent, wanted) {
            (Some(Intent::Stop { class: now, .. }), Intent::Stop { class: then, .. }) => !state.stands() && then < now,
            _ => false,
        }
    }

    fn follow_command(&mut self, until_m: f64, cap_mps: f64, wanted: &Intent) -> Option<VehicleCommand> {
        let path = Arc::clone(self.driven_path()?);
        if let (
            Some(Intent::Follow { route, limits, until_m: until, .. }),
            Intent::Follow { route: same_route, limits: same_limits, .. },
        ) = (&self.intent, wanted)
            && (route, limits) == (same_route, same_limits)
            && *until == until_m
        {
            return Some(VehicleCommand::SlowTo { max_speed_mps: cap_mps });
        }
        self.watch.following = true;
        Some(VehicleCommand::FollowRoute { path, from_m: self.along_m, until_m, max_speed_mps: cap_mps })
    }

    fn serve_command(&self, service: Service) -> Option<VehicleCommand> {
        let dispatch = &self.plan.as_ref()?.dispatch;
        let dwell_ms = match service {
            Service::Pickup => dispatch.pickup_dwell_ms,
            Service::Dropoff => dispatch.dropoff_dwell_ms,
        };
        Some(VehicleCommand::Serve { service, dwell_ms })
    }

    fn stop_command(&self, class: StopClass, place: Option<Coordinate>, state: VehicleState) -> VehicleCommand {
        let path = self.plan.as_ref().filter(|_| self.watch.following && !state.stands()).map(|plan| &plan.path);
        let at_m = match (class, path) {
            (StopClass::Now, _) | (_, None) => None,
            (class, Some(path)) => {
                let earliest_m = self.along_m + self.stopping_m(state.speed_mps);
                let named = place
                    .filter(|_| class == StopClass::AtPlace)
                    .map(|place| path.nearest(place, earliest_m))
                    .filter(|(_, off_m)| *off_m <= PLACE_M_MAX)
                    .map(|(at_m, _)| at_m);
                Some(path.standing_place_from(named.unwrap_or(earliest_m)))
            }
        };
        VehicleCommand::Stop { class, at_m }
    }

    fn report_standing(&mut self, state: VehicleState, now: Now) {
        use v1::trip_report::Kind;
        let (class, reason) = match self.intent.clone() {
            Some(Intent::Stop { class, reason, .. }) => (class, reason),
            Some(Intent::Hold | Intent::Yield) => (StopClass::Now, "MODE".into()),
            Some(Intent::Follow { .. } | Intent::Serve(_)) | None => return,
        };
        let under_way = self.phase().is_some_and(|phase| phase > Phase::Accepted) && !self.is_ending();
        if self.watch.stop_reported || !state.stands() || !under_way {
            return;
        }
        self.watch.stop_reported = true;
        let admissible = self.plan.as_ref().is_none_or(|plan| plan.path.may_stand_at(self.along_m));
        let class = v1::StopClass::from(class).into();
        // Nobody but a person can lead it on.
        let lasting = [RESTARTED, CONSTRAINTS_EXPIRED].into_iter().find(|lasting| *lasting == reason);
        self.report_trip(Kind::SafeStopped(v1::SafeStopped { class, reason, admissible }), now);
        let kind = match (admissible, self.asks(state)) {
            (_, Some(help)) => help.code(),
            (false, None) => "STOPPED_INADMISSIBLE",
            (true, None) => match lasting {
                Some(reason) => reason,
                None => return,
            },
        };
        self.ask_for_person(kind, state, now);
    }

    pub(super) fn ask_for_person(&mut self, kind: &str, state: VehicleState, now: Now) {
        let (snapshot, snapshot_type) = (self.snapshot(state), "application/json".into());
        let asked = v1::AssistNeeded { kind: kind.into(), snapshot, snapshot_type };
        self.report_trip(v1::trip_report::Kind::AssistNeeded(asked), now);
    }

    /// What this vehicle can show to a person: what it knows of itself, as JSON.
    fn snapshot(&self, state: VehicleState) -> Vec<u8> {
        let held: Vec<String> = self.memory.holding.commands().map(|id| id.to_string()).collect();
        let trip = self.memory.trip.as_ref();
        let left_m = self.plan.as_ref().map(|plan| (plan.path.length_m() - self.along_m).max(0.0));
        serde_json::json!({
            "lat": state.position.at.lat(), "lon": state.position.at.lon(),
            "heading_deg": state.position.heading.degrees(), "speed_mps": state.speed_mps,
            "battery_pct": state.battery_pct, "odometer_m": state.odometer_m, "mode": state.mode.as_str(),
            "parked": state.parked, "occupied": state.occupied, "remaining_m": left_m,
            "stands_for": trip.map(|trip| trip.latch_reason.clone()), "held_by": held,
        })
        .to_string()
        .into_bytes()
    }

    fn report_progress(&mut self, state: VehicleState, now: Now) {
        let moving = matches!(self.intent, Some(Intent::Follow { .. })) && self.session.is_welcome();
        if !moving || now.ms < self.watch.next_progress_ms || self.memory.reports.len() >= PROGRESS_REPORTS_MAX {
            return;
        }
        self.watch.next_progress_ms = now.ms + PROGRESS_INTERVAL_MS;
        let (Some(trip), Some(plan)) = (&self.memory.trip, &self.plan) else { return };
        let progress = v1::Progress {
            distance_m: (state.odometer_m - trip.odometer_m).max(0.0),
            remaining_m: (plan.path.length_m() - self.along_m).max(0.0),
            eta_ms: self.eta_ms(self.driven_path().unwrap_or(&plan.path), self.along_m, plan.path.length_m()),
        };
        self.report_trip(v1::trip_report::Kind::Progress(progress), now);
    }
}
