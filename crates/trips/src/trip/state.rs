//! The state of a trip as the fold of its events. No rule lives here: an event happened, so the state follows.

use std::collections::BTreeMap;

use kernel::envelope::{Known, MotionFacts};
use kernel::id::{BootId, StandingId};
use kernel::{Aggregate, Coordinate, DecisionId, EventMeta, SiteId, Subject, Timestamp, TripId, VehicleId};
use serde::{Deserialize, Serialize};

use super::event_subjects::{named_vehicle, report_of};
use super::events::TripEvent;
use super::status::Status;
use super::types::{
    Assignment, Blocked, Diversion, Ending, Exclusion, Kind, Milestone, OpenViolation, ReportRef, Requirements,
    Rerouting, Resuming, RouteSummary, Stop, Summary, Wait, Window, Withdrawal,
};
use crate::limits::{BOOTS_MAX, ClaimTiming, EXCLUSIONS_MAX};

/// The code of a vehicle that stands by itself before a zone or closure.
pub const ROAD_CLOSED: &str = "ROAD_CLOSED";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    pub id: TripId,
    /// Where it is in its life.
    pub status: Status,
    /// The state to which an interrupted trip returns.
    pub left: Option<Status>,
    /// Whether people or load are aboard: a fact of its own, whatever the status says.
    pub occupied: bool,
    pub site: SiteId,
    pub kind: Kind,
    pub stops: Vec<Stop>,
    /// The stop that the vehicle drives to.
    pub stop_index: u64,
    /// What the vehicle must be able to do.
    pub requirements: Requirements,
    /// From 0; higher goes first.
    pub priority: u8,
    pub window: Window,
    /// The limits in force: the request's, and the vehicle's too once one is assigned.
    pub constraints: policy::Constraints,
    /// The limits that the request was allowed under.
    pub request_constraints: policy::Constraints,
    /// The decision that allowed the request.
    pub decision: DecisionId,
    /// SHA-256 of the bundle that decided the request.
    pub policy_bundle: String,
    pub requested_by: String,
    /// The standing order that asked, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingId>,
    pub created_at: Timestamp,
    /// When it expires without a vehicle.
    pub expires_at: Timestamp,
    pub route: Option<RouteSummary>,
    /// Versions of the route so far.
    pub route_versions: u64,
    /// A new version that the vehicle has not taken yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerouting: Option<Rerouting>,
    /// Why the vehicle was told to stop before the rest of its route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// An order to go on that the vehicle has not answered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resuming: Option<Resuming>,
    /// Where the vehicle stands by itself before a zone or closure: another route leads it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back_at: Option<Coordinate>,
    /// That it was called off with people or load aboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversion: Option<Diversion>,
    /// That it is taken back from its vehicle, which has not left it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// The vehicle; of an ended trip the one that had it.
    pub assignment: Option<Assignment>,
    /// Vehicles that are not asked for a while.
    pub excluded: Vec<Exclusion>,
    pub wait: Option<Wait>,
    /// Rules that the vehicle violates now.
    pub violations: BTreeMap<String, OpenViolation>,
    /// Per boot of a vehicle the newest report that counted.
    pub reports: BTreeMap<BootId, u64>,
    /// What the vehicle tells of the completed trip.
    pub summary: Option<Summary>,
    pub ended: Option<Ending>,
    /// When it must be looked at.
    pub due: Option<Timestamp>,
    pub changed_at: Timestamp,
}

impl Trip {
    pub fn origin(&self) -> Option<Coordinate> {
        self.stops.first().map(|stop| stop.at)
    }

    pub fn destination(&self) -> Option<Coordinate> {
        self.stops.last().map(|stop| stop.at)
    }

    /// When the limits end under which its vehicle drives: then it stands by itself (SAFE-1).
    pub fn limits_end(&self) -> Option<Timestamp> {
        self.constraints.ends_at(self.assignment.as_ref()?.assigned_at)
    }

