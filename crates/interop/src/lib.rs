//! Other people's update protocols as types, for servers: Eclipse hawkBit's Direct Device Integration (DDI) v1 in both
//! directions, the credentials that its clients send, and the byte ranges of HTTP (RFC 9110 §14) with which they
//! resume. Pure: no clock, no network; what comes from outside is bounded and never makes it panic.
//!
//! DDI carries no trust. What a client claims with it is a claim and is named so ([`ddi::feedback::Meaning::Claimed`]).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")
)]

pub mod auth;
pub mod ddi;
pub mod multipart;
pub mod ranges;
