//! The rules of a trip for those who ask for it, run it and watch it. Pure: state, command and time in; events and an
//! answer out.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::{PrincipalId, StandingId, ViolationId};
use kernel::{Code, Decided, DecisionId, Reject, Timestamp, TripId, VehicleId};
use policy::{Constraints, Response};

use super::due::{self, DueFacts};
use super::events::{
    TripAssigned, TripCancelled, TripComplianceSummary, TripCreated, TripEvent, TripFailed, TripRouteFound,
    TripStranded, TripVehicleSilent, TripViolationClosed, TripViolationOpened, TripWaits,
};
use super::report::{self, VehicleReport};
use super::request::TripRequest;
use super::reroute::{self, NoRouteFound, RerouteAnswer, RouteOffer};
use super::resume::{self, ResumeAnswer, ResumeOrder};
use super::state::Trip;
use super::status::{Status, Step, check};
use super::types::{Choice, FrozenSector, RouteSummary, Stop};
use crate::limits::{ACCEPT_TIMEOUT_MS, SCHEDULE_LEAD_MS, VIOLATIONS_MAX, WAIT_MAX_MS, truncated};

/// What somebody wants of a trip, with the facts that were gathered for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for it (TRIP-1 to TRIP-4).
    Request(Box<NewTrip>),
    /// A route without a vehicle was found (TRIP-5).
    RouteFound(Box<RouteSummary>),
    /// No vehicle, or no route, for this reason.
    Wait(WaitReason),
    /// Give it a vehicle that is claimed for it (TRIP-6).
    Assign(Box<NewAssignment>),
    /// What its vehicle tells (TRIP-7 to TRIP-9).
    Report(Box<VehicleReport>),
    /// Its vehicle may not drive it any more: a hold, a revocation.
    LoseVehicle(VehicleLoss),
    /// Its vehicle says that it is not on the trip under this claim, or not any more.
    VehicleLeft {
        vehicle: VehicleId,
        claim_epoch: u64,
    },
    /// The connection to its vehicle ended.
    VehicleOffline(VehicleId),
    /// Its standing vehicle cannot go on.
    Strand {
        reason: String,
    },
    Cancel {
        reason: String,
        /// The person or program, if it was one.
        by: Option<PrincipalId>,
        /// The stops of the route to where people or load leave, if there are any aboard and there is such a place.
        stops: Option<Vec<Stop>>,
    },
    /// Offer its vehicle another route (SAFE-9).
    Reroute(Box<RouteOffer>),
    /// Its vehicle took the other route, or did not.
    RerouteAnswered(RerouteAnswer),
    NoRoute(NoRouteFound),
    /// Order its standing vehicle to go on (SAFE-13).
    Resume(Box<ResumeOrder>),
    /// What its vehicle said to that.
    ResumeAnswered(Box<ResumeAnswer>),
    Fail {
        code: String,
        reason: String,
    },
    /// Violations that opened or closed (TRIP-8).
    Compliance(Vec<ComplianceEdge>),
    /// What was checked since the last summary (TRIP-8).
    Summary(Box<TripComplianceSummary>),
    Due(DueFacts),
}

/// A trip that is asked for, with policy's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTrip {
    pub id: TripId,
    pub request: TripRequest,
    /// What policy and the map say.
    pub answer: Result<Allowed, Reject>,
    pub requested_by: String,
    /// The standing order that asks, if one does.
    pub standing: Option<StandingId>,
    /// What is in force of the sector.
    pub frozen: Option<FrozenSector>,
    /// Whether the tenant's vehicles are simulated.
    pub simulated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Allowed {
    pub constraints: Constraints,
    pub decision: DecisionId,
    /// SHA-256 of the bundle that decided.
    pub policy_bundle: String,
}

