//! The edge towards vehicles: the listener, one session per vehicle, commands on their way, and what takes motion
//! away, which leaves even when the store cannot commit.

pub mod acknowledgements;
pub mod backend;
mod compliance;
pub mod emergency;
pub mod listener;
mod reconcile;
pub mod reports;
pub mod restrict;
pub mod rules;
pub mod session;
pub mod sessions;
pub mod tls;

use std::time::Duration;

pub use listener::listen;

/// How vehicles are talked to.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often a vehicle says that it is there.
    pub heartbeat: Duration,
    /// How often a claim is renewed: several times within its validity, so that one lost message costs nothing.
    pub claim_renewal: Duration,
    /// How long a claim holds without renewal, in milliseconds.
    pub claim_valid_ms: u64,
    /// How often a moving vehicle samples, in milliseconds.
    pub telemetry_interval_ms: u64,
}
