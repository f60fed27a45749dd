//! What can happen to a request for assistance. A body is written once and read for ever.

use kernel::id::{AssistId, PrincipalId};
use kernel::{Coordinate, SiteId, Timestamp, TripId, VehicleId};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::trip::resume::ResumeOrder;
use crate::trip::types::{RouteSummary, SnapshotRef};

kernel::domain_events! {
    /// What happens to a request for assistance.
    pub enum AssistEvent {
        "assist.asked" 1 => Asked(AssistAsked),
        "assist.taken" 1 => Taken(AssistTaken),
        "assist.handed_back" 1 => HandedBack(AssistHandedBack),
        "assist.lapsed" 1 => Lapsed(AssistLapsed),
        "assist.answered" 1 => Answered(AssistAnswered),
        "assist.accepted" 1 => Accepted(AssistAccepted),
        "assist.refused" 1 => Refused(AssistRefused),
        "assist.done" 1 => Done(AssistDone),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssistAsked {
    pub assist: AssistId,
    pub trip: TripId,
    pub vehicle: VehicleId,
    /// The claim under which it asks.
    pub claim_epoch: u64,
    pub site: SiteId,
    /// What for, as a stable code.
    pub kind: String,
    pub at: Coordinate,
    /// Whether people or load are aboard.
    pub occupied: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

/// A person takes it, or goes on having it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistTaken {
    pub by: PrincipalId,
    pub lease: u64,
    pub until: Timestamp,
}

/// The person gives it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistHandedBack {
    pub by: PrincipalId,
    pub lease: u64,
}

/// The person's lease ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistLapsed {
    pub by: PrincipalId,
    pub lease: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssistAnswered {
    pub trip: TripId,
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    pub answer: Answer,
    pub by: PrincipalId,
    pub lease: u64,
    pub reason: String,
    /// What the trip is ordered, where the vehicle goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// The lease goes on until then.
    pub until: Timestamp,
    /// Until when the vehicle must have responded.
    pub due_at: Timestamp,
}

/// What an answer by which the vehicle goes on orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub decision: kernel::DecisionId,
    /// The route that it goes on by, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteSummary>,
    /// Stops that end with this, each by the event that ordered it.
    pub clears: Vec<kernel::EventId>,
}

impl AssistAnswered {
    /// The order to the trip, where there is one.
    pub fn to_resume(&self, assist: AssistId) -> Option<ResumeOrder> {
        let order = self.order.as_ref()?;
        Some(ResumeOrder {
            reason: self.reason.clone(),
            by: Some(self.by),
            assist: Some(assist),
            allowed: Ok(order.decision),
            route: order.route.clone(),
            clears: order.clears.clone(),
        })
    }
}

/// The vehicle does what it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistAccepted {
    pub answer: Answer,
}

/// The vehicle does not do what it was answered, or did not receive it: another answer is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistRefused {
    pub answer: Answer,
    pub code: String,
    pub reason: String,
}

/// It needs nobody any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssistDone {
    pub code: String,
    pub reason: String,
}
