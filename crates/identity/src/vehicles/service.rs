//! Identities of vehicles as the edges use them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::ctx::About;
use kernel::{Actor, BoxFuture, Code, Ctx, CtxSource, Decided, Reject, TenantId, Timestamp, VehicleId};
use keys::{Secret, token};
use pki::spiffe::Named;
use pki::{Issued, PeerCertificate, SpiffeId, SubjectKey};
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec, execute_plain, load};

use super::decide::{self, Enrolment, Revocation};
use super::identity::{IdentityEvent, KeyOrigin, Refusal, Svid, VehicleIdentity};
use super::registry::{Registry, Standing};
use crate::keyring::Keyring;

/// Digests of join tokens, by vehicle: one is in force.
pub const JOIN_TOKENS: TableSpec = TableSpec::machinery("join_tokens", &[]);
/// Device certificates as they were given, so that a lost answer is given again.
pub const DEVICE_CERTIFICATES: TableSpec = TableSpec::machinery("device_certificates", &[]);

/// What every join token begins with; then the tenant, then the secret.
const PREFIX: &str = "amj";

/// How long a device certificate lasts: a vehicle may stand in a shed for years.
pub const DEVICE_VALID_MS: i64 = 2 * 365 * 86_400_000;
/// How long one lasts whose key the server made: the vehicle makes its own at first contact.
pub const SERVER_MADE_VALID_MS: i64 = 86_400_000;

/// How often the same refusal of the same vehicle is journaled, at most.
const REFUSED_EVERY_MS: i64 = 60_000;

#[derive(Debug, Serialize, Deserialize)]
struct KeptToken {
    token: String,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptCertificate {
    der: String,
}

/// What a vehicle is known to do, in the words of identity.
pub trait VehicleMotion: Send + Sync {
    /// Whether it is proven that the vehicle stands with its brake on and may not drive away.
    fn proven_parked<'a>(&'a self, tenant: &'a TenantId, vehicle: VehicleId) -> BoxFuture<'a, Result<bool, Fault>>;

    /// Whether a vehicle that says that it stands holds the stop of its quarantine: whatever claim it has, it does not set out.
    fn holds_stop<'a>(&'a self, tenant: &'a TenantId, vehicle: VehicleId) -> BoxFuture<'a, Result<bool, Fault>>;

    /// Lets the vehicle stop at the next place where it may stand, and keeps it from being dispatched.
    fn stop_for_quarantine<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Ends the vehicle's connection: it is out of reach from now on, and nothing is assigned to it.
    fn cut<'a>(&'a self, ctx: &'a Ctx, vehicle: VehicleId) -> BoxFuture<'a, Result<(), CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// A join token that was just made, and is kept nowhere.
#[derive(Debug)]
pub struct Invitation {
    pub token: Secret,
    pub expires_at: Timestamp,
    /// Names the token without opening anything.
    name: String,
}

/// A key and certificate that the server made, delivered once (ONB-3).
#[derive(Debug)]
pub struct ServerMade {
    pub key_pem: Secret,
    pub certificate: Vec<u8>,
    pub not_after: Timestamp,
}

/// A vehicle that a certificate stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    pub tenant: TenantId,
    pub vehicle: VehicleId,
    pub serial: String,
    pub standing: Standing,
}

/// Identities of vehicles.
pub struct VehicleIdentities {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
    keyring: Arc<Keyring>,
    motion: Arc<dyn VehicleMotion>,
    registry: Registry,
    /// When somebody was last refused, by vehicle and reason.
    refusals: Mutex<BTreeMap<(VehicleId, &'static str), Timestamp>>,
    svid_valid_ms: i64,
}

fn unmakable(source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unavailable { what: "make a certificate", source: Box::new(source) }
}

fn digest(text: &str) -> String {
    journal::Hash::of_bytes(text.as_bytes()).to_string()
}

/// The tenant that a join token names.
fn tenant_of(text: &str) -> Option<TenantId> {
    let (prefix, rest) = text.split_once('_')?;
    let (tenant, secret) = rest.split_once('_')?;
    (prefix == PREFIX && !secret.is_empty()).then(|| tenant.parse().ok())?
}

fn no_such_token() -> CommandError {
    let text = "no join token of this vehicle is like this: ask the garage for another";
    Reject::new(Code::Unauthenticated, text).into()
}

impl VehicleIdentities {
    pub fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn CtxSource>,
        keyring: Arc<Keyring>,
        motion: Arc<dyn VehicleMotion>,
        svid_valid_ms: i64,
    ) -> Self {
        Self {
            store,
            source,
            keyring,
            motion,
            registry: Registry::default(),
            refusals: Mutex::default(),
            svid_valid_ms,
        }
    }

    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads what is in force, before the listeners open.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn start(&self) -> Result<(), Fault> {
        self.each(|tenant, vehicle, identity| self.registry.set(tenant, vehicle, identity)).await
    }