    /// The vehicle that holds it now.
    pub fn vehicle(&self) -> Option<VehicleId> {
        let held = self.status.has_vehicle();
        self.assignment.as_ref().filter(|_| held).map(|assignment| assignment.vehicle)
    }

    /// Whether its vehicle can be offered another route now: it drives or will, or waits before a closed road, no other offer
    /// is open, and it was not told to stop.
    pub fn may_reroute(&self) -> bool {
        let waits = self.status == Status::SafeStopped && self.held_back_at.is_some();
        let stands = self.status.is_interrupted() || self.status == Status::Stranded;
        self.vehicle().is_some()
            && self.withdrawal.is_none()
            && (waits || !stands)
            && self.rerouting.is_none()
            && self.blocked.is_none()
    }

    /// The deadlines that follow from how long its vehicle's claim is valid.
    pub fn claim_timing(&self) -> ClaimTiming {
        let of = |assignment: &Assignment| ClaimTiming::of(assignment.claim_valid_for_s);
        self.assignment.as_ref().map(of).unwrap_or_default()
    }

    /// The vehicles that are not asked for this trip at `now`.
    pub fn exclusions(&self, now: Timestamp) -> impl Iterator<Item = &Exclusion> {
        self.excluded.iter().filter(move |exclusion| now < exclusion.until)
    }

    /// Whether a vehicle is not asked for this trip at `now`.
    pub fn excludes(&self, vehicle: VehicleId, now: Timestamp) -> bool {
        self.exclusions(now).any(|exclusion| exclusion.vehicle == vehicle)
    }

    /// Whether people or load of this trip are aboard once its vehicle says so: from the pickup on its sensors count,
    /// before it whoever is aboard is not the trip's.
    pub(crate) fn occupied_after(&self, says_occupied: bool) -> bool {
        let was_there = |assignment: &Assignment| assignment.milestone >= Milestone::ArrivedPickup;
        self.occupied || says_occupied && self.assignment.as_ref().is_some_and(was_there)
    }

    fn created(body: &super::events::TripCreated, meta: &EventMeta) -> Self {
        Self {
            id: body.trip,
            status: body.status,
            left: None,
            occupied: false,
            site: body.site.clone(),
            kind: body.kind,
            stops: body.stops.clone(),
            stop_index: 0,
            requirements: body.requirements.clone(),
            priority: body.priority,
            window: body.window.clone(),
            constraints: body.constraints.clone(),
            request_constraints: body.constraints.clone(),
            decision: body.decision,
            policy_bundle: body.policy_bundle.clone(),
            requested_by: body.requested_by.clone(),
            standing: body.standing,
            created_at: meta.recorded_at,
            expires_at: body.expires_at,
            route: None,
            route_versions: 0,
            rerouting: None,
            blocked: None,
            resuming: None,
            held_back_at: None,
            diversion: None,
            withdrawal: None,
            assignment: None,
            excluded: Vec::new(),
            wait: None,
            violations: BTreeMap::new(),
            reports: BTreeMap::new(),
            summary: None,
            ended: None,
            due: Some(body.due_at),
            changed_at: meta.recorded_at,
        }
    }

    fn heard(&mut self, report: &ReportRef, milestone: Option<Milestone>) {
        let newest = self.reports.entry(report.boot).or_default();
        *newest = report.seq.max(*newest);
        while self.reports.len() > BOOTS_MAX {
            self.reports.pop_first();
        }
        if let Some(assignment) = &mut self.assignment {
            assignment.silence_reported = false;
            assignment.milestone = milestone.unwrap_or(assignment.milestone);
        }
        self.occupied = self.occupied_after(report.occupied);
    }

    fn interrupt(&mut self, status: Status, report: &ReportRef) {
        self.heard(report, None);
        if !self.status.is_interrupted() {
            self.left = Some(self.status);
        }
        self.status = status;
    }

