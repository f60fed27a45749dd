//! A lease: what a site without a link may go on doing, for how long, signed by the server. The site needs the public key and
//! the lease, and nobody to ask.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::catalogue::Limit;

/// The type of what is signed; a signature over anything else is none over a lease.
pub const PAYLOAD_TYPE: &str = "application/vnd.atlasmesh.entitlement-lease+json; version=1";
/// The most bytes of a lease that is read.
pub const LEASE_BYTES_MAX: usize = 64 * 1_024;
/// The longest that a lease can hold, grace included.
pub const LEASE_MAX_MS: i64 = 90 * 86_400_000;

/// A key that signs. The kind of signature is the key's.
pub trait Signer {
    /// Why it does not sign.
    type Error;

    /// The hint by which a site finds the public key.
    fn key_id(&self) -> &str;

    /// A signature over `message` itself, not over a digest of it.
    ///
    /// # Errors
    /// What the key says.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Self::Error>;
}

/// The public keys that a site trusts.
pub trait Verifier {
    /// Whether the key of this hint signed the message.
    fn verifies(&self, key_id: &str, message: &[u8], signature: &[u8]) -> bool;
}

/// What a site may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    pub tenant: String,
    pub site: String,
    /// Each lease of a site has a greater one; an older lease never replaces a newer.
    pub sequence: u64,
    pub sectors: BTreeSet<String>,
    /// Features that one has.
    pub features: BTreeSet<String>,
    /// Features with a number, with the share that the site may use.
    pub limits: BTreeMap<String, Limit>,
    /// Of the catalogue that it was made from.
    pub catalogue: String,
    pub issued_at_ms: i64,
    pub valid_from_ms: i64,
    pub valid_until_ms: i64,
    /// How long it goes on after that, with a warning.
    pub grace_ms: i64,
}

/// A lease with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedLease {
    /// The canonical JSON of the lease, in base64.
    pub payload: String,
    pub key_id: String,
    /// In base64.
    pub signature: String,
}

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Valid,
    /// It has ended; so many milliseconds of grace are left.
    Grace {
        left_ms: i64,
    },
}

/// Why a lease says nothing. What moves already, stop, return and evidence do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("this is no lease: {0}")]
    Malformed(String),
    #[error("the key `{0}` did not sign this lease, or is not trusted")]
    Signature(String),
    #[error("the lease is for {tenant} at {site}")]
    Elsewhere { tenant: String, site: String },
    #[error("the lease has the number {found}, and {known} is known already")]
    Superseded { found: u64, known: u64 },
    #[error("the lease begins later")]
    NotYet,
    #[error("the lease has ended, and its grace too")]
    Ended,
    #[error("the clock stands before a time that was seen already")]
    ClockWentBack,
    #[error("the lease holds longer than any may, or ends before it begins")]
    Unbounded,
}

/// A lease could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError<E> {
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the key did not sign")]
    Key(E),
}

/// What a site knows when it looks at a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<'a> {
    pub tenant: &'a str,
    pub site: &'a str,
    pub now_ms: i64,
    /// The greatest time that the site has ever seen: setting the clock back does not prolong a lease.
    pub latest_seen_ms: i64,
    /// The greatest number of a lease that the site has ever had.
    pub sequence: u64,
}

fn message(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Lease {
    fn is_bounded(&self) -> bool {
        let length = self.valid_until_ms.checked_sub(self.valid_from_ms).and_then(|ms| ms.checked_add(self.grace_ms));
        self.valid_until_ms > self.valid_from_ms
            && self.grace_ms >= 0
            && length.is_some_and(|length| length <= LEASE_MAX_MS)
    }

    /// Signs the lease.
    ///
    /// # Errors
    /// The lease is not bounded, or the key does not sign.
    pub fn sign<S: Signer>(&self, signer: &S) -> Result<SignedLease, SignError<S::Error>> {
        if !self.is_bounded() {
            return Err(LeaseError::Unbounded.into());
        }
        let payload =
            serde_json_canonicalizer::to_vec(self).map_err(|error| LeaseError::Malformed(error.to_string()))?;
        let signature = signer.sign(&message(&payload)).map_err(SignError::Key)?;
        Ok(SignedLease {
            payload: STANDARD.encode(&payload),
            key_id: signer.key_id().to_owned(),
            signature: STANDARD.encode(signature),
        })
    }

    /// Whether the site may use a feature, and how much of it.
    #[must_use]
    pub fn allows(&self, feature: &str, wanted: u64) -> bool {
        self.features.contains(feature) || self.limits.get(feature).is_some_and(|limit| limit.covers(wanted))
    }
}

impl SignedLease {
    /// Reads the JSON of a signed lease; nothing of it is believed yet.
    ///
    /// # Errors
    /// It is no lease, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeaseError> {
        if bytes.len() > LEASE_BYTES_MAX {
            return Err(LeaseError::Malformed(format!("it has more than {LEASE_BYTES_MAX} bytes")));
        }
        serde_json::from_slice(bytes).map_err(|error| LeaseError::Malformed(error.to_string()))
    }

    /// The lease, once its signature, its place and its time are checked, in this order.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn verify<V: Verifier>(&self, verifier: &V, at: &At<'_>) -> Result<(Lease, Standing), LeaseError> {
        let malformed = |error: &dyn ToString| LeaseError::Malformed(error.to_string());
        if self.payload.len() > LEASE_BYTES_MAX {
            return Err(malformed(&"the payload is too long"));
        }
        let payload = STANDARD.decode(&self.payload).map_err(|error| malformed(&error))?;
        let signature = STANDARD.decode(&self.signature).map_err(|error| malformed(&error))?;
        if !verifier.verifies(&self.key_id, &message(&payload), &signature) {
            return Err(LeaseError::Signature(self.key_id.clone()));
        }
        let lease: Lease = serde_json::from_slice(&payload).map_err(|error| malformed(&error))?;
        if lease.tenant != at.tenant || lease.site != at.site {
            return Err(LeaseError::Elsewhere { tenant: lease.tenant, site: lease.site });
        }
        if lease.sequence < at.sequence {
            return Err(LeaseError::Superseded { found: lease.sequence, known: at.sequence });
        }
        if !lease.is_bounded() {
            return Err(LeaseError::Unbounded);
        }
        let standing = standing(&lease, at)?;
        Ok((lease, standing))
    }
}

fn standing(lease: &Lease, at: &At<'_>) -> Result<Standing, LeaseError> {
    if at.now_ms < at.latest_seen_ms {
        return Err(LeaseError::ClockWentBack);
    }
    if at.now_ms < lease.valid_from_ms {
        return Err(LeaseError::NotYet);
    }
    if at.now_ms < lease.valid_until_ms {
        return Ok(Standing::Valid);
    }
    match lease.valid_until_ms.saturating_add(lease.grace_ms).saturating_sub(at.now_ms) {
        left_ms @ 1.. => Ok(Standing::Grace { left_ms }),
        _ => Err(LeaseError::Ended),
    }
}
