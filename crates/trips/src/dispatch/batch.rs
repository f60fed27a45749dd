//! One batch of a site: the trips that wait there and the vehicles that are ready, decided together. Here the batch is
//! gathered and remembered; [`super::choice`] chooses, [`super::outcome`] gives vehicles to trips, or reasons.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Ctx, SiteId, TenantId, Timestamp, TripId, VehicleId};
use store::{CommandError, Guard, ListQuery, TableSpec};
use tracing::Instrument;
use tracing::field::Empty;

use super::Dispatch;
use super::changes::{SiteChanges, TenantChanges};
use super::choice::{Batch, SetAside};
use super::denials::Denials;
use super::pairs;
use super::retry::RetrySchedule;
use crate::service::TripFilter;
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchReport {
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
pub(crate) struct TenantMemory {
    /// How far the journal was read.
    read_to: u64,
    sites: BTreeMap<SiteId, SiteMemory>,
}

/// What dispatch remembers of a site where trips wait.
#[derive(Debug, Clone, Default)]
struct SiteMemory {
    retries: RetrySchedule,
    set_aside: SetAside,
    denials: Denials,
    /// When the site is looked at although nothing happened.
    next_at: Option<Timestamp>,
}

impl Dispatch {
    /// Runs a batch at every site where a waiting trip is due for a look.
    ///
    /// # Errors
    /// The first fault; every other site was looked at all the same.
    pub async fn run_batches(&self) -> Result<BatchReport, CommandError> {
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for tenant in self.trips.store.logs().await?.into_iter().filter(|tenant| !tenant.is_platform()) {
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
        let known = self.memory().remove(tenant);
        if !self.waits_anywhere(tenant).await? {
            return Ok(BatchReport::default());
        }
        let (mut memory, mut changes) = match known {
            Some(mut memory) => {
                let changes = self.changes_since(tenant, &mut memory.read_to).await?;
                (memory, changes)
            }
            None => (
                TenantMemory { read_to: self.end_of_log(tenant).await?, ..TenantMemory::default() },
                TenantChanges::everything(),
            ),
        };
        let mut sites: BTreeSet<SiteId> = memory.sites.keys().chain(changes.sites()).cloned().collect();
        if changes.is_everything() {
            sites.extend(self.sites_with_waiting_trips(tenant).await?);
        }
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for site in sites {
            let mut at_site = memory.sites.remove(&site).unwrap_or_default();
            let changes = changes.of_site(&site);
            let looked = match at_site.is_due(self.trips.source.now()) || !changes.is_empty() {
                true => self.batch(tenant, &site, None, &mut at_site, changes).await,
                false => Ok(BatchReport::default()),
            };
            match looked {
                Ok(report) => total.add(report),
                Err(error) => {
                    at_site = SiteMemory { next_at: Some(self.trips.source.now()), ..SiteMemory::default() };
                    first = first.and(Err(error));
                }
            }
            // Nobody waits there any more, or it is looked at again.
            if at_site.next_at.is_some() {
                memory.sites.insert(site, at_site);
            }
        }
        self.memory().insert(tenant.clone(), memory);
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
        let mut memory = self.memory().remove(tenant).unwrap_or_default();
        let report =
            self.batch(tenant, site, guard, memory.sites.entry(site.clone()).or_default(), SiteChanges::All).await;
        self.memory().insert(tenant.clone(), memory);
        report
    }

    async fn batch(
        &self,
        tenant: &TenantId,
        site: &SiteId,
        guard: Option<Guard>,
        memory: &mut SiteMemory,
        changes: SiteChanges,
    ) -> Result<BatchReport, CommandError> {
        let (ctx, facts) = self.trips.automation(tenant, Some(site), "dispatch.batch").await?;
        let waiting = self.waiting_trips(tenant, site).await?;
        memory.note(&waiting, changes, ctx.now);
        let (trips, beyond) = memory.retries.take(waiting, BATCH_TRIPS_MAX, ctx.now);
        if trips.is_empty() {
            memory.next_at = memory.retries.next_at();
            return Ok(BatchReport::default());
        }
        let mut vehicles = self.trips.ports.fleet.vehicles(&ctx, site).await?;
        // The order decides between equals; the same vehicles give the same answer, whoever lists them.
        vehicles.sort_by_key(|facts| facts.vehicle);
        let ids: Vec<VehicleId> = vehicles.iter().map(|facts| facts.vehicle).collect();
        let mut of_sector = self.trips.ports.sector_work.vehicle_facts(&ctx, &ids).await?;
        for facts in &mut vehicles {
            facts.sector_facts = of_sector.remove(&facts.vehicle).unwrap_or_default();
        }
        let span = tracing::debug_span!(
            "dispatch.batch",
            %tenant, %site, trips = trips.len(), beyond, vehicles = vehicles.len(), assigned = Empty
        );
        let looked_at: Vec<TripId> = trips.iter().map(|trip| trip.id).collect();
        let trips = self.planned(&ctx, trips, &guard).instrument(span.clone()).await?;
        let (set_aside, denials) = (std::mem::take(&mut memory.set_aside), std::mem::take(&mut memory.denials));
        let mut batch = Batch::new(&ctx, facts.entitlements, trips, vehicles, (set_aside, denials), guard);
        self.find_options(&mut batch).instrument(span.clone()).await?;
        let chosen = span.in_scope(|| self.choose(&mut batch));
        let report = self.carry_out(&mut batch, &chosen).instrument(span.clone()).await?;
        span.record("assigned", report.assigned);
        for trip in looked_at.into_iter().filter(|trip| !batch.assigned.contains(trip)) {
            memory.retries.back_off(trip, ctx.now);
        }
        for trip in batch.unfinished() {
            memory.retries.requeue(trip, ctx.now);
        }
        (memory.set_aside, memory.denials) = (batch.set_aside, batch.denials);
        memory.next_at = if beyond > 0 { Some(ctx.now) } else { memory.retries.next_at() };
        Ok(report)
    }

    async fn waits_anywhere(&self, tenant: &TenantId) -> Result<bool, CommandError> {
        for status in WAITING {
            let query = ListQuery { limit: 1, ..waiting(status, None) };
            if !self.trips.store.list(TableSpec::of::<Trip>(), tenant, query).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sites_with_waiting_trips(&self, tenant: &TenantId) -> Result<BTreeSet<SiteId>, CommandError> {
        let mut sites = BTreeSet::new();
        for status in WAITING {
            self.trips.each_trip(tenant, waiting(status, None), |trip| sites.extend([trip.site])).await?;
        }
        Ok(sites)
    }

    async fn waiting_trips(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<Trip>, CommandError> {
        let mut trips: Vec<Trip> = Vec::new();
        for status in WAITING {
            self.trips.each_trip(tenant, waiting(status, Some(site)), |trip| trips.push(trip)).await?;
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
                None => match self.trips.plan(ctx, &trip, guard.clone()).instrument(planning(&trip)).await {
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

impl SiteMemory {
    fn is_due(&self, now: Timestamp) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// Wakes the trips that the changes concern.
    fn note(&mut self, waiting: &[Trip], changes: SiteChanges, now: Timestamp) {
        let ids: BTreeSet<TripId> = waiting.iter().map(|trip| trip.id).collect();
        self.retries.keep(|trip| ids.contains(&trip));
        self.set_aside.retain(|(trip, _), until| now < *until && ids.contains(trip));
        self.denials.keep(&ids, now);
        match changes {
            SiteChanges::All => ids.into_iter().for_each(|trip| self.retries.wake(trip, now)),
            SiteChanges::Some { trips, vehicles } => {
                trips.into_iter().for_each(|trip| self.retries.forget(trip));
                let fits = |trip: &&Trip| vehicles.iter().any(|facts| pairs::fitness(trip, facts, now).is_ok());
                waiting.iter().filter(fits).for_each(|trip| self.retries.wake(trip.id, now));
            }
        }
    }
}
