//! One batch of a site: the trips that wait there and the vehicles that are ready, decided together. Policy is asked
//! about each chosen pair; a refused pair is taken out and the whole is solved again, so that the next best is best for
//! all. What stays without a vehicle says why.

use std::collections::{BTreeMap, BTreeSet};

use kernel::envelope::DecisionRecord;
use kernel::{Aggregate, Ctx, SiteId, Subject, TenantId, Timestamp, VehicleId};
use policy::{Action, Decision, Request};
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Extras, Guard, ListQuery, TableSpec};

use super::assignment::{CostMatrix, solve};
use super::claims::intent_done;
use super::pairs::{self, Candidate, Options, Pair, Unfit};
use crate::limits::CLAIM_VALID_FOR_S;
use crate::ports::VehicleFacts;
use crate::service::Trips;
use crate::service::routes::Approach;
use crate::trip::decide::{NewAssignment, WaitReason, waits_for};
use crate::trip::types::{Choice, RunnerUp};
use crate::trip::{Command, Status, Trip};

/// How long new trips are gathered before they are decided together, in milliseconds, while few wait: long enough for
/// requests that belong together, too short for a person to notice.
pub const BATCH_WINDOW_MS: u64 = 150;
/// The most trips of one batch. With the most vehicles the assignment takes some 100 ms; later trips go in the next.
pub const BATCH_TRIPS_MAX: usize = 200;
/// The most vehicles of one batch.
pub const BATCH_VEHICLES_MAX: usize = 500;
/// How often a batch is solved again because policy refused a pair.
const ROUNDS_MAX: usize = 16;
/// When nothing has changed a site is looked at again after this, in milliseconds; doubled each time up to the longest.
const BACKOFF_MIN_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 8_000;
/// How many vehicles that are not ready policy is asked about, so that a waiting trip can name the rule.
const EXPLAINED_VEHICLES_MAX: usize = 5;
/// How many waiting trips of a batch are explained that way.
const EXPLAINED_TRIPS_MAX: usize = 50;

/// What batches did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Trips that were looked at.
    pub trips: usize,
    /// Of these, trips that got a vehicle.
    pub assigned: usize,
}

/// What the last batch of a site saw: nothing new means nothing to decide, until the backoff ends.
#[derive(Debug, Clone)]
pub(crate) struct BatchMemory {
    seen: BTreeSet<String>,
    next_at: Timestamp,
    backoff_ms: i64,
}