/// Why a trip waits, and what was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitReason {
    pub code: String,
    pub reason: String,
    /// The rules that refused, where policy did.
    pub policies: BTreeSet<String>,
    pub ready: u64,
    /// Why they could not take the trip: stable code and how many.
    pub filtered: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewAssignment {
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    /// How long it is valid without renewal, in seconds.
    pub claim_valid_for_s: u64,
    /// The decision that allowed the pair.
    pub decision: DecisionId,
    /// The route for this vehicle, from where it is.
    pub route: RouteSummary,
    /// The limits of trip and vehicle together.
    pub constraints: Constraints,
    pub choice: Choice,
}

/// Why a trip may lose its vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VehicleLoss {
    pub vehicle: VehicleId,
    pub code: String,
    pub reason: String,
    /// What is known of the vehicle.
    pub facts: DueFacts,
}

/// The beginning or end of a violation.
#[derive(Debug, Clone, PartialEq)]
pub struct ComplianceEdge {
    /// The id that a new violation gets.
    pub violation: ViolationId,
    pub rule: String,
    /// What is wrong and what is to be done; `None` when it ended.
    pub opened: Option<(Response, String)>,
    /// The speed to slow down to, in metres per second.
    pub max_speed_mps: Option<f64>,
    /// When the vehicle took the sample.
    pub sampled_at: Timestamp,
}

/// The answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub trip: TripId,
    pub status: Status,
    /// Whether anything changed; a doubled report changes nothing.
    pub changed: bool,
}

impl Done {
    pub(crate) fn unchanged(trip: &Trip) -> Decided<TripEvent, Done> {
        Decided::unchanged(Done { trip: trip.id, status: trip.status, changed: false })
    }

    pub(crate) fn becomes(trip: &Trip, status: Status, events: Vec<TripEvent>) -> Decided<TripEvent, Done> {
        Decided::accept(events, Done { trip: trip.id, status, changed: true })
    }
}

pub fn decide(state: Option<&Trip>, command: &Command, now: Timestamp) -> Decided<TripEvent, Done> {
    let trip = match (state, command) {
        (None, Command::Request(new)) => return request(new, now),
        (None, _) => return Decided::reject(Reject::new(Code::NotFound, "there is no such trip")),
        (Some(trip), _) => trip,
    };
    let decided = match command {
        Command::Request(_) => Err(Reject::new(Code::Conflict, "a trip with this id exists already")),
        Command::RouteFound(route) => route_found(trip, route),
        Command::Wait(reason) => wait(trip, reason),
        Command::Assign(new) => assign(trip, new, now),
        Command::Report(report) => report::decide(trip, report, now),
        Command::LoseVehicle(loss) => Ok(due::lose_vehicle(trip, loss, now)),
        Command::VehicleLeft { vehicle, claim_epoch } => Ok(due::vehicle_left(trip, *vehicle, *claim_epoch, now)),
        Command::VehicleOffline(vehicle) => Ok(vehicle_offline(trip, *vehicle)),
        Command::Strand { reason } => strand(trip, reason, now),
        Command::Cancel { reason, by, stops } => cancel(trip, reason, *by, stops.as_ref(), now),
        Command::Reroute(new) => reroute::offer(trip, new, now),
        Command::RerouteAnswered(answer) => Ok(reroute::answered(trip, answer, now)),
        Command::NoRoute(none) => Ok(reroute::none(trip, none, now)),
        Command::Resume(order) => resume::order(trip, order, now),
        Command::ResumeAnswered(answer) => Ok(resume::answered(trip, answer, now)),
        Command::Fail { code, reason } => fail(trip, code, reason),
        Command::Compliance(edges) => Ok(compliance(trip, edges)),
        Command::Summary(summary) => Ok(summarize(trip, summary)),
        Command::Due(facts) => Ok(due::decide(trip, facts, now)),
    };
    decided.unwrap_or_else(Decided::reject)
}

type Verdict = Result<Decided<TripEvent, Done>, Reject>;

