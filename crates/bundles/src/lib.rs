//! Evidence that is verified without us: which clauses an event speaks to and what follows from it, the archive that carries
//! the proof, the statement that is signed over it, OSCAL for the tools of others, and the dates by which an authority must
//! have it. Pure: it reads no clock, file or network; the time, the bytes and the key are parameters, so the same input gives
//! the same bytes.
//!
//! [`Mapping`] reads the clauses from data and [`assess`] says of each whether it is satisfied; [`archive::Writer`] packs,
//! [`statement::sign`] signs what [`archive::Writer::seal`] returned, and [`verify::verify`] finds every byte that changed.

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

pub mod adherence;
pub mod archive;
pub mod compliance;
pub mod deadline;
pub mod event;
mod json;
pub mod oscal;
pub mod statement;
pub mod tiles;
mod time_text;
mod uuid;
pub mod verify;
pub mod verify_md;

pub use compliance::{ClauseRef, ClauseResult, Mapping, MappingError, MappingFile, Role, Verdict, assess, shipped};
pub use event::{Event, Subject};
pub use json::{JsonError, canonical};
pub use kernel::digest::Sha256Digest;
