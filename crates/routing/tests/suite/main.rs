//! The public surface of the crate against the fixtures, the demo's city, extracts made here, and an oracle.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by failing")]

mod city;
mod csv_import;
mod fixture;
mod oracle;
mod osm_import;
mod pbf;
mod routes;
