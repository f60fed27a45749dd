//! Signed heads as other people's programs read them: C2SP tlog-checkpoint inside a C2SP signed-note, Ed25519.

use data_encoding::HEXLOWER;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::TenantId;
use keys::{Audit, SIGNATURE_BYTES, Signer, VerifyingKey};

use crate::{Hash, JournalError};

/// The host part of a log's name where nobody configured one.
pub const HOST_DEFAULT: &str = "atlasmesh.local";

/// The largest note: a checkpoint has some hundred bytes, each of some ten witnesses adds as much.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// The most signatures that are looked at; C2SP signed-note asks verifiers for at least 16.
const SIGNATURES_MAX: usize = 64;

/// Ed25519 in a signed note's key (C2SP signed-note, "Signatures").
const ED25519: u8 = 0x01;

/// What a line of a signature begins with: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// The name of a tenant's log on the default host.
pub fn origin(tenant: &TenantId) -> String {
    origin_at(HOST_DEFAULT, tenant)
}

/// The name of a tenant's log on a host that the operator owns, so that no two logs of the world share a name.
pub fn origin_at(host: &str, tenant: &TenantId) -> String {
    format!("{host}/log/{tenant}")
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

impl Checkpoint {
    /// The text that is signed.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// The signed note, with the signer named by the origin.
    ///
    /// # Errors
    /// [`JournalError::OriginName`] for a name that a note cannot carry, [`JournalError::Signing`] when the key cannot
    /// sign.
    pub fn sign(&self, signer: &dyn Signer<Audit>) -> Result<String, JournalError> {
        check_name(&self.origin)?;
        let body = self.body();
        let signature = signer.sign(body.as_bytes()).map_err(JournalError::Signing)?;
        let key_id = note_key_id(&self.origin, ED25519, signer.verifying_key().as_bytes());
        let line = SignatureLine { name: &self.origin, key_id, signature: signature.to_vec() };
        Ok(format!("{body}\n{}\n", line.to_text()))
    }

    /// Reads a note of the verifier's log and checks its signature. Signatures of others, such as witnesses, are passed
    /// over; one in the name of a known key that does not match condemns the note (C2SP signed-note, "Verifying").
    ///
    /// # Errors
    /// [`JournalError::Note`] for what is no checkpoint, [`JournalError::OtherLog`], [`JournalError::Signature`],
    /// [`JournalError::NotSigned`].
    pub fn open(note: &str, verifier: &NoteVerifier) -> Result<Self, JournalError> {
        let (body, lines) = split(note)?;
        let checkpoint = Self::parse(body)?;
        if checkpoint.origin != verifier.name {
            return Err(JournalError::OtherLog { found: checkpoint.origin, expected: verifier.name.clone() });
        }
        let mut signed = false;
        for line in lines {
            signed |= verifier.check(body, line)?;
        }
        if signed { Ok(checkpoint) } else { Err(JournalError::NotSigned { name: verifier.name.clone() }) }
    }

    /// Reads the text that is signed, and checks no signature.
    ///
    /// # Errors
    /// [`JournalError::Note`] for what is no checkpoint.
    pub fn parse(body: &str) -> Result<Self, JournalError> {
        if body.chars().any(|c| c.is_control() && c != '\n') {
            return Err(JournalError::Note("it has control characters"));
        }
        // Lines behind the third are extensions: signed, and for others to understand (C2SP tlog-checkpoint).
        let lines: Vec<&str> = body.strip_suffix('\n').unwrap_or(body).split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(JournalError::Note("it has fewer than three lines"));
        };
        if origin.is_empty() || extensions.iter().any(|line| line.is_empty()) {
            return Err(JournalError::Note("it has an empty line"));
        }
        let size: u64 = size
            .parse()
            .ok()
            .filter(|number: &u64| number.to_string() == **size)
            .ok_or(JournalError::Note("its size is no number without leading zeros"))?;
        let root = STANDARD.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let root = root.ok_or(JournalError::Note("its root is no hash in base 64"))?;
        Ok(Self { origin: (*origin).into(), size, root: Hash::from_bytes(root) })
    }
}

