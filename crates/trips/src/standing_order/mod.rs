//! Standing trips (TRIP-10): the same trip again and again, until a quantity is moved or so many trips are done. A
//! standing order asks for ordinary trips, each of them decided by policy and dispatched like any other; it only counts.

pub mod decide;
pub mod events;
pub mod request;
mod state;

use std::collections::BTreeMap;

use kernel::id::StandingId;
use kernel::{SiteId, Timestamp, TripId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decide::{Command, Done, decide};
pub use events::StandingOrderEvent;

use crate::limits::{STANDING_QUANTITY_KG_MAX, STANDING_TRIPS_MAX};
use crate::trip::TripRequest;
use crate::trip::types::{Kind, Requirements, Stop, Window};

/// When a standing order is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "StandingGoal")]
pub enum Goal {
    /// So many kilograms are moved.
    QuantityKg(#[schemars(range(max = STANDING_QUANTITY_KG_MAX), extend("exclusiveMinimum" = 0))] f64),
    Trips(#[schemars(range(min = 1, max = STANDING_TRIPS_MAX))] u64),
}

/// Where a standing order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "StandingStatus")]
pub enum Status {
    Active,
    Completed,
    /// It was called off; trips under way go on.
    Cancelled,
}

/// Why no further trip is asked for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Stable code of the refusal, or of how the last trip ended.
    pub code: String,
    pub reason: String,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingOrder {
    pub id: StandingId,
    /// Where it is in its life.
    pub status: Status,
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
    pub asked: u64,
    /// Trips that are open, with the load of each in kilograms.
    pub open: BTreeMap<TripId, f64>,
    pub trips_done: u64,
    /// Moved so far, in kilograms.
    pub moved_kg: f64,
    /// Why no further trip is asked for now.
    pub pause: Option<Pause>,
    pub requested_by: String,
    pub created_at: Timestamp,
    /// When it must be looked at.
    pub due: Option<Timestamp>,
}

impl StandingOrder {
    /// The load of the next trip in kilograms; `None` when enough is moved or under way.
    pub fn next_load_kg(&self) -> Option<f64> {
        let full_kg = self.requirements.payload_kg;
        match self.goal {
            Goal::Trips(trips) => (self.trips_done + self.open.len() as u64).lt(&trips).then_some(full_kg),
            Goal::QuantityKg(quantity_kg) => {
                let left_kg = quantity_kg - self.moved_kg - self.open.values().sum::<f64>();
                (left_kg > 0.0).then_some(left_kg.min(full_kg))
            }
        }
    }

    pub fn is_reached(&self) -> bool {
        match self.goal {
            Goal::Trips(trips) => self.trips_done >= trips,
            Goal::QuantityKg(quantity_kg) => self.moved_kg >= quantity_kg,
        }
    }

    /// The next trip to ask for now; `None` where none is to be.
    pub fn next(&self) -> Option<TripRequest> {
        let may = self.status == Status::Active && (self.open.len() as u64) < self.at_once;
        let payload_kg = self.next_load_kg().filter(|_| may)?;
        Some(TripRequest {
            site: self.site.clone(),
            kind: self.kind,
            stops: self.stops.clone(),
            requirements: Requirements { payload_kg, ..self.requirements.clone() },
            priority: self.priority,
            window: Window::default(),
        })
    }
}
