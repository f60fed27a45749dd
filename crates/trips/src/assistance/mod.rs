//! Remote assistance (TRIP-13): a vehicle that stands and cannot go on by itself asks; one person takes the request under
//! an exclusive lease and answers from a closed set; the vehicle checks the answer and may refuse. A request is an
//! aggregate of its own: the trip knows only that its vehicle stands.

pub mod decide;
pub mod events;
mod state;

use kernel::id::{AssistId, PrincipalId};
use kernel::{Coordinate, SiteId, Timestamp, TripId, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decide::{Command, Done, decide};
pub use events::AssistEvent;
pub use kernel::assist::Answer;

use crate::trip::types::SnapshotRef;

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "AssistanceStatus")]
pub enum Status {
    Asked,
    Taken,
    Done,
}

/// One person's exclusive right to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// Counts the leases of this request: an answer names it, so that one given under an older lease is refused.
    pub number: u64,
    pub by: PrincipalId,
    pub until: Timestamp,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Given", extend("additionalProperties" = true))]
pub struct GivenAnswer {
    pub answer: Answer,
    pub by: PrincipalId,
    pub at: Timestamp,
    pub reason: String,
    /// What the vehicle said to it.
    pub outcome: Outcome,
}

/// What a vehicle said to an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Outcome {
    Pending,
    Accepted,
    Refused { code: String, reason: String },
}

/// Why a request needs nobody any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closing {
    pub code: String,
    pub reason: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assistance {
    pub id: AssistId,
    /// Where it is in its life.
    pub status: Status,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
    pub lease: Option<Lease>,
    pub leases: u64,
    pub answers: Vec<GivenAnswer>,
    /// Why it needs nobody any more.
    pub closing: Option<Closing>,
    pub asked_at: Timestamp,
    /// When it must be looked at.
    pub due: Option<Timestamp>,
}

impl Assistance {
    /// The answer that the vehicle has not responded to yet.
    pub fn pending(&self) -> Option<&GivenAnswer> {
        self.answers.last().filter(|given| given.outcome == Outcome::Pending)
    }
}
