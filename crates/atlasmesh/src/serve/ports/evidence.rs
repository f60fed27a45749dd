//! What evidence asks of its neighbours: the fleet, the keys, and those who witness the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::evidence::ports::{KeyPurpose, KeyRecord, Signing, Vehicles, WitnessedHead, Witnesses};
use ::fleet::vehicle::{HoldKind, HoldTiming, Status};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::keyring::Keyring;
use identity::keyring::register::KnownKey;
use journal::NoteVerifier;
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, TenantId, Timestamp, VehicleId};
use keys::{Audit, Evidence, Key, KeyError, KeyId, KeyState, Purpose, Report, SPKI_HEAD, Signer, VerifyingKey};
use store::CommandError;
use store::cosigned::{NoteTimestamp, newest_cosigned};
use store::port::{Fault, Store};
use witness::WitnessVerifier;

/// The fleet, as evidence asks it.
pub struct ObservedVehicles {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
}

impl Vehicles for ObservedVehicles {
    fn classes<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<BTreeMap<String, String>, Fault>> {
        Box::pin(async move {
            let all = self.fleet.all(tenant).await?;
            // What a vehicle can do is its class: profiles name no other.
            let class = |known: &::fleet::KnownVehicle| {
                let able = known.vehicle.profile.capabilities.iter().cloned();
                able.collect::<Vec<_>>().join(", ")
            };
            Ok(all.into_iter().map(|known| (known.id.to_string(), class(&known))).collect())
        })
    }

    fn silent_since<'a>(
        &'a self,
        tenant: &'a TenantId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(VehicleId, Timestamp)>, Fault>> {
        Box::pin(async move {
            let of = |known: ::fleet::KnownVehicle| {
                let is_in_service = matches!(known.vehicle.status, Status::Online | Status::Offline);
                let at = known.seen?.at;
                (is_in_service && at < since).then_some((known.id, at))
            };
            Ok(self.fleet.all(tenant).await?.into_iter().filter_map(of).collect())
        })
    }

    fn hold<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (kind, timing) = (HoldKind::Grounded, HoldTiming::AfterTrip);
            self.fleet.place_hold(ctx, vehicle, hold, kind, timing, reason).await.map(drop)
        })
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}

/// The keys that sign evidence and reports, and every key that a verifier may ask for.
pub struct EvidenceKeys {
    pub evidence: Key<Evidence>,
    pub report: Key<Report>,
    pub audit: VerifyingKey<Audit>,
    pub keyring: Arc<Keyring>,
}

/// What a key of somebody else begins with: ECDSA on P-256 (RFC 5480), uncompressed.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl EvidenceKeys {
    /// The register's word on a key, and whether it signed this.
    async fn checked(&self, id: &str, message: &[u8], signature: &[u8]) -> Result<Result<Vec<String>, String>, Fault> {
        let register = self.keyring.register().await?;
        let known = register.key(id);
        let ours = self.report.verifying_key();
        let (public, state, steps) = match known {
            Some(known) if known.purpose == Purpose::Report => {
                let steps = known.history.iter().map(|step| format!("{} since {}", step.state, step.at));
                (known.public.parse().ok(), known.state, steps.collect::<Vec<_>>())
            }
            // The register learns of the first key of a purpose when it is changed.
            None if id == ours.id().to_string() => (Some(ours), KeyState::Active, vec!["active".to_owned()]),
            _ => return Ok(Err(format!("{id} is no key that signs reports"))),
        };
        if matches!(state, KeyState::Tainted | KeyState::Revoked) {
            return Ok(Err(format!("the key {id} is {state}: nothing that it signed is trusted")));
        }
        let signature = <[u8; 64]>::try_from(signature).ok();
        let key: Option<VerifyingKey<Report>> = public;
        let fits = signature.zip(key).is_some_and(|(signature, key)| key.verify(message, &signature).is_ok());
        if !fits {
            return Ok(Err(format!("the signature is not that of {id}")));
        }
        let mut chain = vec![format!("signed by {id} (Ed25519, for reports)")];
        chain.extend(steps);
        chain.push("kept in the register of keys, in the platform's log".to_owned());
        Ok(Ok(chain))
    }
}

