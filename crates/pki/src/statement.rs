//! A statement that a vehicle signs with the key of its SVID: exact text, signature, and whose it is. Whoever reads it later
//! checks it by the certificate.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A text and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// The exact text that was signed.
    pub statement: String,
    /// ECDSA over P-256 with SHA-256, DER, in base 64.
    pub signature: String,
}

/// A signature that is not the key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the statement is not signed by the vehicle's key")]
pub struct NotSigned;

impl SignedStatement {
    /// Signs a text.
    ///
    /// # Errors
    /// That of `sign`.
    pub fn sign<E>(statement: String, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let signature = STANDARD.encode(sign(statement.as_bytes())?);
        Ok(Self { statement, signature })
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// It is not by this key, or the text was changed.
    pub fn verify(&self, public_key: &[u8]) -> Result<(), NotSigned> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| NotSigned)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key);
        key.verify(self.statement.as_bytes(), &signature).map_err(|_| NotSigned)
    }
}
