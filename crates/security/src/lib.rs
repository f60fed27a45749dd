//! Security incidents: detections over the journal, what is contained and how, who is called until somebody answers, what is
//! looked into, and how a vehicle gets its access back. Aware of whether the vehicle drives (SAFE-3).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
pub mod incident;
pub mod on_call;
pub mod ports;
mod service;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use incident::Incident;
pub use on_call::OnCall;
pub use service::{ARTEFACTS, CHANNEL_SECRETS, NOTICES, Notice, OnCallSecrets, Parts, Report, Security, TimelineEntry};

/// The rules by which attacks are found.
pub fn rules() -> Vec<detections::RuleInfo> {
    let engine = detections::Engine::new(&detections::shipped());
    engine
        .map(|engine| engine.rules().filter(|(rule, ..)| rule.alerts).map(|(rule, ..)| rule.clone()).collect())
        .unwrap_or_default()
}

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "security",
    aggregates: &[AggregateSpec::of::<Incident>(), AggregateSpec::of::<OnCall>()],
    tables: &[NOTICES, CHANNEL_SECRETS, ARTEFACTS],
    policy: actions::POLICY,
};

impl Security {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let due = due_handler::<Incident, _, _>(self, |security: &Self, tenant, incident, guard| {
            Box::pin(security.due(tenant, incident, guard))
        });
        Workers {
            due: vec![due, self.delivering()],
            subscribers: vec![self.monitor(), self.effects()],
            ..Workers::default()
        }
    }
}
