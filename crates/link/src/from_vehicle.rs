//! What a vehicle says, as checked values. A vehicle is authenticated, yet its software may be wrong or hostile: nothing of it
//! reaches a domain before every field has a type and a range.

pub use kernel::Mode;
use kernel::id::BootId;
use kernel::{Bearing, CommandId, Coordinate, RouteId, Timestamp, TripId};

use crate::delivery::Delivery;
use crate::to_vehicle::StopClass;
use crate::v1;

/// Samples in one batch; an agent sends at most this many, so that a live sample never waits behind a long frame.
pub const BATCH_SAMPLES_MAX: usize = 512;

impl From<Mode> for v1::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Autonomous => v1::Mode::Autonomous,
            Mode::Remote => v1::Mode::Remote,
            Mode::Manual => v1::Mode::Manual,
            Mode::Service => v1::Mode::Service,
            Mode::Estop => v1::Mode::Estop,
        }
    }
}

/// Where a vehicle is and where it points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// The place.
    pub at: Coordinate,
    /// The direction.
    pub heading: Bearing,
}

impl From<Position> for v1::Position {
    fn from(value: Position) -> Self {
        Self { lat: value.at.lat(), lon: value.at.lon(), heading_deg: value.heading.degrees() }
    }
}

/// The first message of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// This start of the vehicle's computer.
    pub boot: BootId,
    /// Counts starts.
    pub boot_counter: u64,
    /// The agent's version.
    pub agent_version: String,
    /// The protocol's version.
    pub protocol_version: u32,
    /// SHA-256 of the map that the vehicle holds, in hexadecimal.
    pub map_digest: Option<String>,
    /// The newest command that it knows.
    pub last_command_seen: Option<CommandId>,
    /// The newest checkpoint of the tenant's log that it holds.
    pub newest_checkpoint: Vec<u8>,
    /// Its own clock.
    pub vehicle_time: Timestamp,
    /// How it is driven.
    pub mode: Mode,
    /// Standstill and parking brake.
    pub parked: bool,
    /// Whether it is a simulated vehicle (SAFE-15).
    pub simulated: bool,
    /// Where it is, if it knows.
    pub position: Option<Position>,
    /// The trip and claim epoch that it believes in.
    pub trip: Option<(TripId, u64)>,
    /// Earlier boots with something not acknowledged.
    pub pending_boots: Vec<BootId>,
    /// The restrictive commands that hold it.
    pub held_commands: Vec<CommandId>,
    /// The revision of the site's rules that it keeps; 0: none.
    pub site_rules_revision: u64,
}

/// A part with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// What it is.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its serial number, or empty.
    pub serial: String,
}

/// What the vehicle can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Online {
    /// Names of capabilities.
    pub capabilities: Vec<String>,
    /// Its parts.
    pub components: Vec<Component>,
}

/// One number about the vehicle's health.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What was measured.
    pub name: String,
    /// The number; finite.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// A sign of life (ONB-9).
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// The sequence of the trust bundle that it keeps; 0: none.
    pub trust_bundle_sequence: u64,
    /// Of this boot.
    pub boot: BootId,
    /// Counts heartbeats of the boot.
    pub counter: u64,
    /// State of charge in percent.
    pub battery_pct: f64,
    /// How it is driven.
    pub mode: Mode,
    /// Health.
    pub metrics: Vec<Metric>,
    /// Where it is, if it knows.
    pub position: Option<Position>,
    /// Standstill and parking brake.
    pub parked: bool,
    /// Its own clock.
    pub vehicle_time: Timestamp,
    /// Distance of its life in metres.
    pub odometer_m: f64,
}

/// Samples of one boot, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryBatch {
    /// Of this boot.
    pub boot: BootId,
    /// At least one, at most [`BATCH_SAMPLES_MAX`]; strictly ascending.
    pub samples: Vec<Sample>,
    /// Stored while there was no link.
    pub historical: bool,
    /// Samples below this number are gone on the vehicle.
    pub kept_from_seq: u64,
}

/// The vehicle's state at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Counts from 1 in each boot.
    pub seq: u64,
    /// By the vehicle's clock.
    pub vehicle_time: Timestamp,
    /// Where it is.
    pub position: Position,
    /// Metres per second.
    pub speed_mps: f64,
    /// State of charge in percent.
    pub battery_pct: f64,
    /// Distance of its life in metres.
    pub odometer_m: f64,
    /// How it is driven.
    pub mode: Mode,
    /// On which trip, if on one.
    pub trip: Option<TripId>,
    /// Metres along approach and trip leg.
    pub progress_m: f64,
    /// Bits, see [`flags`].
    pub flags: u32,
}

