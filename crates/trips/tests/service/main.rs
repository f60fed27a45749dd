//! Trips over a store in memory, the shipped policies, and neighbours that answer what a test tells them to: dispatch,
//! deadlines, compliance, and what follows from the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod assignment;
mod dispatch;
mod following;
mod looks;
mod reroutes;
mod world;
