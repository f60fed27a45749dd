//! What can happen to a trip. A body is written once and read for ever: fields are added as `Option` with a default
//! or under a new version, never changed.

use journal::Hash;
use kernel::id::{AssistId, BootId, EventId, PrincipalId, StandingId, ViolationId};
use kernel::{DecisionId, RouteId, SiteId, Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

use super::status::Status;
use super::types::{
    Choice, FrozenSector, Kind, ReportRef, Requirements, RouteSummary, SnapshotRef, Stop, Summary, Window,
};

kernel::domain_events! {
    /// What happens to a trip.
    pub enum TripEvent {
        "trip.created" 1 => Created(TripCreated),
        "trip.released" 1 => Released(TripReleased),
        "trip.route_found" 1 => RouteFound(TripRouteFound),
        "trip.waits" 1 => Waits(TripWaits),
        "trip.assigned" 1 => Assigned(TripAssigned),
        "trip.unassigned" 1 => Unassigned(TripUnassigned),
        "trip.dispatched" 1 => Dispatched(TripDispatched),
        "trip.departed" 1 => Departed(TripDeparted),
        "trip.arrived_pickup" 1 => ArrivedPickup(TripArrivedPickup),
        "trip.boarded" 1 => Boarded(TripBoarded),
        "trip.arrived_dropoff" 1 => ArrivedDropoff(TripArrivedDropoff),
        "trip.completed" 1 => Completed(TripCompleted),
        "trip.paused" 1 => Paused(TripPaused),
        "trip.assist_needed" 1 => AssistNeeded(TripAssistNeeded),
        "trip.safe_stopped" 1 => SafeStopped(TripSafeStopped),
        "trip.resumed" 1 => Resumed(TripResumed),
        "trip.stranded" 1 => Stranded(TripStranded),
        "trip.cancelled" 1 => Cancelled(TripCancelled),
        "trip.failed" 1 => Failed(TripFailed),
        "trip.expired" 1 => Expired(TripExpired),
        "trip.vehicle_silent" 1 => VehicleSilent(TripVehicleSilent),
        "trip.deadline_moved" 1 => DeadlineMoved(TripDeadlineMoved),
        "trip.violation_opened" 1 => ViolationOpened(TripViolationOpened),
        "trip.violation_closed" 1 => ViolationClosed(TripViolationClosed),
        "trip.compliance_summary" 1 => ComplianceSummary(TripComplianceSummary),
        "trip.rerouted" 1 => Rerouted(TripRerouted),
        "trip.reroute_taken" 1 => RerouteTaken(TripRerouteTaken),
        "trip.reroute_failed" 1 => RerouteFailed(TripRerouteFailed),
        "trip.diverted" 1 => Diverted(TripDiverted),
        "trip.resume_ordered" 1 => ResumeOrdered(TripResumeOrdered),
        "trip.resume_taken" 1 => ResumeTaken(TripResumeTaken),
        "trip.resume_refused" 1 => ResumeRefused(TripResumeRefused),
        "trip.withdrawn" 1 => Withdrawn(TripWithdrawn),
    }
}

/// The trip was allowed and stored (TRIP-4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripCreated {
    /// The trip's own id.
    pub trip: kernel::TripId,
    /// CREATED, or SCHEDULED when its time has not come.
    pub status: Status,
    pub site: SiteId,
    pub kind: Kind,
    pub stops: Vec<Stop>,
    /// What the vehicle must be able to do.
    pub requirements: Requirements,
    /// From 0; higher goes first.
    pub priority: u8,
    pub window: Window,
    pub constraints: policy::Constraints,
    pub decision: DecisionId,
    /// SHA-256 of the bundle that decided.
    pub policy_bundle: String,
    pub requested_by: String,
    /// The standing order that asked, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingId>,
    /// What was in force of the sector, where the tenant activated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<FrozenSector>,
    /// Whether vehicles of the tenant are simulated.
    pub simulated: bool,
    /// When it expires without a vehicle.
    pub expires_at: Timestamp,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A scheduled trip's time has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripReleased {
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A route was found (TRIP-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripRouteFound {
    pub route: RouteSummary,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// Why the trip waits now. Written when the reason changes, not at every look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripWaits {
    pub code: String,
    pub reason: String,
    /// The rules that refused, where policy did.
    pub policies: std::collections::BTreeSet<String>,
    pub ready: u64,
    /// Why they could not take the trip: stable code and how many.
    pub filtered: std::collections::BTreeMap<String, u64>,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A vehicle was chosen and claimed (TRIP-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripAssigned {
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    /// How long the claim is valid without renewal, in seconds.
    pub claim_valid_for_s: u64,
    /// The decision that allowed the pair.
    pub decision: DecisionId,
    /// The route for this vehicle, from where it is.
    pub route: RouteSummary,
    /// The limits of trip and vehicle together.
    pub constraints: policy::Constraints,
    pub pickup_expected_at: Timestamp,
    pub choice: Choice,
    pub due_at: Timestamp,
}

/// The trip lost its vehicle and waits for another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripUnassigned {
    pub vehicle: VehicleId,
    /// The claim that ends with this.
    pub claim_epoch: u64,
    pub code: String,
    pub reason: String,
    /// Until when the vehicle is not asked again for this trip.
    pub excluded_until: Timestamp,
    /// The vehicle's report, if it said so itself.
    pub report: Option<ReportRef>,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle accepted (TRIP-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripDispatched {
    /// When it will be at the pickup, by its own estimate.
    pub pickup_expected_at: Timestamp,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripDeparted {
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle stands at the pickup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripArrivedPickup {
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle goes on with what it carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripBoarded {
    /// Whether people or load are aboard.
    pub occupied: bool,
    /// The stop that it drives to.
    pub stop_index: u64,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle stands at a drop-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripArrivedDropoff {
    pub stop_index: u64,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The trip is done (TRIP-9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripCompleted {
    pub vehicle: VehicleId,
    /// The claim that ends with this.
    pub claim_epoch: u64,
    /// What the vehicle tells of it.
    pub summary: Summary,
    pub report: ReportRef,
}

/// The vehicle stands for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripPaused {
    pub reason: String,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle needs a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripAssistNeeded {
    /// What for, as a stable code.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle stopped for safety (SAFE-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripSafeStopped {
    /// The class of the stop: now, nearest_admissible, at_place.
    pub class: String,
    pub reason: String,
    /// Whether a vehicle may stand there.
    pub admissible: bool,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripResumed {
    /// The state that it had left.
    pub to: Status,
    pub report: ReportRef,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle cannot go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripStranded {
    pub reason: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The trip was called off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripCancelled {
    pub reason: String,
    /// Who called it off, if a person or program did.
    pub by: Option<PrincipalId>,
    pub vehicle: Option<VehicleId>,
    /// The claim that ends with this.
    pub claim_epoch: Option<u64>,
    /// The vehicle's report, if its people or load had to be brought to a drop-off first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportRef>,
    /// What the vehicle tells of the path until there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// The trip could not be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripFailed {
    pub code: String,
    pub reason: String,
    pub vehicle: Option<VehicleId>,
    /// The claim that ends with this.
    pub claim_epoch: Option<u64>,
    /// The vehicle's report, if it said so itself.
    pub report: Option<ReportRef>,
}

/// No vehicle came in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripExpired {
    pub reason: String,
}

/// Nothing is heard of a vehicle that has people or load aboard, or may have: a person must look (SAFE-7). Once per
/// silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripVehicleSilent {
    pub vehicle: VehicleId,
    /// Whether people or load are aboard.
    pub occupied: bool,
    pub reason: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The trip was due and nothing had to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripDeadlineMoved {
    /// Why nothing had to be done.
    pub reason: String,
    /// Whether the vehicle is heard of again after a silence.
    pub heard: bool,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A rule is violated; the response is carried out from this event (TRIP-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripViolationOpened {
    pub violation: ViolationId,
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    pub rule: String,
    /// What is to be done: warn, slow, reroute, stop.
    pub response: policy::Response,
    /// The speed to slow down to, in metres per second, where the response is slow.
    pub max_speed_mps: Option<f64>,
    pub text: String,
    /// When the vehicle took the sample.
    pub sampled_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripViolationClosed {
    pub violation: ViolationId,
    pub vehicle: VehicleId,
    pub rule: String,
    /// When the vehicle took the sample.
    pub sampled_at: Timestamp,
}

/// What was checked in the last minute; the checks themselves are in the segment (TRIP-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripComplianceSummary {
    pub vehicle: VehicleId,
    /// When the first sample was taken.
    pub from: Timestamp,
    /// When the last sample was taken.
    pub to: Timestamp,
    pub compliant: u64,
    pub violating: u64,
    /// Checks of which nobody can tell.
    pub unknown: u64,
    /// Digest of what holds the checks: where `chunks` says of what, the root of the last of them.
    pub segment_digest: String,
    /// What each boot of the vehicle that was checked since the last summary had recorded by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<RecordedChunks>,
}

/// Samples and checks of one boot of a vehicle, as a digest: the Merkle root (RFC 6962) over the digests of the boot's
/// first chunks, all that it had recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedChunks {
    /// Which start of the vehicle's computer.
    pub boot: BootId,
    pub chunks: u64,
    pub root: Hash,
    /// The smallest number of a sample in them.
    pub first_seq: u64,
    /// The largest number of a sample in them.
    pub last_seq: u64,
}

/// The vehicle is offered another route from a place beyond its stopping distance; the old one holds until it takes it
/// (SAFE-9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripRerouted {
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    /// The new version of the route.
    pub route: RouteSummary,
    /// Where it begins, in metres along the vehicle's whole path: approach and trip leg of all versions so far.
    pub begins_at_m: f64,
    pub reason: String,
    /// Until when the vehicle must have taken it.
    pub due_at: Timestamp,
}

/// The vehicle took the other route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripRerouteTaken {
    pub route: RouteId,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// There is no other route, or the vehicle did not take it: it is told to stop before what it must not enter (SAFE-9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripRerouteFailed {
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    /// The version that was not taken, if there was one.
    pub route: Option<RouteId>,
    pub code: String,
    pub reason: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The trip is called off with people or load aboard: they are brought to a drop-off ahead, and there it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripDiverted {
    pub vehicle: VehicleId,
    pub reason: String,
    /// Who called it off, if a person or program did.
    pub by: Option<PrincipalId>,
    pub stops: Vec<Stop>,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// A person lets the standing vehicle go on (SAFE-13); the vehicle checks it and may refuse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripResumeOrdered {
    pub vehicle: VehicleId,
    pub claim_epoch: u64,
    pub reason: String,
    pub by: Option<PrincipalId>,
    pub decision: DecisionId,
    /// The request for help that it answers, if it is an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assist: Option<AssistId>,
    /// The route that it goes on by, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteSummary>,
    /// Stops that end with this, each by the event that ordered it.
    pub clears: Vec<EventId>,
    /// Until when the vehicle must have answered.
    pub due_at: Timestamp,
}

/// The vehicle will go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripResumeTaken {
    /// The route that holds now, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteSummary>,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The vehicle does not go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripResumeRefused {
    pub vehicle: VehicleId,
    /// The request for help that was answered, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assist: Option<AssistId>,
    pub code: String,
    pub reason: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}

/// The trip is taken back from its vehicle. It leaves the vehicle only once that has said so, or its claim has lapsed with
/// a margin (SAFE-7): until then the vehicle may drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripWithdrawn {
    pub vehicle: VehicleId,
    /// The claim that is not renewed any more.
    pub claim_epoch: u64,
    /// Stable code, e.g. `NO_ANSWER`.
    pub code: String,
    pub reason: String,
    /// When it must be looked at.
    pub due_at: Timestamp,
}