    /// Looks at every identity of every tenant.
    async fn each(&self, mut look: impl FnMut(&TenantId, VehicleId, &VehicleIdentity) + Send) -> Result<(), Fault> {
        for tenant in self.store.logs().await? {
            let table = TableSpec::of::<VehicleIdentity>();
            for row in store::list_all(&*self.store, table, &tenant, ListQuery::all()).await? {
                let Ok(vehicle) = row.key.parse() else { continue };
                look(&tenant, vehicle, &row.decode()?);
            }
        }
        Ok(())
    }

    async fn command<R: Send>(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        rows: Vec<RowWrite>,
        decide: impl Fn(Option<&VehicleIdentity>) -> Decided<IdentityEvent, R> + Send + Sync,
    ) -> Result<(R, Option<VehicleIdentity>), CommandError> {
        let extras = Extras { rows, ..Extras::default() };
        let done = execute_plain(&*self.store, ctx, &vehicle, extras, decide).await?;
        if let Some(identity) = &done.state {
            self.registry.set(&ctx.tenant, vehicle, identity);
        }
        Ok((done.reply, done.state))
    }

    /// A vehicle's SPIFFE id.
    pub fn spiffe_id(&self, tenant: &TenantId, vehicle: VehicleId) -> SpiffeId {
        SpiffeId::vehicle(self.keyring.trust_domain(), tenant, vehicle)
    }

    async fn vehicle_ctx(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Ctx, Fault> {
        let ctx = Ctx::new(&*self.source, tenant.clone(), Actor::vehicle(vehicle));
        Ok(ctx.of(self.motion.about(tenant).await?))
    }

    /// Gives a vehicle its identity (ONB-4).
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn register(&self, ctx: &Ctx, vehicle: VehicleId) -> Result<SpiffeId, CommandError> {
        let id = self.spiffe_id(&ctx.tenant, vehicle);
        self.command(ctx, vehicle, Vec::new(), |state| decide::register(state, &id)).await?;
        Ok(id)
    }

    /// One identity.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn get(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<VehicleIdentity>, Fault> {
        Ok(load::<VehicleIdentity>(&*self.store, tenant, &vehicle).await?.map(|known| known.state))
    }

    /// Makes a join token, which is answered once.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` for a vehicle that left or is being stopped; a fault.
    pub async fn invite(&self, ctx: &Ctx, vehicle: VehicleId, valid_ms: i64) -> Result<Invitation, CommandError> {
        let secret = token::generate().map_err(unmakable)?;
        let token = token::of_tenant(PREFIX, &ctx.tenant, &secret);
        let (name, expires_at) = (format!("{:016x}", self.source.entropy() as u64), ctx.now.plus_ms(valid_ms));
        let kept = KeptToken { token: name.clone(), sha256: digest(token.expose()) };
        let row = RowWrite::put(JOIN_TOKENS, vehicle.to_string(), Expected::Any, RowBody::new(&kept, Vec::new())?);
        let spiffe_id = self.spiffe_id(&ctx.tenant, vehicle);
        self.command(ctx, vehicle, vec![row], |state| decide::issue_join_token(state, &spiffe_id, &name, expires_at))
            .await?;
        tracing::info!(tenant = %ctx.tenant, %vehicle, token = name, "a join token was given out");
        Ok(Invitation { token, expires_at, name })
    }

