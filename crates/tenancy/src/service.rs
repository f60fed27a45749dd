//! Tenancy as the edges use it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::id::PrincipalId;
use kernel::{Actor, Code, Ctx, CtxSource, Decided, Reject, Role, Sector, TenantId, Timestamp};
use keys::Secret;
use keys::token;
use serde::{Deserialize, Serialize};
use store::port::{CommitError, Fault, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec, execute_plain, load};

use crate::log::{self, Log, LogAlarm};
use crate::principal::{self, Principal, PrincipalTokenIssued};
use crate::tenant::{self, Tenant, TenantCreated};

/// Digests of tokens: which principal each belongs to.
pub const TOKENS: TableSpec = TableSpec::machinery("tokens", &[]);

/// When each token was last used, at most once a minute.
pub const TOKEN_USES: TableSpec = TableSpec::machinery("token_uses", &[]);

/// How exact the time of a token's last use is.
const USE_EVERY_MS: i64 = 60_000;

/// What every bearer token begins with; then the tenant, then the secret.
const TOKEN_PREFIX: &str = "amt";

/// The name of a tenant's first token, which its administrator begins with.
const FIRST_NAME: &str = "first administrator";

/// What tenants are entitled to until subscriptions differ.
const EVERYTHING: [&str; 1] = ["trips"];

#[derive(Debug, Serialize, Deserialize)]
struct TokenOwner {
    principal: PrincipalId,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct TokenUse {
    at: Timestamp,
}

/// What a valid token stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticated {
    pub tenant: TenantId,
    pub principal: PrincipalId,
    pub role: Role,
    /// The tenant's sector; the platform has none.
    pub sector: Option<Sector>,
    /// Whether the tenant's vehicles are simulated.
    pub simulated: bool,
    /// What the tenant is entitled to.
    pub entitlements: BTreeSet<String>,
    /// Counts what was put in force of its sector.
    pub generation: u64,
}

/// A tenant to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTenant {
    pub name: TenantId,
    pub sector: Sector,
    pub simulated: bool,
}

/// A principal that was just made, with its token, which is kept nowhere.
#[derive(Debug)]
pub struct NewPrincipal {
    pub id: PrincipalId,
    pub role: Role,
    pub name: String,
    pub token: Secret,
    pub expires_at: Option<Timestamp>,
}

/// Tenants, principals and tokens.
pub struct Tenancy {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
    /// The last uses of tokens that were noted.
    uses: Mutex<BTreeMap<(TenantId, PrincipalId), Timestamp>>,
}

impl Tenancy {
    pub fn new(store: Arc<dyn Store>, source: Arc<dyn CtxSource>) -> Self {
        Self { store, source, uses: Mutex::default() }
    }

    /// Makes the platform and its administrator at the first start; `None` at every later one.
    pub async fn ensure_platform(&self) -> Result<Option<Secret>, CommandError> {
        let platform = TenantId::platform();
        if load::<Tenant>(&*self.store, &platform, &platform).await?.is_some() {
            return Ok(None);
        }
        let ctx = Ctx::new(&*self.source, platform.clone(), Actor::automation("first.start"));
        let created = TenantCreated { name: platform, sector: None, entitlements: BTreeSet::new(), simulated: false };
        // The token first: a crash in between leaves a principal that nobody knows, never a platform without one.
        let token = self.new_principal(&ctx, Role::Administrator, None, "first start", None).await?.token;
        execute_plain(&*self.store, &ctx, &ctx.tenant, Extras::default(), |state: Option<&Tenant>| {
            tenant::create(state, created.clone())
        })
        .await?;
        Ok(Some(token))
    }

    /// Makes a tenant and its administrator, whose token is answered and kept nowhere.
    ///
    /// # Errors
    /// `CONFLICT` when the name is taken; a fault of the store.
    pub async fn create_tenant(&self, by: &Ctx, new: NewTenant) -> Result<(Tenant, Secret), CommandError> {
        let mut ctx = Ctx::new(&*self.source, new.name.clone(), by.actor.clone()).in_sector(new.sector);
        ctx.simulated = new.simulated;
        let created = TenantCreated {
            name: new.name.clone(),
            sector: Some(new.sector),
            entitlements: EVERYTHING.map(str::to_owned).into(),
            simulated: new.simulated,
        };
        if new.name.is_platform() || self.tenant(&new.name).await?.is_some() {
            return Err(tenant::taken(&new.name).into());
        }
        // The token first, as for the platform: the name is still free for whoever asks again.
        let token =
            self.new_principal(&ctx, Role::Administrator, Some(FIRST_NAME), "tenant created", None).await?.token;
        let outcome = execute_plain(&*self.store, &ctx, &new.name, Extras::default(), |state: Option<&Tenant>| {
            tenant::create(state, created.clone())
        })
        .await?;
        let tenant = outcome.state.ok_or(Fault::Misuse("a created tenant has no state"))?;
        Ok((tenant, token))
    }

