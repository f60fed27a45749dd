//! Reports for authorities, each in the authority's own form. Pure: no clock, file or network is read; the events, the time
//! and the names are parameters, so the same input gives the same bytes.
//!
//! [`Forms`] reads the forms from data; [`fill`] takes what the journal knows and what a person adds, and names what is
//! missing. [`Report::new`] sets it beside what is said of the clauses, and [`html`] and [`pdf`] write that down.

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
mod html;
mod pdf;
mod plain;
pub mod report;
mod time_text;

pub use csv_text::csv;
pub use fill::{ENTRIES_MAX, Fault, Filled, FilledField, Filler, Origin, fill};
pub use form::{Form, FormError, FormFile, Forms, shipped};
pub use html::html;
pub use pdf::{PdfError, pdf};
pub use report::{Period, Report, Status};