    /// Enrols by a join token: answers the device certificate (ONB-3, ONB-6). The same token with the same key is answered
    /// alike, so that a lost answer can be asked for again.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN` for a key that the vehicle had before, a fault.
    pub async fn enrol(&self, vehicle: VehicleId, token: &str, key: &SubjectKey) -> Result<Vec<u8>, CommandError> {
        let tenant = tenant_of(token).ok_or_else(no_such_token)?;
        let row = self.store.get(JOIN_TOKENS, &tenant, &vehicle.to_string()).await?.ok_or_else(no_such_token)?;
        let kept: KeptToken = row.decode()?;
        // Both are digests of 256 random bits: how long the comparison takes tells nothing about the token.
        if kept.sha256 != digest(token) {
            return Err(no_such_token());
        }
        let ctx = self.vehicle_ctx(&tenant, vehicle).await?;
        let issued = self.device_certificate(&ctx, vehicle, key, DEVICE_VALID_MS)?;
        let row = certificate_row(vehicle, &issued)?;
        let enrol =
            |state: Option<&VehicleIdentity>| decide::enrol(state, &kept.token, &issued, KeyOrigin::Device, ctx.now);
        let (enrolment, identity) = self.command(&ctx, vehicle, vec![row], enrol).await?;
        metrics::counter!("atlasmesh_enrolments_total").increment(1);
        tracing::info!(%tenant, %vehicle, ?enrolment, serial = issued.serial, "enrolled");
        self.given(&tenant, vehicle, enrolment, issued, identity).await
    }

    /// The certificate of an enrolment: the new one, or that of the first time.
    async fn given(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        enrolment: Enrolment,
        issued: Issued,
        identity: Option<VehicleIdentity>,
    ) -> Result<Vec<u8>, CommandError> {
        if enrolment == Enrolment::New {
            return Ok(issued.der);
        }
        let serial = identity.and_then(|identity| identity.device).map(|device| device.serial);
        let key = format!("{vehicle}/{}", serial.ok_or_else(no_such_token)?);
        let row = self.store.get(DEVICE_CERTIFICATES, tenant, &key).await?.ok_or_else(no_such_token)?;
        let kept: KeptCertificate = row.decode()?;
        Ok(STANDARD.decode(kept.der).map_err(unmakable)?)
    }

    fn device_certificate(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        key: &SubjectKey,
        valid_ms: i64,
    ) -> Result<Issued, Fault> {
        let id = SpiffeId::device(self.keyring.trust_domain(), &ctx.tenant, vehicle);
        let signing = self.keyring.signing()?;
        signing.devices.issue_device(key, &id, self.source.entropy(), ctx.now, valid_ms).map_err(unmakable)
    }

    /// Makes key and device certificate here and answers both once: for a vehicle that cannot make its own (ONB-3).
    ///
    /// # Errors
    /// As [`VehicleIdentities::invite`].
    pub async fn make_credentials(&self, ctx: &Ctx, vehicle: VehicleId) -> Result<ServerMade, CommandError> {
        let invitation = self.invite(ctx, vehicle, SERVER_MADE_VALID_MS).await?;
        let pair = pki::request::new_key().map_err(unmakable)?;
        let key = pki::request::public_of(&pair).map_err(unmakable)?;
        let issued = self.device_certificate(ctx, vehicle, &key, SERVER_MADE_VALID_MS)?;
        self.command(ctx, vehicle, Vec::new(), |state| {
            decide::enrol(state, &invitation.name, &issued, KeyOrigin::Server, ctx.now)
        })
        .await?;
        let not_after = issued.not_after;
        Ok(ServerMade { key_pem: Secret::new(pair.serialize_pem()), certificate: issued.der, not_after })
    }

