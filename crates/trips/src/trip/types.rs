//! The parts of a trip.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::{AssistId, BootId, PrincipalId};
use kernel::{Coordinate, DecisionId, RouteId, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TripKind")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Passenger,
    Delivery,
    /// Bulk from a loading point to a dump.
    Haul,
    Charge,
    Depot,
    /// To a better place to wait.
    Reposition,
    Maintenance,
    /// To a vehicle that cannot go on.
    Recovery,
}

impl Kind {
    /// The name in requests, policies and the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether people or load are aboard between pickup and drop-off, whatever the vehicle's sensors say.
    pub fn carries(self) -> bool {
        matches!(self, Kind::Passenger | Kind::Delivery | Kind::Haul)
    }
}

/// What the vehicle must be able to do and carry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Required")]
pub struct Requirements {
    /// Names of capabilities, all of them needed.
    pub capabilities: BTreeSet<String>,
    pub payload_kg: f64,
    pub passengers: u32,
    /// What the sector's work needs to know, such as the job that the trip is for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// What was in force of the tenant's sector when the trip was asked for: a release or an experiment that changes meanwhile
/// changes nothing for the trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenSector {
    pub generation: u64,
    /// What each flag answered.
    pub flags: BTreeMap<String, serde_json::Value>,
}

/// When the trip may begin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Window {
    pub earliest: Option<Timestamp>,
    /// A vehicle must be found until then.
    pub latest: Option<Timestamp>,
}

/// A place where the vehicle stops. The first is the origin, the last the destination.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TripStop")]
pub struct Stop {
    pub at: Coordinate,
}

/// A version of a trip's route, as the journal has it. The line itself is a row named by `route`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RouteSummary {
    pub route: RouteId,
    /// Counts the versions of the trip's route, from 1.
    pub version: u64,
    /// SHA-256 over the canonical JSON of line and steps.
    pub digest: String,
    /// Length from pickup to drop-off, in metres.
    pub distance_m: f64,
    /// Planned time from pickup to drop-off, in milliseconds.
    pub duration_ms: u64,
    /// Length of the approach to the pickup, in metres; 0 without a vehicle.
    pub approach_m: f64,
    /// Planned time of the approach, in milliseconds; 0 without a vehicle.
    pub approach_ms: u64,
    /// Energy over both, in watt-hours, where a vehicle's consumption is known.
    pub energy_wh: Option<f64>,
    /// SHA-256 of the map that it was found on.
    pub map_digest: String,
    /// SHA-256 over bundle and constraints that it keeps to.
    pub policy_digest: String,
    /// SHA-256 of the policy bundle.
    pub policy_bundle: String,
    /// Which constraints made it longer or slower than it would be without.
    pub binding: Vec<String>,
    pub zones: BTreeSet<String>,
}

/// How far a vehicle got with a trip; each is reached once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    Assigned,
    Accepted,
    Departed,
    ArrivedPickup,
    /// Under way with what it carries.
    Boarded,
    ArrivedDropoff,
    Completed,
}

/// The vehicle of a trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    pub vehicle: VehicleId,
    /// The claim under which it may move.
    pub claim_epoch: u64,
    /// How long that claim is valid without renewal, in seconds.
    pub claim_valid_for_s: u64,
    pub assigned_at: Timestamp,
    /// When it is expected at the pickup; the vehicle's own estimate once it accepted.
    pub pickup_expected_at: Timestamp,
    pub milestone: Milestone,
    /// The decision that allowed the pair.
    pub decision: DecisionId,
    /// Whether it was already journaled that the vehicle is silent.
    #[serde(rename = "silence_told")]
    pub silence_reported: bool,
}

/// A vehicle that is not asked for this trip for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusion {
    pub vehicle: VehicleId,
    pub until: Timestamp,
    pub code: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// Stable code, e.g. `NO_CAPABLE_VEHICLE`.
    pub code: String,
    pub reason: String,
    /// The rules that refused, where policy did.
    pub policies: BTreeSet<String>,
    /// Since when it waits for this reason.
    pub since: Timestamp,
}

/// A rule that the vehicle violates now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Violation")]
pub struct OpenViolation {
    pub violation: kernel::id::ViolationId,
    pub response: policy::Response,
    pub opened_at: Timestamp,
}

/// What a vehicle tells of a completed trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TripSummary")]
pub struct Summary {
    /// Driven since departure, in metres.
    pub distance_m: f64,
    pub duration_ms: u64,
    pub energy_wh: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ending {
    pub at: Timestamp,
    /// Stable code, e.g. `CANCELLED_BY_CLIENT`.
    pub code: String,
    pub reason: String,
}

/// From which report of a vehicle an event follows, and what the vehicle said of its motion there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRef {
    /// The start of the vehicle's computer.
    pub boot: BootId,
    pub seq: u64,
    /// The claim that the vehicle believes in.
    pub claim_epoch: u64,
    /// By the vehicle's clock.
    pub vehicle_time: Timestamp,
    pub at: Coordinate,
    /// Distance of its life, in metres.
    pub odometer_m: f64,
    pub mode: String,
    pub occupied: bool,
}

/// What made a vehicle the choice for a trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub batch_trips: u64,
    pub ready: u64,
    /// Of these, vehicles that could take this trip.
    pub feasible: u64,
    /// Why the others could not: stable code and how many.
    pub filtered: std::collections::BTreeMap<String, u64>,
    pub cost: Cost,
    /// The best of the others for this trip, if there was one.
    pub runner_up: Option<RunnerUp>,
}

/// The cost of a pair; the batch's sum is least. Lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Driving time to the pickup, in milliseconds.
    pub approach_ms: i64,
    /// What the trip's priority is worth, in milliseconds.
    pub priority_credit_ms: i64,
    /// What the trip's waiting so far is worth, in milliseconds.
    pub wait_credit_ms: i64,
}

impl Cost {
    /// The cost as one number, in milliseconds.
    pub fn total_ms(&self) -> i64 {
        self.approach_ms - self.priority_credit_ms - self.wait_credit_ms
    }
}

/// A vehicle that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    pub vehicle: VehicleId,
    /// Its driving time to the pickup, in milliseconds.
    pub approach_ms: i64,
    pub why: String,
}

/// A new version of the route that is offered to the vehicle. Until the vehicle takes it the old one holds (SAFE-9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rerouting {
    pub route: RouteSummary,
    /// Where it begins, in metres along the vehicle's whole path.
    pub begins_at_m: f64,
    pub reason: String,
    pub offered_at: Timestamp,
    /// Until when the vehicle must have taken it.
    pub due_at: Timestamp,
}

/// A picture or text that a vehicle shows to whoever helps it; the bytes are an observation, named by their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotRef {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Media type (RFC 6838).
    pub media_type: String,
}

/// An order to go on that the vehicle has not answered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resuming {
    /// The request for help that it answers, if it is an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assist: Option<AssistId>,
    /// The route that it goes on by, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteSummary>,
    pub ordered_at: Timestamp,
    /// Until when the vehicle must have answered.
    pub due_at: Timestamp,
}

/// The trip is taken back from its vehicle, which has not said yet that it left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawal {
    pub code: String,
    pub reason: String,
    pub since: Timestamp,
}

/// Why the vehicle was told to stop before the rest of its route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reason")]
pub struct Blocked {
    /// Stable code, e.g. `NO_LEGAL_EXIT`.
    pub code: String,
    pub reason: String,
}

/// The trip was called off with people or load aboard: they are brought to a drop-off first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diversion {
    pub reason: String,
    /// Who called it off, if a person or program did.
    pub by: Option<PrincipalId>,
}
