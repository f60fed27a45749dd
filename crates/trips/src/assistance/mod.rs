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
    /// Nobody looks.
    Asked,
    /// Somebody looks, under a lease.
    Taken,
    /// It needs nobody any more.
    Done,
}

/// One person's exclusive right to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// Counts the leases of this request: an answer names it, so that one given under an older lease is refused.
    pub number: u64,
    /// Whose.
    pub by: PrincipalId,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct Given {
    /// Which.
    pub answer: Answer,
    /// By whom.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// What the vehicle said to it.
    pub outcome: Outcome,
}

/// What a vehicle said to an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Outcome {
    /// Nothing yet.
    Pending,
    /// It does so.
    Accepted,
    /// It does not.
    Refused {
        /// Stable code.
        code: String,
        /// For a person.
        reason: String,
    },
}

/// Why a request needs nobody any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closing {
    /// RESUMED, STRANDED, LEFT, ENDED.
    pub code: String,
    /// For a person.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A request for assistance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assistance {
    /// Its id.
    pub id: AssistId,
    /// Where it is in its life.
    pub status: Status,
    /// The trip that stands.
    pub trip: TripId,
    /// The vehicle that asks.
    pub vehicle: VehicleId,
    /// The claim under which it asks.
    pub claim_epoch: u64,
    /// The site.
    pub site: SiteId,
    /// What for, as a stable code.
    pub kind: String,
    /// Where it stands.
    pub at: Coordinate,
    /// Whether people or load are aboard.
    pub occupied: bool,
    /// What it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
    /// Who may answer.
    pub lease: Option<Lease>,
    /// Leases so far.
    pub leases: u64,
    /// Answers, the oldest first.
    pub answers: Vec<Given>,
    /// Why it needs nobody any more.
    pub closing: Option<Closing>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it must be looked at.
    pub due: Option<Timestamp>,
}

impl Assistance {
    /// The answer that the vehicle has not spoken to yet.
    pub fn pending(&self) -> Option<&Given> {
        self.answers.last().filter(|given| given.outcome == Outcome::Pending)
    }
}