    /// The vehicle that a device certificate stands for, and its serial number.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub fn of_device(&self, peer: &PeerCertificate) -> Result<(TenantId, VehicleId), Reject> {
        let refused = || Reject::new(Code::Unauthenticated, "this is no device certificate in force");
        let Named::Device { tenant, vehicle } = &peer.id.named else { return Err(refused()) };
        match self.registry.device(tenant, *vehicle, &peer.serial) {
            Standing::Refused(_) => Err(refused()),
            Standing::InForce | Standing::Quarantined => Ok((tenant.clone(), *vehicle)),
        }
    }

    /// Replaces a device certificate by one that it vouches for.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, a fault.
    pub async fn reenrol(&self, peer: &PeerCertificate, key: &SubjectKey) -> Result<Vec<u8>, CommandError> {
        let (tenant, vehicle) = self.of_device(peer)?;
        let ctx = self.vehicle_ctx(&tenant, vehicle).await?;
        let issued = self.device_certificate(&ctx, vehicle, key, DEVICE_VALID_MS)?;
        let row = certificate_row(vehicle, &issued)?;
        let reenrol = |state: Option<&VehicleIdentity>| decide::reenrol(state, &peer.serial, &issued);
        let (enrolment, identity) = self.command(&ctx, vehicle, vec![row], reenrol).await?;
        tracing::info!(%tenant, %vehicle, ?enrolment, serial = issued.serial, "the device certificate was replaced");
        self.given(&tenant, vehicle, enrolment, issued, identity).await
    }

    /// Gives out an X509-SVID to whoever presents the device certificate.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `ILLEGAL_TRANSITION` in quarantine, a fault.
    pub async fn issue_svid(&self, peer: &PeerCertificate, key: &SubjectKey) -> Result<Vec<u8>, CommandError> {
        let (tenant, vehicle) = self.of_device(peer)?;
        let ctx = self.vehicle_ctx(&tenant, vehicle).await?;
        let signing = self.keyring.signing()?;
        let id = self.spiffe_id(&tenant, vehicle);
        let issued = signing.svids.issue_svid(key, &id, self.source.entropy(), ctx.now, self.svid_valid_ms);
        let issued = issued.map_err(unmakable)?;
        let authority = signing.svids.key_id().to_string();
        let issue = |state: Option<&VehicleIdentity>| decide::issue_svid(state, &peer.serial, &issued, &authority);
        self.command(&ctx, vehicle, Vec::new(), issue).await?;
        metrics::counter!("atlasmesh_svids_issued_total").increment(1);
        tracing::info!(%tenant, %vehicle, serial = issued.serial, "an X509-SVID was given out");
        Ok(issued.der)
    }

    /// The vehicle that an X509-SVID stands for, and what it may do; looked up in memory.
    pub fn of_svid(&self, peer: &PeerCertificate) -> Option<Admitted> {
        let Named::Vehicle { tenant, vehicle } = &peer.id.named else { return None };
        if peer.id.trust_domain != *self.keyring.trust_domain() {
            return None;
        }
        let standing = self.registry.svid(tenant, *vehicle, &peer.serial);
        Some(Admitted { tenant: tenant.clone(), vehicle: *vehicle, serial: peer.serial.clone(), standing })
    }

    /// Notes the first use of a certificate: the ones before it are worth nothing from here on (ONB-7).
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where it ended meanwhile; a fault.
    pub async fn note_used(&self, tenant: &TenantId, vehicle: VehicleId, serial: &str) -> Result<(), CommandError> {
        let ctx = self.vehicle_ctx(tenant, vehicle).await?;
        self.command(&ctx, vehicle, Vec::new(), |state| decide::use_svid(state, serial)).await?;
        Ok(())
    }

    /// Whether a refusal is to be journaled: the first of a vehicle for a reason in a minute. Whoever tries again and again
    /// fills no journal.
    pub fn is_new_refusal(&self, vehicle: VehicleId, why: Refusal) -> bool {
        let now = self.source.now();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let last = refusals.get(&(vehicle, why.into()));
        let is_new = last.is_none_or(|last| now >= last.plus_ms(REFUSED_EVERY_MS));
        if is_new {
            refusals.insert((vehicle, why.into()), now);
        }
        is_new
    }

