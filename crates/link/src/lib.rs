//! The vehicle protocol, both ends, without a socket: the messages, their validation before anyone acts on them, the
//! life of a command (SAFE-6) and what a session resumes from. Feature `grpc` adds the client and server of the one
//! stream; everything else here is pure, so that the simulation and the process speak the very same protocol.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

pub mod v1;

/// The version of the protocol that this crate speaks, in `Hello.protocol_version`.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest message in bytes, either way. A route of 500 km with a point every 20 m fits in half of it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The metadata key under which a session names its vehicle.
pub const METADATA_VEHICLE: &str = "x-atlasmesh-vehicle";

/// The metadata key under which a session presents the vehicle's secret, as `Bearer <secret>`.
pub const METADATA_AUTHORIZATION: &str = "authorization";
