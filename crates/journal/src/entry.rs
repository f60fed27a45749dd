//! An entry of the log: the envelope as committed, and the links that chain it behind every subject that it is about.


use kernel::{Envelope, Subject};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// A text that is not an entry.
#[derive(Debug, thiserror::Error)]
#[error("not an entry in canonical form (RFC 8785)")]
pub struct EntryError(#[from] serde_json::Error);

/// The end of a subject's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainTip {
    /// The number of entries in the chain.
    pub n: u64,
    /// The leaf of the last one.
    pub leaf: Hash,
}

/// An entry's place in one subject's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The subject.
    pub subject: Subject,
    /// The place, from 1.
    pub n: u64,
    /// The leaf of the entry before it in the chain; all zero for the first.
    pub previous: Hash,
}

impl Link {
    /// The link that follows the end of a chain.
    pub fn after(subject: Subject, tip: Option<ChainTip>) -> Self {
        match tip {
            Some(tip) => Self { subject, n: tip.n + 1, previous: tip.leaf },
            None => Self { subject, n: 1, previous: Hash::ZERO },
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its position, from 0.
    pub index: u64,
    /// Its leaf.
    pub leaf: Hash,
    /// The envelope in canonical form.
    pub envelope_json: String,
    /// The links in canonical form: the stream's first, then those of `about`, in their order.
    pub links_json: String,
}

impl Entry {
    /// The entry at a position.
    ///
    /// # Errors
    /// When a value has no canonical form, such as a number that is not finite.
    pub fn build(index: u64, envelope: &Envelope, links: &[Link]) -> Result<Self, EntryError> {
        let envelope_json = serde_json_canonicalizer::to_string(envelope)?;
        let links_json = serde_json_canonicalizer::to_string(&links)?;
        let leaf = leaf_of(&envelope_json, &links_json);
        Ok(Self { index, leaf, envelope_json, links_json })
    }

    /// The envelope.
    pub fn envelope(&self) -> Result<Envelope, EntryError> {
        Ok(serde_json::from_str(&self.envelope_json)?)
    }

    /// The links.
    pub fn links(&self) -> Result<Vec<Link>, EntryError> {
        Ok(serde_json::from_str(&self.links_json)?)
    }
}

/// The leaf of an entry's two texts.
pub fn leaf_of(envelope_json: &str, links_json: &str) -> Hash {
    Hash::of_parts(&[&[0], envelope_json.as_bytes(), links_json.as_bytes()])
}
