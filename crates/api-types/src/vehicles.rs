//! Vehicles: registered, listed, held, stopped; what they measured and what they were told.

use std::collections::BTreeSet;

use commands::StoredCommand;
use fleet::KnownVehicle;
use fleet::seen::Seen;
use fleet::vehicle::{Claim, Component, Hold, HoldKind, HoldTiming, Mode, Profile, Status, Stop, StopClass};
use kernel::id::{BootId, HoldId};
use kernel::{CommandId, Coordinate, SiteId, Timestamp, TripId, VehicleId};
use policy::Constraints;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use telemetry::Sample as Measured;

use super::{Sentence, Within};

view! {
    Vehicle of known: KnownVehicle {
        id: VehicleId,
        name: String = known.vehicle.profile.name.clone(),
        /// Whether it can be given a trip now.
        ready: bool = known.vehicle.is_ready(),
        /// The stop in force, the first that was ordered if there are several.
        stop: Option<Stop> = known.stop().cloned(),
        site: SiteId = known.vehicle.site,
        status: Status = known.vehicle.status,
        mode: Mode = known.vehicle.mode,
        holds: Vec<Hold> = known.vehicle.holds,
        claim: Option<Claim> = known.vehicle.claim,
        claim_epoch: u64 = known.vehicle.claim_epoch,
        profile: Profile = known.vehicle.profile,
        components: Vec<Component> = known.vehicle.components,
        /// What it said it can do when it last came online.
        capabilities: BTreeSet<String> = known.vehicle.capabilities,
        /// What policy allowed it at registration.
        constraints: Constraints = known.vehicle.constraints,
        registered_at: Timestamp = known.vehicle.registered_at,
        seen: Option<Seen>,
    }
}

/// A vehicle that was just registered.
#[derive(Serialize, JsonSchema)]
pub struct Registered {
    pub id: VehicleId,
    pub name: String,
    /// The name that its certificates will bear.
    pub spiffe_id: String,
    pub constraints: Constraints,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopOrder {
    pub class: StopClass,
    /// With `at_place`, and only then: where to stop.
    #[serde(default)]
    pub place: Option<Coordinate>,
    pub reason: Sentence,
}

/// What became of a stop.
#[derive(Serialize, JsonSchema)]
pub struct StopOrdered {
    pub stop: CommandId,
    pub delivery: StopDelivery,
    pub recorded: Recorded,
}

/// Whether the vehicle's session has it now, or it waits for the vehicle.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StopDelivery {
    Sent,
    Waiting,
}

/// Where an order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    Journal,
    /// In the emergency record on the disk.
    Emergency,
    /// In memory alone: neither the store nor the disk took it in time.
    Memory,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    pub stop: CommandId,
    pub reason: Sentence,
}

/// A stop by its id.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichStop {
    pub stop: CommandId,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldOrder {
    pub kind: HoldKind,
    pub timing: HoldTiming,
    pub reason: Sentence,
}

#[derive(Serialize, JsonSchema)]
pub struct HoldPlaced {
    pub id: HoldId,
    pub recorded: Recorded,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: Option<Within<1, 5_000>>,
}

view! {
    /// What a vehicle measured at one moment.
    Sample of row: (BootId, Measured) {
        seq: u64 = row.1.seq,
        boot: BootId = row.0,
        /// By the vehicle's clock.
        at: Timestamp = row.1.vehicle_time,
        lat: f64 = row.1.position.lat(),
        lon: f64 = row.1.position.lon(),
        heading_deg: f64 = row.1.heading_deg,
        speed_mps: f64 = row.1.speed_mps,
        battery_pct: f64 = row.1.battery_pct,
        odometer_m: f64 = row.1.odometer_m,
        mode: String = row.1.mode,
        trip: Option<TripId> = row.1.trip,
    }
}

view! {
    /// A command to a vehicle and how far it came.
    Command of row: (CommandId, StoredCommand) {
        id: CommandId = row.0,
        kind: String = row.1.kind,
        /// permissive or restrictive
        class: String = row.1.class,
        claim_epoch: u64 = row.1.claim_epoch,
        #[schemars(with = "CommandState")]
        state: String = row.1.state,
        issued_at: Timestamp = row.1.issued_at,
        expires_at: Option<Timestamp> = row.1.expires_at,
        code: Option<String> = row.1.code,
        reason: Option<String> = row.1.reason,
    }
}

/// The words of a command's state.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum CommandState {
    Issued,
    Delivered,
    Accepted,
    Rejected,
    Done,
    Expired,
}
