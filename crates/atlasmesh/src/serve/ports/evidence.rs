//! What evidence asks of its neighbours: the fleet, the keys, and those who witness the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::evidence::ports::{KeyRecord, Signing, Vehicles, WitnessedHead, Witnesses};
use ::fleet::vehicle::{HoldKind, HoldTiming, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::keyring::Keyring;
use identity::keyring::register::KnownKey;
use journal::NoteVerifier;
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, TenantId, Timestamp, VehicleId};
use keys::{Audit, Evidence, Key, KeyError, KeyId, Purpose, Signer, VerifyingKey};
use store::port::Fault;
use store::{CommandError, ListQuery};

/// The fleet, as evidence asks it.
pub struct ObservedVehicles {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
}

impl ObservedVehicles {
    async fn all(&self, tenant: &TenantId) -> Result<Vec<::fleet::KnownVehicle>, Fault> {
        let (mut query, mut all) = (ListQuery::all(), Vec::new());
        loop {
            let page = self.fleet.vehicles(tenant, query.clone()).await?;
            let Some(last) = page.last() else { return Ok(all) };
            query.after = Some(last.id.to_string());
            all.extend(page);
        }
    }
}

impl Vehicles for ObservedVehicles {
    fn classes<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<BTreeMap<String, String>, Fault>> {
        Box::pin(async move {
            let all = self.all(tenant).await?;
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
            Ok(self.all(tenant).await?.into_iter().filter_map(of).collect())
        })
    }

    fn hold<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (hold, kind): (HoldId, _) = (ctx.new_id(), HoldKind::Grounded);
            self.fleet.place_hold(ctx, vehicle, hold, kind, HoldTiming::AfterTrip, reason).await.map(drop)
        })
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}

/// The first bytes of an Ed25519 key as SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn pem(key: &[u8]) -> String {
    let spki = STANDARD.encode([&SPKI_HEAD[..], key].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
}

/// The key that signs evidence, and every key that a verifier may ask for.
pub struct EvidenceKeys {
    pub key: Key<Evidence>,
    pub audit: VerifyingKey<Audit>,
    pub keyring: Arc<Keyring>,
}

impl Signing for EvidenceKeys {
    fn key(&self) -> (KeyId, String) {
        (self.key.key_id(), pem(self.key.verifying_key().as_bytes()))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.key.sign(message).map(|signature| signature.to_vec())
    }

    fn log(&self, tenant: &TenantId) -> (NoteVerifier, String) {
        (NoteVerifier::new(tenant, self.audit), pem(self.audit.as_bytes()))
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
            let is_asked = |known: &KnownKey| {
                matches!(known.purpose, Purpose::Audit | Purpose::Evidence | Purpose::Report)
            };
            Ok(register.keys.into_iter().filter(is_asked).map(of).collect())
        })
    }
}

/// Nobody outside sees the log.
pub struct NoWitnesses;

impl Witnesses for NoWitnesses {
    fn newest<'a>(&'a self, _: &'a TenantId) -> BoxFuture<'a, Result<Option<WitnessedHead>, Fault>> {
        Box::pin(async { Ok(None) })
    }

    fn are_configured(&self) -> bool {
        false
    }

    fn policy(&self, _: &TenantId) -> Option<String> {
        None
    }
}
