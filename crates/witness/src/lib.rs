//! Others who vouch for a log: whoever runs a log can show each reader another one, unless somebody outside has seen its
//! heads and signs only what goes on from what it signed before (C2SP tlog-witness, tlog-cosignature), or dates them
//! (RFC 3161). Pure: the time, the nonce and what is remembered are parameters, and whoever serves keeps them.
//!
//! A witness reads a request with [`AddCheckpoint::parse`], asks [`decide`] and signs with [`cosign`]; a reader checks a
//! note with [`WitnessVerifier::check`] or against a whole [`Policy`].

#![warn(missing_docs)]
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

mod add_checkpoint;
mod cosignature;
mod der;
mod error;
mod policy;
pub mod timestamp;

pub use add_checkpoint::{
    AddCheckpoint, PROOF_LINES_MAX, REQUEST_BYTES_MAX, Refusal, SeenHead, decide, monitoring_path,
};
pub use cosignature::{Cosignature, WitnessVerifier, cosign, with_cosignatures};
pub use error::WitnessError;
pub use policy::{Group, Policy, Quorum};
