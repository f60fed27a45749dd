//! Detections over a stream of records: rules in Sigma's format (specification 2.0), Sigma correlations, and baselines of
//! one entity with the prior of its cohort. Pure: it reads no clock, file or network; rules, records and the time come as
//! parameters, so the same records give the same alerts, bit for bit.
//!
//! [`Engine::push`] takes records in any order within [`Limits::lateness_ms`]. Rules of single events and correlations with
//! `gt`/`gte` alert with the record that completes them. What needs to know that nothing is missing (`lt`, `lte`, `eq`,
//! `neq`, baselines) waits until the watermark has passed. An alert's id follows from its rule, its group and the part of
//! time it falls in, and never from the order of arrival, so that no order and no duplicate raises anything twice.

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

pub mod alert;
pub mod baseline;
mod clock;
pub mod correlation;
pub mod engine;
pub mod error;
mod key;
pub mod limits;
mod recent;
pub mod record;
pub mod rules;
pub mod sigma;
pub mod simulate;

pub use alert::{Alert, Level};
pub use engine::{Engine, RestoreError, State};
pub use error::RuleError;
pub use limits::{Dropped, Limits};
pub use record::{LogSource, Record, Scalar};
pub use rules::{RuleFile, RuleInfo, shipped};
