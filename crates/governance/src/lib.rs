//! The life of a policy: a safety officer writes rules of the tenant's own, tests them by cases, replays past decisions under
//! them, runs them in shadow, and a second person puts them in force; they are taken back in one step, and a rule that allows
//! it is waived for a time. Own rules forbid and limit, and never permit: a tenant can only tighten.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
pub mod draft;
pub mod own_policies;
mod service;
pub mod waiver;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use draft::{DraftId, PolicyDraft};
pub use own_policies::OwnPolicies;
pub use service::{
    Checked, DraftView, Fault, Governance, GovernanceParts, InForceRules, ReplayReport, ReplayRow, ShadowCounts,
    Tenants,
};
pub use waiver::{KnownWaiver, WaiverId};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "governance",
    aggregates: &[
        AggregateSpec::of::<PolicyDraft>(),
        AggregateSpec::of::<OwnPolicies>(),
        AggregateSpec::of::<KnownWaiver>(),
    ],
    tables: &[],
    policy: actions::POLICY,
};

impl Governance {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let waivers = due_handler::<KnownWaiver, _, _>(self, |governance: &Self, tenant, waiver, guard| {
            Box::pin(governance.waiver_due(tenant, waiver, guard))
        });
        Workers { due: vec![waivers], ..Workers::default() }
    }
}
