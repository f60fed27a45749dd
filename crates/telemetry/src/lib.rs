//! Telemetry: samples and compliance checks are observations, not events. They are validated, de-duplicated, and
//! durable in hashed segments before they are acknowledged; the journal holds summaries with the segments' digests.
//!
//! Tenant leads every path and every key. Nothing here reads a clock.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod ingest;
mod log;
mod record;
mod sample;
mod segment;
mod sequence;

pub use ingest::{Ack, Batch, Ingest, Latest, TelemetryError};
pub use record::Check;
pub use sample::{RawSample, Sample};
pub use segment::{ChunkDigest, Damage, Manifest};
