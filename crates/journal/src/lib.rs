//! The transparency log: every change of state leaves an entry that cannot be altered, moved or taken out unseen, and
//! whoever doubts it checks that with programs that are not ours (RFC 6962 tree; C2SP checkpoints and signed notes).
//!
//! An entry's leaf is the RFC 6962 leaf hash over JCS(envelope) ‖ JCS(links), so an envelope's own bytes never depend
//! on its neighbours. Everything here is computation over values: no file, no clock, no network.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod canonical;
pub mod checkpoint;
pub mod entry;
mod error;
mod hash;
pub mod proof;
pub mod receipt;
pub mod tile;
mod tree;
pub mod verify;

pub use canonical::BODY_DEPTH_MAX;
pub use checkpoint::{Checkpoint, NoteVerifier};
pub use entry::{ChainTip, ENTRY_BYTES_MAX, Entry, Link};
pub use error::JournalError;
pub use hash::Hash;
pub use tree::Frontier;
pub use verify::{Finding, LogVerifier, Report, verify_log};
