//! Maintenance: the health of components, work orders, the workshop, and models.

use std::collections::BTreeMap;

use kernel::{Timestamp, VehicleId};
use maintenance::diagnostics::{Doubtful, Kept, Latest};
use maintenance::health::{Assessment, Component, Grounding, VehicleHealth, Verdict};
use maintenance::model::{Drift, Line, Training, Version};
use maintenance::order::{ChecklistItem, ClosingCode, Part, Priority, Slot, Status};
use maintenance::{OrderId, ReadingRow, WorkOrder};
use prognostics::catalog::{ComponentClass, UsageUnit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PageLimit, Text, Within};

/// A component, as it was judged last.
#[derive(Serialize, JsonSchema)]
pub struct ComponentView {
    pub component: String,
    pub class: ComponentClass,
    /// What its usage is counted in.
    pub unit: UsageUnit,
    /// Counts the parts that were fitted in this place.
    pub part: u32,
    pub fitted_at: Timestamp,
    pub safety_critical: bool,
    pub assessment: Option<Assessment>,
    pub assessed_at: Option<Timestamp>,
    /// The work order that is open for it.
    pub order: Option<OrderId>,
    /// The newest reading of each signal.
    #[serde(default)]
    pub latest: BTreeMap<String, Latest>,
}

fn component_view(name: String, component: Component, kept: Option<&Kept>) -> ComponentView {
    let spec = component.class.spec();
    let latest = kept.and_then(|kept| kept.components.get(&name)).map(|known| known.latest.clone());
    ComponentView {
        component: name,
        class: component.class,
        unit: spec.unit,
        part: component.unit,
        fitted_at: component.fitted_at,
        safety_critical: spec.safety_critical,
        assessment: component.assessment,
        assessed_at: component.assessed_at,
        order: component.case,
        latest: latest.unwrap_or_default(),
    }
}

/// How a vehicle's components are.
#[derive(Serialize, JsonSchema)]
pub struct HealthView {
    pub vehicle: VehicleId,
    /// The most urgent verdict.
    pub worst: Option<Verdict>,
    pub grounding: Option<Grounding>,
    /// The most urgent first.
    pub components: Vec<ComponentView>,
    /// Readings that cannot be true, the newest last.
    pub set_aside: Vec<Doubtful>,
    pub set_aside_total: u64,
}

impl HealthView {
    /// What is known of a vehicle.
    pub fn of(vehicle: VehicleId, health: VehicleHealth, kept: Option<&Kept>) -> Self {
        let (worst, grounding) = (health.worst(), health.grounding);
        let components = health.components.into_iter();
        let mut components: Vec<_> = components.map(|(name, known)| component_view(name, known, kept)).collect();
        components.sort_by_key(|view| std::cmp::Reverse(view.assessment.as_ref().map(|assessment| assessment.verdict)));
        let set_aside = kept.map(|kept| kept.set_aside.clone()).unwrap_or_default();
        let set_aside_total = kept.map_or(0, |kept| kept.set_aside_total);
        Self { vehicle, worst, grounding, components, set_aside, set_aside_total }
    }
}

/// How much of a component's life.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct ReadingsAsked {
    pub limit: Option<PageLimit>,
}

/// The readings of a component, one for each step of its life.
#[derive(Serialize, JsonSchema)]
pub struct ReadingsView {
    /// The signals, in the order of each row's values (COVESA VSS 6.0, or the overlay).
    pub signals: Vec<SignalView>,
    /// The newest first.
    pub rows: Vec<ReadingRow>,
}

/// A signal of a class.
#[derive(Serialize, JsonSchema)]
pub struct SignalView {
    pub name: String,
    pub unit: String,
    pub min: f64,
    pub max: f64,
}

impl ReadingsView {
    pub fn of(class: Option<ComponentClass>, rows: Vec<ReadingRow>) -> Self {
        let signals = class.map_or(&[][..], |class| class.spec().signals);
        let signal = |spec: &prognostics::catalog::SignalSpec| SignalView {
            name: spec.name.to_owned(),
            unit: spec.unit.to_owned(),
            min: spec.min,
            max: spec.max,
        };
        Self { signals: signals.iter().map(signal).collect(), rows }
    }
}

/// What the workshop is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    pub vehicle: VehicleId,
    /// Such as `brake-front-left`.
    pub component: ComponentName,
    pub class: ComponentClass,
    /// What is to be done and why.
    pub summary: Text<500>,
    #[serde(default = "medium")]
    pub priority: Priority,
}

fn medium() -> Priority {
    Priority::Medium
}

/// The place of a component in its vehicle: lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct ComponentName(#[schemars(regex(pattern = r"^[a-z0-9-]{1,60}$"))] pub String);

