//! What the system knows about component classes before it has seen one vehicle. The numbers are planning values for a
//! battery-electric truck of 20 tonnes; an operator's own catalog replaces them.

mod check;
mod classes;
mod code;
mod component;
mod ledger;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::{SetAside, StuckDetector, check_reading};
pub use code::{CodeError, Source, Status, TroubleCode};
pub use component::{Component, VehicleKind, components_of_vehicle};
pub use ledger::{Change, CodeEvent, CodeInterval, CodeKey, CodeLedger, CodeState, diff};

/// A kind of component that wears in one way and is repaired in one way.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ComponentClass {
    BrakePads,
    Tyre,
    WheelBearing,
    TractionBattery,
    CoolantPump,
    AirCompressor,
}

/// What a class counts its life in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum UsageUnit {
    /// Kilometres rolled.
    Km,
    /// Hours with the vehicle's high voltage on.
    Hours,
    /// Equivalent full cycles: discharged energy divided by the energy of the new battery.
    Cycles,
}

/// Who may do a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Skill {
    Mechanic,
    TyreFitter,
    /// Qualified to work on a high-voltage system that is switched off.
    HighVoltageTechnician,
}

/// Where a repair can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BayKind {
    /// A lift or wheel jacks.
    Lift,
    TyreBay,
    /// A closed-off place with insulated tools.
    HighVoltageBay,
    /// A level place with an inspection pit.
    Pit,
}

/// When the same exact value is a fault of the sensor and not rest of the component: both conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StuckRule {
    /// So many readings in a row are exactly equal.
    pub readings: u32,
    /// Meanwhile the component was used so much, in its usage unit.
    pub usage: f64,
}

/// A signal of a class: the range, rate and freshness that the VSS catalog does not give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignalSpec {
    /// The path, with `*` for the axle row and the wheel side. COVESA VSS 6.0 where [`Self::vss`] is set.
    pub name: &'static str,
    /// Whether VSS 6.0 has this path. The others are an overlay of ours below `Vehicle.AtlasMesh`.
    pub vss: bool,
    pub unit: &'static str,
    pub min: f64,
    pub max: f64,
    /// The greatest change that physics allows, in units per second.
    pub max_rate_per_s: f64,
    /// The greatest difference between two readings that sensor noise alone makes, in units (8 standard deviations).
    pub noise: f64,
    /// The smallest step of the sensor, in units.
    pub resolution: f64,
    /// The greatest useful sampling rate, in hertz.
    pub max_rate_hz: f64,
    /// How long a reading counts as fresh, in milliseconds.
    pub ttl_ms: u64,
    /// When a repeated value is implausible; `None` where it is plausible.
    pub stuck: Option<StuckRule>,
}

/// What a repair takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repair {
    pub duration_min: u32,
    pub skill: Skill,
    pub bay: BayKind,
    pub parts: &'static [&'static str],
    pub checklist: &'static [&'static str],
}

/// A trouble code that belongs to a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CodeSpec {
    pub source: Source,
    pub ecu: &'static str,
    pub code: &'static str,
    /// The failure-type byte of SAE J2012-DA, only with UDS.
    pub failure_type: Option<u8>,
    pub meaning: &'static str,
    /// Whether the vehicle may not go on with it once its test fails or it is confirmed.
    pub hard_safety: bool,
}

/// A component class with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassSpec {
    pub class: ComponentClass,
    pub unit: UsageUnit,
    pub signals: &'static [SignalSpec],
    /// Usage from new to failure at ordinary duty, in the usage unit.
    pub life: f64,
    /// Remaining useful life above this is not told apart, in the usage unit.
    pub rul_cap: f64,
    /// Remaining usage below which a repair is advised.
    pub advise: f64,
    /// Remaining usage below which a repair is planned.
    pub plan: f64,
    /// Remaining usage below which the vehicle does not start another trip.
    pub ground: f64,
    pub repair: Repair,
    pub codes: &'static [CodeSpec],
    pub safety_critical: bool,
}

impl ComponentClass {
    pub const ALL: [Self; 6] = [
        Self::BrakePads,
        Self::Tyre,
        Self::WheelBearing,
        Self::TractionBattery,
        Self::CoolantPump,
        Self::AirCompressor,
    ];

    /// Its entry in the catalog.
    pub fn spec(self) -> &'static ClassSpec {
        classes::spec(self)
    }

    /// A signal of this class by its path, written with `*` or with the place filled in.
    pub fn signal(self, name: &str) -> Option<&'static SignalSpec> {
        self.spec().signals.iter().find(|signal| matches(signal.name, name))
    }

    /// What the catalog knows about a code. A failure type that the catalog leaves open matches every one.
    pub fn code(self, code: &TroubleCode) -> Option<&'static CodeSpec> {
        self.spec().codes.iter().find(|spec| {
            spec.source == code.source()
                && spec.code == code.code()
                && (spec.failure_type.is_none() || spec.failure_type == code.failure_type())
        })
    }

    /// Whether this code, in this status, forbids to go on: its test fails now, or it is confirmed and not yet cleared.
    pub fn is_hard_safety(self, code: &TroubleCode) -> bool {
        let status = code.status();
        (status.test_failed() || status.confirmed()) && self.code(code).is_some_and(|spec| spec.hard_safety)
    }
}

/// Whether a path is the pattern with its places filled in.
fn matches(pattern: &str, name: &str) -> bool {
    let mut wanted = pattern.split('.');
    let mut given = name.split('.');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}