    /// Makes another administrator of a tenant, whose token was lost.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown tenant; a fault of the store.
    pub async fn add_administrator(
        &self,
        by: &Ctx,
        tenant: &TenantId,
        name: &str,
    ) -> Result<NewPrincipal, CommandError> {
        let known = self.tenant(tenant).await?.filter(|known| known.deleted.is_none());
        let known = known.and_then(|known| known.sector.map(|sector| (known.simulated, sector)));
        let Some((simulated, sector)) = known else {
            return Err(Reject::new(Code::NotFound, format!("there is no tenant {tenant}: list them first")).into());
        };
        let mut ctx = Ctx::new(&*self.source, tenant.clone(), by.actor.clone()).in_sector(sector);
        ctx.simulated = simulated;
        self.new_principal(&ctx, Role::Administrator, Some(name), "another administrator", None).await
    }

    /// Makes a principal of the caller's tenant.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for a token that would never work; a fault of the store.
    pub async fn create_principal(
        &self,
        ctx: &Ctx,
        role: Role,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<NewPrincipal, CommandError> {
        if expires_at.is_some_and(|end| end <= ctx.now) {
            return Err(Reject::new(Code::IllegalTransition, "expires_at is past: the token would never work").into());
        }
        self.new_principal(ctx, role, Some(name), "created by an administrator", expires_at).await
    }

    /// When a principal's token was last used, to the minute.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn last_used(&self, tenant: &TenantId, id: PrincipalId) -> Result<Option<Timestamp>, Fault> {
        let noted = self.uses().get(&(tenant.clone(), id)).copied();
        if noted.is_some() {
            return Ok(noted);
        }
        let row = self.store.get(TOKEN_USES, tenant, &id.to_string()).await?;
        row.map(|row| row.decode::<TokenUse>().map(|used| used.at)).transpose()
    }

    /// Whether a use of a token is to be noted: the first in a minute.
    pub fn is_new_use(&self, who: &Authenticated) -> bool {
        let now = self.source.now();
        let mut uses = self.uses();
        let last = uses.get(&(who.tenant.clone(), who.principal));
        let is_new = last.is_none_or(|last| now >= last.plus_ms(USE_EVERY_MS));
        if is_new {
            uses.insert((who.tenant.clone(), who.principal), now);
        }
        is_new
    }

