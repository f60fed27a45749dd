//! Commands. A restrictive one is written down and obeyed at once, whatever else is true; a permissive one has to pass
//! every rule first, and the first that forbids it is the answer (SAFE-6, -7, -13, -17). A command that comes again
//! gets the answer it got before.

use std::sync::Arc;

use kernel::geo::ROUTE_START_M_MAX;
use kernel::{CommandId, Timestamp, TripId};
use link::restrict::{Refusal, Restriction, Scope, Situation, not_expired, permit};
use link::{Body, Clearance, Command, Dispatch, Mode, Resume, Route, v1};

use super::clock::LiveClaim;
use super::{Agent, Now, REPORTS_MAX, TripPlan, plan_of};
use crate::durable::{Latch, Record, records};
use crate::path::Path;

/// The code of a refusal because the route begins elsewhere: the server plans again from the position that goes with it.
const FAR_FROM_START: &str = "FAR_FROM_START";
/// A planned speed above the limit by less than this is rounding, in metres per second.
const SPEED_TOLERANCE_MPS: f64 = 0.05;

/// Why a command is refused: a stable code and a sentence.
pub(super) struct No(pub &'static str, pub String);

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::ClockUnknown => "the vehicle does not know the server's time",
            Refusal::Expired => "it came after its expiry",
            Refusal::StaleClaim => "a newer claim epoch is known",
            Refusal::Held => "a restrictive command holds the vehicle",
            Refusal::Mode => "the vehicle is not driven by its own system",
        };
        No(refusal.code(), reason.into())
    }
}

fn no<T>(code: &'static str, reason: impl Into<String>) -> Result<T, No> {
    Err(No(code, reason.into()))
}

impl Agent {
    pub(super) fn commanded(&mut self, raw: v1::Command, now: Now) {
        if let Some(known) = self.memory.commands.iter().find(|c| c.command_id == raw.command_id).cloned() {
            return self.send(v1::from_vehicle::Message::CommandState(known));
        }
        let command = match link::read_command(raw.clone()) {
            Ok(command) => command,
            Err(error) => return self.unreadable(raw, &error, now),
        };
        match command.body {
            Body::Restrict(restriction) => return self.restrict(raw, command.id, restriction, now),
            Body::Rules(rules) => return self.ruled(raw, command.id, rules.revision, now),
            _ => {}
        }
        self.send(command_state(command.id, v1::DeliveryState::Delivered, "", ""));
        let result = match &command.body {
            Body::Dispatch(dispatch) => self.dispatched(&raw, &command, dispatch, now),
            Body::Reroute { trip, route } => self.rerouted(&raw, &command, *trip, route, now),
            Body::Resume(resume) => self.resumed(&raw, &command, resume, now),
            Body::Stay { trip } => self.stays(&command, *trip),
            Body::Clearance(clearance) => self.cleared(&command, *clearance, now),
            Body::Reserved(name) => no("UNSUPPORTED", format!("this agent does not handle {name}")),
            Body::Restrict(_) | Body::Rules(_) => return,
        };
        if let Err(No(code, reason)) = result {
            if let Body::Dispatch(dispatch) = &command.body {
                self.report_rejected((dispatch.trip, command.claim_epoch), code, &reason, now);
            }
            let expired = code == Refusal::Expired.code();
            let state = if expired { v1::DeliveryState::Expired } else { v1::DeliveryState::Rejected };
            self.answer(command.id, state, code, &reason);
        }
    }

    fn unreadable(&mut self, raw: v1::Command, error: &link::CommandError, now: Now) {
        let Some(id) = error.command else { return };
        let reason = error.cause.to_string();
        if let Some(v1::command::Body::Dispatch(dispatch)) = &raw.body
            && let Ok(trip) = dispatch.trip_id.parse::<TripId>()
        {
            self.report_rejected((trip, raw.claim_epoch), "INVALID", &reason, now);
        }
        self.answer(id, v1::DeliveryState::Rejected, "INVALID", &reason);
    }

