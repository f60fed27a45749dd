//! Vehicles and sites: who drives, in what state, held by whom, claimed for which trip; and where: map versions, zones
//! and closures.
//!
//! READY is derived and never stored: ONLINE, no hold, no stop, no claim, and mode AUTONOMOUS.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
mod commands;
mod facts;
mod names;
pub mod seen;
mod service;
pub mod site;
mod sites;
pub mod vehicle;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use self::commands::{ground_body, stop_body};
pub use facts::{HoldReleaseFacts, RegistrationFacts, SiteImportFacts, StopClearFacts};
pub use names::VEHICLE_NAMES;
pub use seen::{CLAIM_RENEWALS, Seen, VEHICLE_SEEN};
pub use service::{Fleet, FromRecord, KnownVehicle, Registered, Settings, Tenants, no_vehicle};
pub use site::Site;
pub use sites::MapSource;
pub use vehicle::Vehicle;

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "fleet",
    aggregates: &[AggregateSpec::of::<Vehicle>(), AggregateSpec::of::<Site>()],
    tables: &[VEHICLE_NAMES, VEHICLE_SEEN, CLAIM_RENEWALS],
    policy: actions::POLICY,
};

impl Fleet {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let restrictions = due_handler::<Site, _, _>(self, |fleet: &Self, tenant, site, guard| {
            Box::pin(fleet.apply_times(tenant, site, guard))
        });
        Workers { due: vec![self.silence(), restrictions], commands: vec![self.clone()], ..Workers::default() }
    }
}
