//! What can happen to a standing order. A body is written once and read for ever.

use kernel::id::{PrincipalId, StandingId};
use kernel::{SiteId, Timestamp, TripId};
use serde::{Deserialize, Serialize};

use super::Goal;
use crate::trip::Status;
use crate::trip::types::{Kind, Requirements, Stop};

kernel::domain_events! {
    /// What happens to a standing order.
    pub enum StandingOrderEvent {
        "standing.opened" 1 => Opened(StandingOpened),
        "standing.trip_asked" 1 => TripAsked(StandingTripAsked),
        "standing.trip_ended" 1 => TripEnded(StandingTripEnded),
        "standing.paused" 1 => Paused(StandingPaused),
        "standing.completed" 1 => Completed(StandingCompleted),
        "standing.cancelled" 1 => Cancelled(StandingCancelled),
    }
}

/// The order was allowed and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingOpened {
    pub standing: StandingId,
    pub site: SiteId,
    pub kind: Kind,
    pub stops: Vec<Stop>,
    /// What each vehicle must be able to do; the payload is that of one full load.
    pub requirements: Requirements,
    /// From 0; higher goes first.
    pub priority: u8,
    pub goal: Goal,
    /// How many trips are open at once, at most.
    pub at_once: u64,
    pub requested_by: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A trip was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingTripAsked {
    pub trip: TripId,
    pub payload_kg: f64,
    /// When the next one is to be asked for; `None`: once one has ended.
    pub due_at: Option<Timestamp>,
}

/// One of its trips ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingTripEnded {
    pub trip: TripId,
    pub status: Status,
    /// What it moved, in kilograms.
    pub moved_kg: f64,
    /// When the next one is to be asked for; `None`: once another has ended.
    pub due_at: Option<Timestamp>,
}

/// No further trip is asked for until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingPaused {
    /// Stable code of the refusal, or of how the last trip ended.
    pub code: String,
    pub reason: String,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingCompleted {
    pub trips_done: u64,
    pub moved_kg: f64,
}

/// It was called off; trips under way go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingCancelled {
    pub reason: String,
    pub by: Option<PrincipalId>,
}
