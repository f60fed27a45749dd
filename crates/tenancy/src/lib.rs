//! Whose fleet it is, and who may act for it: tenants with their subscription and the sector in force, principals with their
//! role, and the tokens that they present. Tokens are kept as digests only.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod actions;
pub mod deletion;
pub mod log;
mod permissions;
pub mod principal;
pub mod sectors;
mod service;
pub mod tenant;

pub use deletion::Deletions;
use domain::{AggregateSpec, Domain};
pub use kernel::Role;
pub use log::Log;
pub use permissions::{
    MAY_ACTIVATE_SECTOR, MAY_ASK_ACCESS, MAY_CHOOSE_FLAGS, MAY_MANAGE_PRINCIPALS, MAY_READ_JOURNAL, MAY_READ_SECTOR,
    MAY_READ_SUBSCRIPTION,
};
pub use principal::{Principal, changes_access};
pub use sectors::Sectors;
pub use service::{Authenticated, NewPrincipal, NewTenant, TOKEN_USES, TOKENS, Tenancy};
pub use tenant::Tenant;

/// What the domain consists of.
pub const DOMAIN: Domain = Domain {
    name: "tenancy",
    aggregates: &[AggregateSpec::of::<Tenant>(), AggregateSpec::of::<Principal>(), AggregateSpec::of::<Log>()],
    tables: &[TOKENS, TOKEN_USES],
    policy: actions::POLICY,
};
