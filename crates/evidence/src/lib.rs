//! Evidence and compliance: every entry of the journal by the clauses that it speaks to, bundles that others verify, reports
//! to authorities and their answers, and what is wrong with any of it (EVD-1 … EVD-7).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")
)]

pub mod actions;
pub mod authority;
pub mod bundle;
mod calendars;
pub mod collision;
pub mod issue;
pub mod legal_hold;
pub mod obligation;
pub mod ports;
pub mod profile;
pub mod report;
mod service;

use std::sync::Arc;

use domain::{AggregateSpec, Domain, Workers};
use store::due::due_handler;

pub use authority::Authority;
pub use bundle::EvidenceBundle;
pub use collision::KnownCollision;
pub use issue::ComplianceIssue;
pub use legal_hold::LegalHold;
pub use obligation::Obligation;
pub use profile::{ComplianceProfile, Profile};
pub use report::ComplianceReport;
pub use service::{
    Classified, ClauseView, Composed, Evidence, FrameworkView, NewReport, POLICY_TEXTS, Parts, SignedText, TALLIES,
};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "evidence",
    aggregates: &[
        AggregateSpec::of::<EvidenceBundle>(),
        AggregateSpec::of::<ComplianceIssue>(),
        AggregateSpec::of::<ComplianceProfile>(),
        AggregateSpec::of::<LegalHold>(),
        AggregateSpec::of::<KnownCollision>(),
        AggregateSpec::of::<ComplianceReport>(),
        AggregateSpec::of::<Obligation>(),
        AggregateSpec::of::<Authority>(),
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
        let reports = due_handler::<ComplianceReport, _, _>(self, |evidence: &Self, tenant, report, guard| {
            Box::pin(evidence.report_due(tenant, report, guard))
        });
        let obligations = due_handler::<Obligation, _, _>(self, |evidence: &Self, tenant, obligation, guard| {
            Box::pin(evidence.obligation_due(tenant, obligation, guard))
        });
        Workers {
            due: vec![issues, profiles, reports, obligations],
            subscribers: vec![self.classifying(), self.collecting(), self.mitigating()],
            ..Workers::default()
        }
    }
}