/// Signs a head; see [`Checkpoint::sign`].
///
/// # Errors
/// As [`Checkpoint::sign`].
pub fn sign_checkpoint(
    signer: &dyn Signer<Audit>,
    origin: &str,
    size: u64,
    root: Hash,
) -> Result<String, JournalError> {
    Checkpoint { origin: origin.into(), size, root }.sign(signer)
}

/// Parts a note into the text that is signed, with its last line's end, and the lines of its signatures.
///
/// # Errors
/// [`JournalError::Note`] for a text that is too large or has no such parts.
pub fn split(note: &str) -> Result<(&str, Vec<&str>), JournalError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(JournalError::Note("it is larger than 64 KiB"));
    }
    let end = note.rfind("\n\n").ok_or(JournalError::Note("a blank line must stand before the signatures"))?;
    let (body, signatures) = (&note[..=end], &note[end + 2..]);
    let lines = signatures.strip_suffix('\n').ok_or(JournalError::Note("it must end with a line's end"))?;
    let lines: Vec<&str> = lines.split('\n').take(SIGNATURES_MAX + 1).collect();
    if lines.len() > SIGNATURES_MAX {
        return Err(JournalError::Note("it has more than 64 signatures"));
    }
    Ok((body, lines))
}

/// One line under a note, as it was read: nothing in it is checked but its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine<'a> {
    /// Who is said to have signed.
    pub name: &'a str,
    /// Which of the signer's keys, as [`note_key_id`] gives it.
    pub key_id: [u8; 4],
    /// What the kind of key says that it is.
    pub signature: Vec<u8>,
}

impl<'a> SignatureLine<'a> {
    /// Reads a line, which has no line's end.
    ///
    /// # Errors
    /// [`JournalError::Note`] for what is none.
    pub fn parse(line: &'a str) -> Result<Self, JournalError> {
        const MALFORMED: JournalError = JournalError::Note("a signature must be an em dash, a name and base 64");
        let (name, signed) =
            line.strip_prefix(SIGNATURE_MARK).and_then(|rest| rest.split_once(' ')).ok_or(MALFORMED)?;
        check_name(name).map_err(|_| MALFORMED)?;
        let signed = STANDARD.decode(signed).map_err(|_| MALFORMED)?;
        let (id, signature) = signed.split_first_chunk::<4>().filter(|(_, rest)| !rest.is_empty()).ok_or(MALFORMED)?;
        Ok(Self { name, key_id: *id, signature: signature.to_vec() })
    }

    /// The line, without a line's end.
    pub fn to_text(&self) -> String {
        format!("{SIGNATURE_MARK}{} {}", self.name, STANDARD.encode([&self.key_id[..], &self.signature].concat()))
    }
}

/// Whether a note can carry the name of a log or of a witness.
///
/// # Errors
/// [`JournalError::OriginName`] for one that it cannot.
pub fn check_name(name: &str) -> Result<(), JournalError> {
    let printable = !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
    if printable && (1..=255).contains(&name.len()) { Ok(()) } else { Err(JournalError::OriginName) }
}

/// What tells keys of the same name apart (C2SP signed-note): the first bytes of `SHA-256(name ‖ 0A ‖ type ‖ key)`.
pub fn note_key_id(name: &str, kind: u8, key: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = *Hash::of_parts(&[name.as_bytes(), b"\n", &[kind], key]).as_bytes();
    [a, b, c, d]
}

/// A key as other programs take it: `name+id+base64(type ‖ key)` (C2SP signed-note, "Verifier keys").
pub fn vkey_text(name: &str, kind: u8, key: &[u8; 32]) -> String {
    let id = HEXLOWER.encode(&note_key_id(name, kind, key));
    format!("{name}+{id}+{}", STANDARD.encode([&[kind], &key[..]].concat()))
}

