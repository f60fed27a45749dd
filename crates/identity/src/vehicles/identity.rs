//! A vehicle's identity: who it is, by which certificates it proves that, and how that ends.

use kernel::{Aggregate, EventMeta, Subject, Timestamp, VehicleId};
use pki::SpiffeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keys that a vehicle ever had, of which none is taken a second time after a revocation.
const KEYS_MAX: usize = 256;
/// Superseded certificates that are remembered to recognise a copied key; each ends within an hour.
const SUPERSEDED_MAX: usize = 8;

kernel::domain_events! {
    /// What happens to a vehicle's identity.
    pub enum IdentityEvent {
        "identity.registered" 1 => Registered(IdentityRegistered),
        "identity.join_token_issued" 1 => JoinTokenIssued(IdentityJoinTokenIssued),
        "identity.enrolled" 1 => Enrolled(IdentityEnrolled),
        "identity.svid_issued" 1 => SvidIssued(IdentitySvidIssued),
        "identity.svid_used" 1 => SvidUsed(IdentitySvidUsed),
        "identity.refused" 1 => Refused(IdentityRefused),
        "identity.quarantined" 1 => Quarantined(IdentityQuarantined),
        "identity.revoked" 1 => Revoked(IdentityRevoked),
        "identity.retired" 1 => Retired(IdentityRetired),
    }
}

/// It has a SPIFFE id (ONB-4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityRegistered {
    pub spiffe_id: SpiffeId,
}

/// A one-time token to enrol was given out; neither it nor its digest is here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityJoinTokenIssued {
    /// Names the token without opening anything.
    pub token: String,
    pub expires_at: Timestamp,
}

/// Where a private key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum KeyOrigin {
    /// On the vehicle, which it never leaves.
    Device,
    /// By the server, which delivered it once (ONB-3).
    Server,
}

/// It has the certificate with which it asks for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityEnrolled {
    /// The join token that was used; none where the certificate before it vouched.
    pub token: Option<String>,
    pub serial: String,
    /// SHA-256 of the key, hexadecimal.
    pub key_sha256: String,
    pub key_origin: KeyOrigin,
    pub not_after: Timestamp,
}

/// It has a certificate by which it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentitySvidIssued {
    pub serial: String,
    pub key_sha256: String,
    pub not_after: Timestamp,
    /// The authority's key.
    pub authority: String,
}

/// A certificate was used for the first time (ONB-7); the ones before it are worth nothing from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentitySvidUsed {
    pub serial: String,
}

/// Why somebody with a certificate of the vehicle was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// Its successor was used already: a copy of the key, most likely.
    Superseded,
    /// The identity is revoked or retired.
    Revoked,
    /// A certificate that was never issued to this vehicle.
    Unknown,
    /// A join token that another key used.
    TokenUsed,
    /// A join token that is too old.
    TokenExpired,
    /// A key that the vehicle had before it was revoked.
    OldKey,
    /// A heartbeat counted back: two vehicles speak as one.
    CountedBack,
}

/// Somebody was not let in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityRefused {
    pub why: Refusal,
    /// Of the certificate or the token.
    pub presented: String,
}

/// It may be stopped and be heard, and nothing else, until it stands (SAFE-3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityQuarantined {
    pub reason: String,
    pub epoch: u64,
}

/// Its certificates and tokens are worth nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityRevoked {
    pub reason: String,
    /// The credential epoch from now on.
    pub epoch: u64,
}

/// The vehicle has left for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityRetired {
    pub reason: String,
    pub epoch: u64,
}

/// Where an identity stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum IdentityStatus {
    /// It has a name, and nothing that proves it.
    Registered,
    /// A join token waits for it.
    Invited,
    /// It may ask for certificates.
    Enrolled,
    /// It used a certificate.
    Active,
    /// It is being stopped, and is revoked when it stands.
    Quarantined,
    Revoked,
    Retired,
}

/// A join token that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JoinToken {
    pub token: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// SHA-256 of the key that used it.
    pub used_by: Option<String>,
    pub used_at: Option<Timestamp>,
}

/// The certificate with which it enrols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceCertificate {
    pub serial: String,
    pub key_sha256: String,
    pub key_origin: KeyOrigin,
    pub enrolled_at: Timestamp,
    pub not_after: Timestamp,
}

/// A certificate by which it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Svid {
    pub serial: String,
    pub key_sha256: String,
    pub issued_at: Timestamp,
    pub not_after: Timestamp,
    /// The authority's key.
    pub authority: String,
    pub first_used_at: Option<Timestamp>,
}

/// A vehicle's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VehicleIdentity {
    pub spiffe_id: SpiffeId,
    pub status: IdentityStatus,
    /// Counts revocations.
    pub epoch: u64,
    pub join_token: Option<JoinToken>,
    pub device: Option<DeviceCertificate>,
    /// The serial number of the one before, by which a lost answer may be asked for again.
    pub device_before: Option<String>,
    /// The one that is used, and its successor from when it is given until it is used.
    pub svids: Vec<Svid>,
    /// Serial numbers that were followed by another, the newest last.
    pub superseded: Vec<String>,
    /// Keys that it ever had.
    pub keys: Vec<String>,
    /// Why it ended or is ending.
    pub reason: Option<String>,
    pub changed_at: Timestamp,
}

