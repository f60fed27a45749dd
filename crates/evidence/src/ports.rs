//! What evidence needs of its neighbours.

use std::collections::BTreeMap;
use std::io::Write;

use journal::NoteVerifier;
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, TenantId, Timestamp, VehicleId};
use keys::{KeyError, KeyId};
use store::CommandError;
use store::port::Fault;

/// Vehicles, as far as compliance is about them.
pub trait Vehicles: Send + Sync {
    /// The class of each vehicle by its id.
    fn classes<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<BTreeMap<String, String>, Fault>>;

    /// Vehicles in service that were not heard since then, with when they were.
    fn silent_since<'a>(
        &'a self,
        tenant: &'a TenantId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(VehicleId, Timestamp)>, Fault>>;

    /// Keeps a vehicle from being dispatched once its trip is over. The same hold again changes nothing.
    fn hold<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    Evidence,
    Report,
}

/// What signs, and the keys that a verifier needs.
pub trait Signing: Send + Sync {
    /// The key that signs for a purpose now, and its public half in PEM.
    fn key(&self, purpose: KeyPurpose) -> (KeyId, String);

    /// An Ed25519 signature over a message.
    ///
    /// # Errors
    /// The key cannot be used.
    fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Checks a signature by one of our keys for reports. Answers what leads from it to a key that is trusted, or why none is.
    fn verify<'a>(
        &'a self,
        key: &'a str,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<Result<Vec<String>, String>, Fault>>;

    /// Whether these bytes are a public key by which somebody else may sign: SubjectPublicKeyInfo, Ed25519 or P-256.
    ///
    /// # Errors
    /// Why it is none.
    fn check_foreign_key(&self, spki: &[u8]) -> Result<(), String>;

    /// Checks a signature by somebody else's key: Ed25519, or ECDSA with SHA-256 as two numbers of 32 bytes or in ASN.1.
    ///
    /// # Errors
    /// Why it does not fit.
    fn verify_foreign(&self, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<(), String>;

    /// The name and key of a tenant's log, and the key in PEM.
    fn log(&self, tenant: &TenantId) -> (NoteVerifier, String);

    /// Every key by which evidence or the log was ever signed, with what became of it.
    fn history(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, Fault>>;
}

/// A key of the past or of today.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyRecord {
    pub id: String,
    pub purpose: String,
    /// In base 64.
    pub public: String,
    pub state: String,
    /// Every step of its life with when it was taken, the first first.
    pub steps: Vec<(String, Timestamp)>,
}

/// Policies by the digest of their bundle: the texts of every file.
pub type PolicyTexts = Vec<(String, String)>;

/// Files that are kept by their digest, a folder per tenant.
pub trait Archives: Send + Sync {
    /// A file that is being written. Nobody sees it before it is kept.
    ///
    /// # Errors
    /// The disk cannot take it.
    fn create(&self, tenant: &TenantId) -> Result<Box<dyn NewArchive>, Fault>;

    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// The disk cannot answer.
    fn length(&self, tenant: &TenantId, sha256: &str) -> Result<Option<u64>, Fault>;

    /// A part of a file.
    ///
    /// # Errors
    /// The disk cannot answer.
    fn read(&self, tenant: &TenantId, sha256: &str, at: u64, bytes: usize) -> Result<Vec<u8>, Fault>;
}

/// A file that is being written.
pub trait NewArchive: Write + Send {
    /// Keeps it under its digest, durably; answers the digest in hexadecimal and the bytes.
    ///
    /// # Errors
    /// The disk cannot take it.
    fn keep(self: Box<Self>) -> Result<(String, u64), Fault>;
}

/// What others say of the log's heads.
pub trait Witnesses: Send + Sync {
    /// The newest head that witnesses have cosigned; `None` where there is none.
    fn newest<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<WitnessedHead>, Fault>>;

    /// Whether witnesses are asked at all.
    fn are_configured(&self) -> bool;

    /// The policy by which a verifier counts cosignatures (C2SP tlog-policy); `None` where there are no witnesses.
    fn policy(&self, tenant: &TenantId) -> Option<String>;
}

/// A head for which others vouch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessedHead {
    pub size: u64,
    /// The signed note with its cosignatures.
    pub note: String,
    /// Timestamps of an authority (RFC 3161), each with the note that it is over and the DER of the reply.
    pub timestamps: Vec<(String, Vec<u8>)>,
}