fn request(new: &NewTrip, now: Timestamp) -> Decided<TripEvent, Done> {
    let allowed = match &new.answer {
        Ok(allowed) => allowed,
        Err(reject) => return Decided::reject(reject.clone()),
    };
    let request = &new.request;
    let begins = request.window.earliest.map(|earliest| earliest.plus_ms(-SCHEDULE_LEAD_MS)).filter(|at| now < *at);
    let status = if begins.is_some() { Status::Scheduled } else { Status::Created };
    let starts = request.window.earliest.map_or(now, |earliest| earliest.max(now));
    let event = TripCreated {
        trip: new.id,
        status,
        site: request.site.clone(),
        kind: request.kind,
        stops: request.stops.clone(),
        requirements: request.requirements.clone(),
        priority: request.priority,
        window: request.window.clone(),
        constraints: allowed.constraints.clone(),
        decision: allowed.decision,
        policy_bundle: allowed.policy_bundle.clone(),
        requested_by: new.requested_by.clone(),
        standing: new.standing,
        frozen: new.frozen.clone(),
        simulated: new.simulated,
        expires_at: request.window.latest.unwrap_or(starts.plus_ms(WAIT_MAX_MS)),
        due_at: begins.unwrap_or(now),
    };
    Decided::accept([event.into()], Done { trip: new.id, status, changed: true })
}

fn route_found(trip: &Trip, route: &RouteSummary) -> Verdict {
    // A trip that waits has its route found again when it lost the one it had, or a zone or closure cuts it.
    match (trip.status, &trip.route) {
        (Status::Waiting, Some(known)) if known.digest == route.digest => return Ok(Done::unchanged(trip)),
        (Status::Waiting, _) => {}
        (status, _) => check(status, Step::Wait)?,
    }
    let event = TripRouteFound { route: route.clone(), due_at: trip.expires_at };
    Ok(Done::becomes(trip, Status::Waiting, vec![event.into()]))
}

/// Whether a trip waits for this reason already: the numbers change at every look, the reason does not.
pub(crate) fn waits_for(trip: &Trip, reason: &WaitReason) -> bool {
    let same = |wait: &super::types::Wait| wait.code == reason.code && wait.policies == reason.policies;
    trip.status == Status::Waiting && trip.wait.as_ref().is_some_and(same)
}

fn wait(trip: &Trip, reason: &WaitReason) -> Verdict {
    if trip.status != Status::Waiting {
        check(trip.status, Step::Wait)?;
    }
    if waits_for(trip, reason) {
        return Ok(Done::unchanged(trip));
    }
    let event = TripWaits {
        code: reason.code.clone(),
        reason: truncated(&reason.reason),
        policies: reason.policies.clone(),
        ready: reason.ready,
        filtered: reason.filtered.clone(),
        due_at: trip.expires_at,
    };
    Ok(Done::becomes(trip, Status::Waiting, vec![event.into()]))
}

fn assign(trip: &Trip, new: &NewAssignment, now: Timestamp) -> Verdict {
    let held = trip.assignment.as_ref().filter(|_| trip.status.has_vehicle());
    if held.is_some_and(|held| held.vehicle == new.vehicle && held.claim_epoch == new.claim_epoch) {
        return Ok(Done::unchanged(trip));
    }
    check(trip.status, Step::Assign)?;
    let approach_ms = i64::try_from(new.route.approach_ms).unwrap_or(i64::MAX);
    let event = TripAssigned {
        vehicle: new.vehicle,
        claim_epoch: new.claim_epoch,
        claim_valid_for_s: new.claim_valid_for_s,
        decision: new.decision,
        route: RouteSummary { version: trip.route_versions + 1, ..new.route.clone() },
        constraints: new.constraints.clone(),
        pickup_expected_at: now.plus_ms(approach_ms),
        choice: new.choice.clone(),
        due_at: now.plus_ms(ACCEPT_TIMEOUT_MS),
    };
    Ok(Done::becomes(trip, Status::Assigned, vec![event.into()]))
}

fn vehicle_offline(trip: &Trip, vehicle: VehicleId) -> Decided<TripEvent, Done> {
    let told = trip.assignment.as_ref().is_some_and(|assignment| assignment.silence_reported);
    if trip.vehicle() != Some(vehicle) || told {
        return Done::unchanged(trip);
    }
    let reason = "the connection to the vehicle ended; it may drive on until its claim lapses".to_owned();
    let due_at = trip.due.unwrap_or(trip.changed_at);
    let event = TripVehicleSilent { vehicle, occupied: trip.occupied, reason, due_at };
    Done::becomes(trip, trip.status, vec![event.into()])
}

