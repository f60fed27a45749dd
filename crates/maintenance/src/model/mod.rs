//! The models of a tenant, by component class: immutable versions, of which one is the champion that decides. Moves are events,
//! and the step back is one of them.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kernel::Timestamp;
use prognostics::catalog::ComponentClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::ModelEvent;

/// Versions that a line keeps; the journal has all.
pub const VERSIONS_MAX: usize = 50;

/// Why a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Trigger {
    /// Somebody asked for it.
    Person,
    /// What comes in differs from what the champion learned from, or its predictions are off.
    Drift,
}

/// How well a model did on units that it had not seen, in usage units of its class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Units with a known end that it learned from.
    pub units: u64,
    pub examples: u64,
    /// Root mean square error by cross-validation over units.
    pub rmse: f64,
    /// NASA's score: late predictions cost more.
    pub score: f64,
    /// The share of true lives inside the 90 % interval.
    pub coverage90: f64,
    /// The share inside the 80 % interval.
    pub coverage80: f64,
    /// The mean width of the 90 % interval.
    pub width90: f64,
}

/// What deciding by a model would have cost on units that neither side learned from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The champion's cost; none: there was none, and running to failure is compared.
    pub champion_cost: Option<f64>,
    pub challenger_cost: f64,
    /// Units that were held out.
    pub units: u64,
    /// Whether it is cheaper beyond chance.
    pub better: bool,
}

/// A model that was trained. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    pub number: u32,
    /// SHA-256 of the model, hexadecimal.
    pub digest: String,
    /// SHA-256 of the examples that it learned from, hexadecimal.
    pub data_digest: String,
    /// The version of the program that trained it.
    pub code: String,
    pub seed: u64,
    pub trigger: Trigger,
    /// Whether its intervals were calibrated on enough units.
    pub calibrated: bool,
    pub metrics: Metrics,
    pub comparison: Comparison,
    pub trained_at: Timestamp,
}

/// What was noticed of a champion (PDM-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    pub version: u32,
    /// In words, each with its numbers.
    pub reasons: Vec<String>,
    pub at: Timestamp,
}

/// A training that was asked for and has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Training {
    /// The number that its version will have.
    pub number: u32,
    pub trigger: Trigger,
    pub asked_at: Timestamp,
}

/// The models of a class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Line {
    /// The newest last.
    pub versions: Vec<Version>,
    /// The number of the newest training, also of one that failed.
    pub numbers: u32,
    pub champion: Option<u32>,
    /// What was champion before: one step back.
    pub previous: Option<u32>,
    pub challenger: Option<u32>,
    pub training: Option<Training>,
    /// Why the newest training gave nothing.
    pub failed: Option<String>,
    pub drift: Option<Drift>,
}

impl Line {
    /// A version by its number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The version that decides.
    pub fn champion(&self) -> Option<&Version> {
        self.version(self.champion?)
    }
}

/// A tenant's models.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Models {
    pub lines: BTreeMap<ComponentClass, Line>,
}