    /// Remembers that somebody with a certificate of a vehicle was not let in.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn note_refused(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        why: Refusal,
        presented: &str,
    ) -> Result<(), CommandError> {
        let about = self.motion.about(tenant).await?;
        let ctx = Ctx::automation(&*self.source, tenant.clone(), about, "identity.refuse");
        self.command(&ctx, vehicle, Vec::new(), |state| decide::refuse(state, why, presented)).await?;
        Ok(())
    }

    /// How many vehicles work by a certificate that this authority's key signed.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn working_by(&self, authority: &str) -> Result<usize, Fault> {
        let now = self.source.now();
        let mut working = 0;
        self.each(|_, _, identity| {
            let in_use = |svid: &Svid| svid.authority == authority && now < svid.not_after;
            working += usize::from(identity.svids.iter().any(in_use));
        })
        .await?;
        Ok(working)
    }

    /// A JWT-SVID for whoever is connected by this certificate.
    ///
    /// # Errors
    /// A fault of the keys.
    pub fn issue_token(&self, peer: &PeerCertificate, audience: Vec<String>) -> Result<(String, Timestamp), Fault> {
        let Named::Vehicle { vehicle, .. } = &peer.id.named else {
            return Err(Fault::Misuse("a token is given to a vehicle"));
        };
        let (now, epoch) = (self.source.now(), self.registry.epoch(*vehicle).unwrap_or_default());
        let new = pki::jwt::NewToken { subject: &peer.id, audience, epoch, certificate_sha256: &peer.sha256 };
        let signed = pki::jwt::sign(&self.keyring.signing()?.tokens, new, now).map_err(unmakable)?;
        Ok((signed, now.plus_ms(pki::jwt::VALID_MS)))
    }

    /// Takes an identity away (SAFE-3). In force at once for commands, tokens and data; a vehicle that is not proven parked
    /// keeps the channel over which it is stopped, until it stands.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn revoke(&self, ctx: &Ctx, vehicle: VehicleId, reason: &str) -> Result<Revocation, CommandError> {
        let parked = self.motion.proven_parked(&ctx.tenant, vehicle).await?;
        let decided = self.command(ctx, vehicle, Vec::new(), |state| decide::revoke(state, parked, reason)).await?.0;
        metrics::counter!("atlasmesh_revocations_total").increment(1);
        match decided {
            Revocation::InForce => self.motion.cut(ctx, vehicle).await?,
            Revocation::WaitsForStandstill => self.motion.stop_for_quarantine(ctx, vehicle, reason).await?,
        }
        tracing::warn!(tenant = %ctx.tenant, %vehicle, ?decided, reason, "an identity is taken away");
        Ok(decided)
    }

    /// A vehicle in quarantine says that it stands with its brake on. Under a claim it may have said so before it heard that
    /// it is to stop, and set out since: it is out when it stands and either has no claim or holds the stop, as with a
    /// passenger aboard, whose trip keeps its claim.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn note_parked(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<(), CommandError> {
        if !self.registry.is_quarantined(vehicle) {
            return Ok(());
        }
        let stands =
            self.motion.proven_parked(tenant, vehicle).await? || self.motion.holds_stop(tenant, vehicle).await?;
        if !stands {
            return Ok(());
        }
        let ctx = self.vehicle_ctx(tenant, vehicle).await?;
        self.command(&ctx, vehicle, Vec::new(), decide::stands).await?;
        self.motion.cut(&ctx, vehicle).await
    }

    /// The vehicle has left for good (ONB-10).
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn retire(&self, ctx: &Ctx, vehicle: VehicleId, reason: &str) -> Result<(), CommandError> {
        self.command(ctx, vehicle, Vec::new(), |state| decide::retire(state, reason)).await?;
        self.motion.cut(ctx, vehicle).await
    }
}

fn certificate_row(vehicle: VehicleId, issued: &Issued) -> Result<RowWrite, Fault> {
    let body = RowBody::new(&KeptCertificate { der: STANDARD.encode(&issued.der) }, Vec::new())?;
    Ok(RowWrite::put(DEVICE_CERTIFICATES, format!("{vehicle}/{}", issued.serial), Expected::Any, body))
}