    fn report_rejected(&mut self, about: (TripId, u64), code: &str, reason: &str, now: Now) {
        if code == FAR_FROM_START {
            self.send_position(now);
        }
        let rejected = v1::Rejected { code: code.into(), reason: reason.into() };
        self.report(v1::trip_report::Kind::Rejected(rejected), about, now);
    }

    /// Writes down and says how far a command got.
    pub(super) fn answer(&mut self, id: CommandId, state: v1::DeliveryState, code: &str, reason: &str) {
        let message = command_state(id, state, code, reason);
        if let v1::from_vehicle::Message::CommandState(state) = &message {
            self.persist(Record::Command(state.clone()));
        }
        self.send(message);
    }

    fn restrict(&mut self, raw: v1::Command, id: CommandId, restriction: Restriction, now: Now) {
        let current = self.plan.as_ref().map(|plan| plan.id);
        let holds = match restriction {
            Restriction::Cancel { trip } => {
                // Without an epoch it is meant whatever the claim. One that comes late concerns no later claim.
                let through = if raw.claim_epoch == 0 { u64::MAX } else { raw.claim_epoch };
                if let Some(trip) = trip.or(current) {
                    let cancelled = records::Cancelled { trip_id: trip.to_string(), claim_epoch: through };
                    self.persist(Record::Cancelled(cancelled));
                }
                let under_it = |plan: &TripPlan| trip.is_none_or(|trip| trip == plan.id) && plan.epoch <= through;
                let concerned = self.plan.as_ref().is_some_and(under_it);
                if concerned && !self.is_ending() {
                    self.persist(Record::Ending("CANCELLED".into()));
                }
                concerned
            }
            _ if matches!(restriction.scope(), Some(Scope::Trip(trip))
                if Some(trip) != current && self.memory.is_cancelled(trip, raw.claim_epoch)) =>
            {
                false
            }
            _ => {
                self.persist(Record::Held(raw));
                true
            }
        };
        if restriction == Restriction::Quarantine {
            self.claim = None;
        }
        // The vehicle is told before the server is.
        self.pursue(now);
        let state = if holds { v1::DeliveryState::Accepted } else { v1::DeliveryState::Done };
        self.answer(id, state, "", "");
    }

