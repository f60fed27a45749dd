//! Vehicles and sites: who drives, in what state, held by whom, claimed for which trip; and where: map versions, zones
//! and closures.
//!
//! READY is derived and never stored: ONLINE, no hold, no stop, no claim, and mode AUTONOMOUS.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod commands;
mod credentials;
mod names;
pub mod seen;
mod service;
pub mod site;
mod sites;
pub mod vehicle;

pub use self::commands::{ground_body, stop_body};
pub use credentials::VEHICLE_CREDENTIALS;
pub use names::VEHICLE_NAMES;
pub use seen::{CLAIM_RENEWALS, Seen, VEHICLE_SEEN};
pub use service::{Fleet, FromRecord, KnownVehicle, Registered, Settings, Tenants, no_vehicle};
pub use site::Site;
pub use sites::MapSource;
pub use vehicle::Vehicle;

/// The folds of this domain, for replay.
pub fn folds() -> Vec<Box<dyn store::replay::Fold>> {
    vec![store::replay::fold_of::<Vehicle>(), store::replay::fold_of::<Site>()]
}
