//! What a log asks of a witness, and what the witness may answer (C2SP tlog-witness, `add-checkpoint`). The decision is a
//! function of what the witness keeps and of the request; whoever serves it holds the log's lock from reading what is kept
//! until the new head is kept.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use journal::checkpoint::{NOTE_BYTES_MAX, split};
use journal::proof::verify_consistency;
use journal::{Checkpoint, Hash, JournalError, NoteVerifier};

use crate::WitnessError;

/// The most hashes of a proof: a tree of 2^63 leaves has no longer one.
pub const PROOF_LINES_MAX: usize = 63;

/// The largest request: a note with its proof before it.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * (PROOF_LINES_MAX + 1);

/// A log's request to cosign a head that goes on from an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size up to which the witness has seen the log, as the log believes.
    pub old_size: u64,
    /// That the tree of that size is a beginning of the new one (RFC 6962 §2.1.2).
    pub proof: Vec<Hash>,
    /// The head that the note states. Its signature is checked by [`decide`].
    pub head: Checkpoint,
    /// The log's signed note.
    pub note: String,
}

impl AddCheckpoint {
    /// Puts a request together.
    ///
    /// # Errors
    /// [`WitnessError::Journal`] for what is no signed checkpoint, [`WitnessError::Request`] for a proof that is too long.
    pub fn new(old_size: u64, proof: Vec<Hash>, note: &str) -> Result<Self, WitnessError> {
        if proof.len() > PROOF_LINES_MAX {
            return Err(WitnessError::Request("it has more than 63 hashes"));
        }
        let (body, _) = split(note)?;
        Ok(Self { old_size, proof, head: Checkpoint::parse(body)?, note: note.into() })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// As [`AddCheckpoint::new`], for what has another form.
    pub fn parse(text: &str) -> Result<Self, WitnessError> {
        if text.len() > REQUEST_BYTES_MAX {
            return Err(WitnessError::Request("it is too large"));
        }
        let (before, note) =
            text.split_once("\n\n").ok_or(WitnessError::Request("a blank line must stand before the checkpoint"))?;
        let mut lines = before.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(decimal).ok_or(WitnessError::Request("it must begin with `old` and a size"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(WitnessError::Request("it has more than 63 hashes"));
            }
            let hash = STANDARD.decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            proof.push(Hash::from_bytes(
                hash.ok_or(WitnessError::Request("each line of the proof is a hash in base 64"))?,
            ));
        }
        Self::new(old, proof, note)
    }

    /// The body of a request.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}", STANDARD.encode(hash.as_bytes()));
        }
        text + "\n" + &self.note
    }
}

/// A size in decimal without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// A head that a witness cosigned last, or may cosign now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenHead {
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has another form, or asks to go back.
    #[error("{what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// No key that the witness trusts for the log signed the head.
    #[error("no trusted key of the log signed the checkpoint")]
    NotSigned,
    /// The witness does not know the log.
    #[error("the log is not known to this witness")]
    UnknownLog,
    /// The log believes that the witness has seen another size, or shows another tree of the size that it has seen.
    #[error("the witness has seen the log up to {known}")]
    Conflict {
        /// The size of the newest head that the witness cosigned.
        known: u64,
    },
    /// The proof does not lead from what the witness has seen to the new head.
    #[error("the checkpoint is no continuation of what the witness has seen")]
    Inconsistent,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The type of the answer's body.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "text/x.tlog.size",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// The answer's body: a sentence, or the size that is known where the log has to start from another one.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { known } => format!("{known}\n"),
            other => format!("{other}\n"),
        }
    }
}

impl From<WitnessError> for Refusal {
    fn from(error: WitnessError) -> Self {
        Self::Malformed { what: error.to_string() }
    }
}

/// Whether a witness that knows a log up to a head may cosign what is asked; the answer is what it must keep before it
/// signs. A log that was never seen begins at size 0.
///
/// # Errors
/// The refusal.
pub fn decide(known: Option<SeenHead>, request: &AddCheckpoint, trusted: &[NoteVerifier]) -> Result<SeenHead, Refusal> {
    let mut of_log = trusted.iter().filter(|verifier| verifier.name() == request.head.origin).peekable();
    if of_log.peek().is_none() {
        return Err(Refusal::UnknownLog);
    }
    let mut signed = false;
    for verifier in of_log {
        match Checkpoint::open(&request.note, verifier) {
            Ok(_) => signed = true,
            Err(JournalError::NotSigned { .. }) => {}
            Err(JournalError::Signature { .. }) => return Err(Refusal::NotSigned),
            Err(other) => return Err(Refusal::Malformed { what: other.to_string() }),
        }
    }
    if !signed {
        return Err(Refusal::NotSigned);
    }
    let Checkpoint { size, root, .. } = request.head;
    if request.old_size > size {
        return Err(Refusal::Malformed { what: "the old size is larger than the checkpoint's".into() });
    }
    let seen_size = known.map_or(0, |head| head.size);
    if request.old_size != seen_size {
        return Err(Refusal::Conflict { known: seen_size });
    }
    let is_continued = match known.filter(|head| head.size > 0) {
        None => request.proof.is_empty() && (size > 0 || root == Hash::of_empty_tree()),
        Some(head) if head.size == size && head.root != root => return Err(Refusal::Conflict { known: seen_size }),
        Some(head) => verify_consistency(head.size, head.root, size, root, &request.proof),
    };
    if is_continued { Ok(SeenHead { size, root }) } else { Err(Refusal::Inconsistent) }
}

/// Where a witness shows the newest head that it cosigned of a log, below its address: `<sha-256 of the name>/checkpoint`.
pub fn monitoring_path(origin: &str) -> String {
    format!("{}/checkpoint", Hash::of_bytes(origin.as_bytes()))
}
