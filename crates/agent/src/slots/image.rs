//! What is installed: an image, and an update that brings it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::Check;

/// The most chunks of an update: with chunks of 1 MiB an image of 64 GiB. It bounds the journal's longest record.
const CHUNKS_MAX: u64 = 1 << 16;

/// One of the two places for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    A,
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The name of the file or partition under the [`Disk`](super::Disk).
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::A => "slot-a",
            Self::B => "slot-b",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// A reference to an image: enough to know it when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What people call it.
    pub release: String,
    /// The anti-rollback counter. An image with a lower one than a committed image's never boots again.
    pub counter: u64,
    /// The digest of the whole.
    #[serde(with = "hex")]
    pub sha256: [u8; 32],
    /// Bytes. A slot may be longer; what follows is not read.
    pub length: u64,
}

/// One attempt to bring an image onto the vehicle. Its fields come from signed metadata, which the caller has checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The server's number of the assignment.
    pub number: u64,
    /// The server's count of attempts under that number.
    pub attempt: u32,
    pub image: Image,
    /// Bytes of every chunk except the last.
    pub chunk_size: u64,
    /// SHA-256 of each chunk, in order.
    #[serde(with = "hex::list")]
    pub chunk_digests: Vec<[u8; 32]>,
}

impl Update {
    /// Whether this is the attempt with these numbers.
    #[must_use]
    pub fn is(&self, number: u64, attempt: u32) -> bool {
        self.number == number && self.attempt == attempt
    }

    pub(crate) fn check(&self) -> Result<(), Check> {
        if self.image.length == 0 || self.chunk_size == 0 {
            return Err(Check::Update("an image or chunk of no bytes"));
        }
        let chunks = self.image.length.div_ceil(self.chunk_size);
        if chunks > CHUNKS_MAX {
            return Err(Check::Update("too many chunks"));
        }
        if chunks != self.chunk_digests.len() as u64 {
            return Err(Check::Update("not as many digests as chunks"));
        }
        Ok(())
    }

    /// Where a chunk begins, and how long it is; `None` beyond the end. In bytes.
    pub(crate) fn chunk(&self, index: u64) -> Option<(u64, u64)> {
        let begin = index.checked_mul(self.chunk_size).filter(|begin| *begin < self.image.length)?;
        Some((begin, self.chunk_size.min(self.image.length - begin)))
    }

    /// The digest that a chunk must have; `None` beyond the end.
    pub(crate) fn chunk_digest(&self, index: u64) -> Option<&[u8; 32]> {
        self.chunk_digests.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.chunk_digests.len() as u64
    }
}

/// Digests as lower-case hexadecimal text.
mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    fn encode(digest: &[u8; 32]) -> String {
        digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|n| char::from_digit(n.into(), 16)).collect()
    }

    fn decode(text: &str) -> Option<[u8; 32]> {
        let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|n| n as u8)).collect::<Option<_>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        if rest.is_empty() { bytes.try_into().ok() } else { None }
    }

    pub fn serialize<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encode(digest))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        decode(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no digest"))
    }

    pub mod list {
        use super::{Deserialize, Deserializer, Error, Serializer, decode, encode};

        pub fn serialize<S: Serializer>(digests: &[[u8; 32]], to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(digests.iter().map(encode))
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<[u8; 32]>, D::Error> {
            let texts = Vec::<String>::deserialize(from)?;
            texts.iter().map(|text| decode(text)).collect::<Option<_>>().ok_or_else(|| D::Error::custom("no digest"))
        }
    }
}
