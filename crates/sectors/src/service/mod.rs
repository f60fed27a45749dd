//! The sectors' work over the store: commands read, decide and commit; trips ask for facts.

mod areas;
mod blasts;
mod facts;
mod jobs;
mod places;
mod units;

use std::sync::Arc;

use kernel::{Aggregate, Code, Ctx, CtxSource, Decided, Reject, SiteId, TenantId};
use policy::{Engine as Policy, PolicyAnswer, Request};
use store::port::{Fault, Guard, ListQuery, Order, Store};
use store::{CommandError, Extras, Row, TableSpec, execute_plain, load};

use crate::ports::{Features, Grounds, TripEvents};

pub use facts::AskedTrip;

/// What the service is made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub policy: Arc<Policy>,
    pub source: Arc<dyn CtxSource>,
    pub grounds: Arc<dyn Grounds>,
    pub features: Arc<dyn Features>,
    pub trips: Arc<dyn TripEvents>,
}

/// The service.
pub struct Sectors {
    pub(crate) parts: Parts,
}

impl Sectors {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    pub(crate) fn ask(&self, request: Request) -> PolicyAnswer {
        self.parts.policy.decide(&request).into()
    }

    /// The context of something that happens by itself, by a named rule.
    pub(crate) async fn automation(&self, tenant: &TenantId, rule: &str) -> Result<Ctx, Fault> {
        let about = self.parts.grounds.about(tenant).await?;
        Ok(Ctx::automation(&*self.parts.source, tenant.clone(), about, rule))
    }

    /// Refuses what the tenant does not have.
    pub(crate) async fn require(&self, ctx: &Ctx, feature: &str) -> Result<(), CommandError> {
        self.parts.features.needs(ctx, feature).await
    }

    /// Whether the tenant has a feature.
    pub(crate) async fn has(&self, ctx: &Ctx, feature: &str) -> Result<bool, CommandError> {
        match self.require(ctx, feature).await {
            Ok(()) => Ok(true),
            Err(CommandError::Reject(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    pub(crate) async fn require_site(&self, ctx: &Ctx, site: &SiteId) -> Result<(), CommandError> {
        match self.parts.grounds.has_site(&ctx.tenant, site).await? {
            true => Ok(()),
            false => Err(Reject::new(Code::NotFound, format!("there is no site {site}")).into()),
        }
    }

    pub(crate) async fn command<A: Aggregate, R: Send>(
        &self,
        ctx: &Ctx,
        id: &A::Id,
        guard: Option<Guard>,
        decide: impl Fn(Option<&A>) -> Decided<A::Event, R> + Send + Sync,
    ) -> Result<R, CommandError> {
        let extras = Extras { guard, ..Extras::default() };
        Ok(execute_plain(&*self.parts.store, ctx, id, extras, decide).await?.reply)
    }

    /// One aggregate of the domain.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn one<A: Aggregate>(&self, tenant: &TenantId, id: &A::Id) -> Result<Option<A>, Fault> {
        Ok(load::<A>(&*self.parts.store, tenant, id).await?.map(|known| known.state))
    }

    /// A page of aggregates of one kind, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn page<A: Aggregate>(
        &self,
        tenant: &TenantId,
        after: Option<A::Id>,
        limit: usize,
    ) -> Result<Vec<(A::Id, A)>, Fault> {
        let after = after.map(|id| id.to_string());
        self.list(tenant, ListQuery { filters: Vec::new(), after, limit, order: Order::Descending }).await
    }

    pub(crate) async fn list<A: Aggregate>(
        &self,
        tenant: &TenantId,
        query: ListQuery,
    ) -> Result<Vec<(A::Id, A)>, Fault> {
        decoded(&self.parts.store.list(TableSpec::of::<A>(), tenant, query).await?)
    }

    /// Every aggregate of a kind whose column has this value.
    pub(crate) async fn all<A: Aggregate>(
        &self,
        tenant: &TenantId,
        column: &'static str,
        value: &str,
    ) -> Result<Vec<(A::Id, A)>, Fault> {
        let query = ListQuery::of(column, value);
        decoded(&store::list_all(&*self.parts.store, TableSpec::of::<A>(), tenant, query).await?)
    }
}

fn decoded<A: Aggregate>(rows: &[Row]) -> Result<Vec<(A::Id, A)>, Fault> {
    rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
}
