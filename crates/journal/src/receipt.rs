//! What somebody is given who wants to prove an entry later: the entry, the signed head, the path between them, and
//! how far it can be trusted.

use serde::Serialize;

use crate::checkpoint::{Checkpoint, CheckpointError, NoteVerifier};
use crate::entry::leaf_of;
use crate::hash::Hash;
use crate::proof::verify_inclusion;

/// How much stands behind a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The entry is durable.
    Committed,
    /// A signed head covers it.
    Provable,
    /// Others have cosigned the head.
    Witnessed,
}

/// Proof of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InclusionReceipt {
    /// Its level.
    pub level: Level,
    /// Who vouches: without a witness or a timestamp nobody but the operator.
    pub trust: &'static str,
    /// The position of the entry.
    pub index: u64,
    /// The envelope in canonical form.
    pub envelope: String,
    /// The links in canonical form.
    pub links: String,
    /// The path from the leaf to the root.
    pub path: Vec<Hash>,
    /// The signed head.
    pub checkpoint: String,
}

/// What is said of a receipt that no witness and no timestamp covers.
pub const SELF_ASSERTED: &str = "self-asserted";

impl InclusionReceipt {
    /// Whether the receipt proves its entry under the verifier's key.
    pub fn holds(&self, verifier: &NoteVerifier) -> Result<bool, CheckpointError> {
        let head = Checkpoint::open(&self.checkpoint, verifier)?;
        let leaf = leaf_of(&self.envelope, &self.links);
        Ok(verify_inclusion(leaf, self.index, head.size, &self.path, head.root))
    }
}
