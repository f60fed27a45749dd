//! The rules of going on after a stop (SAFE-13): nothing goes on by itself once a stop's cause has gone. A person orders
//! it, policy allows it, the vehicle checks it and may refuse.

use kernel::id::{AssistId, EventId, PrincipalId};
use kernel::{Code, Decided, DecisionId, Reject, Timestamp, VehicleId};
use policy::Response;

use super::decide::Done;
use super::events::{TripEvent, TripResumeOrdered, TripResumeRefused, TripResumeTaken};
use super::state::Trip;
use super::status::{Step, check};
use super::types::RouteSummary;
use crate::limits::{REROUTE_TIMEOUT_MS, truncated};

/// A person's order to go on, with what was found for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumeOrder {
    pub reason: String,
    pub by: Option<PrincipalId>,
    /// The request for help that it answers, if it is an answer.
    pub assist: Option<AssistId>,
    /// The decision that allowed it, or the refusal.
    pub allowed: Result<DecisionId, Reject>,
    /// Another route, where the present one is cut or one was chosen.
    pub route: Option<RouteSummary>,
    /// The event that told the vehicle to stop because no route led on, if one did.
    pub clears: Vec<EventId>,
}

/// What the vehicle said to an order to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumeAnswer {
    pub vehicle: VehicleId,
    /// The route that it was ordered to go on by, where that is another one.
    pub route: Option<RouteSummary>,
    /// Why it does not, as stable code and for a person; `None` when it does.
    pub refused: Option<(String, String)>,
}

type Verdict = Result<Decided<TripEvent, Done>, Reject>;

/// Whether a trip's vehicle may be ordered to go on.
///
/// # Errors
/// `ILLEGAL_TRANSITION` where it does not stand, or stands for a rule that is still violated; `CONFLICT` while another
/// order is not answered.
pub(crate) fn may_resume(trip: &Trip, now: Timestamp) -> Result<(), Reject> {
    check(trip.status, Step::Resume)?;
    if let Some(end) = trip.limits_end().filter(|end| *end <= now) {
        let message = format!("what allowed this trip ended at {end}: end it, and ask for another");
        return Err(Reject::new(Code::IllegalTransition, message));
    }
    if let Some(withdrawal) = &trip.withdrawal {
        let message = format!("the trip is taken back from the vehicle: {}", withdrawal.reason);
        return Err(Reject::new(Code::IllegalTransition, message));
    }
    if trip.resuming.is_some() {
        return Err(Reject::new(Code::Conflict, "the vehicle has not answered the last order to go on yet"));
    }
    let stops = trip.violations.iter().find(|(_, violation)| violation.response == Response::Stop);
    match stops {
        Some((rule, _)) => {
            let message = format!("the vehicle was stopped because it violates {rule}, which it still does");
            Err(Reject::new(Code::IllegalTransition, message))
        }
        None => Ok(()),
    }
}

pub(super) fn order(trip: &Trip, order: &ResumeOrder, now: Timestamp) -> Verdict {
    let decision = order.allowed.clone()?;
    may_resume(trip, now)?;
    let Some(assignment) = trip.assignment.as_ref() else {
        return Err(Reject::new(Code::IllegalTransition, "the trip has no vehicle"));
    };
    if order.route.as_ref().is_some_and(|route| route.version != trip.route_versions + 1) {
        return Err(Reject::new(Code::Conflict, "the trip's route changed meanwhile"));
    }
    let event = TripResumeOrdered {
        vehicle: assignment.vehicle,
        claim_epoch: assignment.claim_epoch,
        reason: truncated(&order.reason),
        by: order.by,
        decision,
        assist: order.assist,
        route: order.route.clone(),
        clears: order.clears.clone(),
        due_at: now.plus_ms(REROUTE_TIMEOUT_MS),
    };
    Ok(Done::becomes(trip, trip.status, vec![event.into()]))
}

/// Takes the vehicle's answer. One that comes after its deadline still counts where it says that the vehicle took another
/// route: that is the one it drives.
pub(super) fn answered(trip: &Trip, answer: &ResumeAnswer, now: Timestamp) -> Decided<TripEvent, Done> {
    let late = answer.route.as_ref().is_some_and(|route| {
        route.version == trip.route_versions && trip.route.as_ref().is_some_and(|known| known.route != route.route)
    });
    if trip.vehicle() != Some(answer.vehicle) || trip.resuming.is_none() && !late {
        return Done::unchanged(trip);
    }
    match &answer.refused {
        Some((code, reason)) => refused(trip, code, reason, now),
        None => {
            let due_at = now.plus_ms(trip.claim_timing().look_again_ms());
            let event = TripResumeTaken { route: answer.route.clone(), due_at };
            Done::becomes(trip, trip.status, vec![event.into()])
        }
    }
}

pub(super) fn refused(trip: &Trip, code: &str, reason: &str, now: Timestamp) -> Decided<TripEvent, Done> {
    let (Some(vehicle), Some(resuming)) = (trip.vehicle(), &trip.resuming) else { return Done::unchanged(trip) };
    let event = TripResumeRefused {
        vehicle,
        assist: resuming.assist,
        code: truncated(code),
        reason: truncated(reason),
        due_at: now.plus_ms(trip.claim_timing().look_again_ms()),
    };
    Done::becomes(trip, trip.status, vec![event.into()])
}
