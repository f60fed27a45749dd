//! Evidence and compliance: every entry of the journal by the clauses that it speaks to, bundles that others verify, reports
//! to authorities and their answers, and what is wrong with any of it (EVD-1 … EVD-7).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")
)]

pub mod actions;
pub mod bundle;
pub mod collision;
pub mod issue;
pub mod legal_hold;
pub mod ports;
pub mod profile;
mod service;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use bundle::EvidenceBundle;
pub use collision::KnownCollision;
pub use issue::ComplianceIssue;
pub use legal_hold::LegalHold;
pub use profile::{ComplianceProfile, Profile};
pub use service::{Classified, ClauseView, Evidence, FrameworkView, POLICY_TEXTS, Parts, TALLIES};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "evidence",
    aggregates: &[
        AggregateSpec::of::<EvidenceBundle>(),
        AggregateSpec::of::<ComplianceIssue>(),
        AggregateSpec::of::<ComplianceProfile>(),
        AggregateSpec::of::<LegalHold>(),
        AggregateSpec::of::<KnownCollision>(),
    ],
    tables: &[TALLIES, POLICY_TEXTS],
    policy: actions::POLICY,
};

impl Evidence {
    /// What the domain does without being asked.
    pub fn workers(self: &Arc<Self>) -> Workers {
        let issues = due_handler::<ComplianceIssue, _, _>(self, |evidence: &Self, tenant, issue, guard| {
            Box::pin(evidence.issue_due(tenant, issue, guard))
        });
        let profiles = due_handler::<ComplianceProfile, _, _>(self, |evidence: &Self, tenant, id, guard| {
            Box::pin(evidence.assess_due(tenant, id, guard))
        });
        Workers {
            due: vec![issues, profiles],
            subscribers: vec![self.classifying(), self.collecting(), self.mitigating()],
            ..Workers::default()
        }
    }
}
