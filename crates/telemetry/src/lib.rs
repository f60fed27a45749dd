//! Telemetry: samples and compliance checks are observations, not events. They are validated, de-duplicated, and
//! durable in hashed segments before they are acknowledged; the journal holds summaries that name the digest of each boot's
//! chunks.
//!
//! Tenant leads every path and every key. Nothing here reads a clock.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod chunk;
mod ingest;
mod legacy;
mod log;
mod record;
mod sample;
mod segment;
mod sequence;
mod verify;

pub use chunk::{BootKey, Sealed};
pub use ingest::{Ack, Batch, Ingest, Latest, TelemetryError, copy_segments, verify_segments};
pub use record::Check;
pub use sample::{RawSample, Sample};
pub use verify::{Damage, Named};