    fn wait_again(&mut self, body: &super::events::TripUnassigned, at: Timestamp) {
        if let Some(report) = &body.report {
            self.heard(report, None);
        }
        self.status = Status::Waiting;
        self.left = None;
        self.assignment = None;
        self.withdrawal = None;
        // It led this vehicle, from where that was and on the map of then; the next one gets its own.
        self.route = None;
        (self.rerouting, self.blocked, self.resuming, self.held_back_at) = (None, None, None, None);
        self.stop_index = 0;
        self.expires_at = self.expires_at.max(body.due_at);
        self.constraints = self.request_constraints.clone();
        self.violations.clear();
        self.excluded.retain(|exclusion| exclusion.vehicle != body.vehicle && at < exclusion.until);
        let (vehicle, until) = (body.vehicle, body.excluded_until);
        self.excluded.push(Exclusion { vehicle, until, code: body.code.clone(), reason: body.reason.clone() });
        if self.excluded.len() > EXCLUSIONS_MAX {
            self.excluded.remove(0);
        }
        self.wait = Some(Wait {
            code: body.code.clone(),
            reason: body.reason.clone(),
            policies: Default::default(),
            since: at,
        });
    }

    fn end(&mut self, status: Status, code: &str, reason: &str, at: Timestamp) {
        self.status = status;
        self.left = None;
        self.due = None;
        self.wait = None;
        self.withdrawal = None;
        (self.rerouting, self.blocked, self.resuming, self.held_back_at) = (None, None, None, None);
        self.violations.clear();
        self.ended = Some(Ending { at, code: code.into(), reason: reason.into() });
    }

    fn assigned(&mut self, body: &super::events::TripAssigned, at: Timestamp) {
        self.status = Status::Assigned;
        self.wait = None;
        self.withdrawal = None;
        self.constraints = body.constraints.clone();
        self.route_versions = body.route.version;
        self.route = Some(body.route.clone());
        self.assignment = Some(Assignment {
            vehicle: body.vehicle,
            claim_epoch: body.claim_epoch,
            claim_valid_for_s: body.claim_valid_for_s,
            assigned_at: at,
            pickup_expected_at: body.pickup_expected_at,
            milestone: Milestone::Assigned,
            decision: body.decision,
            silence_reported: false,
        });
    }

    /// The events of a vehicle's drive; answers the new deadline.
    fn apply_motion(&mut self, event: &TripEvent) -> Option<Timestamp> {
        match event {
            TripEvent::Dispatched(body) => {
                self.status = Status::Dispatched;
                self.heard(&body.report, Some(Milestone::Accepted));
                if let Some(assignment) = &mut self.assignment {
                    assignment.pickup_expected_at = body.pickup_expected_at;
                }
                Some(body.due_at)
            }
            TripEvent::Departed(body) => {
                self.status = Status::ToPickup;
                self.heard(&body.report, Some(Milestone::Departed));
                Some(body.due_at)
            }
            TripEvent::ArrivedPickup(body) => {
                self.status = Status::AtPickup;
                self.heard(&body.report, Some(Milestone::ArrivedPickup));
                Some(body.due_at)
            }
            TripEvent::Boarded(body) => {
                self.status = Status::OnTrip;
                self.occupied = body.occupied;
                self.stop_index = body.stop_index;
                self.heard(&body.report, Some(Milestone::Boarded));
                Some(body.due_at)
            }
            TripEvent::ArrivedDropoff(body) => {
                self.status = Status::AtDropoff;
                self.stop_index = body.stop_index;
                self.heard(&body.report, Some(Milestone::ArrivedDropoff));
                Some(body.due_at)
            }
            TripEvent::Paused(body) => {
                self.interrupt(Status::Paused, &body.report);
                Some(body.due_at)
            }
            TripEvent::AssistNeeded(body) => {
                self.interrupt(Status::AwaitingAssist, &body.report);
                Some(body.due_at)
            }
            TripEvent::SafeStopped(body) => {
                self.interrupt(Status::SafeStopped, &body.report);
                self.held_back_at = (body.reason == ROAD_CLOSED).then_some(body.report.at);
                Some(body.due_at)
            }
            TripEvent::Resumed(body) => {
                self.heard(&body.report, None);
                self.status = body.to;
                (self.left, self.blocked, self.held_back_at) = (None, None, None);
                Some(body.due_at)
            }
            _ => self.due,
        }
    }

