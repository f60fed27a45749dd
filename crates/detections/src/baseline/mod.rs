//! What is usual for one entity, and until enough is known of it, for its cohort.
//!
//! Baselines take records in the order of time: each waits until the watermark has passed, so that the order of arrival
//! changes nothing. Their alerts are that much later than those of other rules.

mod spec;
mod state;
mod tail;

pub(crate) use spec::Baseline;
pub(crate) use state::{BaselineState, Item, Unusual};
