//! What happens to the components of a vehicle.

use kernel::Timestamp;
use kernel::id::HoldId;
use prognostics::catalog::ComponentClass;
use prognostics::rul::Label;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Assessment, Timing};
use crate::order::{ClosingCode, OrderId};

kernel::domain_events! {
    /// What can happen to the components of a vehicle.
    pub enum HealthEvent {
        "component.fitted" 1 => Fitted(ComponentFitted),
        "component.assessed" 1 => Assessed(ComponentAssessed),
        "component.case_opened" 1 => CaseOpened(ComponentCaseOpened),
        "component.case_closed" 1 => CaseClosed(ComponentCaseClosed),
        "grounding.ordered" 1 => GroundingOrdered(GroundingOrdered),
        "grounding.refused" 1 => GroundingRefused(GroundingRefused),
        "grounding.confirmed" 1 => GroundingConfirmed(GroundingConfirmed),
        "grounding.ended" 1 => GroundingEnded(GroundingEnded),
    }
}

/// A part was fitted: the vehicle named it for the first time, or a technician replaced it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentFitted {
    pub component: String,
    pub class: ComponentClass,
    pub unit: u32,
    /// The usage counter at this moment.
    pub usage: f64,
    /// The order by which it was replaced; none: the vehicle named it.
    pub order: Option<OrderId>,
}

/// It was judged (PDM-3, PDM-4). Told when the verdict changes, and from time to time when it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentAssessed {
    pub component: String,
    pub assessment: Assessment,
}

/// It needs a work order (PDM-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentCaseOpened {
    pub component: String,
    pub order: OrderId,
    pub class: ComponentClass,
    pub assessment: Assessment,
}

/// The order is over. The label says what the prediction was worth: a part that was replaced in time did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentCaseClosed {
    pub component: String,
    pub order: OrderId,
    pub label: Label,
    pub closing: Option<ClosingCode>,
    /// What the component had done when its case ended.
    pub age: f64,
}

/// Policy allowed that the vehicle is grounded; the hold follows (PDM-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundingOrdered {
    pub component: String,
    pub order: OrderId,
    pub hold: HoldId,
    pub timing: Timing,
    pub reason: String,
}

/// Policy leaves it to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundingRefused {
    pub component: String,
    pub order: OrderId,
    pub hold: HoldId,
    pub timing: Timing,
    pub reason: String,
    /// What policy says.
    pub refused: String,
}

/// The vehicle's own signed word that it stands with its parking brake set (PDM-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundingConfirmed {
    pub hold: HoldId,
    pub vehicle_time: Timestamp,
    /// The event as the vehicle signed it, the signature, and the certificate of its key.
    pub signed: Value,
}

/// The grounding is over: the vehicle may be ready again, and moves only when it is dispatched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundingEnded {
    pub hold: HoldId,
    pub order: OrderId,
    pub reason: String,
}
