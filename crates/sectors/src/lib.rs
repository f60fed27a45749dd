//! The sectors' own work (SECTOR-1 … SECTOR-7): places of a site, the blast clock of a mine, jobs of a yard with dangerous
//! goods, service areas of a city, and emission states and clearances of a unit. Movement and clearance only.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")
)]

pub mod actions;
pub mod area;
pub mod blast;
pub mod clearance;
pub mod emission;
pub mod hazards;
pub mod job;
mod outline;
pub mod place;
pub mod ports;
mod service;
mod step;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use area::{ServiceArea, ServiceAreaId};
pub use blast::{Blast, BlastId};
pub use clearance::{Clearance, ClearanceId};
pub use emission::Emission;
pub use job::{Job, JobId};
pub use place::{Place, PlaceId};
pub use service::{AskedTrip, Parts, Sectors};
pub use step::{Step, Word};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "sectors",
    aggregates: &[
        AggregateSpec::of::<Place>(),
        AggregateSpec::of::<Blast>(),
        AggregateSpec::of::<Job>(),
        AggregateSpec::of::<ServiceArea>(),
        AggregateSpec::of::<Emission>(),
        AggregateSpec::of::<Clearance>(),
    ],
    tables: &[],
    policy: actions::POLICY,
};

impl Sectors {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let blasts = due_handler::<Blast, _, _>(self, |sectors: &Self, tenant, blast, guard| {
            Box::pin(sectors.blast_due(tenant, blast, guard))
        });
        Workers { due: vec![blasts], subscribers: vec![self.following()], ..Workers::default() }
    }
}
