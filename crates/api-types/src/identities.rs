//! Identities of vehicles, and the keys behind them.

use identity::keyring::register::KeyStep;
use identity::vehicles::identity::{DeviceCertificate, IdentityStatus, JoinToken, Svid};
use identity::vehicles::{Revocation, VehicleIdentity};
use kernel::{TenantId, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Sentence, Within};

view! {
    /// A vehicle's identity: who it is, and by which certificates it proves that.
    Identity of it: (VehicleIdentity, bool) {
        spiffe_id: String = it.0.spiffe_id.to_string(),
        status: IdentityStatus = it.0.status,
        /// Counts revocations: tokens of an earlier epoch are worth nothing.
        epoch: u64 = it.0.epoch,
        join_token: Option<JoinToken> = it.0.join_token,
        /// The certificate with which it enrols.
        device: Option<DeviceCertificate> = it.0.device,
        /// The certificates by which it works: the one in use, and its successor until that is used.
        svids: Vec<Svid> = it.0.svids,
        /// Why it ended or is ending.
        reason: Option<String> = it.0.reason,
        changed_at: Timestamp = it.0.changed_at,
        /// Whether the vehicle is connected now.
        connected: bool = it.1,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJoinToken {
    /// How long the token is good for; an hour where nothing is said.
    pub valid_minutes: Option<Within<5, 1440>>,
}

/// A join token, answered once, and the file to carry to the vehicle.
#[derive(Serialize, JsonSchema)]
pub struct JoinTokenIssued {
    pub expires_at: Timestamp,
    pub bootstrap: Bootstrap,
}

/// What a vehicle needs to enrol: `atlasmesh-agent run --bootstrap FILE` reads it.
#[derive(Serialize, JsonSchema)]
pub struct Bootstrap {
    pub vehicle: VehicleId,
    pub tenant: TenantId,
    pub trust_domain: String,
    /// Where it enrols (EST over TLS), as host:port.
    pub enrol: String,
    /// Where it connects, as host:port.
    pub link: String,
    /// Where it fetches software updates, as host:port.
    pub updates: String,
    /// The id of the key that says which keys sign for updates.
    pub update_root_key: String,
    /// SHA-256 of the certificate of the authority that the enrolment listener sends along.
    pub device_authority_sha256: String,
    /// Used once, by one key.
    pub join_token: String,
}

/// A private key and its certificate, made by the server and answered once.
#[derive(Serialize, JsonSchema)]
pub struct Credentials {
    /// PKCS #8 in PEM. Kept nowhere.
    pub key_pem: String,
    pub certificate_pem: String,
    /// The authorities that the enrolment listener is known by, PEM.
    pub device_authorities_pem: String,
    pub not_after: Timestamp,
}

/// What a revocation came to.
#[derive(Serialize, JsonSchema)]
pub struct IdentityRevoked {
    pub state: RevocationState,
    /// When it came into force whole; none while the vehicle is being stopped.
    pub effective_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationState {
    /// Nothing of the identity is accepted any more.
    Revoked,
    /// Commands, tokens and data are refused; the vehicle is being stopped, and revoked when it stands.
    Quarantined,
}

impl IdentityRevoked {
    pub fn of(revocation: Revocation, now: Timestamp) -> Self {
        match revocation {
            Revocation::InForce => Self { state: RevocationState::Revoked, effective_at: Some(now) },
            Revocation::WaitsForStandstill => Self { state: RevocationState::Quarantined, effective_at: None },
        }
    }
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotatedPurpose {
    CertificateAuthority,
    DeviceAuthority,
    Token,
}

impl From<RotatedPurpose> for keys::Purpose {
    fn from(purpose: RotatedPurpose) -> Self {
        match purpose {
            RotatedPurpose::CertificateAuthority => Self::CertificateAuthority,
            RotatedPurpose::DeviceAuthority => Self::DeviceAuthority,
            RotatedPurpose::Token => Self::Token,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    pub purpose: RotatedPurpose,
}

/// The state that a key is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextState {
    Active,
    Retired,
    Tainted,
    Revoked,
}

impl From<NextState> for keys::KeyState {
    fn from(state: NextState) -> Self {
        match state {
            NextState::Active => Self::Active,
            NextState::Retired => Self::Retired,
            NextState::Tainted => Self::Tainted,
            NextState::Revoked => Self::Revoked,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    pub to: NextState,
    pub reason: Sentence,
    /// Whether vehicles that do not know of it yet, or still work by what the key signed, are left behind.
    #[serde(default)]
    pub force: bool,
}

/// A key of the installation, by its name and public half.
#[derive(Serialize, JsonSchema)]
pub struct Key {
    pub id: String,
    pub purpose: String,
    pub state: String,
    /// Base 64.
    pub public: String,
    /// The authority's certificate, where the key signs certificates.
    pub certificate_pem: Option<String>,
    pub not_after: Option<Timestamp>,
    pub history: Vec<KeyStep>,
}

/// Every key, and who does not know yet what is in force.
#[derive(Serialize, JsonSchema)]
pub struct Keys {
    pub items: Vec<Key>,
    /// The number of the trust bundle.
    pub bundle_sequence: u64,
    /// Connected vehicles that keep an older bundle.
    pub behind: Vec<VehicleId>,
}

impl From<identity::keyring::register::KnownKey> for Key {
    fn from(known: identity::keyring::register::KnownKey) -> Self {
        use base64::Engine;
        let der = known.certificate.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        Self {
            id: known.key,
            purpose: known.purpose.to_string(),
            state: known.state.to_string(),
            public: known.public,
            certificate_pem: der.map(|der| pki::certificate::pem(&der)),
            not_after: known.not_after,
            history: known.history,
        }
    }
}
