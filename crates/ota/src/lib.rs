//! Software updates: signed releases, rollouts that go on while what vehicles prove allows it, and what each vehicle runs by
//! its own signed word. Authority comes from signatures, success from proof after the boot, and the pace from statistics.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
pub mod documents;
pub mod ports;
pub mod repository;
pub mod rollout;
mod service;
pub mod update;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use repository::{Release, ReleaseContent, ReleaseId, Repository, Signers};
pub use rollout::{Plan, Rollout, RolloutId};
pub use service::{
    DIRECTED, Directive, Evidence, FRESH, Funnel, Neighbours, NewRelease, Ota, Permission, Preview, PreviewRow,
    RevertedBy, Settings, VehicleState, Verification,
};
pub use update::{Update, VehicleUpdates};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "ota",
    aggregates: &[
        AggregateSpec::of::<Repository>(),
        AggregateSpec::of::<Rollout>(),
        AggregateSpec::of::<VehicleUpdates>(),
    ],
    tables: &[DIRECTED, FRESH],
    policy: actions::POLICY,
};

impl Ota {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let expire = due_handler::<VehicleUpdates, _, _>(self, |ota: &Self, tenant, vehicle, guard| {
            Box::pin(ota.expire(tenant, vehicle, guard))
        });
        let soaked = due_handler::<Rollout, _, _>(self, |ota: &Self, tenant, rollout, guard| {
            Box::pin(ota.look_again(tenant, rollout, guard))
        });
        Workers { due: vec![expire, soaked], subscribers: vec![self.effects()], ..Workers::default() }
    }
}