/// The name and the Ed25519 key of a text that [`vkey_text`] gives for the kind of key.
///
/// # Errors
/// [`JournalError::VerifierKey`] for what is none, [`JournalError::OriginName`] for a name that a note cannot carry.
pub fn read_vkey(vkey: &str, kind: u8) -> Result<(&str, [u8; 32]), JournalError> {
    let mut parts = vkey.splitn(3, '+');
    let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(JournalError::VerifierKey("it has three parts"));
    };
    check_name(name)?;
    let typed = STANDARD.decode(key).map_err(|_| JournalError::VerifierKey("its third part is base 64"))?;
    let key = typed.strip_prefix(&[kind]).and_then(|key| key.try_into().ok());
    let key = key.ok_or(JournalError::VerifierKey(
        "its key is 32 bytes of Ed25519 behind its type, 01 of a log and 04 of a witness",
    ))?;
    if vkey_text(name, kind, &key) != vkey {
        return Err(JournalError::VerifierKey("its second part is not the id of its name and key"));
    }
    Ok((name, key))
}

/// Who signs the notes of a log, and with which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    /// The first is the newest.
    keys: Vec<VerifyingKey<Audit>>,
}

impl NoteVerifier {
    /// The verifier of a tenant's log on the default host.
    pub fn new(tenant: &TenantId, key: VerifyingKey<Audit>) -> Self {
        Self { name: origin(tenant), keys: vec![key] }
    }

    /// The verifier of a log of any name.
    ///
    /// # Errors
    /// [`JournalError::OriginName`] for a name that a note cannot carry.
    pub fn named(origin: &str, key: VerifyingKey<Audit>) -> Result<Self, JournalError> {
        check_name(origin)?;
        Ok(Self { name: origin.into(), keys: vec![key] })
    }

    /// The verifier that also accepts a key from before the newest was active.
    pub fn or_earlier(mut self, key: VerifyingKey<Audit>) -> Self {
        self.keys.push(key);
        self
    }

    /// The name of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The newest key as other programs take it: `name+id+base64(type ‖ key)` (C2SP signed-note, "Verifier keys").
    pub fn vkey(&self) -> String {
        self.vkeys().into_iter().next().unwrap_or_default()
    }

    /// Every key as other programs take it, the newest first.
    pub fn vkeys(&self) -> Vec<String> {
        let vkey = |key: &VerifyingKey<Audit>| vkey_text(&self.name, ED25519, key.as_bytes());
        self.keys.iter().map(vkey).collect()
    }

    /// Whether a line is a valid signature of one of the keys; a false one in a key's name is an error.
    fn check(&self, body: &str, line: &str) -> Result<bool, JournalError> {
        let SignatureLine { name, key_id, signature } = SignatureLine::parse(line)?;
        let is_it = |key: &&VerifyingKey<Audit>| key_id == note_key_id(&self.name, ED25519, key.as_bytes());
        let Some(key) = self.keys.iter().find(is_it).filter(|_| name == self.name) else { return Ok(false) };
        let condemned = || JournalError::Signature { name: name.into() };
        let signature: [u8; SIGNATURE_BYTES] = signature.try_into().map_err(|_| condemned())?;
        key.verify(body.as_bytes(), &signature).map_err(|_| condemned())?;
        Ok(true)
    }
}

/// From the text form that [`NoteVerifier::vkey`] gives.
impl FromStr for NoteVerifier {
    type Err = JournalError;

    fn from_str(vkey: &str) -> Result<Self, JournalError> {
        let (name, key) = read_vkey(vkey, ED25519)?;
        Self::named(name, VerifyingKey::from_bytes(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier key and the note in the documentation of Go's golang.org/x/mod/sumdb/note, where the format is from.
    #[test]
    fn a_note_that_another_program_signed_is_verified() {
        let verifier: NoteVerifier =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let body =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert!(verifier.check(body, line).unwrap());
        assert!(matches!(verifier.check(&body[1..], line), Err(JournalError::Signature { .. })));
        assert!(matches!(Checkpoint::parse(body), Err(JournalError::Note(_))), "a note, but no checkpoint");
    }

    #[test]
    fn verifier_keys_of_the_world_are_read() {
        let vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(vkey.parse::<NoteVerifier>().unwrap().vkey(), vkey);
        for bad in [
            "",
            "sum.golang.org",
            "sum.golang.org+033de0ae",
            "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.org+033de0ae+As4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuA==",
        ] {
            assert!(bad.parse::<NoteVerifier>().is_err(), "{bad}");
        }
    }
}
