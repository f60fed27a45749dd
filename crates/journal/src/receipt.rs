//! What somebody is given who wants to prove an entry later: the entry, the signed head, the path between them, and
//! how far it can be trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::checkpoint::{Checkpoint, NoteVerifier};
use crate::entry::leaf_of;
use crate::proof::verify_inclusion;
use crate::{Entry, Hash, JournalError};

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

/// What is said of a receipt that no witness and no timestamp covers.
pub const SELF_ASSERTED: &str = "self-asserted";

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

impl InclusionReceipt {
    /// The receipt of an entry that a signed head covers and nobody else has seen.
    pub fn provable(entry: Entry, path: Vec<Hash>, checkpoint: String) -> Self {
        Self {
            level: Level::Provable,
            trust: SELF_ASSERTED,
            index: entry.index,
            envelope: entry.envelope_json,
            links: entry.links_json,
            path,
            checkpoint,
        }
    }

    /// The same as a text that verifiers of transparency logs read (C2SP tlog-proof v1). Its extra data are those of the
    /// leaf: envelope and links.
    pub fn to_tlog_proof(&self) -> String {
        let leaf_data = [self.envelope.as_bytes(), self.links.as_bytes()].concat();
        let mut text = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex {}\n", STANDARD.encode(leaf_data), self.index);
        for hash in &self.path {
            text += &STANDARD.encode(hash.as_bytes());
            text += "\n";
        }
        text + "\n" + &self.checkpoint
    }

    /// Checks that the receipt proves its entry; the answer is the head that it is proven under.
    ///
    /// # Errors
    /// What [`Checkpoint::open`] says of the head, [`JournalError::Proof`] when the path does not lead there.
    pub fn verify(&self, verifier: &NoteVerifier) -> Result<Checkpoint, JournalError> {
        let head = Checkpoint::open(&self.checkpoint, verifier)?;
        let leaf = leaf_of(&self.envelope, &self.links);
        let proven = verify_inclusion(leaf, self.index, head.size, &self.path, head.root);
        if proven { Ok(head) } else { Err(JournalError::Proof) }
    }
}