/// A batch while it is decided.
struct Batch<'a> {
    ctx: &'a Ctx,
    entitlements: BTreeSet<String>,
    trips: Vec<Trip>,
    candidates: Vec<Candidate>,
    options: Vec<Options>,
    allowed: BTreeMap<(usize, usize), Decision>,
    denied: BTreeMap<(usize, usize), Decision>,
    guard: Option<Guard>,
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
                Ok(report) => {
                    total.trips += report.trips;
                    total.assigned += report.assigned;
                }
                Err(error) => first = first.and(Err(error)),
            }
        }
        first.map(|()| total)
    }

    async fn run_tenant(&self, tenant: &TenantId) -> Result<BatchReport, CommandError> {
        self.repair_claims(tenant).await?;
        let mut total = BatchReport::default();
        for site in self.sites_with_waiting_trips(tenant).await? {
            let report = self.batch(tenant, &site, None, false).await?;
            total.trips += report.trips;
            total.assigned += report.assigned;
        }
        Ok(total)
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
        let vehicles = if trips.is_empty() { Vec::new() } else { self.ports.fleet.vehicles(&ctx, site).await? };
        let key = (tenant.clone(), site.clone());
        let seen = fingerprint(&trips, &vehicles, ctx.now);
        let last = self.batches().get(&key).cloned();
        let is_same = last.as_ref().is_some_and(|last| last.seen == seen);
        if trips.is_empty() || !is_forced && is_same && last.as_ref().is_some_and(|last| ctx.now < last.next_at) {
            return Ok(BatchReport::default());
        }
        let backoff_ms = match last.filter(|_| is_same) {
            Some(last) => (last.backoff_ms * 2).min(BACKOFF_MAX_MS),
            None => BACKOFF_MIN_MS,
        };
        let memory = BatchMemory { seen, next_at: ctx.now.plus_ms(backoff_ms), backoff_ms };
        let trips = self.planned(&ctx, trips, &guard).await?;
        let candidates = self.candidates(&ctx, vehicles).await?;
        let mut batch = Batch {
            ctx: &ctx,
            entitlements: facts.entitlements,
            options: vec![Options::default(); trips.len()],
            trips,
            candidates,
            allowed: BTreeMap::new(),
            denied: BTreeMap::new(),
            guard,
        };
        self.find_options(&mut batch).await?;
        let chosen = self.choose(&mut batch);
        let report = self.carry_out(&batch, &chosen).await?;
        // Remembered only when all went well: what failed is tried again at once.
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
                None => match self.plan(ctx, &trip, guard.clone()).await {
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

    /// Finds every possible pair. Approaches are looked for once per set of limits, not once per pair.
    async fn find_options(&self, batch: &mut Batch<'_>) -> Result<(), CommandError> {
        let now = batch.ctx.now;
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, trip) in batch.trips.iter().enumerate() {
            groups.entry(trip.request_constraints.digest()).or_default().push(index);
        }
        let placed: Vec<(usize, kernel::Coordinate)> = batch
            .candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| candidate.facts.is_ready())
            .filter_map(|(index, candidate)| Some((index, candidate.place(now)?)))
            .collect();
        let from: Vec<_> = placed.iter().map(|(_, at)| *at).collect();
        for group in groups.into_values() {
            let pickups: Vec<_> = group.iter().filter_map(|&index| batch.trips[index].origin()).collect();
            let (Some(first), true) = (group.first().map(|&index| &batch.trips[index]), pickups.len() == group.len())
            else {
                continue;
            };
            let (site, limits) = (&first.site, &first.request_constraints);
            let reach = match from.is_empty() {
                true => Vec::new(),
                false => self.ports.routing.reach(batch.ctx, site, &from, &pickups, limits).await?,
            };
            for (column, &trip) in group.iter().enumerate() {
                let reach_of = |vehicle: usize| {
                    let row = placed.iter().position(|(index, _)| *index == vehicle)?;
                    reach.get(row)?.get(column).copied().flatten()
                };
                batch.options[trip] = options_of(&batch.trips[trip], &batch.candidates, now, reach_of);
            }
        }
        Ok(())
    }

    /// The best assignment that policy allows, as trip → vehicle.
    fn choose(&self, batch: &mut Batch<'_>) -> Vec<Option<usize>> {
        let mut costs = CostMatrix::forbidden(batch.trips.len(), batch.candidates.len());
        for (trip, options) in batch.options.iter().enumerate() {
            for (&vehicle, pair) in &options.pairs {
                costs.set(trip, vehicle, Some(pair.cost.total_ms()));
            }
        }
        let mut chosen = solve(&costs);
        for _ in 0..ROUNDS_MAX {
            let mut refused = false;
            for (trip, vehicle) in pairs_of(&chosen) {
                if batch.allowed.contains_key(&(trip, vehicle)) {
                    continue;
                }
                let decision = self.ask(batch, trip, vehicle);
                if decision.is_allowed() {
                    batch.allowed.insert((trip, vehicle), decision);
                } else {
                    batch.denied.insert((trip, vehicle), decision);
                    costs.set(trip, vehicle, None);
                    refused = true;
                }
            }
            if !refused {
                return chosen;
            }
            chosen = solve(&costs);
        }
        // Rounds ran out: keep what policy has allowed, the rest goes into the next batch.
        for (trip, vehicle) in pairs_of(&chosen) {
            if !batch.allowed.contains_key(&(trip, vehicle)) {
                chosen[trip] = None;
            }
        }
        chosen
    }

    fn ask(&self, batch: &Batch<'_>, trip: usize, vehicle: usize) -> Decision {
        let pair = batch.options[trip].pairs.get(&vehicle);
        let (trip, candidate) = (&batch.trips[trip], &batch.candidates[vehicle]);
        let approach_m = pair.map_or(0.0, |pair| pair.reach.distance_m);
        let mut question = Request::new(batch.ctx, Action::AssignVehicle, vehicle_subject(candidate.facts.vehicle))
            .about(Subject::new(Trip::KIND, trip.id))
            .entitled_to(batch.entitlements.iter().cloned());
        if let Some(route) = &trip.route {
            let facts = pairs::assignment_facts(trip, route, &candidate.facts, approach_m);
            question = question.facts(facts.facts(batch.ctx.now));
        }
        self.policy.decide(&question)
    }

    async fn carry_out(&self, batch: &Batch<'_>, chosen: &[Option<usize>]) -> Result<BatchReport, CommandError> {
        let mut report = BatchReport { trips: batch.trips.len(), assigned: 0 };
        let mut explained = 0;
        for (index, vehicle) in chosen.iter().enumerate() {
            let refused = match *vehicle {
                Some(vehicle) => match self.assign(batch, chosen, index, vehicle).await? {
                    Ok(()) => {
                        report.assigned += 1;
                        continue;
                    }
                    Err(reason) => Some(reason),
                },
                None => None,
            };
            let denied: Vec<&Decision> = batch.denied_of(index).collect();
            let mut records: Vec<DecisionRecord> = denied.iter().map(|decision| decision.to_record()).collect();
            let reason = match refused {
                Some(reason) => reason,
                None => {
                    explained += 1;
                    let about_others =
                        if explained <= EXPLAINED_TRIPS_MAX { self.explain(batch, index) } else { Vec::new() };
                    let reason = why_it_waits(batch, index, &denied, &about_others);
                    if !waits_for(&batch.trips[index], &reason) {
                        records.extend(about_others.iter().map(Decision::to_record));
                    }
                    reason
                }
            };
            self.let_wait(batch.ctx, &batch.trips[index], reason, &records, &batch.guard).await?;
        }
        Ok(report)
    }

    /// Asks policy about vehicles that are not ready but could else take the trip.
    fn explain(&self, batch: &Batch<'_>, trip: usize) -> Vec<Decision> {
        let would_fit = |candidate: &Candidate| {
            let needs = &batch.trips[trip].requirements;
            let able = needs.capabilities.is_subset(&candidate.facts.capabilities);
            let fits = needs.passengers <= candidate.facts.seats && needs.payload_kg <= candidate.facts.payload_max_kg;
            !candidate.facts.is_ready() && able && fits
        };
        let others = batch.candidates.iter().enumerate().filter(|(_, candidate)| would_fit(candidate));
        let asked = others.take(EXPLAINED_VEHICLES_MAX).map(|(vehicle, _)| self.ask(batch, trip, vehicle));
        asked.filter(|decision| !decision.is_allowed()).collect()
    }

    /// Records why a trip waits, if that is news or policy refused something.
    async fn let_wait(
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

    /// Gives a trip its vehicle: route, claim, then the trip itself. A reason to wait when one of them fails.
    async fn assign(
        &self,
        batch: &Batch<'_>,
        chosen: &[Option<usize>],
        index: usize,
        place: usize,
    ) -> Result<Result<(), WaitReason>, CommandError> {
        let (trip, candidate) = (&batch.trips[index], &batch.candidates[place]);
        let Some((decision, pair, from)) = batch.pair(index, place) else {
            return Ok(Err(refused("NOT_READY", "the vehicle is not ready any more")));
        };
        let constraints = trip.request_constraints.meet(&decision.constraints);
        if let Err(error) = constraints.check() {
            return Ok(Err(refused("CONSTRAINTS", &format!("the limits of trip and vehicle leave nothing: {error}"))));
        }
        let approach = Approach { vehicle: &candidate.facts, from };
        let version = match self.find_route(batch.ctx, trip, &constraints, Some(approach)).await? {
            Ok(version) => version,
            Err(reason) => return Ok(Err(reason)),
        };
        let vehicle = candidate.facts.vehicle;
        let claim_epoch = match self.claim(batch.ctx, trip.id, vehicle, CLAIM_VALID_FOR_S).await {
            Ok(epoch) => epoch,
            Err(CommandError::Reject(reject)) => return Ok(Err(refused("CLAIM_REFUSED", &reject.message))),
            Err(error) => return Err(error),
        };
        let extras = Extras {
            guard: batch.guard.clone(),
            rows: vec![version.row()?, intent_done(trip.id)],
            ..Extras::default()
        };
        let new = NewAssignment {
            vehicle,
            claim_epoch,
            decision: decision.id,
            route: version.summary,
            constraints,
            choice: batch.choice(chosen, index, place, pair),
        };
        let mut records: Vec<DecisionRecord> = batch.denied_of(index).map(Decision::to_record).collect();
        records.push(decision.to_record());
        match self.command(batch.ctx, trip.id, &Command::Assign(Box::new(new)), &records, extras).await {
            Ok(_) => Ok(Ok(())),
            Err(CommandError::Reject(reject)) => {
                self.unclaim(batch.ctx, trip.id, vehicle).await?;
                Ok(Err(refused("TRIP_CHANGED", &reject.message)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Batch<'_> {
    fn denied_of(&self, trip: usize) -> impl Iterator<Item = &Decision> {
        self.denied.range((trip, 0)..=(trip, usize::MAX)).map(|(_, decision)| decision)
    }

    fn pair(&self, trip: usize, vehicle: usize) -> Option<(&Decision, &Pair, kernel::Coordinate)> {
        let decision = self.allowed.get(&(trip, vehicle))?;
        let pair = self.options[trip].pairs.get(&vehicle)?;
        Some((decision, pair, self.candidates[vehicle].place(self.ctx.now)?))
    }

    fn choice(&self, chosen: &[Option<usize>], trip: usize, vehicle: usize, pair: &Pair) -> Choice {
        let options = &self.options[trip];
        let runner_up = options.runner_up(vehicle, &self.candidates).map(|(other, place, approach_ms)| {
            let taken_by = chosen.iter().position(|taken| *taken == Some(place)).map(|taker| self.trips[taker].id);
            let why = match (self.denied.get(&(trip, place)), taken_by) {
                (Some(decision), _) => format!("policy forbids it: {}", decision.reason_text()),
                (None, Some(taker)) => format!("better for all with {taker}"),
                (None, None) => "farther in driving time".into(),
            };
            RunnerUp { vehicle: other, approach_ms, why: crate::limits::cut(&why) }
        });
        Choice {
            batch_trips: self.trips.len() as u64,
            ready: self.ready(),
            feasible: options.pairs.len() as u64,
            filtered: options.filtered.clone(),
            cost: pair.cost,
            runner_up,
        }
    }

    fn ready(&self) -> u64 {
        self.candidates.iter().filter(|candidate| candidate.facts.is_ready()).count() as u64
    }
}

fn vehicle_subject(vehicle: VehicleId) -> Subject {
    Subject::new("vehicle", vehicle)
}

fn refused(code: &str, reason: &str) -> WaitReason {
    WaitReason { code: code.into(), reason: reason.into(), ..WaitReason::default() }
}

fn pairs_of(chosen: &[Option<usize>]) -> Vec<(usize, usize)> {
    chosen.iter().enumerate().filter_map(|(trip, vehicle)| Some((trip, (*vehicle)?))).collect()
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

fn options_of(
    trip: &Trip,
    candidates: &[Candidate],
    now: Timestamp,
    reach_of: impl Fn(usize) -> Option<crate::ports::Reach>,
) -> Options {
    let mut options = Options::default();
    for (index, candidate) in candidates.iter().enumerate() {
        match pair_of(trip, candidate, now, || reach_of(index)) {
            Ok(pair) => drop(options.pairs.insert(index, pair)),
            Err(unfit) => options.count(unfit),
        }
    }
    options
}

fn pair_of(
    trip: &Trip,
    candidate: &Candidate,
    now: Timestamp,
    reach: impl Fn() -> Option<crate::ports::Reach>,
) -> Result<Pair, Unfit> {
    pairs::fitness(trip, candidate, now)?;
    let reach = reach().ok_or(Unfit::NoWay)?;
    let lasts = trip
        .route
        .as_ref()
        .is_none_or(|route| pairs::energy_margin_wh(trip, route, &candidate.facts, reach.distance_m) >= 0.0);
    match lasts {
        true => Ok(Pair { reach, cost: pairs::cost(trip, reach, now) }),
        false => Err(Unfit::Energy),
    }
}

/// Why a trip of the batch got no vehicle.
fn why_it_waits(batch: &Batch<'_>, trip: usize, denied: &[&Decision], about_others: &[Decision]) -> WaitReason {
    let options = &batch.options[trip];
    let rules = |decisions: &[&Decision]| -> BTreeSet<String> {
        decisions.iter().flat_map(|decision| decision.policy_ids()).map(str::to_owned).collect()
    };
    let others: Vec<&Decision> = about_others.iter().collect();
    let filters: Vec<String> = options
        .filtered
        .iter()
        .map(|(code, count)| format!("{count} {}", Unfit::parse(code).map_or("of another kind", Unfit::text)))
        .collect();
    let refusals = |decisions: &[&Decision]| -> String {
        decisions
            .iter()
            .map(|decision| decision.reason_text())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join("; ")
    };
    let open = options.pairs.len().saturating_sub(denied.len());
    let total = batch.candidates.len();
    let (code, reason, policies) = match () {
        () if total == 0 => ("NO_VEHICLE", "the site has no vehicles".to_owned(), BTreeSet::new()),
        () if open > 0 => {
            let text = format!("the {open} vehicles that could take it are needed more elsewhere");
            ("VEHICLES_TAKEN", text, rules(denied))
        }
        () if !denied.is_empty() => {
            ("POLICY", format!("policy forbids every vehicle: {}", refusals(denied)), rules(denied))
        }
        () if options.filtered.keys().all(|code| code == Unfit::NotReady.code()) => {
            let text = format!("none of {total} vehicles is ready: {}", refusals(&others));
            ("NO_READY_VEHICLE", text, rules(&others))
        }
        () => ("NO_FIT_VEHICLE", format!("of {total} vehicles: {}", filters.join(", ")), rules(&others)),
    };
    WaitReason { code: code.into(), reason, policies, ready: batch.ready(), filtered: options.filtered.clone() }
}