/// The bits of a sample's flags.
pub mod flags {
    /// People or load aboard.
    pub const OCCUPIED: u32 = 1;
    /// A restrictive command holds the vehicle.
    pub const HELD: u32 = 2;
    /// Standstill and parking brake.
    pub const PARKED: u32 = 4;
    /// A simulated vehicle.
    pub const SIMULATED: u32 = 8;
}

/// An edge of a trip as the vehicle sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TripReport {
    /// Counts from 1 in each boot, without gaps.
    pub seq: u64,
    /// Of this boot.
    pub boot: BootId,
    /// About this trip.
    pub trip: TripId,
    /// Under this claim.
    pub claim_epoch: u64,
    /// By the vehicle's clock.
    pub vehicle_time: Timestamp,
    /// Where it was.
    pub position: Position,
    /// Distance of its life in metres.
    pub odometer_m: f64,
    /// People or load aboard.
    pub occupied: bool,
    /// How it was driven.
    pub mode: Mode,
    /// What happened.
    pub kind: ReportKind,
}

/// What happened on a trip.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportKind {
    /// The dispatch is accepted; arrival at the pickup in so many milliseconds (TRIP-7).
    Accepted {
        /// Until the pickup.
        eta_ms: u64,
        /// The route accepted.
        route: RouteId,
    },
    /// The dispatch is refused.
    Rejected {
        /// Stable code.
        code: String,
        /// For a person.
        reason: String,
    },
    /// It started towards the pickup.
    Departed,
    /// It stands at the pickup.
    ArrivedPickup,
    /// People or load are aboard; it goes on.
    Boarded,
    /// On the way (TRIP-8).
    Progress {
        /// Driven since departure.
        distance_m: f64,
        /// Still to drive.
        remaining_m: f64,
        /// Until the drop-off.
        eta_ms: u64,
    },
    /// It stands at the drop-off.
    ArrivedDropoff,
    /// The trip is done (TRIP-9).
    Completed {
        /// Driven since departure.
        distance_m: f64,
        /// Since acceptance.
        duration_ms: u64,
        /// Used since departure.
        energy_wh: f64,
    },
    /// It stopped for safety.
    SafeStopped {
        /// With which class.
        class: StopClass,
        /// Stable code.
        reason: String,
        /// Whether the place is admissible (SAFE-5).
        admissible: bool,
    },
    /// It goes on.
    Resumed,
    /// It waits.
    Paused {
        /// Why.
        reason: String,
    },
    /// It needs a person.
    AssistNeeded {
        /// Stable code.
        kind: String,
        /// What it sees or knows.
        snapshot: Option<Snapshot>,
    },
    /// It left the trip before its end and stands.
    Ended {
        /// Why.
        reason: String,
    },
}

/// What a vehicle shows to whoever helps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// One of [`SNAPSHOT_TYPES`].
    pub media_type: String,
    /// At most [`SNAPSHOT_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// The longest snapshot in bytes: a small picture, kept on the vehicle until it is acknowledged.
pub const SNAPSHOT_BYTES_MAX: usize = 64 << 10;
/// What a snapshot may be (RFC 6838): still pictures and structured text, nothing that runs.
pub const SNAPSHOT_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "application/json"];

/// How far a command got on the vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReport {
    /// Which command.
    pub command: CommandId,
    /// How far.
    pub state: Delivery,
    /// Stable code, or empty.
    pub code: String,
    /// For a person, or empty.
    pub reason: String,
}

/// A message that the protocol has had from its first version and that nothing here handles yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Reserved {
    /// Its name in the protocol file.
    pub name: &'static str,
}

/// What a vehicle says.
#[derive(Debug, Clone, PartialEq)]
pub enum VehicleMessage {
    /// The first message.
    Hello(Box<Hello>),
    /// Capabilities.
    Online(Online),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// Samples.
    Telemetry(TelemetryBatch),
    /// An edge of a trip.
    TripReport(Box<TripReport>),
    /// How far a command got.
    CommandState(CommandReport),
    /// Reserved.
    Reserved(Reserved),
}
