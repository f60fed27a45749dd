//! Signed heads as other people's programs read them: C2SP tlog-checkpoint inside a C2SP signed-note, Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::TenantId;
use keys::{Audit, Signer};

type VerifyingKey = keys::VerifyingKey<Audit>;

use crate::hash::Hash;

/// Ed25519 in a signed note's key (C2SP signed-note, signature types).
const ED25519: u8 = 0x01;

/// A text that is not a checkpoint, or not one of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Its form is wrong.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// It is another log's.
    #[error("the checkpoint is of {found}, not of {expected}")]
    WrongOrigin {
        /// The origin found.
        found: String,
        /// The origin expected.
        expected: String,
    },
    /// No signature of the expected key holds.
    #[error("no signature of {0} on the checkpoint is valid")]
    BadSignature(String),
    /// The key cannot sign.
    #[error("the checkpoint cannot be signed")]
    Unsigned,
}

/// The head that a checkpoint states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// The origin of a tenant's log.
pub fn origin(tenant: &TenantId) -> String {
    format!("atlasmesh.local/log/{tenant}")
}

impl Checkpoint {
    /// The text that is signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// The signed note, with the signer named by the origin.
    ///
    /// # Errors
    /// [`CheckpointError::Unsigned`] when the key is not there or may not sign.
    pub fn sign(&self, signer: &dyn Signer<Audit>) -> Result<String, CheckpointError> {
        let body = self.body();
        let signature = signer.sign(body.as_bytes()).map_err(|_| CheckpointError::Unsigned)?;
        let id = key_id(&self.origin, &signer.verifying_key());
        let blob: Vec<u8> = id.into_iter().chain(signature).collect();
        Ok(format!("{body}\n\u{2014} {} {}\n", self.origin, STANDARD.encode(blob)))
    }

    /// Reads a note and checks that one of its signatures is the verifier's.
    pub fn open(note: &str, verifier: &NoteVerifier) -> Result<Self, CheckpointError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(CheckpointError::Malformed("no blank line"))?;
        let body = format!("{body}\n");
        let checkpoint = Self::parse(&body)?;
        if checkpoint.origin != verifier.name {
            return Err(CheckpointError::WrongOrigin { found: checkpoint.origin, expected: verifier.name.clone() });
        }
        let holds = signatures.lines().any(|line| verifier.accepts(&body, line));
        if holds { Ok(checkpoint) } else { Err(CheckpointError::BadSignature(verifier.name.clone())) }
    }

    fn parse(body: &str) -> Result<Self, CheckpointError> {
        let mut lines = body.lines();
        let mut next = || lines.next().ok_or(CheckpointError::Malformed("fewer than three lines"));
        let (origin, size, root) = (next()?, next()?, next()?);
        let decimal = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| decimal).ok_or(CheckpointError::Malformed("the size is no number"))?;
        let root = STANDARD.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let root = root.ok_or(CheckpointError::Malformed("the root is no hash"))?;
        Ok(Self { origin: origin.into(), size, root: Hash::from_bytes(root) })
    }
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Hash::of_parts(&[name.as_bytes(), b"\n", &[ED25519], key.as_bytes()]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// Who signs the notes of a log, and with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: VerifyingKey,
}

impl NoteVerifier {
    /// The verifier of a tenant's log.
    pub fn new(tenant: &TenantId, key: VerifyingKey) -> Self {
        Self { name: origin(tenant), key }
    }

    /// The verifier key as other programs take it: `name+hash+base64(type ‖ key)`.
    pub fn vkey(&self) -> String {
        let id: String = key_id(&self.name, &self.key).iter().map(|byte| format!("{byte:02x}")).collect();
        let typed: Vec<u8> = std::iter::once(ED25519).chain(self.key.as_bytes().iter().copied()).collect();
        format!("{}+{id}+{}", self.name, STANDARD.encode(typed))
    }

    fn accepts(&self, body: &str, line: &str) -> bool {
        let Some((name, blob)) = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')) else { return false };
        let Ok(blob) = STANDARD.decode(blob) else { return false };
        let Some((id, signature)) = blob.split_first_chunk::<4>() else { return false };
        let Ok(signature) = signature.try_into() else { return false };
        name == self.name && *id == key_id(&self.name, &self.key) && self.key.verify(body.as_bytes(), signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keys::Key;

    #[test]
    fn a_signed_head_opens_and_no_changed_byte_does() {
        let tenant: TenantId = "north-pit".parse().unwrap();
        let key: Key<Audit> = Key::generate().unwrap();
        let verifier = NoteVerifier::new(&tenant, key.verifying_key());
        let checkpoint = Checkpoint { origin: origin(&tenant), size: 7, root: Hash::of_leaf(b"x") };
        let note = checkpoint.sign(&key).unwrap();
        assert_eq!(Checkpoint::open(&note, &verifier), Ok(checkpoint));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                let opened = Checkpoint::open(&changed, &verifier);
                assert!(opened.is_err() || changed.trim_end() == note.trim_end(), "byte {at}: {changed}");
            }
        }
        let other: Key<Audit> = Key::generate().unwrap();
        assert!(Checkpoint::open(&note, &NoteVerifier::new(&tenant, other.verifying_key())).is_err());
        assert!(verifier.vkey().starts_with("atlasmesh.local/log/north-pit+"));
    }
}
