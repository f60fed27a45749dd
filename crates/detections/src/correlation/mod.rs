//! Sigma correlations: many events of one group within a span.
//!
//! A correlation with only `gt` or `gte` can never be undone by one more record, so it fires at once: at every record of
//! which the span that ends there holds enough. The set of those records does not depend on the order of arrival, and the
//! alert's id follows from the aligned span they fall in. All other conditions are asked once, of each aligned span, when
//! the watermark has passed it; a span without any record is not seen.

mod spec;
mod state;

pub(crate) use spec::{Bounds, Correlation};
pub(crate) use state::{CorrelationState, Entry, Fired};
