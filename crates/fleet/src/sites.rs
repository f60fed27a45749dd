//! Sites as the edges and the neighbours use them.

use kernel::decided::Facts;
use kernel::envelope::DecisionRecord;
use kernel::id::RestrictionId;
use kernel::{BoxFuture, Ctx, Reject, SiteId, Subject, TenantId};
use policy::{PolicyAnswer, Request};
use store::port::{Fault, Guard, ListQuery};
use store::{CommandError, Extras, Loaded, TableSpec, execute, execute_plain, load};

use crate::actions;
use crate::facts::SiteImportFacts;
use crate::service::Fleet;
use crate::site::{self, NewMap, Site, SiteRoadsClosed, SiteSpeedLimited, SiteZoneDrawn};

/// What an import of a map needs of others.
pub trait MapSource: Send + Sync {
    /// How many trips of the site have not ended.
    fn trips_open(&self) -> BoxFuture<'_, Result<u32, CommandError>>;

    /// Reads what was sent and keeps the graph that it makes; a refusal where it makes none. May be called again.
    fn read(&self) -> BoxFuture<'_, Result<Result<NewMap, Reject>, Fault>>;
}

/// What an import is decided by.
struct ImportFacts {
    decisions: Vec<DecisionRecord>,
    map: Result<NewMap, Reject>,
}

impl Facts for ImportFacts {
    fn decisions(&self) -> &[DecisionRecord] {
        &self.decisions
    }

    fn deciding(&self) -> Option<&DecisionRecord> {
        self.decisions.last()
    }
}

fn subject(id: &SiteId) -> Subject {
    Subject::new(<Site as kernel::Aggregate>::KIND, id)
}

impl Fleet {
    pub async fn site(&self, tenant: &TenantId, id: &SiteId) -> Result<Option<Site>, Fault> {
        Ok(self.site_version(tenant, id).await?.map(|loaded| loaded.state))
    }

    pub async fn site_version(&self, tenant: &TenantId, id: &SiteId) -> Result<Option<Loaded<Site>>, Fault> {
        load::<Site>(&*self.store, tenant, id).await
    }

    /// A page of sites, by name.
    pub async fn sites(&self, tenant: &TenantId, query: ListQuery) -> Result<Vec<(SiteId, Site)>, Fault> {
        let rows = self.store.list(TableSpec::of::<Site>(), tenant, query).await?;
        rows.iter().filter_map(|row| row.key.parse().ok().map(|id| Ok((id, row.decode()?)))).collect()
    }

    /// Puts a new version of a site's map in force; answers its number.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`, the source's refusal, a fault.
    pub async fn import_map(&self, ctx: &Ctx, id: &SiteId, source: &dyn MapSource) -> Result<u64, CommandError> {
        let gather = |_| self.gather_import(ctx, id, source);
        let decide = |state: Option<&Site>, found: &ImportFacts| site::import(state, &found.map);
        Ok(execute(&*self.store, ctx, id, Extras::default(), gather, decide).await?.reply)
    }

    /// Policy first: what it refuses is neither read nor kept. A network takes seconds to read, so that the trips are
    /// counted again behind it, and where there are others policy is asked again.
    async fn gather_import(&self, ctx: &Ctx, id: &SiteId, source: &dyn MapSource) -> Result<ImportFacts, CommandError> {
        let ask = |trips_open: u32| {
            let facts = SiteImportFacts { trips_open }.facts(ctx.now);
            self.ask(Request::new(ctx, actions::IMPORT_SITE, subject(id)).facts(facts))
        };
        let trips_open = source.trips_open().await?;
        let asked = ask(trips_open);
        if let Some(refusal) = asked.refusal {
            return Ok(ImportFacts { decisions: asked.records, map: Err(refusal) });
        }
        let (mut decisions, mut map) = (asked.records, source.read().await?);
        let since = source.trips_open().await?;
        if since != trips_open {
            let again = ask(since);
            decisions.extend(again.records);
            map = again.refusal.map_or(map, Err);
        }
        Ok(ImportFacts { decisions, map })
    }

    /// Draws a zone.
    ///
    /// # Errors
    /// `NOT_FOUND`, a wrong field, a fault.
    pub async fn draw_zone(&self, ctx: &Ctx, id: &SiteId, drawn: SiteZoneDrawn) -> Result<RestrictionId, CommandError> {
        let decide = |state: Option<&Site>| site::draw_zone(state, id, drawn.clone(), ctx.now);
        Ok(execute_plain(&*self.store, ctx, id, Extras::default(), decide).await?.reply)
    }

    /// Closes roads.
    ///
    /// # Errors
    /// `NOT_FOUND`, a wrong field, a fault.
    pub async fn close_roads(
        &self,
        ctx: &Ctx,
        id: &SiteId,
        closed: SiteRoadsClosed,
    ) -> Result<RestrictionId, CommandError> {
        let decide = |state: Option<&Site>| site::close_roads(state, id, closed.clone(), ctx.now);
        Ok(execute_plain(&*self.store, ctx, id, Extras::default(), decide).await?.reply)
    }

    /// Limits the speed in an area.
    ///
    /// # Errors
    /// `NOT_FOUND`, a wrong field, a fault.
    pub async fn limit_speed(
        &self,
        ctx: &Ctx,
        id: &SiteId,
        limited: SiteSpeedLimited,
    ) -> Result<RestrictionId, CommandError> {
        let decide = |state: Option<&Site>| site::limit_speed(state, id, limited.clone(), ctx.now);
        Ok(execute_plain(&*self.store, ctx, id, Extras::default(), decide).await?.reply)
    }

    /// Lifts a zone, closure or speed limit.
    ///
    /// # Errors
    /// `NOT_FOUND`, `POLICY_VIOLATION`, a fault.
    pub async fn lift(&self, ctx: &Ctx, id: &SiteId, restriction: RestrictionId) -> Result<(), CommandError> {
        let gather = |_| async { Ok(self.ask(Request::new(ctx, actions::LIFT_CLOSURE, subject(id)))) };
        execute(&*self.store, ctx, id, Extras::default(), gather, |state: Option<&Site>, asked: &PolicyAnswer| {
            site::lift(state, id, restriction, asked)
        })
        .await?;
        Ok(())
    }

    /// Begins and ends what zones and closures have a time for. While nobody served, routes were found by the clock alone
    /// and vehicles kept out by themselves; what was missed is made up for when somebody serves again.
    pub(crate) async fn apply_times(&self, tenant: &TenantId, id: SiteId, guard: Guard) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, "fleet.restrictions").await?.at_site(id.clone());
        let extras = Extras { guard: Some(guard), ..Extras::default() };
        let decide = |state: Option<&Site>| site::due(state, ctx.now);
        execute_plain(&*self.store, &ctx, &id, extras, decide).await.map(drop)
    }
}
