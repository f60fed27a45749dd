//! The keys of the installation: the sealed file, and the register of their lives in the platform's log. Authorities that
//! sign certificates, and what everybody trusts because of them.

pub mod register;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::ctx::About;
use kernel::{Code, Ctx, CtxSource, Reject, TenantId, Timestamp};
use keys::{
    CertificateAuthority, DeviceAuthority, EcKey, HasPurpose, KeyError, KeyId, KeyPair, KeyState, Keystore, Purpose,
    Token,
};
use pki::bundle::Bundle;
use pki::{Authority, TrustDomain};
use store::port::{Fault, Store};
use store::{CommandError, Extras, execute_plain, load};

use self::register::{KeyPrepared, KeyRegister};

/// How long an authority of X509-SVIDs lasts: it is replaced long before.
const AUTHORITY_VALID_MS: i64 = 365 * DAY_MS;
/// How long the authority lasts by which vehicles come back after years in a shed.
const DEVICE_AUTHORITY_VALID_MS: i64 = 10 * 365 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// How long before an authority's end somebody must hear of it, at each start.
const ALARM_BEFORE_MS: i64 = 90 * DAY_MS;
/// How often it is worth asking for the trust bundle.
const BUNDLE_REFRESH_S: u64 = 300;

/// States of keys whose signatures count.
const TRUSTED: &[KeyState] = &[KeyState::Prepared, KeyState::Active, KeyState::Retiring, KeyState::Tainted];

/// The authorities that sign now, and what is trusted now.
#[derive(Clone)]
pub struct Signing {
    pub svids: Authority<CertificateAuthority>,
    pub devices: Authority<DeviceAuthority>,
    pub tokens: EcKey<Token>,
    pub bundle: Arc<Bundle>,
    /// Certificates of the authorities of devices, the one that signs first.
    pub device_authorities: Vec<Vec<u8>>,
}

/// Keys and their register.
pub struct Keyring {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
    keystore: Mutex<Keystore>,
    trust_domain: TrustDomain,
    signing: RwLock<Option<Arc<Signing>>>,
}

fn unusable(source: KeyError) -> Fault {
    Fault::Unavailable { what: "use the keys", source: Box::new(source) }
}

fn unmakable(source: pki::certificate::IssueError) -> Fault {
    Fault::Unavailable { what: "make a certificate", source: Box::new(source) }
}

/// Purposes whose keys follow one another by hand; the others have one each.
fn is_rotated(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::CertificateAuthority | Purpose::DeviceAuthority | Purpose::Token)
}

