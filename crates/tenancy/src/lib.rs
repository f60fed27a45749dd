//! Whose fleet it is, and who may act for it: tenants with their sector and entitlements, principals with their role,
//! and the tokens that they present. Tokens are kept as digests only.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod log;
pub mod operation;
pub mod principal;
mod service;
pub mod tenant;

pub use kernel::Role;
pub use log::Log;
pub use operation::Operation;
pub use principal::{Principal, changes_access};
pub use service::{Authenticated, NewPrincipal, NewTenant, TOKENS, Tenancy};
pub use tenant::Tenant;

/// The folds of this domain, for replay.
pub fn folds() -> Vec<Box<dyn store::replay::Fold>> {
    vec![store::replay::fold_of::<Tenant>(), store::replay::fold_of::<Principal>(), store::replay::fold_of::<Log>()]
}
