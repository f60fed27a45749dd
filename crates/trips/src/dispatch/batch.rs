//! One batch of a site: the trips that wait there and the vehicles that are ready, decided together. Here the batch is
//! gathered and remembered; [`super::choice`] chooses, [`super::outcome`] gives vehicles to trips, or reasons.

use std::collections::BTreeSet;

use kernel::envelope::DecisionRecord;
use kernel::{Ctx, SiteId, TenantId, Timestamp};
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Extras, Guard, ListQuery, TableSpec};
use tracing::Instrument;
use tracing::field::Empty;

use super::choice::{Batch, SetAside};
use super::pairs::Candidate;
use crate::ports::VehicleFacts;
use crate::service::Trips;
use crate::trip::decide::{WaitReason, waits_for};
use crate::trip::{Command, Status, Trip};

/// How long new trips are gathered before they are decided together, in milliseconds, while few wait: long enough for
/// requests that belong together, too short for a person to notice.
pub const BATCH_WINDOW_MS: u64 = 150;
/// The most trips of one batch. With the most vehicles the assignment takes some 100 ms; later trips go in the next.
pub const BATCH_TRIPS_MAX: usize = 200;
/// The most vehicles of one batch.
pub const BATCH_VEHICLES_MAX: usize = 500;
/// When nothing has changed a site is looked at again after this, in milliseconds; doubled each time up to the longest.
const BACKOFF_MIN_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 8_000;

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

/// What the last batch of a site saw: nothing new means nothing to decide, until the backoff ends.
#[derive(Debug, Clone)]
pub(crate) struct BatchMemory {
    seen: BTreeSet<String>,
    set_aside: SetAside,
    next_at: Timestamp,
    backoff_ms: i64,
}