impl Keyring {
    pub fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn CtxSource>,
        keystore: Keystore,
        trust_domain: TrustDomain,
    ) -> Self {
        Self { store, source, keystore: Mutex::new(keystore), trust_domain, signing: RwLock::default() }
    }

    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    fn keystore(&self) -> MutexGuard<'_, Keystore> {
        self.keystore.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that the keys are not older than what is known of them.
    ///
    /// # Errors
    /// [`KeyError::RolledBack`] when they are.
    pub fn require_generation(&self, known: u64) -> Result<(), KeyError> {
        self.keystore().require_generation(known)
    }

    /// How often the keys were written.
    pub fn generation(&self) -> u64 {
        self.keystore().generation()
    }

    fn own_ctx(&self, rule: &str) -> Ctx {
        Ctx::automation(&*self.source, TenantId::platform(), About { sector: None, simulated: false }, rule)
    }

    /// The register of all keys.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn register(&self) -> Result<KeyRegister, Fault> {
        let platform = TenantId::platform();
        Ok(load::<KeyRegister>(&*self.store, &platform, &platform).await?.map(|known| known.state).unwrap_or_default())
    }

    /// Makes what the first start needs, and brings register and keystore together after a crash between them: a key is made
    /// in the keystore first, and goes on in the register first.
    ///
    /// # Errors
    /// A fault of the keystore or the store.
    pub async fn start(&self) -> Result<(), CommandError> {
        let ctx = self.own_ctx("keys.start");
        let register = self.register().await?;
        for known in &register.keys {
            self.align(known.purpose, &known.key, known.state)?;
        }
        let kept = self.keystore().all();
        for (id, purpose, state, public) in kept {
            // Made before there was a register, or just before a crash.
            if register.key(&id.to_string()).is_none() && !is_rotated(purpose) {
                let prepared = KeyPrepared { key: id.to_string(), purpose, public, certificate: None, not_after: None };
                self.enter(&ctx, &prepared).await?;
                self.change(&ctx, &id.to_string(), state, "found at the start").await?;
            }
        }
        for purpose in [Purpose::CertificateAuthority, Purpose::DeviceAuthority, Purpose::Token] {
            if self.register().await?.of(purpose, &[KeyState::Active]).next().is_none() {
                let key = self.make(&ctx, purpose).await?;
                self.change(&ctx, &key, KeyState::Active, "the first one").await?;
                self.align(purpose, &key, KeyState::Active)?;
            }
        }
        self.refresh().await
    }

    async fn enter(&self, ctx: &Ctx, prepared: &KeyPrepared) -> Result<(), CommandError> {
        let id = TenantId::platform();
        execute_plain(&*self.store, ctx, &id, Extras::default(), |state: Option<&KeyRegister>| {
            register::prepare(state, prepared)
        })
        .await?;
        Ok(())
    }

    async fn change(&self, ctx: &Ctx, key: &str, to: KeyState, reason: &str) -> Result<(), CommandError> {
        let id = TenantId::platform();
        execute_plain(&*self.store, ctx, &id, Extras::default(), |state: Option<&KeyRegister>| {
            register::change(state, key, to, reason)
        })
        .await?;
        tracing::info!(key, state = %to, reason, "a key goes on in its life");
        metrics::counter!("atlasmesh_key_changes_total", "state" => to.to_string()).increment(1);
        Ok(())
    }

    /// Lets the keystore follow what the register says.
    fn align(&self, purpose: Purpose, key: &str, to: KeyState) -> Result<(), Fault> {
        let mut keystore = self.keystore();
        let id: KeyId = key.parse().map_err(unusable)?;
        let Some((_, _, state, _)) = keystore.all().into_iter().find(|(found, ..)| *found == id) else {
            tracing::error!(key, "the register has a key that the keystore does not have: an old copy was put back");
            return Ok(());
        };
        if state == to {
            return Ok(());
        }
        let moved = match purpose {
            Purpose::CertificateAuthority => keystore.transition::<CertificateAuthority>(id, to),
            Purpose::DeviceAuthority => keystore.transition::<DeviceAuthority>(id, to),
            Purpose::Token => keystore.transition::<Token>(id, to),
            _ => Ok(()),
        };
        match moved {
            // The one before it retires in the same write of the keystore, and in the event before in the register.
            Err(KeyError::Transition(illegal)) if illegal.from == to => Ok(()),
            moved => moved.map_err(unusable),
        }
    }

    /// Makes a key that everybody learns of before it signs; answers its name.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where one waits already, or for a purpose whose keys are not replaced by hand; a fault.
    pub async fn prepare(&self, ctx: &Ctx, purpose: Purpose) -> Result<String, CommandError> {
        if let Some(waiting) = self.register().await?.of(purpose, &[KeyState::Prepared]).next() {
            let text = format!("{} is prepared already: activate or revoke it first", waiting.key);
            return Err(Reject::new(Code::IllegalTransition, text).into());
        }
        let key = self.make(ctx, purpose).await?;
        self.refresh().await?;
        Ok(key)
    }

    async fn make(&self, ctx: &Ctx, purpose: Purpose) -> Result<String, CommandError> {
        let prepared = match purpose {
            Purpose::CertificateAuthority => self.new_authority::<CertificateAuthority>(ctx, AUTHORITY_VALID_MS),
            Purpose::DeviceAuthority => self.new_authority::<DeviceAuthority>(ctx, DEVICE_AUTHORITY_VALID_MS),
            Purpose::Token => {
                let mut keystore = self.keystore();
                let id = keystore.prepare::<Token>().map_err(unusable)?;
                let public = keystore.by_id::<Token>(id).map_err(unusable)?.public().to_string();
                Ok(KeyPrepared { key: id.to_string(), purpose, public, certificate: None, not_after: None })
            }
            _ => {
                let text =
                    format!("keys for {purpose} are not replaced by hand: what they signed must stay verifiable");
                return Err(Reject::new(Code::IllegalTransition, text).into());
            }
        }?;
        self.enter(ctx, &prepared).await?;
        Ok(prepared.key)
    }

    fn new_authority<P: HasPurpose<Key = EcKey<P>>>(&self, ctx: &Ctx, valid_ms: i64) -> Result<KeyPrepared, Fault> {
        let key = {
            let mut keystore = self.keystore();
            let id = keystore.prepare::<P>().map_err(unusable)?;
            keystore.by_id::<P>(id).map_err(unusable)?
        };
        let (id, public) = (key.id().to_string(), key.public().to_string());
        let authority = Authority::new(key, &self.trust_domain, self.source.entropy(), ctx.now, valid_ms);
        let authority = authority.map_err(unmakable)?;
        Ok(KeyPrepared {
            key: id,
            purpose: P::PURPOSE,
            public,
            certificate: Some(STANDARD.encode(authority.certificate())),
            not_after: Some(authority.not_after()),
        })
    }

    /// Takes a key on in its life. What it signed counts until it is revoked.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ILLEGAL_TRANSITION`, a fault.
    pub async fn go_on(&self, ctx: &Ctx, key: &str, to: KeyState, reason: &str) -> Result<(), CommandError> {
        let known = self.register().await?;
        let known = known.key(key).ok_or_else(|| {
            Reject::new(Code::NotFound, format!("there is no key {key}: list them with `atlasmesh keys list`"))
        })?;
        let last = known.state == KeyState::Active && matches!(to, KeyState::Tainted | KeyState::Revoked);
        if last {
            let text = format!("{key} signs now: prepare and activate its successor first");
            return Err(Reject::new(Code::IllegalTransition, text).into());
        }
        self.change(ctx, key, to, reason).await?;
        self.align(known.purpose, key, to)?;
        self.refresh().await
    }

    /// Reads from the register what signs and what is trusted.
    async fn refresh(&self) -> Result<(), CommandError> {
        let register = self.register().await?;
        let certificates = |purpose: Purpose, states: &'static [KeyState]| {
            let known = register.of(purpose, states).filter_map(|known| known.certificate.as_deref());
            known.filter_map(|text| STANDARD.decode(text).ok()).collect::<Vec<_>>()
        };
        let points = register.of(Purpose::Token, TRUSTED);
        let points = points.filter_map(|known| Some((known.key.clone(), STANDARD.decode(&known.public).ok()?)));
        let bundle = Bundle {
            sequence: register.bundle_sequence,
            refresh_hint_s: BUNDLE_REFRESH_S,
            authorities: certificates(Purpose::CertificateAuthority, TRUSTED),
            token_keys: points.collect(),
        };
        let mut device_authorities = certificates(Purpose::DeviceAuthority, &[KeyState::Active]);
        device_authorities.extend(certificates(
            Purpose::DeviceAuthority,
            &[KeyState::Prepared, KeyState::Retiring, KeyState::Tainted],
        ));
        let signing = Signing {
            svids: self.authority::<CertificateAuthority>(&register)?,
            devices: self.authority::<DeviceAuthority>(&register)?,
            tokens: self.keystore().active::<Token>().map_err(unusable)?,
            bundle: Arc::new(bundle),
            device_authorities,
        };
        for (purpose, ends) in [("svids", signing.svids.not_after()), ("devices", signing.devices.not_after())] {
            metrics::gauge!("atlasmesh_authority_ends_at_seconds", "purpose" => purpose)
                .set(ends.as_ms() as f64 / 1_000.0);
            if ends.since_ms(self.source.now()) < ALARM_BEFORE_MS {
                tracing::error!(purpose, %ends, "an authority ends soon, and all that it signed with it: `atlasmesh keys rotate`");
            }
        }
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signing));
        Ok(())
    }

    fn authority<P: HasPurpose<Key = EcKey<P>>>(&self, register: &KeyRegister) -> Result<Authority<P>, Fault> {
        let none = || Fault::Misuse("a purpose has no active authority");
        let known = register.of(P::PURPOSE, &[KeyState::Active]).next().ok_or_else(none)?;
        let certificate = known.certificate.as_deref().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(none)?;
        let key = self.keystore().by_id::<P>(known.key.parse().map_err(unusable)?).map_err(unusable)?;
        Ok(Authority::restored(key, certificate, known.not_after.unwrap_or(Timestamp::from_us(0))))
    }

    /// What signs and what is trusted now.
    ///
    /// # Errors
    /// Before [`Keyring::start`].
    pub fn signing(&self) -> Result<Arc<Signing>, Fault> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner).clone();
        signing.ok_or(Fault::Misuse("the keys are used before they were opened"))
    }
}
