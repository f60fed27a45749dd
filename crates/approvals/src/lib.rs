//! Approvals: a command that needs two people is asked for by one, with a reason; another person whose role may do it
//! approves or rejects it, never the one who asked. What is approved is carried out once, behind a durable cursor, and the
//! journal names both people in what follows.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod approval;
mod permissions;
mod service;

use domain::{AggregateSpec, Domain};
use policy::PolicyModule;

pub use approval::{Approval, ApprovalEvent, ApprovalId, ApprovalState, Person, VALID_MS};

/// What can happen to an approval, for fixtures.
pub mod events {
    pub use crate::approval::{
        ApprovalApproved, ApprovalAsked, ApprovalDone, ApprovalExpired, ApprovalFailed, ApprovalRejected,
        ApprovalWithdrawn,
    };
}

pub use permissions::{MAY_APPROVE, MAY_READ_APPROVALS};
pub use service::{Approvals, ApprovedCommand, NewApproval, Tenants};

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "approvals",
    aggregates: &[AggregateSpec::of::<Approval>()],
    tables: &[],
    policy: PolicyModule { actions: &[], sources: &[] },
};
