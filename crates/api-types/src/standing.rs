//! Standing orders: the same trip again and again, until a quantity is moved or so many trips are done.

use std::collections::BTreeMap;

use kernel::id::StandingId;
use kernel::{SiteId, Timestamp, TripId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trips::limits::STANDING_AT_ONCE_MAX;
use trips::standing_order::{Goal, Pause, Status};
use trips::trip::types::{Kind, Requirements, Stop};

use super::trips::TripRequest;

view! {
    StandingOrder of order: trips::StandingOrder {
        id: StandingId,
        status: Status,
        site: SiteId,
        kind: Kind,
        /// Origin first, destination last.
        stops: Vec<Stop>,
        /// What each vehicle must be able to do; the payload is that of one full load.
        requirements: Requirements,
        priority: u8,
        goal: Goal,
        at_once: u64,
        /// Trips asked for so far.
        asked: u64,
        /// Trips that are open, with the load of each in kilograms.
        open: BTreeMap<TripId, f64>,
        trips_done: u64,
        moved_kg: f64,
        /// Why no further trip is asked for now.
        pause: Option<Pause>,
        requested_by: String,
        created_at: Timestamp,
        due: Option<Timestamp>,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandingRequest {
    /// Each of its trips.
    trip: TripRequest,
    goal: Goal,
    /// How many trips are open at once, at most.
    #[schemars(range(min = 1, max = STANDING_AT_ONCE_MAX))]
    at_once: Option<u64>,
}

impl From<StandingRequest> for trips::StandingOrderRequest {
    fn from(asked: StandingRequest) -> Self {
        Self { request: asked.trip.into(), goal: asked.goal, at_once: asked.at_once.unwrap_or(1) }
    }
}
