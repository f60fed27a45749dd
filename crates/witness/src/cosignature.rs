//! What a witness signs (C2SP tlog-cosignature, `cosignature/v1`): that at a time the largest head which it saw of a log
//! was this one, and goes on from all that it saw before.

use std::str::FromStr;

use journal::checkpoint::{SignatureLine, check_name, note_key_id, read_vkey, split, vkey_text};
use journal::{Checkpoint, JournalError};
use keys::{SIGNATURE_BYTES, Signer, VerifyingKey, Witness};

use crate::WitnessError;

/// The type of such a key in a signed note.
const COSIGNATURE_V1: u8 = 0x04;

/// The bytes of a cosignature: eight of the time, and an Ed25519 signature.
const COSIGNATURE_BYTES: usize = 8 + SIGNATURE_BYTES;

fn message(at_s: u64, body: &str) -> String {
    format!("cosignature/v1\ntime {at_s}\n{body}")
}

/// The line that a witness adds to a note, without a line's end. Whoever calls has checked that the head goes on from
/// what the witness signed before, and keeps it.
///
/// # Errors
/// [`WitnessError::Journal`] for a note or a name that is none, and for a time behind 2^63 seconds;
/// [`WitnessError::Signing`] when the key cannot sign.
pub fn cosign(signer: &dyn Signer<Witness>, name: &str, note: &str, at_s: u64) -> Result<String, WitnessError> {
    check_name(name)?;
    let (body, _) = split(note)?;
    Checkpoint::parse(body)?;
    if i64::try_from(at_s).is_err() {
        return Err(JournalError::Note("a cosignature's time is before 2^63 seconds").into());
    }
    let signed = signer.sign(message(at_s, body).as_bytes()).map_err(WitnessError::Signing)?;
    let signature = [&at_s.to_be_bytes()[..], &signed].concat();
    let key_id = note_key_id(name, COSIGNATURE_V1, signer.verifying_key().as_bytes());
    Ok(SignatureLine { name, key_id, signature }.to_text())
}

/// A note with lines of witnesses behind its own signatures.
pub fn with_cosignatures<'a>(note: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().fold(note.to_owned(), |note, line| note + line + "\n")
}

/// A cosignature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The name of the witness.
    pub name: String,
    /// When it signed, by its own clock, in seconds since 1970.
    pub at_s: u64,
}

/// A witness by its name and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessVerifier {
    name: String,
    key: VerifyingKey<Witness>,
}

impl WitnessVerifier {
    /// The witness of a name.
    ///
    /// # Errors
    /// [`JournalError::OriginName`] for a name that a note cannot carry.
    pub fn new(name: &str, key: VerifyingKey<Witness>) -> Result<Self, JournalError> {
        check_name(name)?;
        Ok(Self { name: name.into(), key })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key; the name does not matter where the same key must not count twice.
    pub fn key(&self) -> &VerifyingKey<Witness> {
        &self.key
    }

    /// The key as other programs take it: `name+id+base64(04 ‖ key)`.
    pub fn vkey(&self) -> String {
        vkey_text(&self.name, COSIGNATURE_V1, self.key.as_bytes())
    }

    /// Finds and checks the witness's cosignature under a note; `None` where it has none.
    ///
    /// # Errors
    /// [`WitnessError::Journal`] for what is no checkpoint, [`WitnessError::Cosignature`] for a line under the witness's
    /// key that does not match: one false line condemns the note, as with the log's own.
    pub fn check(&self, note: &str) -> Result<Option<Cosignature>, WitnessError> {
        let (body, lines) = split(note)?;
        Checkpoint::parse(body)?;
        let mut newest = None;
        for line in lines {
            newest = newest.max(self.check_line(body, line)?);
        }
        Ok(newest.map(|at_s| Cosignature { name: self.name.clone(), at_s }))
    }

    /// Checks one line over the text that is signed; the answer is its time, or `None` for a line of somebody else.
    ///
    /// # Errors
    /// As [`WitnessVerifier::check`].
    pub fn check_line(&self, body: &str, line: &str) -> Result<Option<u64>, WitnessError> {
        let SignatureLine { name, key_id, signature } = SignatureLine::parse(line)?;
        if name != self.name || key_id != note_key_id(&self.name, COSIGNATURE_V1, self.key.as_bytes()) {
            return Ok(None);
        }
        let condemned = || WitnessError::Cosignature { name: name.into() };
        let exact: [u8; COSIGNATURE_BYTES] = signature.try_into().map_err(|_| condemned())?;
        let (time, signature) = exact.split_first_chunk::<8>().ok_or_else(condemned)?;
        let at_s = u64::from_be_bytes(*time);
        let signature: &[u8; SIGNATURE_BYTES] = signature.try_into().map_err(|_| condemned())?;
        if i64::try_from(at_s).is_err() || self.key.verify(message(at_s, body).as_bytes(), signature).is_err() {
            return Err(condemned());
        }
        Ok(Some(at_s))
    }
}

/// From the text form that [`WitnessVerifier::vkey`] gives.
impl FromStr for WitnessVerifier {
    type Err = JournalError;

    fn from_str(vkey: &str) -> Result<Self, JournalError> {
        let (name, key) = read_vkey(vkey, COSIGNATURE_V1)?;
        Self::new(name, VerifyingKey::from_bytes(key))
    }
}
