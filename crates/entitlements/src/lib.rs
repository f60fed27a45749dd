//! What a tenant's subscription allows, decided by data: the time, the subscription and the use so far are parameters.
//!
//! [`Catalogue`] has the plans, add-ons and features; [`check`] says what a subscription allows and, where it does not, what
//! would; [`Meter`] reserves, commits and releases what is counted; [`lease`] carries the answer to a site without a link.
//! An entitlement can only take away, and never from a vehicle that moves: see [`Catalogue::is_exempt`].

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod catalogue;
mod check;
pub mod lease;
mod meter;
mod period;
mod read;
mod subscription;

pub use catalogue::{AddOn, Catalogue, Feature, Grant, Kind, Limit, Plan, Unlimited};
pub use check::{Allowed, Ask, Decision, Denied, Limits, OptionKind, Reason, UpgradeOption, check};
pub use meter::{Meter, MeterError, OPEN_MAX, Outcome, RESERVATION_MAX_MS, Settled};
pub use period::Period;
pub use read::{CATALOGUE_BYTES_MAX, CatalogueError, shipped};
pub use subscription::Subscription;