    /// Notes a use of a token. Nobody waits for it: a store that cannot write keeps nobody out.
    pub async fn note_use(&self, who: &Authenticated) {
        let noted = RowBody::new(&TokenUse { at: self.source.now() }, Vec::new()).map_err(CommitError::from);
        let row = noted.map(|body| RowWrite::put(TOKEN_USES, who.principal.to_string(), Expected::Any, body));
        let written = match row {
            Ok(row) => self.store.write(&who.tenant, vec![row]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::debug!(tenant = %who.tenant, principal = %who.principal, %error, "the use of a token is not noted");
        }
    }

    fn uses(&self) -> MutexGuard<'_, BTreeMap<(TenantId, PrincipalId), Timestamp>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of a tenant's principals, by id.
    pub async fn principals(
        &self,
        tenant: &TenantId,
        query: ListQuery,
    ) -> Result<Vec<(PrincipalId, Principal)>, Fault> {
        let rows = self.store.list(TableSpec::of::<Principal>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Ends a principal's access, at once and for good.
    ///
    /// # Errors
    /// `NOT_FOUND`; `ILLEGAL_TRANSITION` for one's own; a fault of the store.
    pub async fn revoke(&self, ctx: &Ctx, id: PrincipalId, reason: &str) -> Result<(), CommandError> {
        let is_own = ctx.actor.id == id.to_string();
        execute_plain(&*self.store, ctx, &id, Extras::default(), |state: Option<&Principal>| {
            principal::revoke(state, is_own, reason)
        })
        .await?;
        Ok(())
    }

    async fn new_principal(
        &self,
        ctx: &Ctx,
        role: Role,
        name: Option<&str>,
        purpose: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<NewPrincipal, CommandError> {
        let id: PrincipalId = ctx.new_id();
        let secret = token::generate()
            .map_err(|source| Fault::Unavailable { what: "make a token", source: Box::new(source) })?;
        let token = token::of_tenant(TOKEN_PREFIX, &ctx.tenant, &secret);
        let owner = RowBody::new(&TokenOwner { principal: id }, Vec::new())?;
        let row = RowWrite::put(TOKENS, digest(token.expose()), Expected::Absent, owner);
        let extras = Extras { rows: vec![row], ..Extras::default() };
        let issued = PrincipalTokenIssued { purpose: purpose.into(), expires_at };
        execute_plain(&*self.store, ctx, &id, extras, |state: Option<&Principal>| {
            principal::create(state, role, name, &issued)
        })
        .await?;
        Ok(NewPrincipal { id, role, name: name.unwrap_or_default().to_owned(), token, expires_at })
    }

    /// Who presents this token; `None` when nobody does any more or ever did.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Authenticated>, Fault> {
        let Some(tenant) = tenant_of(token, TOKEN_PREFIX) else { return Ok(None) };
        let Some(row) = self.store.get(TOKENS, &tenant, &digest(token)).await? else { return Ok(None) };
        let owner: TokenOwner = row.decode()?;
        let Some(principal) = load::<Principal>(&*self.store, &tenant, &owner.principal).await? else {
            return Ok(None);
        };
        let is_active = principal.state.is_active(self.source.now());
        let Some(record) = self.tenant(&tenant).await?.filter(|known| is_active && known.deleted.is_none()) else {
            return Ok(None);
        };
        Ok(Some(Authenticated {
            tenant,
            principal: owner.principal,
            role: principal.state.role,
            sector: record.sector,
            simulated: record.simulated,
            entitlements: record.entitlements,
            generation: record.generation,
        }))
    }

    /// One principal.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn principal(&self, tenant: &TenantId, id: PrincipalId) -> Result<Option<Principal>, Fault> {
        Ok(load::<Principal>(&*self.store, tenant, &id).await?.map(|known| known.state))
    }

    /// Whether a principal may act, for what began when it could.
    pub async fn is_active(&self, tenant: &TenantId, principal: PrincipalId) -> Result<bool, Fault> {
        let known = load::<Principal>(&*self.store, tenant, &principal).await?;
        let is_there = self.tenant(tenant).await?.is_some_and(|known| known.deleted.is_none());
        Ok(is_there && known.is_some_and(|known| known.state.is_active(self.source.now())))
    }

    pub async fn tenant(&self, tenant: &TenantId) -> Result<Option<Tenant>, Fault> {
        Ok(load::<Tenant>(&*self.store, tenant, tenant).await?.map(|loaded| loaded.state))
    }

    /// What is known of a tenant's log as a whole.
    pub async fn log(&self, tenant: &TenantId) -> Result<Log, Fault> {
        Ok(load::<Log>(&*self.store, tenant, tenant).await?.map(|loaded| loaded.state).unwrap_or_default())
    }

    /// Raises an alarm over a tenant's log, once; answers whether somebody accepted it before.
    pub async fn raise_log_alarm(&self, tenant: &TenantId, alarm: &LogAlarm) -> Result<bool, CommandError> {
        self.on_log(tenant, Actor::automation("log.seen"), |log| log::raise(log, alarm)).await
    }

    /// Accepts the alarms that stand over a tenant's log; answers how many.
    pub async fn accept_log_alarms(&self, tenant: &TenantId, by: Actor, reason: &str) -> Result<usize, CommandError> {
        self.on_log(tenant, by, |log| log::accept(log, reason)).await
    }

    /// Notes the generation of the keys that the server runs with.
    pub async fn see_keys(&self, generation: u64) -> Result<(), CommandError> {
        let platform = TenantId::platform();
        self.on_log(&platform, Actor::automation("keys.seen"), |log| log::see_keys(log, generation)).await
    }

    /// Notes that witnesses cosigned a head of a tenant's log.
    pub async fn witnesses_cosigned(&self, tenant: &TenantId, head: &log::WitnessCosigned) -> Result<(), CommandError> {
        let now = self.source.now();
        self.on_log(tenant, Actor::automation("log.witnesses"), |log| log::cosigned(log, head, now)).await
    }

    /// Notes that a witness refused a head of a tenant's log.
    pub async fn witness_refused(&self, tenant: &TenantId, refused: &log::WitnessRefused) -> Result<(), CommandError> {
        self.on_log(tenant, Actor::automation("log.witnesses"), |log| log::refused(log, refused)).await
    }

    async fn on_log<R: Send>(
        &self,
        tenant: &TenantId,
        by: Actor,
        decide: impl Fn(Option<&Log>) -> Decided<log::LogEvent, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let mut ctx = Ctx::new(&*self.source, tenant.clone(), by);
        if let Some(known) = self.tenant(tenant).await? {
            ctx.simulated = known.simulated;
            ctx = known.sector.into_iter().fold(ctx, Ctx::in_sector);
        }
        let done = execute_plain(&*self.store, &ctx, tenant, Extras::default(), |state: Option<&Log>| decide(state));
        Ok(done.await?.reply)
    }

    /// Every tenant but the platform, by name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Fault> {
        let mut tenants = Vec::new();
        for tenant in self.store.logs().await?.into_iter().filter(|tenant| !tenant.is_platform()) {
            let rows = self.store.list(TableSpec::of::<Tenant>(), &tenant, ListQuery::all()).await?;
            tenants.extend(rows.iter().map(store::Row::decode::<Tenant>).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(tenants)
    }
}

/// The digest under which a token is kept. The whole text is hashed, so that a token moved to another tenant's name is
/// another token.
fn digest(token: &str) -> String {
    journal::Hash::of_bytes(token.as_bytes()).to_string()
}

/// The tenant that a token `prefix_tenant_secret` names. Names of tenants hold no underscore.
pub fn tenant_of(token: &str, prefix: &str) -> Option<TenantId> {
    let (found, rest) = token.split_once('_')?;
    let (tenant, secret) = rest.split_once('_')?;
    (found == prefix && !secret.is_empty()).then(|| tenant.parse().ok())?
}
