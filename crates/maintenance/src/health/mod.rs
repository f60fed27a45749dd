//! How the components of a vehicle are: what is fitted, what was predicted of it, the case that is open for it, and whether the
//! vehicle is grounded because of one.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kernel::id::HoldId;
use kernel::{Timestamp, VehicleId};
use prognostics::catalog::ComponentClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::HealthEvent;

use crate::order::OrderId;

/// The most components of one vehicle: beyond it somebody's program runs wild.
pub const COMPONENTS_MAX: usize = 64;

/// What a prediction means, the least urgent first.
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
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "HealthVerdict")]
pub enum Verdict {
    Healthy,
    /// There is no model and no history to judge by.
    Unknown,
    /// The readings are old, incomplete or implausible: somebody looks at the component. They neither ground nor clear it.
    Inspect,
    /// Worth watching.
    Advise,
    /// It is to be serviced in a window of the workshop.
    Plan,
    /// It may fail within the day: the vehicle is grounded.
    Ground,
}

impl Verdict {
    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The remaining useful life in the component's own usage unit, with its uncertainty. Decisions look at the lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemainingLife {
    pub median: f64,
    /// Between these two it ends in 80 % of all cases.
    pub lower80: f64,
    pub upper80: f64,
    /// Between these two it ends in 90 % of all cases.
    pub lower90: f64,
    pub upper90: f64,
    /// Whether the bounds were calibrated on enough units that failed.
    pub calibrated: bool,
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// The champion of the class.
    Model {
        version: u32,
        /// SHA-256 of the model, hexadecimal.
        digest: String,
    },
    /// The distribution of lives so far (Weibull), because there is no model yet.
    Lives {
        units: u64,
    },
    /// A trouble code that says by itself that the component is unsafe.
    TroubleCode,
    Nothing,
}

/// A component as it was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    pub verdict: Verdict,
    /// When the newest reading was taken.
    pub readings_at: Timestamp,
    /// What the component has done since it was fitted, in its usage unit.
    pub age: f64,
    pub remaining: Option<RemainingLife>,
    /// The lower bound in hours of planned work.
    pub hours_left: Option<f64>,
    pub basis: Basis,
    /// Of the features, from freshness, completeness and gaps; 0 to 1.
    pub confidence: f64,
    /// What speaks for the verdict, the most important first.
    pub reasons: Vec<String>,
    /// Trouble codes that are confirmed.
    pub codes: Vec<String>,
    /// The features that it rests on, by name, where something follows from it: the decision can be replayed.
    pub features: BTreeMap<String, f64>,
}

/// A component of a vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    pub class: ComponentClass,
    /// Counts the parts that were fitted in this place, from 1.
    pub unit: u32,
    /// The usage counter when it was fitted.
    pub fitted_usage: f64,
    pub fitted_at: Timestamp,
    pub assessment: Option<Assessment>,
    pub assessed_at: Option<Timestamp>,
    /// The work order that is open for it.
    pub case: Option<OrderId>,
}

/// How far a grounding has come (PDM-6, PDM-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "GroundingStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum GroundingStatus {
    /// Policy forbids that a rule does it by itself: a person decides.
    WaitsForPerson,
    /// The vehicle is held and told to stand.
    Ordered,
    /// The vehicle itself reported standstill and parking brake.
    Confirmed,
}

/// When a grounded vehicle stops (SAFE-11).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Timing {
    AfterTrip,
    NextAdmissible,
}

/// Why and how a vehicle is grounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grounding {
    pub status: GroundingStatus,
    pub component: String,
    pub order: OrderId,
    pub hold: HoldId,
    pub timing: Timing,
    pub reason: String,
    /// Why policy leaves it to a person.
    pub refused: Option<String>,
    pub ordered_at: Timestamp,
    /// Since when it has its status.
    pub since: Timestamp,
}

/// A vehicle's components.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VehicleHealth {
    pub components: BTreeMap<String, Component>,
    pub grounding: Option<Grounding>,
}

impl VehicleHealth {
    /// The most urgent verdict of its components.
    pub fn worst(&self) -> Option<Verdict> {
        let verdicts = self.components.values().filter_map(|component| component.assessment.as_ref());
        verdicts.map(|assessment| assessment.verdict).max()
    }
}

/// The hold of a grounding: the same however often a crash repeats it.
pub fn hold_of(order: OrderId) -> HoldId {
    use kernel::id::TypedId;
    HoldId::from_u128(order.as_u128())
}

/// A component somewhere in the fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ComponentRef {
    pub vehicle: VehicleId,
    pub component: String,
}
