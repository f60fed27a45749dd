//! One batch of a site: the trips that wait there and the vehicles that are ready, decided together. Here the batch is
//! gathered and remembered; [`super::choice`] chooses, [`super::outcome`] gives vehicles to trips, or reasons.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Ctx, SiteId, TenantId, Timestamp, TripId};
use store::{CommandError, Guard, ListQuery, TableSpec};
use tracing::Instrument;
use tracing::field::Empty;

use super::choice::{Batch, SetAside};
use super::denials::Denials;
use super::news::{News, TenantNews};
use super::pairs;
use super::turns::Turns;
use crate::service::{TripFilter, Trips};
use crate::trip::{Status, Trip};

/// How long new trips are gathered before they are decided together, in milliseconds, while few wait: long enough for
/// requests that belong together, too short for a person to notice.
pub const BATCH_WINDOW_MS: u64 = 150;
/// The most trips of one batch. With the most vehicles the assignment takes some 100 ms; later trips go in the next.
pub const BATCH_TRIPS_MAX: usize = 200;
/// The most vehicles of one batch.
pub const BATCH_VEHICLES_MAX: usize = 500;
/// The states in which a trip waits for a vehicle.
const WAITING: [Status; 2] = [Status::Created, Status::Waiting];

/// What batches did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Trips that were looked at.
    pub trips: usize,
    /// Of these, trips that got a vehicle.
    pub assigned: usize,
}

impl BatchReport {
    fn add(&mut self, other: Self) {
        self.trips += other.trips;
        self.assigned += other.assigned;
    }
}

/// What dispatch remembers of a tenant. A process that starts again remembers nothing and looks at every trip.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    /// How far the journal was read.
    read_to: u64,
    sites: BTreeMap<SiteId, SiteWatch>,
}

/// What dispatch remembers of a site where trips wait.
#[derive(Debug, Clone, Default)]
struct SiteWatch {
    turns: Turns,
    set_aside: SetAside,
    denials: Denials,
    /// When the site is looked at although nothing happened.
    next_at: Option<Timestamp>,
}

