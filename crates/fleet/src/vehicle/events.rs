//! What can happen to a vehicle. A body is written once and read for ever.

use std::collections::BTreeSet;

use kernel::id::{BootId, HoldId};
use kernel::{CommandId, SiteId, Timestamp, TripId};
use serde::{Deserialize, Serialize};

use super::{Component, HoldKind, HoldTiming, Mode, Profile, RequestedStop};

kernel::domain_events! {
    /// What happens to a vehicle.
    pub enum VehicleEvent {
        "vehicle.registered" 1 => Registered(VehicleRegistered),
        "vehicle.came_online" 1 => CameOnline(VehicleCameOnline),
        "vehicle.went_offline" 1 => WentOffline(VehicleWentOffline),
        "vehicle.mode_changed" 1 => ModeChanged(VehicleModeChanged),
        "vehicle.battery_crossed" 1 => BatteryCrossed(VehicleBatteryCrossed),
        "vehicle.hold_placed" 1 => HoldPlaced(VehicleHoldPlaced),
        "vehicle.hold_released" 1 => HoldReleased(VehicleHoldReleased),
        "vehicle.claim_taken" 1 => ClaimTaken(VehicleClaimTaken),
        "vehicle.claim_released" 1 => ClaimReleased(VehicleClaimReleased),
        "vehicle.stop_ordered" 1 => StopOrdered(VehicleStopOrdered),
        "vehicle.stop_cleared" 1 => StopCleared(VehicleStopCleared),
        "vehicle.decommissioned" 1 => Decommissioned(VehicleDecommissioned),
        "vehicle.claim_withdrawn" 1 => ClaimWithdrawn(VehicleClaimWithdrawn),
        "vehicle.stop_explained" 1 => StopExplained(VehicleStopExplained),
    }
}

impl VehicleEvent {
    /// Whether a vehicle may be READY after the event that was not before; where it may not, nobody has to look again.
    pub fn may_make_ready(&self) -> bool {
        match self {
            Self::HoldPlaced(_)
            | Self::ClaimTaken(_)
            | Self::WentOffline(_)
            | Self::StopOrdered(_)
            | Self::Decommissioned(_) => false,
            Self::Registered(_)
            | Self::CameOnline(_)
            | Self::ModeChanged(_)
            | Self::BatteryCrossed(_)
            | Self::HoldReleased(_)
            | Self::ClaimReleased(_)
            | Self::ClaimWithdrawn(_)
            | Self::StopCleared(_)
            | Self::StopExplained(_) => true,
        }
    }
}

/// The vehicle is known from now on (ONB-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleRegistered {
    pub site: SiteId,
    pub profile: Profile,
    pub components: Vec<Component>,
    pub constraints: policy::Constraints,
}

/// It is connected (ONB-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleCameOnline {
    pub boot: BootId,
    pub capabilities: BTreeSet<String>,
    pub components: Vec<Component>,
    pub mode: Mode,
}

/// It was silent for too long (ONB-9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleWentOffline {
    pub last_seen_at: Timestamp,
    /// The trip that it was claimed for.
    pub trip: Option<TripId>,
}

/// Another drives now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleModeChanged {
    pub from: Mode,
    pub to: Mode,
}

/// The battery crossed the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleBatteryCrossed {
    pub low: bool,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
}

/// The vehicle may not be dispatched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleHoldPlaced {
    pub hold: HoldId,
    pub kind: HoldKind,
    pub owner: String,
    pub reason: String,
    pub timing: HoldTiming,
    /// The trip that the vehicle is claimed for.
    pub trip: Option<TripId>,
    /// The vehicle's epoch from now on.
    pub claim_epoch: u64,
}

/// The hold is gone. The vehicle is READY at most, never in motion by it (SAFE-13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleHoldReleased {
    pub hold: HoldId,
    pub reason: String,
}

/// The vehicle belongs to a trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleClaimTaken {
    pub trip: TripId,
    pub claim_epoch: u64,
    /// How long it holds without renewal, in seconds.
    pub valid_for_s: u64,
}

/// The vehicle belongs to no trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleClaimReleased {
    pub trip: TripId,
    /// The vehicle's epoch from now on.
    pub claim_epoch: u64,
}

/// The trip takes its claim back: it is renewed no more. The vehicle may drive by it until it lapses or the vehicle says
/// that it left, so no other trip gets the vehicle before (SAFE-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleClaimWithdrawn {
    pub trip: TripId,
    /// The vehicle's epoch from now on.
    pub claim_epoch: u64,
}

/// The vehicle must stop. No policy is asked (SAFE-1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleStopOrdered {
    /// The stop, which is the id of the command that carries it.
    pub stop: CommandId,
    #[serde(flatten)]
    pub requested: RequestedStop,
    pub reason: String,
    /// Whether it left before the journal had it (SAFE-2).
    pub from_emergency_record: bool,
    /// The person or program that ordered it, who may clear it alone; none where the product did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The stop holds no longer. The vehicle stays where it is until it is dispatched (SAFE-13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleStopCleared {
    pub stop: CommandId,
}

/// Somebody says why it was stopped, after the stop had left: who stops in a hurry has no time to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleStopExplained {
    pub stop: CommandId,
    /// Why, in place of what was said with the order.
    pub reason: String,
}

/// The vehicle is out of service for good (ONB-10).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleDecommissioned {
    pub reason: String,
}
