//! The vehicle protocol, both ends, without a socket: the messages, their validation before anyone acts on them, the
//! life of a command (SAFE-6) and what a session resumes from. Feature `grpc` adds the client and server of the one
//! stream; everything else here is pure, so that the simulation and the process speak the very same protocol.
//!
//! Whoever sends builds the messages of [`v1`]; whoever receives reads them through [`from_vehicle`] or
//! [`to_vehicle`], which check every field and name the one that is wrong.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

mod check;
pub mod delivery;
mod from_vehicle;
pub mod issue;
mod read_vehicle;
pub mod restrict;
pub mod resume;
mod route;
mod rules;
mod to_vehicle;
pub mod v1;

pub use check::LinkError;
pub use from_vehicle::{
    BATCH_SAMPLES_MAX, CommandReport, Component, Heartbeat, Hello, Metric, Mode, Online, Position, ReportKind,
    Reserved, SNAPSHOT_BYTES_MAX, SNAPSHOT_TYPES, Sample, Snapshot, TelemetryBatch, TripReport, VehicleMessage, flags,
};
pub use read_vehicle::{decode_from_vehicle, from_vehicle};
pub use route::{Leg, Route, Step};
pub use rules::{CORNERS_MAX, RULES_MAX, RuleClass, RuleKind, SiteRule, SiteRules};
pub use to_vehicle::{
    Body, Claim, Clearance, Command, CommandError, Constraints, Dispatch, GroundWhen, Resume, ServerMessage, Site,
    StopClass, Watermark, Welcome, decode_to_vehicle, read_command, to_vehicle,
};

/// The version of the protocol that this crate speaks, in `Hello.protocol_version`.
pub const PROTOCOL_VERSION: u32 = 2;

/// The version from which on a vehicle keeps speed limits of areas.
pub const SPEED_LIMITS_SINCE: u32 = 2;

/// The longest message in bytes, either way. A route of 500 km with a point every 20 m fits in half of it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The metadata key under which a session names its vehicle.
pub const METADATA_VEHICLE: &str = "x-atlasmesh-vehicle";

/// The metadata key under which a session presents the vehicle's secret, as `Bearer <secret>`.
pub const METADATA_AUTHORIZATION: &str = "authorization";

/// The margin that the server adds to a lapsed claim before it gives the trip to another vehicle (SAFE-7), in
/// milliseconds: it covers the drift of a monotonic clock and the stop itself.
pub const CLAIM_MARGIN_MS: u64 = 30_000;