impl std::str::FromStr for ComponentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = !text.is_empty() && text.len() <= 60 && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}

impl<'de> Deserialize<'de> for ComponentName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("must be 1 to 60 lower-case letters, digits and dashes"))
    }
}

impl From<OrderRequest> for maintenance::NewOrder {
    fn from(new: OrderRequest) -> Self {
        Self {
            vehicle: new.vehicle,
            component: new.component.0,
            class: new.class,
            summary: new.summary.0,
            priority: new.priority,
        }
    }
}

/// Which page of work orders.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct OrderPage {
    /// Only of this vehicle.
    pub vehicle: Option<VehicleId>,
    pub after: Option<OrderId>,
    pub limit: Option<PageLimit>,
}

/// Which step of the checklist, from 0.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepDone {
    pub step: Within<0, 1000>,
}

/// What was found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    pub closing: ClosingCode,
    pub notes: Option<Text<2000>>,
}

view! {
    OrderView of it: (OrderId, WorkOrder) {
        id: OrderId = it.0,
        vehicle: VehicleId = it.1.work.vehicle,
        vehicle_name: String = it.1.work.vehicle_name,
        component: String = it.1.work.component,
        class: ComponentClass = it.1.work.class,
        summary: String = it.1.work.summary,
        skill: String = it.1.work.skill,
        bay_kind: String = it.1.work.bay_kind,
        parts: Vec<Part> = it.1.work.parts,
        duration_min: u32 = it.1.work.duration_min,
        safety_critical: bool = it.1.work.safety_critical,
        status: Status = it.1.status,
        priority: Priority = it.1.priority,
        /// The lower bound of what is left, in hours of planned work.
        hours_left: Option<f64> = it.1.hours_left,
        latest_start: Option<Timestamp> = it.1.latest_start,
        requested_by: String = it.1.requested_by,
        requested_at: Timestamp = it.1.requested_at,
        approved_by: Option<String> = it.1.approved_by,
        slot: Option<Slot> = it.1.slot,
        /// Why it has no slot.
        unscheduled: Option<String> = it.1.unscheduled,
        hold_reason: Option<String> = it.1.hold_reason,
        technician: Option<String> = it.1.technician,
        started_at: Option<Timestamp> = it.1.started_at,
        checklist: Vec<ChecklistItem> = it.1.checklist,
        closing: Option<ClosingCode> = it.1.closing,
        notes: Option<String> = it.1.notes,
        completed_by: Option<String> = it.1.completed_by,
        verified_by: Option<String> = it.1.verified_by,
        returned_by: Option<String> = it.1.returned_by,
        cancelled: Option<String> = it.1.cancelled,
        /// Since when it has its status.
        since: Timestamp = it.1.since,
    }
}

/// The models of a component class.
#[derive(Serialize, JsonSchema)]
pub struct ModelView {
    pub class: ComponentClass,
    pub unit: UsageUnit,
    /// The version that decides.
    pub champion: Option<u32>,
    /// One step back.
    pub previous: Option<u32>,
    pub challenger: Option<u32>,
    pub training: Option<Training>,
    /// How far the training is, 0 to 1.
    pub progress: Option<f32>,
    /// Why the newest training gave nothing.
    pub failed: Option<String>,
    pub drift: Option<Drift>,
    /// The newest first.
    pub versions: Vec<Version>,
    /// How long a part lasts at ordinary duty, in usage units.
    pub life: f64,
    /// Remaining usage below which a repair is advised, and is planned.
    pub advise: f64,
    pub plan: f64,
}

impl ModelView {
    pub fn of(class: ComponentClass, line: Option<Line>, progress: Option<f32>) -> Self {
        let (spec, line) = (class.spec(), line.unwrap_or_default());
        Self {
            class,
            unit: spec.unit,
            champion: line.champion,
            previous: line.previous,
            challenger: line.challenger,
            training: line.training,
            progress,
            failed: line.failed,
            drift: line.drift,
            versions: line.versions.into_iter().rev().collect(),
            life: spec.life,
            advise: spec.advise,
            plan: spec.plan,
        }
    }
}

/// The number of a version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelNumber {
    #[schemars(range(min = 1, max = 1_000_000))]
    pub number: u32,
}

/// Which version is to decide, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    #[schemars(range(min = 1, max = 1_000_000))]
    pub number: u32,
    pub reason: Text<500>,
}

/// The name of a part in the operator's books: letters, digits, dots, dashes, underscores.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct PartName(#[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,60}$"))] pub String);

impl std::str::FromStr for PartName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let fits = !text.is_empty() && text.len() <= 60 && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}
