//! A work order: from the request until a named technician returns the vehicle to service.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use kernel::{Timestamp, VehicleId};
use prognostics::catalog::ComponentClass;
use prognostics::rul::Label;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::OrderEvent;

kernel::typed_id!(
    /// A work order.
    OrderId, "order"
);

/// How far an order has come.
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
#[schemars(rename = "OrderStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Requested,
    Approved,
    /// It has a bay, a technician and a time.
    Scheduled,
    InProgress,
    OnHold,
    /// The work is done; the closing code is given.
    Completed,
    /// Somebody checked the work.
    Verified,
    /// The vehicle is back in service.
    Closed,
    Cancelled,
}

impl Status {
    /// Whether nothing follows any more.
    pub fn is_over(self) -> bool {
        self >= Self::Closed
    }

    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How urgent an order is, the least urgent first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OrderPriority")]
#[strum(serialize_all = "snake_case")]
pub enum Priority {
    Low,
    Medium,
    High,
    /// The vehicle is grounded.
    Critical,
}

/// What was found; mandatory, because models learn from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ClosingCode {
    /// It had failed; replaced.
    FaultFound,
    /// It was worn, and worked; replaced.
    WornReplaced,
    /// It was replaced, and nothing was wrong with it.
    SoundReplaced,
    /// Nothing was wrong, and it stays.
    NoFaultFound,
    /// It was repaired or adjusted and stays.
    Adjusted,
}

impl ClosingCode {
    /// Whether a new part is in the vehicle.
    pub fn is_replaced(self) -> bool {
        matches!(self, Self::FaultFound | Self::WornReplaced | Self::SoundReplaced)
    }

    /// What it teaches.
    pub fn label(self) -> Label {
        match self {
            Self::FaultFound => Label::Failed,
            Self::WornReplaced => Label::ReplacedWorn,
            Self::SoundReplaced | Self::NoFaultFound => Label::ReplacedSound,
            Self::Adjusted => Label::Censored,
        }
    }
}

/// A bay, a technician and a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    pub bay: String,
    pub technician: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Why it is then and there.
    pub reason: String,
}

/// A part that the work needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    pub name: String,
    pub quantity: u32,
}

/// A step that must be ticked before the vehicle returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecklistItem {
    pub text: String,
    /// Who ticked it, and when.
    pub done_by: Option<String>,
    pub done_at: Option<Timestamp>,
}

/// What an order is about; it does not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    pub vehicle: VehicleId,
    pub vehicle_name: String,
    pub component: String,
    pub class: ComponentClass,
    /// What is to be done and why.
    pub summary: String,
    pub skill: String,
    pub bay_kind: String,
    pub parts: Vec<Part>,
    pub duration_min: u32,
    /// Whether a failure endangers people.
    pub safety_critical: bool,
}

/// A work order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    pub work: Work,
    pub status: Status,
    pub priority: Priority,
    /// The lower bound of what is left, in hours of planned work, when it was last looked at.
    pub hours_left: Option<f64>,
    /// Until when it should have begun; a prediction, not a promise.
    pub latest_start: Option<Timestamp>,
    /// Who asked for it: a person, or the rule that predicts.
    pub requested_by: String,
    pub requested_at: Timestamp,
    pub approved_by: Option<String>,
    pub slot: Option<Slot>,
    /// Why it has no slot.
    pub unscheduled: Option<String>,
    /// Why it waits.
    pub hold_reason: Option<String>,
    /// Who works on it.
    pub technician: Option<String>,
    pub started_at: Option<Timestamp>,
    pub checklist: Vec<ChecklistItem>,
    pub closing: Option<ClosingCode>,
    pub notes: Option<String>,
    pub completed_by: Option<String>,
    pub verified_by: Option<String>,
    /// Who returned the vehicle to service, in person (PDM-8).
    pub returned_by: Option<String>,
    pub cancelled: Option<String>,
    pub since: Timestamp,
}
