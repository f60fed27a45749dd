//! What is signed: an in-toto Statement (v1) about the digest of the manifest, in a DSSE envelope, in a Sigstore bundle
//! (v0.3) with the key by its hint. Each of the three is read by programs that are not ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{JsonError, canonical};
use kernel::digest::Sha256Digest;

/// The type of a statement (in-toto Attestation Framework, Statement v1).
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of what is signed in the envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of the bundle.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What is said of a bundle of evidence.
pub const EVIDENCE_BUNDLE: &str = "https://atlasmesh.io/evidence-bundle/v1";
/// The most bytes of a bundle that is read.
pub const BUNDLE_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// The most timestamps of a bundle.
const TIMESTAMPS_MAX: usize = 16;

/// A key that signs. The kind of signature is the key's; verifiers expect Ed25519, or ECDSA on P-256 with SHA-256 in ASN.1
/// DER.
pub trait Signer {
    /// Why it does not sign.
    type Error;

    /// The hint by which a verifier finds the public key.
    fn key_id(&self) -> &str;

    /// A signature over `message` itself, not over a digest of it.
    ///
    /// # Errors
    /// What the key says.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Self::Error>;
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementSubject {
    pub name: String,
    pub digest: Digests,
}

/// The digest of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    pub sha256: Sha256Digest,
}

/// An in-toto Statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    pub kind: String,
    pub subject: Vec<StatementSubject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    pub predicate: Value,
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    /// In base64.
    pub payload: String,
    pub payload_type: String,
    pub signatures: Vec<Signature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub keyid: String,
    /// In base64.
    pub sig: String,
}

/// A Sigstore bundle with a public key that the verifier has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Bundle {
    pub media_type: String,
    pub verification_material: Material,
    pub dsse_envelope: Envelope,
}

/// What a verifier needs besides the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Material {
    pub public_key: KeyHint,
    /// Of Rekor; our log is another and its proofs are files of the archive.
    pub tlog_entries: Vec<Value>,
    pub timestamp_verification_data: Timestamps,
}

/// Which key it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHint {
    pub hint: String,
}

/// RFC 3161 timestamps over the signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Timestamps {
    pub rfc3161_timestamps: Vec<SignedTimestamp>,
}

/// A response of a timestamping authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignedTimestamp {
    /// The DER of the response in base64.
    pub signed_timestamp: String,
}

/// A statement could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError<E> {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the key did not sign")]
    Key(E),
}

/// A bundle that says nothing that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    #[error("this is no Sigstore bundle of version 0.3 with a DSSE envelope: {0}")]
    Malformed(String),
    #[error("the key `{key_id}` did not sign this")]
    Signature { key_id: String },
    #[error("the statement is about {0}")]
    About(String),
}

impl Statement {
    /// A statement about a file.
    #[must_use]
    pub fn about(name: &str, sha256: Sha256Digest, predicate_type: &str, predicate: Value) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![StatementSubject { name: name.to_owned(), digest: Digests { sha256 } }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// Checks that the statement is about nothing but this file.
    ///
    /// # Errors
    /// [`Unverified::About`] with what it is about.
    pub fn check_about(&self, name: &str, sha256: Sha256Digest) -> Result<(), Unverified> {
        match self.subject.as_slice() {
            [subject] if subject.name == name && subject.digest.sha256 == sha256 => Ok(()),
            subjects => {
                let texts: Vec<String> =
                    subjects.iter().map(|subject| format!("{} {}", subject.name, subject.digest.sha256)).collect();
                Err(Unverified::About(texts.join(", ")))
            }
        }
    }
}

/// What a signature of an envelope is over (DSSE 1.0, pre-authentication encoding).
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Signs a statement.
///
/// # Errors
/// [`SignError`].
pub fn sign<S: Signer>(statement: &Statement, signer: &S) -> Result<Bundle, SignError<S::Error>> {
    let payload = canonical("the statement", statement)?;
    let signature = signer.sign(&pae(PAYLOAD_TYPE, payload.as_bytes())).map_err(SignError::Key)?;
    let keyid = signer.key_id().to_owned();
    Ok(Bundle {
        media_type: BUNDLE_TYPE.to_owned(),
        verification_material: Material {
            public_key: KeyHint { hint: keyid.clone() },
            tlog_entries: Vec::new(),
            timestamp_verification_data: Timestamps::default(),
        },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature { keyid, sig: STANDARD.encode(signature) }],
        },
    })
}

impl Bundle {
    /// The bytes of the signature, over which an authority gives a timestamp.
    ///
    /// # Errors
    /// [`Unverified::Malformed`].
    pub fn signature(&self) -> Result<Vec<u8>, Unverified> {
        match self.dsse_envelope.signatures.as_slice() {
            [signature] => decode("signature", &signature.sig),
            others => Err(Unverified::Malformed(format!("it has {} signatures and not one", others.len()))),
        }
    }

    /// Adds a timestamp: the DER of an RFC 3161 response over [`Bundle::signature`].
    pub fn add_timestamp(&mut self, response: &[u8]) {
        let signed_timestamp = STANDARD.encode(response);
        let timestamps = &mut self.verification_material.timestamp_verification_data.rfc3161_timestamps;
        timestamps.push(SignedTimestamp { signed_timestamp });
    }

    /// The bundle as it stands in the archive.
    ///
    /// # Errors
    /// [`JsonError`].
    pub fn text(&self) -> Result<String, JsonError> {
        canonical("the signature", self)
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`Unverified::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, Unverified> {
        let malformed = |why: String| Unverified::Malformed(why);
        if text.len() > BUNDLE_BYTES_MAX {
            return Err(malformed(format!("it has more than {BUNDLE_BYTES_MAX} bytes")));
        }
        let bundle: Self = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
        if bundle.media_type != BUNDLE_TYPE {
            return Err(malformed(format!("its type is {}", bundle.media_type)));
        }
        let material = &bundle.verification_material;
        if !material.tlog_entries.is_empty()
            || material.timestamp_verification_data.rfc3161_timestamps.len() > TIMESTAMPS_MAX
        {
            return Err(malformed("it has entries of a log or too many timestamps".to_owned()));
        }
        Ok(bundle)
    }

    /// The statement, when the key signed it. `verify` gets the key's id, the message and the signature. Whether the key was
    /// good at that time is the caller's to know.
    ///
    /// # Errors
    /// [`Unverified`].
    pub fn verify(&self, verify: impl FnOnce(&str, &[u8], &[u8]) -> bool) -> Result<Statement, Unverified> {
        let signature = self.signature()?;
        let key_id = self.verification_material.public_key.hint.as_str();
        let envelope = &self.dsse_envelope;
        if envelope.signatures.iter().any(|signature| signature.keyid != key_id) {
            return Err(Unverified::Malformed("hint and keyid name different keys".to_owned()));
        }
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(Unverified::Malformed(format!("its payload is {}", envelope.payload_type)));
        }
        let payload = decode("payload", &envelope.payload)?;
        if !verify(key_id, &pae(PAYLOAD_TYPE, &payload), &signature) {
            return Err(Unverified::Signature { key_id: key_id.to_owned() });
        }
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|error| Unverified::Malformed(error.to_string()))?;
        if statement.kind != STATEMENT_TYPE {
            return Err(Unverified::Malformed(format!("its statement is {}", statement.kind)));
        }
        Ok(statement)
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, Unverified> {
    STANDARD.decode(text).map_err(|error| Unverified::Malformed(format!("its {what} is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), expected);
    }
}