impl Signing for EvidenceKeys {
    fn key(&self, purpose: KeyPurpose) -> (KeyId, String) {
        match purpose {
            KeyPurpose::Evidence => (self.evidence.key_id(), self.evidence.verifying_key().to_pem()),
            KeyPurpose::Report => (self.report.key_id(), self.report.verifying_key().to_pem()),
        }
    }

    fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match purpose {
            KeyPurpose::Evidence => self.evidence.sign(message)?,
            KeyPurpose::Report => self.report.sign(message)?,
        };
        Ok(signature.to_vec())
    }

    fn verify<'a>(
        &'a self,
        key: &'a str,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<Result<Vec<String>, String>, Fault>> {
        Box::pin(self.checked(key, message, signature))
    }

    fn check_foreign_key(&self, spki: &[u8]) -> Result<(), String> {
        let is_ed25519 = spki.len() == SPKI_HEAD.len() + 32 && spki.starts_with(&SPKI_HEAD);
        let is_p256 = spki.len() == P256_HEAD.len() + 65 && spki.starts_with(&P256_HEAD);
        match is_ed25519 || is_p256 {
            true => Ok(()),
            false => Err("is no public key on Ed25519 or P-256".to_owned()),
        }
    }

    fn verify_foreign(&self, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<(), String> {
        self.check_foreign_key(spki)?;
        let check = |algorithm: &'static dyn VerificationAlgorithm, head: usize| {
            let key = UnparsedPublicKey::new(algorithm, spki.get(head..).unwrap_or_default());
            key.verify(message, signature).is_ok()
        };
        let fits = if spki.starts_with(&SPKI_HEAD) {
            check(&ED25519, SPKI_HEAD.len())
        } else {
            check(&ECDSA_P256_SHA256_FIXED, P256_HEAD.len()) || check(&ECDSA_P256_SHA256_ASN1, P256_HEAD.len())
        };
        if fits { Ok(()) } else { Err("is not that of the registered key over the statement".to_owned()) }
    }

    fn log(&self, tenant: &TenantId) -> (NoteVerifier, String) {
        (NoteVerifier::new(tenant, self.audit), self.audit.to_pem())
    }

    fn history(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, Fault>> {
        Box::pin(async move {
            let register = self.keyring.register().await?;
            let of = |known: KnownKey| KeyRecord {
                id: known.key,
                purpose: known.purpose.to_string(),
                public: known.public,
                state: known.state.to_string(),
                steps: known.history.into_iter().map(|step| (step.state.to_string(), step.at)).collect(),
            };
            let is_asked =
                |known: &KnownKey| matches!(known.purpose, Purpose::Audit | Purpose::Evidence | Purpose::Report);
            Ok(register.keys.into_iter().filter(is_asked).map(of).collect())
        })
    }
}

/// Those who vouch for the logs.
pub struct Vouchers {
    pub store: Arc<dyn Store>,
    pub witnesses: Vec<WitnessVerifier>,
    pub audit: VerifyingKey<Audit>,
}

impl Witnesses for Vouchers {
    fn newest<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<WitnessedHead>, Fault>> {
        Box::pin(async move {
            let Some(head) = newest_cosigned(&*self.store, tenant).await? else { return Ok(None) };
            let reply = |kept: NoteTimestamp| Some((kept.note, STANDARD.decode(kept.der).ok()?));
            let timestamps = head.timestamps.into_iter().filter_map(reply).collect();
            Ok(Some(WitnessedHead { size: head.size, note: head.note, timestamps }))
        })
    }

    fn are_configured(&self) -> bool {
        !self.witnesses.is_empty()
    }

    fn policy(&self, tenant: &TenantId) -> Option<String> {
        let log = NoteVerifier::new(tenant, self.audit);
        // More than half: then two sets of witnesses that see different logs share one.
        let threshold = self.witnesses.len() / 2 + 1;
        let policy = witness::Policy::of([log], self.witnesses.iter().cloned(), threshold).ok()?;
        self.are_configured().then(|| policy.to_string())
    }
}
