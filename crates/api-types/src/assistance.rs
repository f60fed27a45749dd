//! Requests for assistance: seen in a queue, taken by one person, answered.

use kernel::id::AssistId;
use kernel::{Coordinate, SiteId, Timestamp, TripId, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trips::assistance::{Answer, Closing, GivenAnswer, Lease, Status};
use trips::trip::types::SnapshotRef;

use super::{PageLimit, Sentence};

/// The most places that a path may be chosen by: a detour around a few blocks.
pub const VIA_MAX: usize = 8;

view! {
    Assistance of request: trips::Assistance {
        id: AssistId,
        status: Status,
        trip: TripId,
        vehicle: VehicleId,
        claim_epoch: u64,
        site: SiteId,
        /// What for, as a stable code.
        kind: String,
        /// Where the vehicle stands.
        at: Coordinate,
        /// Whether people or load are aboard.
        occupied: bool,
        /// What the vehicle shows.
        snapshot: Option<Snapshot> = request.snapshot.map(Into::into),
        /// Who may answer.
        lease: Option<Lease>,
        /// Leases so far.
        leases: u64,
        /// The oldest first.
        answers: Vec<GivenAnswer>,
        /// Why it needs nobody any more.
        closing: Option<Closing>,
        asked_at: Timestamp,
        due: Option<Timestamp>,
    }
}

view! {
    Snapshot of named: SnapshotRef {
        sha256: String,
        media_type: String,
        /// Its bytes, where one request is shown and they are still kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("may-be-null" = true))]
        base64: Option<Option<String>> = None,
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Queue {
    /// Those that need somebody.
    #[default]
    Open,
    All,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct AssistanceFilter {
    pub which: Option<Queue>,
    pub after: Option<AssistId>,
    pub limit: Option<PageLimit>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandBack {
    /// The number of the lease.
    pub lease: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerGiven {
    /// The number of the lease.
    pub lease: u64,
    pub answer: Answer,
    pub reason: Sentence,
    /// Places of the chosen path.
    #[serde(default)]
    #[schemars(length(max = VIA_MAX))]
    pub via: Vec<Coordinate>,
}