    /// The events of a route that changes under a vehicle; answers the new deadline.
    fn apply_way(&mut self, event: &TripEvent, at: Timestamp) -> Option<Timestamp> {
        match event {
            TripEvent::Rerouted(body) => {
                let (route, reason) = (body.route.clone(), body.reason.clone());
                let (begins_at_m, due_at) = (body.begins_at_m, body.due_at);
                self.route_versions = route.version;
                self.rerouting = Some(Rerouting { route, begins_at_m, reason, offered_at: at, due_at });
                self.due
            }
            TripEvent::RerouteTaken(body) => {
                if let Some(taken) = self.rerouting.take_if(|offered| offered.route.route == body.route) {
                    (self.route, self.blocked) = (Some(taken.route), None);
                }
                Some(body.due_at)
            }
            TripEvent::RerouteFailed(body) => {
                self.rerouting = None;
                self.blocked = Some(Blocked { code: body.code.clone(), reason: body.reason.clone() });
                Some(body.due_at)
            }
            TripEvent::Diverted(body) => {
                self.stops = body.stops.clone();
                self.diversion = Some(Diversion { reason: body.reason.clone(), by: body.by });
                Some(body.due_at)
            }
            TripEvent::ResumeOrdered(body) => {
                if let Some(route) = &body.route {
                    self.route_versions = route.version;
                }
                let (assist, route, due_at) = (body.assist, body.route.clone(), body.due_at);
                self.resuming = Some(Resuming { assist, route, ordered_at: at, due_at });
                self.due
            }
            TripEvent::ResumeTaken(body) => {
                self.resuming = None;
                if body.route.is_some() {
                    (self.route, self.blocked) = (body.route.clone(), None);
                }
                Some(body.due_at)
            }
            TripEvent::ResumeRefused(body) => {
                self.resuming = None;
                Some(body.due_at)
            }
            _ => self.due,
        }
    }

    /// The events after which nothing is due.
    fn apply_end(&mut self, event: &TripEvent, at: Timestamp) {
        match event {
            TripEvent::Completed(body) => {
                self.heard(&body.report, Some(Milestone::Completed));
                self.occupied = false;
                self.summary = Some(body.summary.clone());
                self.end(Status::Completed, "COMPLETED", "the vehicle completed the trip", at);
            }
            TripEvent::Cancelled(body) => {
                if let Some(report) = &body.report {
                    self.heard(report, Some(Milestone::Completed));
                    self.occupied = false;
                }
                self.summary = body.summary.clone().or(self.summary.take());
                self.end(Status::Cancelled, "CANCELLED", &body.reason, at);
            }
            TripEvent::Failed(body) => {
                if let Some(report) = &body.report {
                    self.heard(report, None);
                }
                self.end(Status::Failed, &body.code, &body.reason, at);
            }
            TripEvent::Expired(body) => self.end(Status::Expired, "EXPIRED", &body.reason, at),
            _ => {}
        }
    }

    fn apply_violation(&mut self, event: &TripEvent, at: Timestamp) {
        match event {
            TripEvent::ViolationOpened(body) => {
                let open = OpenViolation { violation: body.violation, response: body.response, opened_at: at };
                self.violations.insert(body.rule.clone(), open);
            }
            TripEvent::ViolationClosed(body) => {
                self.violations.remove(&body.rule);
            }
            _ => {}
        }
    }

