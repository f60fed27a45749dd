//! The envelope of metadata: `{"signed": …, "signatures": [{"keyid", "sig"}]}` (TUF §4.2). Signatures are over the canonical
//! form of the JSON value that was read and not of the structures made from it, so that unknown members are covered.

use data_encoding::HEXLOWER;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attack::{Attack, Refused};
use crate::canonical::canonical;
use crate::key::{PublicKey, RoleSigner, SIGNATURE_BYTES, SignError};
use crate::metadata::{Role, RoleDocument, Root, SPEC_VERSION};

/// The most signatures of a document. Each one costs a verification, so their number has a limit.
pub const SIGNATURES_MAX: usize = 64;

/// A document could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the metadata cannot be written as JSON: {0}")]
    Json(String),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the document would be refused: {0}")]
    Unreadable(#[from] Refused),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: Value,
}

/// A document that was read. Nothing in it is to be believed before [`Signed::verify`].
#[derive(Debug, Clone)]
pub struct Signed<T> {
    /// What the role says.
    pub signed: T,
    /// The bytes that signatures are over.
    message: Vec<u8>,
    signatures: Vec<Signature>,
    /// The document as it was read.
    text: String,
}

impl<T: RoleDocument> Signed<T> {
    /// Reads a document of a role. It checks its size and form, not its signatures.
    ///
    /// # Errors
    /// [`Attack::EndlessData`] above the role's limit, otherwise [`Attack::Malformed`].
    pub fn read(document: &[u8]) -> Result<Self, Refused> {
        let role = T::ROLE.as_str();
        if document.len() > T::ROLE.bytes_max() {
            let text = format!("the {role} document has more than {} bytes", T::ROLE.bytes_max());
            return Err(Attack::EndlessData.refused(text));
        }
        let wrong = |why: String| Attack::Malformed.refused(format!("this is no {role} document: {why}"));
        let text = String::from_utf8(document.to_vec()).map_err(|error| wrong(error.to_string()))?;
        let Envelope { signed, signatures } = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(wrong(format!("it has more than {SIGNATURES_MAX} signatures")));
        }
        if signed.get("_type").and_then(Value::as_str) != Some(role) {
            return Err(wrong("its _type is another".to_owned()));
        }
        let spec = signed.get("spec_version").and_then(Value::as_str);
        if !spec.is_some_and(|version| version.starts_with("1.")) {
            return Err(wrong("its spec_version is not 1".to_owned()));
        }
        let message = canonical(&signed).map_err(|error| wrong(error.to_string()))?;
        let signed: T = serde_json::from_value(signed).map_err(|error| wrong(error.to_string()))?;
        if signed.version() == 0 {
            return Err(wrong("the first version is 1".to_owned()));
        }
        signed.check()?;
        Ok(Self { signed, message, signatures, text })
    }

    /// Checks that enough keys of the document's role in `root` signed. A key counts once, whatever number of signatures or
    /// ids it has; a signature by another key, or in another form, does not count (TUF §5.3.4).
    ///
    /// # Errors
    /// [`Attack::ArbitrarySoftware`] when the threshold is not reached.
    pub fn verify(&self, root: &Root) -> Result<(), Refused> {
        let keys = root.keys_of(T::ROLE);
        let signer = |signature: &Signature| {
            let key = keys.get(signature.keyid.as_str())?;
            key.verifies(&self.message, &HEXLOWER.decode(signature.sig.as_bytes()).ok()?).then_some(*key)
        };
        let signers: BTreeSet<PublicKey> = self.signatures.iter().filter_map(signer).collect();
        let threshold = root.role(T::ROLE).threshold;
        if signers.len() >= usize::try_from(threshold).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let (role, found) = (T::ROLE.as_str(), signers.len());
        let text = format!("{found} of the {threshold} keys that must sign {role} did, by root {}", root.version);
        Err(Attack::ArbitrarySoftware.refused(text))
    }

    /// The document as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A document that still gathers signatures. Whoever signs elsewhere signs [`Draft::message`].
#[derive(Debug, Clone)]
pub struct Draft {
    signed: Value,
    message: Vec<u8>,
    signatures: Vec<Signature>,
    role: Role,
}

impl Draft {
    /// From what a role says.
    ///
    /// # Errors
    /// [`DocumentError`] when it cannot be written or would not be read.
    pub fn new<T: RoleDocument>(role: &T) -> Result<Self, DocumentError> {
        let mut signed = serde_json::to_value(role).map_err(|error| DocumentError::Json(error.to_string()))?;
        if let Some(members) = signed.as_object_mut() {
            members.insert("_type".to_owned(), T::ROLE.as_str().into());
            members.insert("spec_version".to_owned(), SPEC_VERSION.into());
        }
        Self::read::<T>(json!({"signatures": [], "signed": signed}).to_string().as_bytes())
    }

    /// From a document that others signed already, so that one more signs the same bytes.
    ///
    /// # Errors
    /// [`DocumentError::Unreadable`].
    pub fn read<T: RoleDocument>(document: &[u8]) -> Result<Self, DocumentError> {
        let Signed { message, signatures, .. } = Signed::<T>::read(document)?;
        let envelope: Envelope =
            serde_json::from_slice(document).map_err(|error| DocumentError::Json(error.to_string()))?;
        Ok(Self { signed: envelope.signed, message, signatures, role: T::ROLE })
    }

    /// The bytes to sign.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Adds the signature of `key`, in place of an earlier one of the same key.
    ///
    /// # Errors
    /// [`DocumentError::Sign`] when it is not `key`'s over [`Draft::message`].
    pub fn add(&mut self, key: &PublicKey, signature: &[u8; SIGNATURE_BYTES]) -> Result<(), DocumentError> {
        if !key.verifies(&self.message, signature) {
            return Err(SignError(format!("the signature is not one of {}", key.id())).into());
        }
        let added = Signature { keyid: key.id(), sig: HEXLOWER.encode(signature) };
        self.signatures.retain(|other| other.keyid != added.keyid);
        self.signatures.push(added);
        Ok(())
    }

    /// The document, as it is served.
    ///
    /// # Errors
    /// [`DocumentError`] when it became larger than its role allows.
    pub fn document(self) -> Result<String, DocumentError> {
        let envelope = Envelope { signatures: self.signatures, signed: self.signed };
        let text = serde_json::to_string(&envelope).map_err(|error| DocumentError::Json(error.to_string()))?;
        if text.len() > self.role.bytes_max() {
            let why = format!("it has {} bytes", text.len());
            return Err(Attack::EndlessData.refused(why).into());
        }
        Ok(text)
    }
}

/// Signs what a role says by all of `signers` and returns the document.
///
/// # Errors
/// [`DocumentError`].
pub fn sign<T: RoleDocument>(role: &T, signers: &[&dyn RoleSigner]) -> Result<String, DocumentError> {
    let mut draft = Draft::new(role)?;
    for signer in signers {
        let signature = signer.sign(draft.message())?;
        draft.add(&signer.public(), &signature)?;
    }
    draft.document()
}
