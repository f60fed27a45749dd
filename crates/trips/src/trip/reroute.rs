//! The rules of a route that changes under a vehicle (SAFE-9): the old one holds until the vehicle takes the new one; where
//! there is none, or it is not taken, the vehicle is told to stop. And of a trip that is called off with people or load
//! aboard: they are brought to a drop-off first (TRIP-10).

use kernel::id::PrincipalId;
use kernel::{Code, Decided, Reject, RouteId, Timestamp, VehicleId};

use super::decide::Done;
use super::due;
use super::events::{TripDiverted, TripEvent, TripRerouteFailed, TripRerouteTaken, TripRerouted};
use super::state::Trip;
use super::status::Status;
use super::types::{Assignment, RouteSummary, Stop};
use crate::limits::{REROUTE_TIMEOUT_MS, truncated};

/// Another route that was found for a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteOffer {
    pub vehicle: VehicleId,
    pub route: RouteSummary,
    /// Where it begins, in metres along the vehicle's whole path.
    pub begins_at_m: f64,
    pub reason: String,
}

/// No route leads on for a vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRouteFound {
    pub vehicle: VehicleId,
    pub code: String,
    pub reason: String,
}

/// What a vehicle said to another route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerouteAnswer {
    pub vehicle: VehicleId,
    /// The version that it was offered.
    pub route: RouteId,
    /// Why it does not take it, as stable code and for a person; `None` when it took it.
    pub refused: Option<(String, String)>,
}

type Verdict = Result<Decided<TripEvent, Done>, Reject>;

/// The assignment of a trip whose vehicle this is and can be told of another route.
fn drives(trip: &Trip, vehicle: VehicleId) -> Option<&Assignment> {
    let may = trip.vehicle() == Some(vehicle) && trip.status != Status::Stranded;
    trip.assignment.as_ref().filter(|_| may)
}

pub(super) fn offer(trip: &Trip, new: &RouteOffer, now: Timestamp) -> Verdict {
    let Some(assignment) = drives(trip, new.vehicle).filter(|_| trip.may_reroute()) else {
        return Ok(Done::unchanged(trip));
    };
    if new.route.version != trip.route_versions + 1 {
        return Err(Reject::new(Code::Conflict, "the trip's route changed meanwhile"));
    }
    let event = TripRerouted {
        vehicle: new.vehicle,
        claim_epoch: assignment.claim_epoch,
        route: new.route.clone(),
        begins_at_m: new.begins_at_m,
        reason: truncated(&new.reason),
        due_at: now.plus_ms(REROUTE_TIMEOUT_MS),
    };
    Ok(Done::becomes(trip, trip.status, vec![event.into()]))
}

pub(super) fn answered(trip: &Trip, answer: &RerouteAnswer, now: Timestamp) -> Decided<TripEvent, Done> {
    let offered = trip.rerouting.as_ref().is_some_and(|offered| offered.route.route == answer.route);
    if !offered || trip.vehicle() != Some(answer.vehicle) {
        return Done::unchanged(trip);
    }
    match &answer.refused {
        Some((code, reason)) => failed(trip, &format!("REJECTED_{}", truncated(code)), reason, now),
        None => {
            let due_at = now.plus_ms(trip.claim_timing().look_again_ms());
            Done::becomes(trip, trip.status, vec![TripRerouteTaken { route: answer.route, due_at }.into()])
        }
    }
}

pub(super) fn none(trip: &Trip, none: &NoRouteFound, now: Timestamp) -> Decided<TripEvent, Done> {
    match drives(trip, none.vehicle) {
        Some(_) if trip.blocked.is_none() => failed(trip, &none.code, &none.reason, now),
        _ => Done::unchanged(trip),
    }
}

/// The response of last resort: the vehicle stops at the nearest admissible place. An unoccupied trip before its pickup
/// goes to another vehicle; any other waits for a person once the vehicle stands.
pub(super) fn failed(trip: &Trip, code: &str, reason: &str, now: Timestamp) -> Decided<TripEvent, Done> {
    let Some(assignment) = trip.assignment.as_ref() else { return Done::unchanged(trip) };
    let due_at = now.plus_ms(trip.claim_timing().look_again_ms());
    let event = TripRerouteFailed {
        vehicle: assignment.vehicle,
        claim_epoch: assignment.claim_epoch,
        route: trip.rerouting.as_ref().map(|offered| offered.route.route),
        code: truncated(code),
        reason: truncated(reason),
        due_at,
    };
    let mut events = vec![event.into()];
    if !trip.occupied && trip.status.is_before_pickup() {
        events.extend(due::withdraw(trip, assignment, code, reason, due_at));
    }
    Done::becomes(trip, trip.status, events)
}

/// Calls an occupied trip off: `stops` lead to where its people or load leave.
pub(super) fn divert(
    trip: &Trip,
    reason: &str,
    by: Option<PrincipalId>,
    stops: Option<&Vec<Stop>>,
    now: Timestamp,
) -> Verdict {
    if trip.diversion.is_some() {
        return Ok(Done::unchanged(trip));
    }
    let (Some(vehicle), Some(stops), true) = (trip.vehicle(), stops, trip.status != Status::Stranded) else {
        let message = format!(
            "a trip that is {} with people or load aboard cannot be cancelled: nobody can bring them to a drop-off; a \
             person must decide",
            trip.status
        );
        return Err(Reject::new(Code::IllegalTransition, message));
    };
    let due_at = trip.due.unwrap_or(now);
    let event = TripDiverted { vehicle, reason: truncated(reason), by, stops: stops.clone(), due_at };
    Ok(Done::becomes(trip, trip.status, vec![event.into()]))
}