fn strand(trip: &Trip, reason: &str, now: Timestamp) -> Verdict {
    if trip.status == Status::Stranded {
        return Ok(Done::unchanged(trip));
    }
    check(trip.status, Step::Strand)?;
    let event = TripStranded { reason: truncated(reason), due_at: now.plus_ms(trip.claim_timing().look_again_ms()) };
    Ok(Done::becomes(trip, Status::Stranded, vec![event.into()]))
}

fn cancel(trip: &Trip, reason: &str, by: Option<PrincipalId>, stops: Option<&Vec<Stop>>, now: Timestamp) -> Verdict {
    if trip.status == Status::Cancelled {
        return Ok(Done::unchanged(trip));
    }
    check(trip.status, Step::Cancel)?;
    if trip.occupied {
        return reroute::divert(trip, reason, by, stops, now);
    }
    let held = trip.assignment.as_ref().filter(|_| trip.status.has_vehicle());
    let event = TripCancelled {
        reason: truncated(reason),
        by,
        vehicle: held.map(|held| held.vehicle),
        claim_epoch: held.map(|held| held.claim_epoch),
        report: None,
        summary: None,
    };
    Ok(Done::becomes(trip, Status::Cancelled, vec![event.into()]))
}

fn fail(trip: &Trip, code: &str, reason: &str) -> Verdict {
    check(trip.status, Step::Fail)?;
    let held = trip.assignment.as_ref().filter(|_| trip.status.has_vehicle());
    let event = TripFailed {
        code: truncated(code),
        reason: truncated(reason),
        vehicle: held.map(|held| held.vehicle),
        claim_epoch: held.map(|held| held.claim_epoch),
        report: None,
    };
    Ok(Done::becomes(trip, Status::Failed, vec![event.into()]))
}

fn compliance(trip: &Trip, edges: &[ComplianceEdge]) -> Decided<TripEvent, Done> {
    let Some(assignment) = trip.assignment.as_ref().filter(|_| trip.status.has_vehicle()) else {
        return Done::unchanged(trip);
    };
    let (vehicle, claim_epoch) = (assignment.vehicle, assignment.claim_epoch);
    let mut open: BTreeMap<&str, ViolationId> =
        trip.violations.iter().map(|(rule, violation)| (rule.as_str(), violation.violation)).collect();
    let mut events: Vec<TripEvent> = Vec::new();
    for edge in edges {
        let (rule, sampled_at) = (edge.rule.clone(), edge.sampled_at);
        match (&edge.opened, open.get(edge.rule.as_str()).copied()) {
            (Some((response, text)), None) if open.len() < VIOLATIONS_MAX => {
                open.insert(&edge.rule, edge.violation);
                let (response, text, max_speed_mps) = (*response, truncated(text), edge.max_speed_mps);
                let violation = edge.violation;
                events.push(
                    TripViolationOpened {
                        violation,
                        vehicle,
                        claim_epoch,
                        rule,
                        response,
                        max_speed_mps,
                        text,
                        sampled_at,
                    }
                    .into(),
                );
            }
            (None, Some(violation)) => {
                open.remove(edge.rule.as_str());
                events.push(TripViolationClosed { violation, vehicle, rule, sampled_at }.into());
            }
            _ => {}
        }
    }
    match events.is_empty() {
        true => Done::unchanged(trip),
        false => Done::becomes(trip, trip.status, events),
    }
}

fn summarize(trip: &Trip, summary: &TripComplianceSummary) -> Decided<TripEvent, Done> {
    let theirs = trip.assignment.as_ref().is_some_and(|assignment| assignment.vehicle == summary.vehicle);
    match theirs && !trip.status.is_terminal() {
        true => Done::becomes(trip, trip.status, vec![summary.clone().into()]),
        false => Done::unchanged(trip),
    }
}
