//! The vehicle agent: a sans-IO core that decides, a durable state that survives any death of the process, a port to
//! the vehicle with a simulated one behind it, two slots for its software, and (feature `process`) the sockets and clocks around them. The core
//! is the last gate before motion: it obeys only the current claim, and it stops without being told (SAFE-1, -7).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

pub mod core;
pub mod durable;
pub mod path;
pub mod simulated;
pub mod slots;
pub mod vehicle;
pub mod wear;

#[cfg(feature = "process")]
pub mod process;
