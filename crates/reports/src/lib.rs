//! Reports for authorities, each in the authority's own form. Pure: no clock, file or network is read; the events, the time
//! and the names are parameters, so the same input gives the same bytes.
//!
//! [`Forms`] reads the forms from data; [`fill`] takes what the journal knows and what a person adds, and names what is
//! missing.

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

mod csv_text;
mod fill;
pub mod form;

pub use csv_text::csv;
pub use fill::{ENTRIES_MAX, Fault, Filled, FilledField, Filler, Origin, fill};
pub use form::{Form, FormError, FormFile, Forms, shipped};
