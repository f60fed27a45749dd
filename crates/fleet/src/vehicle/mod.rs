//! A vehicle: its profile, what policy allowed it, its status and mode, its holds, its stop, and the one claim under
//! which it may move.

pub mod decide;
pub mod events;
pub mod profile;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use kernel::Mode;
use kernel::id::HoldId;
use kernel::{CommandId, Coordinate, Reject, SiteId, Timestamp, TripId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::VehicleEvent;
pub use profile::{Component, Profile};

/// Whether the vehicle is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "VehicleStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Registered,
    Online,
    Offline,
    /// Taken out of service for good.
    Decommissioned,
}

impl Status {
    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a vehicle may not be dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HoldKind {
    Grounded,
    /// A technician works on it: never released at a distance.
    Lockout,
    /// The check before the first start of the day is missing.
    PreStartCheck,
    Update,
    Quarantine,
    Cleaning,
}

impl HoldKind {
    /// The name, as in answers, policies and the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// When a hold takes effect (SAFE-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldTiming {
    AfterTrip,
    /// At the next place where the vehicle may stand.
    NextAdmissible,
    Now,
}

impl HoldTiming {
    /// Whether it takes effect before the end of the trip that the vehicle serves.
    pub fn interrupts_trip(self) -> bool {
        self != HoldTiming::AfterTrip
    }
}

/// A reason why the vehicle may not be dispatched, with its owner, who alone releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub id: HoldId,
    pub kind: HoldKind,
    pub owner: String,
    pub reason: String,
    pub timing: HoldTiming,
    pub placed_at: Timestamp,
}

/// A vehicle's assignment to one trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    pub trip: TripId,
    /// The vehicle's epoch while the claim holds.
    pub epoch: u64,
    /// How long it holds without renewal, in seconds.
    pub valid_for_s: u64,
    pub taken_at: Timestamp,
}

/// The class of a stop (SAFE-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StopClass {
    /// At once, wherever the vehicle is.
    Now,
    NearestAdmissible,
    /// At a place on its way; at the nearest admissible one where it does not come by.
    AtPlace,
}

impl StopClass {
    /// The name, as in requests and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How a vehicle is to stop, and where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RequestedStop {
    class: StopClass,
    /// With `at_place` and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Coordinate>,
}

impl RequestedStop {
    pub const NEAREST_ADMISSIBLE: Self = Self { class: StopClass::NearestAdmissible, place: None };
    pub const NOW: Self = Self { class: StopClass::Now, place: None };

    /// # Errors
    /// `INVALID_REQUEST` with the field `place`, where it is missing or the class has none.
    pub fn new(class: StopClass, place: Option<Coordinate>) -> Result<Self, Reject> {
        match (class, place) {
            (StopClass::AtPlace, None) => Err(Reject::invalid_field("/place", "is missing: where to stop")),
            (StopClass::Now | StopClass::NearestAdmissible, Some(_)) => {
                Err(Reject::invalid_field("/place", format!("belongs to at_place, not to {}", class.as_str())))
            }
            _ => Ok(Self { class, place }),
        }
    }

    pub fn class(self) -> StopClass {
        self.class
    }

    pub fn place(self) -> Option<Coordinate> {
        self.place
    }
}

/// A stop in force. It holds until a clearance names it (SAFE-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Its id, which is that of the command that carries it.
    pub id: CommandId,
    pub class: StopClass,
    /// Where, with `at_place`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Coordinate>,
    pub reason: String,
    pub ordered_at: Timestamp,
    /// Who ordered it and may clear it alone; none where the product did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vehicle {
    pub site: SiteId,
    pub profile: Profile,
    pub components: Vec<Component>,
    /// What policy allowed it at registration (ONB-2).
    pub constraints: policy::Constraints,
    pub status: Status,
    pub mode: Mode,
    /// What it said it can do when it last came online.
    pub capabilities: BTreeSet<String>,
    /// Why it may not be dispatched.
    pub holds: Vec<Hold>,
    /// The trip that it is claimed for.
    pub claim: Option<Claim>,
    /// The newest claim, also after its end: a vehicle that did not hear of the end may still move under it.
    pub last_claim: Option<Claim>,
    /// Counts its claims and what ended them.
    pub claim_epoch: u64,
    pub stops: Vec<Stop>,
    /// Whether its battery is below the threshold.
    pub battery_low: bool,
    pub registered_at: Timestamp,
}

impl Vehicle {
    /// Whether it can be given a trip now.
    pub fn is_ready(&self) -> bool {
        self.claim.is_none() && self.is_ready_but_for_claim()
    }

    /// Whether it is READY, or will be as soon as its claim ends and nothing else happens to it.
    pub fn is_ready_but_for_claim(&self) -> bool {
        self.status == Status::Online && self.mode == Mode::Autonomous && self.holds.is_empty() && self.stops.is_empty()
    }
}