impl Trips {
    /// Runs a batch at every site where trips wait and something changed since the last one.
    ///
    /// # Errors
    /// The first fault; every other site was looked at all the same.
    pub async fn run_batches(&self) -> Result<BatchReport, CommandError> {
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for tenant in self.store.logs().await?.into_iter().filter(|tenant| !tenant.is_platform()) {
            match self.run_tenant(&tenant).await {
                Ok(report) => total.add(report),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first.map(|()| total)
    }

    async fn run_tenant(&self, tenant: &TenantId) -> Result<BatchReport, CommandError> {
        self.repair_claims(tenant).await?;
        let mut total = BatchReport::default();
        let mut first = Ok(());
        for site in self.sites_with_waiting_trips(tenant).await? {
            match self.batch(tenant, &site, None, false).await {
                Ok(report) => total.add(report),
                Err(error) => first = first.and(Err(error)),
            }
        }
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
        self.batch(tenant, site, guard, true).await
    }

    async fn batch(
        &self,
        tenant: &TenantId,
        site: &SiteId,
        guard: Option<Guard>,
        is_forced: bool,
    ) -> Result<BatchReport, CommandError> {
        let (ctx, facts) = self.automation(tenant, Some(site), "dispatch.batch").await?;
        let trips = self.waiting_trips(tenant, site).await?;
        let mut vehicles = if trips.is_empty() { Vec::new() } else { self.ports.fleet.vehicles(&ctx, site).await? };
        // The order decides between equals; the same vehicles give the same answer, whoever lists them.
        vehicles.sort_by_key(|facts| facts.vehicle);
        let key = (tenant.clone(), site.clone());
        let seen = fingerprint(&trips, &vehicles, ctx.now);
        let last = self.batches().get(&key).cloned();
        let is_same = last.as_ref().is_some_and(|last| last.seen == seen);
        if trips.is_empty() || !is_forced && is_same && last.as_ref().is_some_and(|last| ctx.now < last.next_at) {
            return Ok(BatchReport::default());
        }
        let backoff_ms = match &last {
            Some(last) if is_same => (last.backoff_ms * 2).min(BACKOFF_MAX_MS),
            _ => BACKOFF_MIN_MS,
        };
        let mut set_aside = last.map(|last| last.set_aside).unwrap_or_default();
        set_aside.retain(|_, until| ctx.now < *until);
        let span = tracing::debug_span!(
            "dispatch.batch",
            %tenant, %site, trips = trips.len(), vehicles = vehicles.len(), assigned = Empty
        );
        let trips = self.planned(&ctx, trips, &guard).instrument(span.clone()).await?;
        let candidates = self.candidates(&ctx, vehicles).await?;
        let mut batch = Batch::new(&ctx, facts.entitlements, trips, candidates, set_aside, guard);
        self.find_options(&mut batch).instrument(span.clone()).await?;
        let chosen = span.in_scope(|| self.choose(&mut batch));
        let report = self.carry_out(&mut batch, &chosen).instrument(span.clone()).await?;
        span.record("assigned", report.assigned);
        // Remembered only when all went well: what failed is tried again at once.
        let set_aside = batch.set_aside;
        let memory = BatchMemory { seen, set_aside, next_at: ctx.now.plus_ms(backoff_ms), backoff_ms };
        self.batches().insert(key, memory);
        Ok(report)
    }

    async fn sites_with_waiting_trips(&self, tenant: &TenantId) -> Result<BTreeSet<SiteId>, CommandError> {
        let mut sites = BTreeSet::new();
        for status in [Status::Created, Status::Waiting] {
            let rows = self.store.list(TableSpec::of::<Trip>(), tenant, waiting_query(status, None)).await?;
            for row in rows {
                sites.insert(row.decode::<Trip>()?.site);
            }
        }
        Ok(sites)
    }

    /// The trips that wait at a site, the most urgent first.
    async fn waiting_trips(&self, tenant: &TenantId, site: &SiteId) -> Result<Vec<Trip>, CommandError> {
        let mut trips: Vec<Trip> = Vec::new();
        for status in [Status::Created, Status::Waiting] {
            let rows = self.store.list(TableSpec::of::<Trip>(), tenant, waiting_query(status, Some(site))).await?;
            for row in rows {
                trips.push(row.decode()?);
            }
        }
        trips.sort_by_key(|trip| (std::cmp::Reverse(trip.priority), trip.created_at, trip.id));
        Ok(trips)
    }

    /// The trips of the batch with their routes; a trip without a route waits and says so.
    async fn planned(&self, ctx: &Ctx, mut trips: Vec<Trip>, guard: &Option<Guard>) -> Result<Vec<Trip>, CommandError> {
        let ahead = trips.len().min(BATCH_TRIPS_MAX);
        for trip in trips.split_off(ahead) {
            let reason = format!("{ahead} trips that are older or more urgent are decided first");
            let reason = WaitReason { code: "BATCH_FULL".into(), reason, ..WaitReason::default() };
            self.let_wait(ctx, &trip, reason, &[], guard).await?;
        }
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

    async fn candidates(&self, ctx: &Ctx, vehicles: Vec<VehicleFacts>) -> Result<Vec<Candidate>, CommandError> {
        let (ready, others): (Vec<_>, Vec<_>) = vehicles.into_iter().partition(VehicleFacts::is_ready);
        let mut candidates = Vec::new();
        for facts in ready.into_iter().chain(others).take(BATCH_VEHICLES_MAX) {
            let position = match facts.is_ready() {
                true => self.ports.positions.latest(ctx, facts.vehicle).await?,
                false => None,
            };
            candidates.push(Candidate { facts, position });
        }
        Ok(candidates)
    }

    /// Records why a trip waits, if that is news or policy refused something.
    pub(super) async fn let_wait(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        reason: WaitReason,
        decisions: &[DecisionRecord],
        guard: &Option<Guard>,
    ) -> Result<(), CommandError> {
        if decisions.is_empty() && waits_for(trip, &reason) {
            return Ok(());
        }
        let extras = Extras { guard: guard.clone(), ..Extras::default() };
        match self.command(ctx, trip.id, &Command::Wait(reason), decisions, extras).await {
            // The trip went on without us: cancelled, expired, or assigned by another replica.
            Ok(_) | Err(CommandError::Reject(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn planning(trip: &Trip) -> tracing::Span {
    tracing::debug_span!("trip.plan", trip = %trip.id)
}

fn waiting_query(status: Status, site: Option<&SiteId>) -> ListQuery {
    let mut query = ListQuery::of("status", status.as_str());
    query.filters.extend(site.map(|site| ("site", site.to_string())));
    query.limit = PAGE_LIMIT_MAX;
    query
}

/// What makes two looks at a site the same: the trips that wait, which vehicles are ready, and who is excluded.
fn fingerprint(trips: &[Trip], vehicles: &[VehicleFacts], now: Timestamp) -> BTreeSet<String> {
    let waiting = trips.iter().map(|trip| {
        let excluded = trip.excluded.iter().filter(|exclusion| now < exclusion.until).count();
        // A trip that waits for the first time has something to be told; how it is told changes nothing.
        format!("{} {} {excluded}", trip.id, trip.status)
    });
    waiting
        .chain(vehicles.iter().map(|facts| format!("{} {} {:?}", facts.vehicle, facts.is_ready(), facts.holds)))
        .collect()
}