impl Trips {
    /// Runs a batch at every site where it is a waiting trip's turn.
    ///
    /// # Errors
    /// The first fault; every other site was looked at all the same.
    pub async fn run_batches(&self) -> Result<BatchReport, CommandError> {
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for tenant in self.store.logs().await?.into_iter().filter(|tenant| !tenant.is_platform()) {
            match self.run_batches_of(&tenant).await {
                Ok(report) => total.add(report),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first.map(|()| total)
    }

    /// Runs one batch for each site of a tenant where trips wait and something may have changed.
    ///
    /// # Errors
    /// The first fault; every other site was looked at all the same.
    pub async fn run_batches_of(&self, tenant: &TenantId) -> Result<BatchReport, CommandError> {
        self.repair_claims(tenant).await?;
        // Taken out: where a look fails, everything is looked at again.
        let known = self.watches().remove(tenant);
        if !self.waits_anywhere(tenant).await? {
            return Ok(BatchReport::default());
        }
        let (mut watch, mut news) = match known {
            Some(mut watch) => {
                let news = self.news(tenant, &mut watch.read_to).await?;
                (watch, news)
            }
            None => (Watch { read_to: self.end_of_log(tenant).await?, ..Watch::default() }, TenantNews::everything()),
        };
        let mut sites: BTreeSet<SiteId> = watch.sites.keys().chain(news.sites()).cloned().collect();
        if news.is_everything() {
            sites.extend(self.sites_with_waiting_trips(tenant).await?);
        }
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for site in sites {
            let mut at_site = watch.sites.remove(&site).unwrap_or_default();
            let news = news.of_site(&site);
            let looked = match at_site.is_due(self.source.now()) || !news.is_empty() {
                true => self.batch(tenant, &site, None, &mut at_site, news).await,
                false => Ok(BatchReport::default()),
            };
            match looked {
                Ok(report) => total.add(report),
                Err(error) => {
                    at_site = SiteWatch { next_at: Some(self.source.now()), ..SiteWatch::default() };
                    first = first.and(Err(error));
                }
            }
            // Nobody waits there any more, or it is looked at again.
            if at_site.next_at.is_some() {
                watch.sites.insert(site, at_site);
            }
        }
        self.watches().insert(tenant.clone(), watch);
        first.map(|()| total)
    }

    /// Runs a batch of one site, whether something changed or not, under a worker's lease if there is one.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store or a neighbour cannot answer, [`CommandError::Fenced`] when the lease
    /// went to another. What was assigned before stays assigned.
    pub async fn run_batch(
        &self,
        tenant: &TenantId,
        site: &SiteId,
        guard: Option<Guard>,
    ) -> Result<BatchReport, CommandError> {
        self.repair_claims(tenant).await?;
        let mut watch = self.watches().remove(tenant).unwrap_or_default();
        let report = self.batch(tenant, site, guard, watch.sites.entry(site.clone()).or_default(), News::All).await;
        self.watches().insert(tenant.clone(), watch);
        report
    }

    async fn batch(
        &self,
        tenant: &TenantId,
        site: &SiteId,
        guard: Option<Guard>,
        watch: &mut SiteWatch,
        news: News,
    ) -> Result<BatchReport, CommandError> {
        let (ctx, facts) = self.automation(tenant, Some(site), "dispatch.batch").await?;
        let waiting = self.waiting_trips(tenant, site).await?;
        watch.hear(&waiting, news, ctx.now);
        let (trips, beyond) = watch.turns.take(waiting, BATCH_TRIPS_MAX, ctx.now);
        if trips.is_empty() {
            watch.next_at = watch.turns.next_at();
            return Ok(BatchReport::default());
        }
        let mut vehicles = self.ports.fleet.vehicles(&ctx, site).await?;
        // The order decides between equals; the same vehicles give the same answer, whoever lists them.
        vehicles.sort_by_key(|facts| facts.vehicle);
        let span = tracing::debug_span!(
            "dispatch.batch",
            %tenant, %site, trips = trips.len(), beyond, vehicles = vehicles.len(), assigned = Empty
        );
        let looked_at: Vec<TripId> = trips.iter().map(|trip| trip.id).collect();
        let trips = self.planned(&ctx, trips, &guard).instrument(span.clone()).await?;
        let (set_aside, denials) = (std::mem::take(&mut watch.set_aside), std::mem::take(&mut watch.denials));
        let mut batch = Batch::new(&ctx, facts.entitlements, trips, vehicles, (set_aside, denials), guard);
        self.find_options(&mut batch).instrument(span.clone()).await?;
        let chosen = span.in_scope(|| self.choose(&mut batch));
        let report = self.carry_out(&mut batch, &chosen).instrument(span.clone()).await?;
        span.record("assigned", report.assigned);
        for trip in looked_at.into_iter().filter(|trip| !batch.assigned.contains(trip)) {
            watch.turns.step_aside(trip, ctx.now);
        }
        for trip in batch.unfinished() {
            watch.turns.go_on(trip, ctx.now);
        }
        (watch.set_aside, watch.denials) = (batch.set_aside, batch.denials);
        watch.next_at = if beyond > 0 { Some(ctx.now) } else { watch.turns.next_at() };
        Ok(report)
    }

    async fn waits_anywhere(&self, tenant: &TenantId) -> Result<bool, CommandError> {
        for status in WAITING {
            let query = ListQuery { limit: 1, ..waiting(status, None) };
            if !self.store.list(TableSpec::of::<Trip>(), tenant, query).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sites_with_waiting_trips(&self, tenant: &TenantId) -> Result<BTreeSet<SiteId>, CommandError> {
        let mut sites = BTreeSet::new();
        for status in WAITING {
            self.each_trip(tenant, waiting(status, None), |trip| sites.extend([trip.site])).await?;
        }
        Ok(sites)
    }

    /// The trips that wait at a site.
    async fn waiting_trips(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<Trip>, CommandError> {
        let mut trips: Vec<Trip> = Vec::new();
        for status in WAITING {
            self.each_trip(tenant, waiting(status, Some(site)), |trip| trips.push(trip)).await?;
        }
        // A trip whose route was found in between is in both lists.
        trips.sort_by_key(|trip| trip.id);
        trips.dedup_by_key(|trip| trip.id);
        Ok(trips)
    }

    /// The trips of the batch with their routes; a trip without a route waits and says so.
    async fn planned(&self, ctx: &Ctx, trips: Vec<Trip>, guard: &Option<Guard>) -> Result<Vec<Trip>, CommandError> {
        let mut planned = Vec::with_capacity(trips.len());
        for trip in trips {
            let trip = match trip.route {
                Some(_) => trip,
                None => match self.plan(ctx, &trip, guard.clone()).instrument(planning(&trip)).await {
                    Ok(trip) => trip,
                    // It was cancelled or expired meanwhile.
                    Err(CommandError::Reject(_)) => continue,
                    Err(error) => return Err(error),
                },
            };
            if trip.route.is_some() && trip.status == Status::Waiting {
                planned.push(trip);
            }
        }
        Ok(planned)
    }
}

fn planning(trip: &Trip) -> tracing::Span {
    tracing::debug_span!("trip.plan", trip = %trip.id)
}

fn waiting(status: Status, site: Option<&SiteId>) -> ListQuery {
    TripFilter { status: Some(status), site: site.cloned(), vehicle: None }.query()
}

impl SiteWatch {
    fn is_due(&self, now: Timestamp) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// Calls the trips that the news concern.
    fn hear(&mut self, waiting: &[Trip], news: News, now: Timestamp) {
        let ids: BTreeSet<TripId> = waiting.iter().map(|trip| trip.id).collect();
        self.turns.keep(|trip| ids.contains(&trip));
        self.set_aside.retain(|(trip, _), until| now < *until && ids.contains(trip));
        self.denials.keep(&ids, now);
        match news {
            News::All => ids.into_iter().for_each(|trip| self.turns.call(trip, now)),
            News::Some { trips, vehicles } => {
                trips.into_iter().for_each(|trip| self.turns.forget(trip));
                let fits = |trip: &&Trip| vehicles.iter().any(|facts| pairs::fitness(trip, facts, now).is_ok());
                waiting.iter().filter(fits).for_each(|trip| self.turns.call(trip.id, now));
            }
        }
    }
}
