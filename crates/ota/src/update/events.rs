//! What happens to a vehicle's software.

use kernel::Timestamp;
use kernel::id::HoldId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Installed, Status};
use crate::repository::ReleaseId;
use crate::rollout::{RolloutId, Truth};

kernel::domain_events! {
    /// What can happen to a vehicle's software.
    pub enum UpdateEvent {
        "vehicle_software.reported" 1 => SoftwareReported(SoftwareReported),
        "vehicle_software.attack_noticed" 1 => AttackNoticed(SoftwareAttackNoticed),
        "update.scheduled" 1 => Scheduled(UpdateScheduled),
        "update.offered" 1 => Offered(UpdateOffered),
        "update.progressed" 1 => Progressed(UpdateProgressed),
        "update.deferred" 1 => Deferred(UpdateDeferred),
        "update.checked" 1 => Checked(UpdateChecked),
        "update.succeeded" 1 => Succeeded(UpdateSucceeded),
        "update.failed" 1 => Failed(UpdateFailed),
        "update.rejected" 1 => Rejected(UpdateRejected),
        "update.cancelled" 1 => Cancelled(UpdateCancelled),
        "update.cancel_confirmed" 1 => CancelConfirmed(UpdateCancelConfirmed),
        "update_token.issued" 1 => TokenIssued(UpdateTokenIssued),
    }
}

/// The vehicle runs other software than it said before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftwareReported {
    pub installed: Installed,
    pub report_counter: u64,
    /// The signed report.
    pub manifest: Value,
}

/// The vehicle noticed an attack on its updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftwareAttackNoticed {
    /// The class of the attack.
    pub attack: String,
    pub number: Option<u32>,
    pub rollout: Option<RolloutId>,
    pub report_counter: u64,
    pub manifest: Value,
}

/// The vehicle is to get an update as soon as it is parked and free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateScheduled {
    pub number: u32,
    pub rollout: RolloutId,
    pub release: ReleaseId,
    pub release_name: String,
    pub sha256: String,
    pub stage: usize,
    pub attempt: u32,
    pub hold: HoldId,
    pub plan_digest: String,
    pub truth: Truth,
    /// The vehicle's place in the rollout's order, in parts per million: with the salt, proof of why it is in the stage.
    pub place_ppm: u32,
}

/// The vehicle was offered the update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateOffered {
    pub number: u32,
    pub deadline: Timestamp,
    /// What the vehicle said that it ran before.
    pub before: Option<Value>,
    /// The director's signed targets for this vehicle.
    pub director_targets: String,
}

/// The vehicle went on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateProgressed {
    pub number: u32,
    pub status: Status,
    pub detail: Option<String>,
}

/// The vehicle waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateDeferred {
    pub number: u32,
    pub code: String,
    pub detail: Option<String>,
}

/// Before it installs, and again before it switches, the vehicle asked whether it may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateChecked {
    pub number: u32,
    /// `install` or `switch`.
    pub step: String,
    pub allowed: bool,
    /// The vehicle's state, by its own word.
    pub vehicle_state: Value,
}

/// It is proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateSucceeded {
    pub number: u32,
    pub rollout: RolloutId,
    pub stage: usize,
    pub truth: Truth,
    /// The signed report that proves it, where there is one.
    pub manifest: Option<Value>,
}

/// It failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateFailed {
    pub number: u32,
    pub rollout: RolloutId,
    pub stage: usize,
    pub code: String,
    pub detail: Option<String>,
    pub manifest: Option<Value>,
}

/// The vehicle refuses it: a signature is not good, or it is for other hardware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateRejected {
    pub number: u32,
    pub rollout: RolloutId,
    pub stage: usize,
    pub code: String,
    pub detail: Option<String>,
    pub manifest: Option<Value>,
}

/// It is taken back before it was installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateCancelled {
    pub number: u32,
    pub rollout: RolloutId,
    pub reason: String,
}

/// The client says that it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateCancelConfirmed {
    pub number: u32,
}

/// A client of others was given a token; the one before is worth nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateTokenIssued {
    /// SHA-256 of 256 random bits, hexadecimal.
    pub sha256: String,
}
