//! Feature flags in flagd's format, evaluated without I/O: the definitions arrive as text, the time and the context as
//! parameters, so the same question always has the same answer.
//!
//! [`FlagSet::parse`] reads and compiles the flags of one layer, [`Layers`] puts a tenant's over its sector's,
//! [`Layers::evaluate`] answers, [`Snapshot`] freezes the answers for a trip, and [`ofrep`] has the bodies in which clients
//! of others ask. A flag can only take away: what moves a vehicle is decided by policy alone.

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

mod context;
mod definition;
mod digest;
mod evaluate;
mod governed;
mod json;
mod layers;
mod logic;
mod murmur;
pub mod ofrep;
mod snapshot;

pub use context::{CONTEXT_BYTES_MAX, CONTEXT_DEPTH_MAX, Context, ContextError};
pub use definition::{
    FLAGS_MAX, Flag, FlagError, FlagSet, Metadata, SET_BYTES_MAX, Scalar, State, VARIANTS_MAX, is_key,
};
pub use evaluate::{ErrorCode, Reason, Resolution};
pub use governed::{Class, Fault};
pub use layers::{LayerError, Layers};
pub use logic::{DEPTH_MAX, LogicError, NODES_MAX, STEPS_MAX, TEXT_BYTES_MAX};
pub use snapshot::{Snapshot, Switched};
