//! Keys of roles: Ed25519 (RFC 8032), which every TUF client reads.

use data_encoding::HEXLOWER;
use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::canonical::canonical;
use kernel::digest::Sha256Digest;

/// The bytes of an Ed25519 public key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// The bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The public half of a role's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// From the raw bytes of RFC 8032 §5.1.5.
    pub const fn from_bytes(bytes: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// The key's id: the SHA-256 of its canonical JSON, in hexadecimal (as securesystemslib computes it).
    pub fn id(&self) -> String {
        let key = json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": HEXLOWER.encode(&self.0)}});
        // The value has no numbers, so it always has a canonical form.
        Sha256Digest::of(&canonical(&key).unwrap_or_default()).to_string()
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == SIGNATURE_BYTES
            && UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", HEXLOWER.encode(&self.0))
    }
}

/// A key as a root lists it (TUF §4.2). Kinds other than Ed25519 are read but their signatures never count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    pub keytype: String,
    pub scheme: String,
    pub keyval: KeyValue,
}

/// The public value of a listed key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    pub public: String,
}

impl ListedKey {
    /// The key, when it is one on Ed25519 by both its kind and its scheme.
    pub fn public_key(&self) -> Option<PublicKey> {
        if self.keytype != "ed25519" || self.scheme != "ed25519" {
            return None;
        }
        HEXLOWER.decode(self.keyval.public.as_bytes()).ok()?.try_into().ok().map(PublicKey)
    }
}

impl From<PublicKey> for ListedKey {
    fn from(key: PublicKey) -> Self {
        let keyval = KeyValue { public: HEXLOWER.encode(&key.0) };
        Self { keytype: "ed25519".to_owned(), scheme: "ed25519".to_owned(), keyval }
    }
}

/// A signer could not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role's key could not sign: {0}")]
pub struct SignError(pub String);

/// Whoever holds a role's private key: a file, a hardware module or another service.
pub trait RoleSigner {
    /// The public half.
    fn public(&self) -> PublicKey;

    /// The Ed25519 signature over `message`.
    ///
    /// # Errors
    /// [`SignError`] when the key cannot be used now.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError>;
}

/// A private key in memory, made from its seed.
pub struct SeedKey(Ed25519KeyPair);

impl SeedKey {
    /// From the 32-byte seed of RFC 8032 §5.1.5.
    ///
    /// # Errors
    /// [`SignError`] when the library refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, SignError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| SignError("the seed was refused".to_owned()))
    }
}

impl fmt::Debug for SeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeedKey({:?})", self.public())
    }
}

impl RoleSigner for SeedKey {
    fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let signature = self.0.sign(message);
        signature.as_ref().try_into().map_err(|_| SignError("the signature has not 64 bytes".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_and_others_do_not_verify_it() {
        let (key, other) = (SeedKey::from_seed(&[7; 32]).unwrap(), SeedKey::from_seed(&[8; 32]).unwrap());
        let signature = key.sign(b"message").unwrap();
        assert!(key.public().verifies(b"message", &signature));
        assert!(!key.public().verifies(b"messagE", &signature));
        assert!(!key.public().verifies(b"message", &signature[..63]));
        assert!(!other.public().verifies(b"message", &signature));
        assert_ne!(key.public().id(), other.public().id());
    }

    #[test]
    fn only_keys_that_say_ed25519_twice_are_used() {
        let listed = ListedKey::from(SeedKey::from_seed(&[7; 32]).unwrap().public());
        assert!(listed.public_key().is_some());
        for (keytype, scheme) in [("rsa", "ed25519"), ("ed25519", "rsassa-pss-sha256"), ("ed25519", "none")] {
            let other = ListedKey { keytype: keytype.into(), scheme: scheme.into(), ..listed.clone() };
            assert_eq!(other.public_key(), None);
        }
    }
}
