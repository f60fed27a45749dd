//! What happens to models.

use prognostics::catalog::ComponentClass;
use serde::{Deserialize, Serialize};

use super::{Comparison, Metrics, Trigger};

kernel::domain_events! {
    /// What can happen to models.
    pub enum ModelEvent {
        "model.training_asked" 1 => TrainingAsked(ModelTrainingAsked),
        "model.trained" 1 => Trained(ModelTrained),
        "model.training_failed" 1 => TrainingFailed(ModelTrainingFailed),
        "model.promoted" 1 => Promoted(ModelPromoted),
        "model.rolled_back" 1 => RolledBack(ModelRolledBack),
        "model.drift_noticed" 1 => DriftNoticed(ModelDriftNoticed),
    }
}

/// A training was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTrainingAsked {
    pub class: ComponentClass,
    pub number: u32,
    pub trigger: Trigger,
}

/// It ended with a version, which is the challenger now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTrained {
    pub class: ComponentClass,
    pub number: u32,
    pub digest: String,
    pub data_digest: String,
    pub code: String,
    pub seed: u64,
    pub calibrated: bool,
    pub metrics: Metrics,
    pub comparison: Comparison,
}

/// It gave nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTrainingFailed {
    pub class: ComponentClass,
    pub number: u32,
    pub reason: String,
}

/// A version decides from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelPromoted {
    pub class: ComponentClass,
    pub number: u32,
    pub before: Option<u32>,
    pub reason: String,
}

/// The version before decides again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRolledBack {
    pub class: ComponentClass,
    pub from: u32,
    /// None: no model decides.
    pub to: Option<u32>,
    pub reason: String,
}

/// The champion meets what it did not learn from (PDM-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDriftNoticed {
    pub class: ComponentClass,
    pub version: u32,
    pub reasons: Vec<String>,
}
