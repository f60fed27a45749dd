//! What each vehicle runs, by its own signed word, and its updates one after another. An update has succeeded when the
//! vehicle has proven it after its boot; a client's "done" is a claim.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use kernel::id::HoldId;
use kernel::{Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use events::UpdateEvent;

use crate::repository::ReleaseId;
use crate::rollout::{self, Rollout, RolloutId, Truth};

/// How long a vehicle may take to be ready for an update, in milliseconds: meanwhile it takes the place of another.
pub const SCHEDULED_FOR_MS: i64 = 86_400_000;

/// How many updates that are over a vehicle's row keeps; the journal has all.
pub const HISTORY_MAX: usize = 50;

/// How far an update has come.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "UpdateStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The vehicle is held and is offered the update when it is parked and free.
    Scheduled,
    Offered,
    /// It has read the offer and checked the signatures.
    Retrieved,
    Downloading,
    Downloaded,
    Installing,
    /// In the inactive slot, which is to be booted.
    Installed,
    /// The vehicle's client says that it is done.
    Claimed,
    /// The vehicle's client names the version that it runs.
    Reported,
    /// Proven, as the plan asks it.
    Succeeded,
    Failed,
    /// The vehicle refuses the offer.
    Rejected,
    Cancelled,
}

impl Status {
    /// Whether nothing follows any more.
    pub fn is_over(self) -> bool {
        self >= Self::Succeeded
    }

    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Codes of failures that say nothing about the release: they do not count at the gate, and the vehicle may try again.
pub const NO_FAULT_OF_THE_RELEASE: &[&str] = &["POLICY_VIOLATION", "NOT_READY", "LOST_CONNECTION"];
/// No proof came in time.
pub const NO_PROOF: &str = "NO_PROOF";
/// The vehicle's client has stopped what was taken back.
pub const CANCEL_CONFIRMED: &str = "CANCEL_CONFIRMED";
/// The most attempts of one rollout on one vehicle.
pub const ATTEMPTS_MAX: u32 = 3;

/// The software that a vehicle runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Installed {
    /// The release's name.
    pub release: String,
    pub release_counter: u64,
    /// SHA-256 of the image, hexadecimal.
    pub sha256: String,
    pub hardware_id: String,
    /// The serial number of the computer that runs it.
    pub ecu_serial: String,
    /// The slot that was booted.
    pub slot: String,
    /// How it is known.
    pub truth: Truth,
}

/// How far an update may have come and is taken back all the same when its rollout does not run. Where a person paused it,
/// what is being installed comes to its end; what failed elsewhere is not booted.
pub fn takes_back_before(rollout: &Rollout) -> Status {
    let is_paused = rollout.status == rollout::Status::Paused;
    let by_person = rollout.pause.as_ref().is_some_and(|pause| pause.code == rollout::decide::PERSON);
    if is_paused && by_person { Status::Installing } else { Status::Claimed }
}

/// An update of one vehicle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Counts the vehicle's updates from 1, below 2^31 for clients that keep it in 32 bits.
    pub number: u32,
    pub rollout: RolloutId,
    pub release: ReleaseId,
    pub release_name: String,
    pub sha256: String,
    pub stage: usize,
    pub attempt: u32,
    pub status: Status,
    /// What it waits for, or why it ended.
    pub code: Option<String>,
    pub detail: Option<String>,
    /// The hold that keeps the vehicle from being dispatched.
    pub hold: HoldId,
    pub plan_digest: String,
    /// What counts as success.
    pub truth: Truth,
    pub scheduled_at: Timestamp,
    pub since: Timestamp,
    /// Until when it must be offered, and then until when there must be proof.
    pub deadline: Option<Timestamp>,
}

/// A vehicle's software and updates.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VehicleUpdates {
    pub installed: Option<Installed>,
    pub installed_at: Option<Timestamp>,
    /// The newest signed report, as it came.
    pub manifest: Option<Value>,
    /// Counts the vehicle's reports: one that counts lower is a copy.
    pub report_counter: u64,
    pub current: Option<Update>,
    /// Updates that are over, the newest last.
    pub history: Vec<Update>,
    /// The number of the newest update.
    pub numbers: u32,
    /// SHA-256 of the token of a client of others, hexadecimal.
    pub token_sha256: Option<String>,
}

impl VehicleUpdates {
    /// Which attempt of a rollout would be the next; `None`: there is none to make.
    pub fn next_attempt(&self, rollout: RolloutId) -> Option<u32> {
        let past: Vec<&Update> = self.history.iter().filter(|update| update.rollout == rollout).collect();
        let may_again = |update: &&&Update| match update.status {
            Status::Failed | Status::Rejected => {
                update.code.as_deref().is_some_and(|code| NO_FAULT_OF_THE_RELEASE.contains(&code))
            }
            Status::Cancelled => true,
            _ => false,
        };
        let is_open = past.iter().all(|update| may_again(&update));
        let tried = past.iter().filter(|update| update.status != Status::Cancelled).count();
        let attempt = u32::try_from(tried).unwrap_or(u32::MAX).saturating_add(1);
        (is_open && attempt <= ATTEMPTS_MAX).then_some(attempt)
    }
}

/// What a vehicle says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub installed: Installed,
    pub report_counter: u64,
    /// What the vehicle noticed of an attack; empty: nothing.
    pub attack: String,
    pub installation: Option<InstallationReport>,
    /// The report as it came, with its signatures.
    pub manifest: Value,
}

/// How an update goes, in the vehicle's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationReport {
    pub number: u32,
    pub status: Status,
    pub code: Option<String>,
    pub detail: Option<String>,
}

/// What an update is about, before the vehicle hears of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub vehicle: VehicleId,
    pub rollout: RolloutId,
    pub release: ReleaseId,
    pub release_name: String,
    pub sha256: String,
    pub stage: usize,
    pub attempt: u32,
    pub hold: HoldId,
    pub plan_digest: String,
    pub truth: Truth,
    /// The vehicle's place in the rollout's order, in parts per million.
    pub place_ppm: u32,
}