    fn situation(&self, trip: Option<TripId>, now: Now) -> Situation<'_> {
        Situation {
            server_time: self.clock.latest(now.ms),
            claim_epoch: self.memory.epoch,
            mode: self.vehicle.map_or(Mode::Service, |vehicle| vehicle.mode),
            trip,
            holding: &self.memory.holding,
        }
    }

    fn permitted(&self, command: &Command, trip: TripId, now: Now) -> Result<(), No> {
        // A permissive command always has an expiry; the year 1970 is over.
        let expires_at = command.expires_at.unwrap_or(Timestamp::from_us(0));
        Ok(permit(expires_at, command.claim_epoch, self.situation(Some(trip), now))?)
    }

    fn dispatched(&mut self, raw: &v1::Command, command: &Command, dispatch: &Dispatch, now: Now) -> Result<(), No> {
        self.permitted(command, dispatch.trip, now)?;
        self.has_room_for(command, dispatch)?;
        let path = self.drivable(&dispatch.route)?;
        self.within_constraints(dispatch, &path, now)?;
        self.open(&path, 0.0, now)?;
        let validity = (command.issued_at, dispatch.claim_valid_for_ms);
        let about = (dispatch.trip, command.claim_epoch);
        let Some(claim) = LiveClaim::new(about, validity.0, validity.1, &self.clock, now.ms) else {
            return no("CLAIM_OVER", "the claim is no longer valid");
        };
        let Some(state) = self.vehicle else { return no("NOT_READY", "the vehicle has not told its state") };
        self.leave_trip("SUPERSEDED", now);
        self.learn_epoch(command.claim_epoch);
        self.persist(Record::Dispatched(records::Dispatched {
            command: Some(raw.clone()),
            vehicle_time_us: now.vehicle_time.as_us(),
            odometer_m: state.odometer_m,
            battery_pct: state.battery_pct,
        }));
        let eta_ms = self.eta_ms(&path, 0.0, path.pickup_m());
        self.claim = Some(claim);
        self.plan = Some(TripPlan {
            id: dispatch.trip,
            epoch: command.claim_epoch,
            dispatch: dispatch.clone(),
            path: Arc::new(path),
        });
        self.along_m = 0.0;
        self.watch.new_path();
        let accepted = v1::Accepted { eta_ms, route_id: dispatch.route.id.to_string() };
        self.report_trip(v1::trip_report::Kind::Accepted(accepted), now);
        self.answer(command.id, v1::DeliveryState::Accepted, "", "");
        Ok(())
    }

    /// Whether the vehicle may take another trip at all.
    fn has_room_for(&self, command: &Command, dispatch: &Dispatch) -> Result<(), No> {
        if command.claim_epoch <= self.memory.finished_epoch {
            return Err(Refusal::StaleClaim.into());
        }
        if self.memory.is_cancelled(dispatch.trip, command.claim_epoch) {
            return no("CANCELLED", "this trip was cancelled before its dispatch came");
        }
        if self.memory.holding.strictest(Some(dispatch.trip)).no_new_trip {
            return Err(Refusal::Held.into());
        }
        if self.memory.reports.len() >= REPORTS_MAX {
            return no("BUFFER_FULL", "too many reports wait for their acknowledgement");
        }
        let occupied = self.vehicle.is_some_and(|vehicle| vehicle.occupied);
        match &self.plan {
            Some(plan) if command.claim_epoch <= plan.epoch => no("BUSY", format!("{} is under way", plan.id)),
            Some(plan) if occupied => no("BUSY", format!("{} has people or load aboard", plan.id)),
            _ => Ok(()),
        }
    }

    /// The line of a route that is of the map aboard and begins at the vehicle.
    fn drivable(&self, route: &Route) -> Result<Path, No> {
        let path = self.of_this_map(route)?;
        let Some(state) = self.vehicle else { return no("NOT_READY", "the vehicle has not told its state") };
        let off_m = path.position_at(0.0).at.distance_m(state.position.at);
        if off_m > ROUTE_START_M_MAX {
            return no(FAR_FROM_START, format!("the route begins {off_m:.0} m from the vehicle"));
        }
        Ok(path)
    }

    fn of_this_map(&self, route: &Route) -> Result<Path, No> {
        if route.map_digest != self.memory.map_digest {
            return no("MAP_MISMATCH", "the route was found on another map than the one aboard");
        }
        Path::new(route).map_or_else(|| no("ROUTE_EMPTY", "the route has no line"), Ok)
    }

    fn within_constraints(&self, dispatch: &Dispatch, path: &Path, now: Now) -> Result<(), No> {
        let limits = &dispatch.constraints;
        let (top_mps, max_mps) = (path.top_speed_mps(), limits.max_speed_mps.unwrap_or(f64::MAX));
        if top_mps > max_mps + SPEED_TOLERANCE_MPS {
            return no("TOO_FAST", format!("the route plans {top_mps:.1} m/s where {max_mps:.1} m/s are allowed"));
        }
        match limits.valid_until {
            Some(end) if not_expired(end, self.clock.latest(now.ms)).is_err() => {
                no("CONSTRAINTS_EXPIRED", "the constraints are no longer valid")
            }
            _ => Ok(()),
        }
    }

    fn rerouted(
        &mut self,
        raw: &v1::Command,
        command: &Command,
        trip: TripId,
        route: &Route,
        now: Now,
    ) -> Result<(), No> {
        self.permitted(command, trip, now)?;
        let plan = self.plan_under(command, trip, now)?;
        let at_m = self.turns_at(&plan, route, now)?;
        self.turn(raw, at_m);
        self.led_around();
        self.answer(command.id, v1::DeliveryState::Done, "", "");
        Ok(())
    }

    /// Where another route takes the present one's place, in metres along the path.
    fn turns_at(&self, plan: &TripPlan, route: &Route, now: Now) -> Result<f64, No> {
        let next = self.of_this_map(route)?;
        self.within_constraints(&plan.dispatch, &next, now)?;
        let Some(state) = self.vehicle else { return no("NOT_READY", "the vehicle has not told its state") };
        let start = next.position_at(0.0).at;
        let earliest_m = if state.stands() { self.along_m } else { self.along_m + self.stopping_m(state.speed_mps) };
        let (at_m, off_m) = plan.path.nearest(start, earliest_m);
        if off_m > ROUTE_START_M_MAX || at_m > plan.path.released_m() + ROUTE_START_M_MAX {
            // SAFE-9: the old route holds, and the vehicle can still stop on it.
            return no("REROUTE_TOO_CLOSE", "the new route does not begin beyond the stopping distance on the old one");
        }
        self.open(&plan.path.spliced(at_m, &next), self.reach_m(state), now)?;
        Ok(at_m)
    }

    fn turn(&mut self, raw: &v1::Command, at_m: f64) {
        self.persist(Record::Rerouted(records::Rerouted { command: Some(raw.clone()), at_m }));
        self.plan = self.memory.trip.as_ref().and_then(plan_of);
    }

    /// The trip under way, if it is this one and its claim is valid.
    fn plan_under(&self, command: &Command, trip: TripId, now: Now) -> Result<TripPlan, No> {
        match &self.plan {
            Some(plan) if plan.id == trip && !self.is_ending() => {
                if plan.epoch != command.claim_epoch || !self.has_claim(now) {
                    return Err(Refusal::StaleClaim.into());
                }
                Ok(plan.clone())
            }
            _ => no("NOT_ON_TRIP", format!("{trip} is not under way on this vehicle")),
        }
    }

    /// Goes on after a stop. Everything is checked as it will be without the restrictions that end with this; only then
    /// do they end.
    fn resumed(&mut self, raw: &v1::Command, command: &Command, resume: &Resume, now: Now) -> Result<(), No> {
        let mut holding = self.memory.holding.clone();
        let over: Vec<CommandId> = resume.clears.iter().flat_map(|id| holding.clear(Clearance::Command(*id))).collect();
        let expires_at = command.expires_at.unwrap_or(Timestamp::from_us(0));
        let situation = Situation { holding: &holding, ..self.situation(Some(resume.trip), now) };
        permit(expires_at, command.claim_epoch, situation)?;
        let plan = self.plan_under(command, resume.trip, now)?;
        let turns_at = resume.path.as_ref().map(|path| self.turns_at(&plan, path, now)).transpose()?;
        if turns_at.is_none() {
            self.open(&plan.path, self.along_m, now)?;
        }
        self.over(over);
        if let Some(at_m) = turns_at {
            self.turn(raw, at_m);
        }
        self.watch.forgive();
        self.latch_trip(Latch::Free, "");
        self.answer(command.id, v1::DeliveryState::Done, "", "");
        Ok(())
    }

    /// Somebody is looking, or on the way: the vehicle stands where it stands.
    fn stays(&mut self, command: &Command, trip: TripId) -> Result<(), No> {
        if self.plan.as_ref().is_none_or(|plan| plan.id != trip) {
            return no("NOT_ON_TRIP", format!("{trip} is not under way on this vehicle"));
        }
        self.answer(command.id, v1::DeliveryState::Done, "", "");
        Ok(())
    }

    /// Ends restrictions; the latch stays, so that nothing moves by it (SAFE-13).
    fn cleared(&mut self, command: &Command, clearance: Clearance, now: Now) -> Result<(), No> {
        let expires_at = command.expires_at.unwrap_or(Timestamp::from_us(0));
        not_expired(expires_at, self.clock.latest(now.ms))?;
        let over = self.memory.holding.clone().clear(clearance);
        self.over(over);
        self.answer(command.id, v1::DeliveryState::Done, "", "");
        Ok(())
    }

    /// These restrictive commands hold no longer.
    pub(super) fn over(&mut self, commands: Vec<CommandId>) {
        for id in commands {
            self.persist(Record::Cleared(id.to_string()));
            self.answer(id, v1::DeliveryState::Done, "", "");
        }
    }
}

fn command_state(id: CommandId, state: v1::DeliveryState, code: &str, reason: &str) -> v1::from_vehicle::Message {
    v1::from_vehicle::Message::CommandState(v1::CommandState {
        command_id: id.to_string(),
        state: state.into(),
        code: code.into(),
        reason: reason.into(),
    })
}
