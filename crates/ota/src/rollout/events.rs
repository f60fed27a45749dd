//! What happens to a rollout.

use kernel::VehicleId;
use serde::{Deserialize, Serialize};

use super::{Counts, HoldReason, Plan, RolloutId};

kernel::domain_events! {
    /// What can happen to a rollout.
    pub enum RolloutEvent {
        "rollout.planned" 1 => Planned(RolloutPlanned),
        "rollout.stage_opened" 1 => StageOpened(RolloutStageOpened),
        "rollout.outcome_counted" 1 => OutcomeCounted(RolloutOutcomeCounted),
        "rollout.held" 1 => Held(RolloutHeld),
        "rollout.paused" 1 => Paused(RolloutPaused),
        "rollout.resumed" 1 => Resumed(RolloutResumed),
        "rollout.aborted" 1 => Aborted(RolloutAborted),
        "rollout.reverted" 1 => Reverted(RolloutReverted),
        "rollout.completed" 1 => Completed(RolloutCompleted),
    }
}

/// It was planned; nobody gets anything yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutPlanned {
    pub plan: Plan,
    pub plan_digest: String,
    pub salt: String,
}

/// A stage was opened: the first one starts the rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutStageOpened {
    pub stage: usize,
    pub members: Option<u64>,
    /// The counts that allowed it.
    pub counts: Counts,
}

/// One vehicle's outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutOutcomeCounted {
    pub vehicle: VehicleId,
    /// Which of the vehicle's updates it was.
    pub number: u32,
    pub stage: usize,
    pub proven: bool,
    /// The code of a failure.
    pub code: Option<String>,
    /// Where the vehicle's own event stands in the tenant's log: each counts once.
    pub log_index: u64,
}

/// The gate holds, for another reason than before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutHeld {
    pub reason: HoldReason,
    pub counts: Counts,
}

/// Nobody gets an offer any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutPaused {
    pub code: String,
    pub reason: String,
    pub counts: Counts,
}

/// Offers go on; failures that were counted before are looked at and count no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutResumed {
    pub reason: String,
    pub by: String,
    pub second_person: Option<String>,
}

/// It ends without being complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutAborted {
    pub reason: String,
}

/// It ends, and another takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutReverted {
    pub by: RolloutId,
    pub reason: String,
}

/// Its last stage is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutCompleted {
    pub counts: Counts,
}