    fn apply(&mut self, event: &TripEvent, meta: &EventMeta) {
        let at = meta.recorded_at;
        self.changed_at = at;
        self.due = match event {
            TripEvent::Created(_) | TripEvent::ComplianceSummary(_) => self.due,
            TripEvent::Released(body) => {
                self.status = Status::Created;
                Some(body.due_at)
            }
            TripEvent::RouteFound(body) => {
                if self.status == Status::Created {
                    self.status = Status::Waiting;
                }
                self.route_versions = body.route.version;
                self.route = Some(body.route.clone());
                Some(body.due_at)
            }
            TripEvent::Waits(body) => {
                if self.status == Status::Created {
                    self.status = Status::Waiting;
                }
                let (code, reason, policies) = (body.code.clone(), body.reason.clone(), body.policies.clone());
                self.wait = Some(Wait { code, reason, policies, since: at });
                Some(body.due_at)
            }
            TripEvent::Assigned(body) => {
                self.assigned(body, at);
                Some(body.due_at)
            }
            TripEvent::Unassigned(body) => {
                self.wait_again(body, at);
                Some(body.due_at)
            }
            TripEvent::Withdrawn(body) => {
                self.withdrawal = Some(Withdrawal { code: body.code.clone(), reason: body.reason.clone(), since: at });
                Some(body.due_at)
            }
            TripEvent::Stranded(body) => {
                self.status = Status::Stranded;
                Some(body.due_at)
            }
            TripEvent::VehicleSilent(body) => {
                if let Some(assignment) = &mut self.assignment {
                    assignment.silence_reported = true;
                }
                Some(body.due_at)
            }
            TripEvent::DeadlineMoved(body) => {
                if let Some(assignment) = self.assignment.as_mut().filter(|_| body.heard) {
                    assignment.silence_reported = false;
                }
                Some(body.due_at)
            }
            TripEvent::Completed(_) | TripEvent::Cancelled(_) | TripEvent::Failed(_) | TripEvent::Expired(_) => {
                self.apply_end(event, at);
                None
            }
            TripEvent::ViolationOpened(_) | TripEvent::ViolationClosed(_) => {
                self.apply_violation(event, at);
                self.due
            }
            TripEvent::Rerouted(_)
            | TripEvent::RerouteTaken(_)
            | TripEvent::RerouteFailed(_)
            | TripEvent::Diverted(_)
            | TripEvent::ResumeOrdered(_)
            | TripEvent::ResumeTaken(_)
            | TripEvent::ResumeRefused(_) => self.apply_way(event, at),
            motion => self.apply_motion(motion),
        };
    }
}

impl Aggregate for Trip {
    type Id = TripId;
    type Event = TripEvent;
    const KIND: &'static str = "trip";
    const FOLD_VERSION: u32 = 2;
    const INDEXES: &'static [&'static str] = &["status", "vehicle", "site"];
    const READ_BY: &'static [&'static [&'static str]] =
        &[&["status"], &["vehicle"], &["site"], &["status", "vehicle"], &["status", "site"]];

    fn evolve(state: Option<Self>, event: &TripEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, TripEvent::Created(body)) => Some(Self::created(body, meta)),
            (None, _) => None,
            (Some(trip), TripEvent::Created(_)) => Some(trip),
            (Some(mut trip), event) => {
                trip.apply(event, meta);
                Some(trip)
            }
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        let offered = self.rerouting.as_ref().map(|offered| offered.due_at);
        let ordered = self.resuming.as_ref().map(|ordered| ordered.due_at);
        // What the vehicle reports meanwhile moves the trip's own deadline, never the offer's or the order's.
        self.due.into_iter().chain(offered).chain(ordered).min()
    }

    fn index_values(&self) -> Vec<String> {
        let vehicle = self.assignment.as_ref().map(|assignment| assignment.vehicle.to_string());
        vec![self.status.to_string(), vehicle.unwrap_or_default(), self.site.to_string()]
    }

    fn about(event: &TripEvent, state: Option<&Self>) -> Vec<Subject> {
        let vehicle = named_vehicle(event).or_else(|| state?.vehicle());
        vehicle.map(|vehicle| Subject::new("vehicle", vehicle)).into_iter().collect()
    }

    fn motion(event: &TripEvent, _state: Option<&Self>) -> Option<MotionFacts> {
        report_of(event).map(|report| MotionFacts {
            odometer_m: Known::Known(report.odometer_m),
            jurisdiction: Known::unknown("no site says whose traffic law applies"),
            mode: Known::Known(report.mode.clone()),
            occupied: Known::Known(report.occupied),
        })
    }
}
