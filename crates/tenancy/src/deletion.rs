//! Deleting a tenant. What could harm somebody comes first: no vehicle is in service and no legal hold keeps its records; two of
//! the platform's administrators decide it; then nobody is let in, and what says who its people were is erased. The log stays:
//! its entries only commit to personal values, so every proof holds.

use std::sync::Arc;

use kernel::{BoxFuture, Ctx, CtxSource, Subject, TenantId};
use policy::{Engine as Policy, PolicyAnswer, Request};
use store::port::{CommitError, Fault, ListQuery, Store};
use store::{CommandError, Expected, Extras, RowWrite, TableSpec, execute, execute_plain, load};

use crate::actions::DELETE_TENANT;
use crate::tenant::{self, Tenant, deletion};

/// Rows that are erased in one commit.
const ERASED_AT_ONCE: usize = 500;

/// What keeps a tenant from being deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// Vehicles that are not decommissioned.
    pub vehicles: u32,
    /// Legal holds in force.
    pub legal_holds: u32,
}

/// What other domains know of a tenant.
pub trait Remains: Send + Sync {
    fn obstacles<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Obstacles, Fault>>;
}

/// What the service is made of.
pub struct DeletionParts {
    pub store: Arc<dyn Store>,
    pub source: Arc<dyn CtxSource>,
    pub policy: Arc<Policy>,
    pub remains: Arc<dyn Remains>,
    /// Tables of every domain that say who people are, or let them in.
    pub personal: Vec<TableSpec>,
}

/// The service.
pub struct Deletions(DeletionParts);

impl Deletions {
    pub fn new(parts: DeletionParts) -> Self {
        Self(parts)
    }

    /// The context of an act on a tenant by somebody of the platform.
    async fn ctx(&self, by: &Ctx, tenant: &TenantId) -> Result<Ctx, CommandError> {
        let known = load::<Tenant>(&*self.0.store, tenant, tenant).await?.ok_or_else(tenant::no_tenant)?;
        let ctx = Ctx::new(&*self.0.source, tenant.clone(), by.actor.clone());
        Ok(ctx.of(known.state.about()))
    }

    async fn policy(&self, ctx: &Ctx) -> Result<PolicyAnswer, CommandError> {
        let Obstacles { vehicles, legal_holds } = self.0.remains.obstacles(&ctx.tenant).await?;
        let question = Request::new(ctx, DELETE_TENANT, Subject::new("tenant", &ctx.tenant))
            .fact("vehicles_in_service", vehicles)
            .fact("legal_holds", legal_holds);
        Ok(self.0.policy.decide(&question).into())
    }

    /// Notes that somebody asks for it, where nothing stands against it.
    ///
    /// # Errors
    /// `NOT_FOUND`; `POLICY_VIOLATION` with what stands against it; `ILLEGAL_TRANSITION` where it is deleted.
    pub async fn ask(&self, by: &Ctx, tenant: &TenantId, reason: &str) -> Result<(), CommandError> {
        let ctx = self.ctx(by, tenant).await?;
        let gather = |_: Option<Arc<Tenant>>| self.policy(&ctx);
        let decide = |state: Option<&Tenant>, policy: &PolicyAnswer| deletion::ask(state, policy, reason, &by.actor.id);
        execute(&*self.0.store, &ctx, tenant, Extras::default(), gather, decide).await?;
        Ok(())
    }

    /// Ends every access of a tenant and erases what says who its people were; again it changes nothing.
    ///
    /// # Errors
    /// `NOT_FOUND`; `POLICY_VIOLATION` with what stands against it by now.
    pub async fn delete(&self, by: &Ctx, tenant: &TenantId, reason: &str) -> Result<(), CommandError> {
        let ctx = self.ctx(by, tenant).await?;
        let gather = |_: Option<Arc<Tenant>>| self.policy(&ctx);
        let decide =
            |state: Option<&Tenant>, policy: &PolicyAnswer| deletion::delete(state, policy, reason, &by.actor.id);
        execute(&*self.0.store, &ctx, tenant, Extras::default(), gather, decide).await?;
        let rows = self.erase(tenant).await?;
        execute_plain(&*self.0.store, &ctx, tenant, Extras::default(), |state: Option<&Tenant>| {
            deletion::erased(state, rows)
        })
        .await?;
        metrics::counter!("atlasmesh_tenants_deleted_total").increment(1);
        tracing::warn!(%tenant, rows, "a tenant is deleted");
        Ok(())
    }

    async fn erase(&self, tenant: &TenantId) -> Result<u64, Fault> {
        let mut erased = 0;
        for &table in &self.0.personal {
            loop {
                let query = ListQuery { limit: ERASED_AT_ONCE, ..ListQuery::all() };
                let rows = self.0.store.list(table, tenant, query).await?;
                if rows.is_empty() {
                    break;
                }
                erased += rows.len() as u64;
                let gone = rows.into_iter().map(|row| RowWrite::delete(table, row.key, Expected::Any));
                self.0.store.write(tenant, gone.collect()).await.map_err(|error| match error {
                    CommitError::Fault(fault) => fault,
                    _ => Fault::Misuse("an erasure expects nothing"),
                })?;
            }
        }
        Ok(erased)
    }
}
