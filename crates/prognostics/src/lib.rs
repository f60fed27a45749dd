//! The mathematics of maintenance, pure: it reads no clock, file or network, and its only randomness is a seed that the caller
//! gives, so that the same input always gives the same output.
//!
//! [`catalog`] says what a component class is: its signals, thresholds, repair and trouble codes, and which readings cannot be
//! true; [`messages`] is what a vehicle says of its components. [`features`] are made of readings, once for what is served and for
//! what models learn from; [`rul`] predicts the remaining useful life with intervals that hold what they promise; [`survival`]
//! does where there is no model yet; [`drift`] says when a model has moved away from what it learned. [`schedule`] gives each work
//! order a bay, a technician and a time. [`wear`] is a component that wears as physics would have it, for simulated vehicles.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod catalog;
pub mod drift;
pub mod features;
pub mod messages;
pub mod metrics;
mod missing;
pub mod rng;
pub mod rul;
pub mod schedule;
pub mod survival;
pub mod wear;
