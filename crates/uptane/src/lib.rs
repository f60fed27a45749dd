//! TUF (specification 1.0.34) and Uptane (standard 2.1.0): the metadata of the director and of the image repository, how
//! roles sign it, how a vehicle verifies it, and the version report that a vehicle signs. Pure: the server signs with it and
//! the agent verifies with it. It reads no clock, file or network: the time and the bytes are parameters.
//!
//! A vehicle keeps one [`TrustedRepository`] for the director and one for the images, feeds both with what it fetched, and
//! installs only what [`verify::full`] returns.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

pub mod attack;
pub mod canonical;
pub mod chunks;
pub mod document;
pub mod image;
pub mod key;
pub mod manifest;
pub mod metadata;
pub mod trusted;
pub mod verify;

pub use attack::{Attack, Refused};
pub use kernel::digest::Sha256Digest;
pub use key::{PublicKey, RoleSigner};
pub use metadata::Role;
pub use trusted::TrustedRepository;
