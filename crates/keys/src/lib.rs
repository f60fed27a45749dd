//! Keys by purpose: whoever signs heads of the log cannot sign tokens, because the compiler does not let it.
//!
//! A key lives in a sealed file today; what signs is a port ([`Signer`]), so that a hardware module can take its place
//! without a change for anybody who signs. Ed25519 (RFC 8032), and P-256 for certificates and tokens, by aws-lc-rs.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking"))]

mod ec;
mod entropy;
mod error;
mod file;
mod key;
mod keystore;
mod purpose;
mod sealed;
mod secret;
mod state;
pub mod token;

pub use ec::{EC_PUBLIC_BYTES, EcKey, EcPublicKey};
pub use entropy::entropy_128;
pub use error::KeyError;
pub use file::{DiskKeyFile, KeyFile};
pub use key::{Key, KeyId, KeyPair, SEED_BYTES, SIGNATURE_BYTES, SPKI_HEAD, Signer, VerifyingKey};
pub use keystore::{KeyInfo, Keystore};
pub use purpose::{
    Audit, CertificateAuthority, DeviceAuthority, Director, Evidence, HasPurpose, Policy, Purpose, Report, Token,
    Update, UpdateRoot, Witness,
};
pub use sealed::MasterKey;
pub use secret::Secret;
pub use state::{IllegalTransition, KeyState};
