//! The life of a trip, rule by rule: given what happened, when somebody wants something, then these events or this
//! refusal. Numbers and transitions are written here a second time, from the specification, so that a changed constant
//! or table is found out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod assistance;
mod changes;
mod compliance;
mod properties;
mod reports;
mod requests;
mod reroutes;
mod resume;
mod standing;
mod support;
mod table;
mod time;
