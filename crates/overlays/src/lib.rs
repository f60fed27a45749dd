//! What a sector brings to a tenant, as a directory of files that is read whole or not at all: rules that only forbid and
//! constrain, limits that only tighten, words, colours, flags, signals, clauses and entitlements.
//!
//! [`Overlay::read`] takes the files as a map and tells everything that is wrong with them, by file and field;
//! [`limits::Limits`] merges what several layers set; [`shipped`] has the four overlays of the product. Whether the rules
//! type-check is for the engine's bundle to say, which [`Overlay::policy_sources`] feeds.

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

mod fault;
mod files;
pub mod limits;
mod manifest;
mod overlay;
mod parameters;
mod policies;
mod required;
mod shipped;
pub mod terms;
pub mod ui;

pub use fault::Fault;
pub use files::{FILE_BYTES_MAX, FILES_MAX, Files};
pub use manifest::{Manifest, digest_of};
pub use overlay::Overlay;
pub use parameters::{Parameter, Parameters, Tighten};
pub use policies::{PolicyFile, check_layer};
pub use required::{Clause, Signal};
pub use shipped::shipped;
