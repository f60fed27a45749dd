//! What a vehicle and the server say to each other about components: frames of readings one way, and the other way how far they
//! are durable, which parts are fitted, and what the vehicle is to confirm.

use std::collections::BTreeMap;

use kernel::id::{BootId, HoldId};
use kernel::{Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

use crate::catalog::{ComponentClass, Source};

/// The most frames in one message.
pub const FRAMES_MAX: usize = 200;

/// One look at a component, as the vehicle took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Counts from 1 in each boot.
    pub seq: u64,
    /// By the vehicle's clock.
    pub at: Timestamp,
    /// Such as `brake-front-left`.
    pub component: String,
    pub class: ComponentClass,
    /// Which of the parts that were fitted in this place, counted from 1. Readings of an older part that come late are not
    /// the new one's. None: the vehicle does not count them.
    #[serde(default)]
    pub part: Option<u32>,
    /// What the part has done since it was fitted, in its usage unit.
    pub usage: f64,
    /// By signal (COVESA VSS 6.0, or the overlay); null is no number.
    pub readings: BTreeMap<String, Option<f64>>,
    /// Every trouble code that the component's control unit holds.
    #[serde(default)]
    pub codes: Vec<CodeReport>,
}

/// A trouble code as a control unit reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeReport {
    pub source: Source,
    pub ecu: String,
    pub code: String,
    pub failure_type: Option<u8>,
    /// The bits of ISO 14229-1 D.2.
    pub status: u8,
}

/// Frames of one boot, ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub boot: BootId,
    pub frames: Vec<Frame>,
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub boot: BootId,
    /// Everything of that boot up to here is durable.
    pub through_seq: u64,
    /// The number of the part in each place, from 1: a higher one than before is a new part, whose usage begins anew.
    pub parts: BTreeMap<String, u32>,
    /// The grounding of which the vehicle is to say that it stands.
    pub confirm: Option<HoldId>,
}

/// The vehicle's own word that it is grounded (PDM-8), which it signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standstill {
    pub vehicle: VehicleId,
    pub boot: BootId,
    pub hold: HoldId,
    /// By the vehicle's clock.
    pub at: Timestamp,
    pub standstill: bool,
    pub parking_brake: bool,
    /// Whether it refuses every command that moves it until the hold is over.
    pub maintenance_mode: bool,
}
