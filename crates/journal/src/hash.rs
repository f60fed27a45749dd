//! The one hash of the log: SHA-256 with the domain separation of RFC 6962 §2.1, so that an entry can never be
//! mistaken for an inner node.

use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::JournalError;

/// A SHA-256 hash; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// All zeros: the "previous" of the first entry of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of a leaf: `H(00 ‖ data)` (RFC 6962 §2.1).
    pub fn of_leaf(data: &[u8]) -> Self {
        Self::of_parts(&[&[0], data])
    }

    /// The hash of an inner node: `H(01 ‖ left ‖ right)` (RFC 6962 §2.1).
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self::of_parts(&[&[1], &left.0, &right.0])
    }

    /// The root of a tree without leaves: the hash of nothing (RFC 6962 §2.1).
    pub fn of_empty_tree() -> Self {
        Self::of_parts(&[])
    }

    /// Plain SHA-256, for digests that are no part of a tree.
    pub fn of_bytes(data: &[u8]) -> Self {
        Self::of_parts(&[data])
    }

    /// SHA-256 over the concatenation of `parts`.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&HEXLOWER.encode_display(&self.0), f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        // One text per hash: upper case is refused, so that two texts never stand for the same hash.
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(JournalError::HashText)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_per_hash() {
        let hash = Hash::of_leaf(b"x");
        let text = hash.to_string();
        assert_eq!(text.parse::<Hash>().unwrap(), hash);
        assert_eq!(serde_json::from_str::<Hash>(&serde_json::to_string(&hash).unwrap()).unwrap(), hash);
        let plus = "+f".repeat(32);
        for bad in ["", &text[1..], &text.to_uppercase(), &plus, &format!("{text}00")] {
            assert!(matches!(bad.parse::<Hash>(), Err(JournalError::HashText)), "{bad}");
        }
    }
}
