//! Tenancy as the edges use it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::id::PrincipalId;
use kernel::{Actor, Ctx, CtxSource, Sector, TenantId};
use keys::Secret;
use keys::token;
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec, execute, load};

use crate::principal::{self, Principal};
use crate::role::Role;
use crate::tenant::{self, Tenant, TenantCreated};

/// Digests of tokens: which principal each belongs to.
pub const TOKENS: TableSpec = TableSpec::machinery("tokens", &[]);

/// What every bearer token begins with; then the tenant, then the secret.
const TOKEN_PREFIX: &str = "amt";

/// What tenants are entitled to until subscriptions differ.
const EVERYTHING: [&str; 1] = ["trips"];

#[derive(Debug, Serialize, Deserialize)]
struct TokenOwner {
    principal: PrincipalId,
}

/// What a valid token stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticated {
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub principal: PrincipalId,
    /// In which role.
    pub role: Role,
    /// The tenant's sector; the platform has none.
    pub sector: Option<Sector>,
    /// Whether the tenant's vehicles are simulated.
    pub simulated: bool,
    /// What the tenant is entitled to.
    pub entitlements: BTreeSet<String>,
}

/// A tenant to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTenant {
    /// Its name.
    pub name: TenantId,
    /// Its sector.
    pub sector: Sector,
    /// Whether its vehicles are simulated.
    pub simulated: bool,
}

/// Tenants, principals and tokens.
pub struct Tenancy {
    store: Arc<dyn Store>,
    source: Arc<dyn CtxSource>,
}

impl Tenancy {
    /// The service over a store.
    pub fn new(store: Arc<dyn Store>, source: Arc<dyn CtxSource>) -> Self {
        Self { store, source }
    }

    /// Makes the platform and its administrator at the first start; `None` at every later one.
    ///
    /// # Errors
    /// A fault of the store or of the machine's entropy.
    pub async fn ensure_platform(&self) -> Result<Option<Secret>, CommandError> {
        let platform = TenantId::platform();
        if load::<Tenant>(&*self.store, &platform, &platform).await?.is_some() {
            return Ok(None);
        }
        let ctx = Ctx::new(&*self.source, platform.clone(), Actor::automation("first.start"));
        let created = TenantCreated { name: platform, sector: None, entitlements: BTreeSet::new(), simulated: false };
        // The token first: a crash in between leaves a principal that nobody knows, never a platform without one.
        let token = self.new_principal(&ctx, Role::Administrator, "first start").await?;
        execute::<Tenant, (), (), _, _, _>(
            &*self.store,
            &ctx,
            &ctx.tenant,
            Extras::default(),
            |_| async { Ok(()) },
            |state, ()| tenant::create(state, created.clone()),
        )
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
        let token = self.new_principal(&ctx, Role::Administrator, "tenant created").await?;
        let outcome = execute::<Tenant, (), (), _, _, _>(
            &*self.store,
            &ctx,
            &new.name,
            Extras::default(),
            |_| async { Ok(()) },
            |state, ()| tenant::create(state, created.clone()),
        )
        .await?;
        let tenant = outcome.state.ok_or(Fault::Misuse("a created tenant has no state"))?;
        Ok((tenant, token))
    }

    async fn new_principal(&self, ctx: &Ctx, role: Role, purpose: &str) -> Result<Secret, CommandError> {
        let id: PrincipalId = ctx.new_id();
        let secret = token::generate()
            .map_err(|source| Fault::Unavailable { what: "make a token", source: Box::new(source) })?;
        let token = token::of_tenant(TOKEN_PREFIX, &ctx.tenant, &secret);
        let owner = RowBody::new(&TokenOwner { principal: id }, Vec::new())?;
        let row = RowWrite::put(TOKENS, digest(token.expose()), Expected::Absent, owner);
        let extras = Extras { rows: vec![row], ..Extras::default() };
        execute::<Principal, (), (), _, _, _>(
            &*self.store,
            ctx,
            &id,
            extras,
            |_| async { Ok(()) },
            |state, ()| principal::create(state, role, purpose),
        )
        .await?;
        Ok(token)
    }

    /// Who presents this token; `None` when nobody does any more or ever did.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Authenticated>, Fault> {
        let Some(tenant) = tenant_of(token, TOKEN_PREFIX) else { return Ok(None) };
        let Some(row) = self.store.get(TOKENS, &tenant, &digest(token)).await? else { return Ok(None) };
        let owner: TokenOwner = row.decode()?;
        let Some(principal) = load::<Principal>(&*self.store, &tenant, &owner.principal).await? else {
            return Ok(None);
        };
        let Some(record) = self.tenant(&tenant).await?.filter(|_| !principal.state.revoked) else { return Ok(None) };
        Ok(Some(Authenticated {
            tenant,
            principal: owner.principal,
            role: principal.state.role,
            sector: record.sector,
            simulated: record.simulated,
            entitlements: record.entitlements,
        }))
    }

    /// Whether a principal may act, for what began when it could.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn is_active(&self, tenant: &TenantId, principal: PrincipalId) -> Result<bool, Fault> {
        let known = load::<Principal>(&*self.store, tenant, &principal).await?;
        Ok(known.is_some_and(|known| !known.state.revoked))
    }

    /// A tenant.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Option<Tenant>, Fault> {
        Ok(load::<Tenant>(&*self.store, tenant, tenant).await?.map(|loaded| loaded.state))
    }

    /// Every tenant but the platform, by name.
    ///
    /// # Errors
    /// A fault of the store.
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