impl VehicleIdentity {
    fn new(spiffe_id: SpiffeId, at: Timestamp) -> Self {
        Self {
            spiffe_id,
            status: IdentityStatus::Registered,
            epoch: 1,
            join_token: None,
            device: None,
            device_before: None,
            svids: Vec::new(),
            superseded: Vec::new(),
            keys: Vec::new(),
            reason: None,
            changed_at: at,
        }
    }

    fn end(&mut self, status: IdentityStatus, reason: &str, epoch: u64) {
        (self.status, self.epoch, self.reason) = (status, epoch, Some(reason.to_owned()));
        (self.device, self.device_before) = (None, None);
        self.join_token = None;
        let ended = std::mem::take(&mut self.svids);
        self.superseded.extend(ended.into_iter().map(|svid| svid.serial));
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let over = self.superseded.len().saturating_sub(SUPERSEDED_MAX);
        self.superseded.drain(..over);
        let over = self.keys.len().saturating_sub(KEYS_MAX);
        self.keys.drain(..over);
    }

    fn know_key(&mut self, key: &str) {
        if !self.keys.iter().any(|known| known == key) {
            self.keys.push(key.to_owned());
        }
        self.forget_oldest();
    }

    fn apply(&mut self, event: &IdentityEvent, at: Timestamp) {
        match event {
            IdentityEvent::Registered(_) | IdentityEvent::Refused(_) => return,
            IdentityEvent::JoinTokenIssued(issued) => {
                self.join_token = Some(JoinToken {
                    token: issued.token.clone(),
                    issued_at: at,
                    expires_at: issued.expires_at,
                    used_by: None,
                    used_at: None,
                });
                if matches!(self.status, IdentityStatus::Registered | IdentityStatus::Revoked) {
                    self.status = IdentityStatus::Invited;
                }
            }
            IdentityEvent::Enrolled(enrolled) => {
                let used = self.join_token.as_mut().filter(|token| Some(&token.token) == enrolled.token.as_ref());
                if let Some(token) = used {
                    (token.used_by, token.used_at) = (Some(enrolled.key_sha256.clone()), Some(at));
                }
                let before = self.device.take().map(|device| device.serial);
                self.device_before = before.filter(|_| enrolled.token.is_none());
                self.device = Some(DeviceCertificate {
                    serial: enrolled.serial.clone(),
                    key_sha256: enrolled.key_sha256.clone(),
                    key_origin: enrolled.key_origin,
                    enrolled_at: at,
                    not_after: enrolled.not_after,
                });
                self.know_key(&enrolled.key_sha256);
                if matches!(self.status, IdentityStatus::Registered | IdentityStatus::Invited) {
                    (self.status, self.reason) = (IdentityStatus::Enrolled, None);
                }
            }
            IdentityEvent::SvidIssued(issued) => {
                // One that was never used is followed without a trace: nobody can have it but the vehicle.
                self.svids.retain(|svid| svid.first_used_at.is_some());
                self.svids.push(Svid {
                    serial: issued.serial.clone(),
                    key_sha256: issued.key_sha256.clone(),
                    issued_at: at,
                    not_after: issued.not_after,
                    authority: issued.authority.clone(),
                    first_used_at: None,
                });
                self.know_key(&issued.key_sha256);
            }
            IdentityEvent::SvidUsed(used) => {
                let (kept, gone) =
                    std::mem::take(&mut self.svids).into_iter().partition(|svid| svid.serial == used.serial);
                (self.svids, self.status) = (kept, IdentityStatus::Active);
                let gone: Vec<Svid> = gone;
                self.superseded.extend(gone.into_iter().map(|svid| svid.serial));
                self.svids.iter_mut().for_each(|svid| svid.first_used_at = Some(at));
                self.forget_oldest();
            }
            IdentityEvent::Quarantined(quarantined) => {
                let reason = Some(quarantined.reason.clone());
                (self.status, self.epoch, self.reason) = (IdentityStatus::Quarantined, quarantined.epoch, reason);
            }
            IdentityEvent::Revoked(revoked) => self.end(IdentityStatus::Revoked, &revoked.reason, revoked.epoch),
            IdentityEvent::Retired(retired) => self.end(IdentityStatus::Retired, &retired.reason, retired.epoch),
        }
        self.changed_at = at;
    }
}

impl Aggregate for VehicleIdentity {
    type Id = VehicleId;
    type Event = IdentityEvent;
    const KIND: &'static str = "identity";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["status"];

    fn evolve(state: Option<Self>, event: &IdentityEvent, meta: &EventMeta) -> Option<Self> {
        match (state, event) {
            (None, IdentityEvent::Registered(registered)) => {
                Some(Self::new(registered.spiffe_id.clone(), meta.recorded_at))
            }
            (None, _) => None,
            (Some(mut identity), event) => {
                identity.apply(event, meta.recorded_at);
                Some(identity)
            }
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![<&str>::from(self.status).to_owned()]
    }

    fn about(_: &IdentityEvent, state: Option<&Self>) -> Vec<Subject> {
        use pki::spiffe::Named;
        match state.map(|state| &state.spiffe_id.named) {
            Some(Named::Vehicle { vehicle, .. }) => vec![Subject::new("vehicle", vehicle)],
            _ => Vec::new(),
        }
    }
}
