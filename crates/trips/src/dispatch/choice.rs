//! The choice of a batch: which pairs are possible, and the best assignment that policy allows. Policy is asked about
//! each chosen pair; a refused pair is taken out and the whole is solved again, so that the next best is best for all.

use std::collections::{BTreeMap, BTreeSet};

use kernel::geo::ROUTE_START_M_MAX;
use kernel::{Aggregate, Ctx, Subject, Timestamp, TripId, VehicleId};
use policy::{Decision, Request};
use store::{CommandError, Guard};

use super::Dispatch;
use super::assignment::{CostMatrix, solve};
use super::batch::BATCH_VEHICLES_MAX;
use super::denials::Denials;
use super::nearest::{Shortlist, shortlist};
use super::pairs::{self, Options, Pair, Unfit};
use crate::actions;
use crate::ports::{DriveEstimate, VehicleFacts};
use crate::trip::Trip;

/// How often a batch is solved again because policy refused a pair; the pairs that were not reached go first in the
/// next batch.
const ROUNDS_MAX: usize = 16;
/// How long a pair that came to nothing goes behind all others of its trip, in milliseconds.
const SET_ASIDE_MS: i64 = 120_000;
/// What being set aside costs, in milliseconds of driving: more than any approach within a site.
const SET_ASIDE_COST_MS: i64 = 7 * 86_400_000;

/// The most pairs that are remembered at a site: some megabytes.
const SET_ASIDE_MAX: usize = 100_000;

/// Pairs that were tried and came to nothing, and until when that is remembered: no route for just this vehicle, a claim
/// refused, policy against it. Without this the best pair would be tried again for ever, and the next best never.
pub(crate) type SetAside = BTreeMap<(TripId, VehicleId), Timestamp>;

/// The vehicles of a site, gathered once for a batch.
pub(super) struct Vehicles {
    pub(super) candidates: Vec<VehicleFacts>,
    /// Those that are not ready: of them a waiting trip says why.
    pub(super) others: Vec<VehicleFacts>,
    /// Those that are ready and not looked at in this batch.
    pub(super) unlisted: Vec<VehicleFacts>,
    pub(super) ready: usize,
}

/// A batch while it is decided.
pub(super) struct Batch<'a> {
    pub(super) ctx: &'a Ctx,
    entitlements: BTreeSet<String>,
    pub(super) trips: Vec<Trip>,
    pub(super) vehicles: Vehicles,
    /// Of each trip how many vehicles fit it and are looked at in a later batch.
    pub(super) beyond: Vec<usize>,
    pub(super) options: Vec<Options>,
    pub(super) allowed: BTreeMap<(usize, usize), Decision>,
    pub(super) denied: BTreeMap<(usize, usize), Decision>,
    /// Trips of which policy was not asked about every vehicle.
    pub(super) unsettled: BTreeSet<usize>,
    /// Trips of which others than were tried so far may be looked at next.
    has_more: BTreeSet<usize>,
    pub(super) assigned: BTreeSet<TripId>,
    pub(super) set_aside: SetAside,
    pub(super) denials: Denials,
    pub(super) guard: Option<Guard>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        ctx: &'a Ctx,
        entitlements: BTreeSet<String>,
        trips: Vec<Trip>,
        vehicles: Vec<VehicleFacts>,
        (set_aside, denials): (SetAside, Denials),
        guard: Option<Guard>,
    ) -> Self {
        let (allowed, denied, unsettled, has_more, assigned) = Default::default();
        let (ready, others): (Vec<_>, Vec<_>) = vehicles.into_iter().partition(VehicleFacts::is_ready);
        let Shortlist { vehicles: listed, filtered, beyond } =
            shortlist(&trips, &ready, &set_aside, BATCH_VEHICLES_MAX, ctx.now);
        let not_ready = (!others.is_empty()).then(|| (Unfit::NotReady.code().to_owned(), others.len() as u64));
        let options = filtered
            .into_iter()
            .map(|filtered| {
                let filtered = filtered.into_iter().chain(not_ready.clone()).collect();
                Options { filtered, ..Options::default() }
            })
            .collect();
        let count = ready.len();
        let (candidates, unlisted): (Vec<_>, Vec<_>) =
            ready.into_iter().enumerate().partition(|(place, _)| listed.contains(place));
        let facts_of = |placed: Vec<(usize, VehicleFacts)>| placed.into_iter().map(|(_, facts)| facts).collect();
        let vehicles =
            Vehicles { candidates: facts_of(candidates), unlisted: facts_of(unlisted), others, ready: count };
        Self {
            ctx,
            entitlements,
            trips,
            vehicles,
            beyond,
            options,
            allowed,
            denied,
            unsettled,
            has_more,
            assigned,
            set_aside,
            denials,
            guard,
        }
    }

    fn costs(&self) -> CostMatrix {
        let mut costs = CostMatrix::forbidden(self.trips.len(), self.vehicles.candidates.len());
        for (trip, options) in self.options.iter().enumerate() {
            for (&vehicle, pair) in &options.pairs {
                let is_set_aside = self.set_aside.contains_key(&self.names(trip, vehicle));
                let extra_ms = if is_set_aside { SET_ASIDE_COST_MS } else { 0 };
                costs.set(trip, vehicle, Some(pair.cost.total_ms() + extra_ms));
            }
        }
        costs
    }

    pub(super) fn names(&self, trip: usize, vehicle: usize) -> (TripId, VehicleId) {
        (self.trips[trip].id, self.vehicles.candidates[vehicle].vehicle)
    }

    pub(super) fn sets_aside(&mut self, trip: usize, vehicle: usize) {
        if self.set_aside.len() < SET_ASIDE_MAX {
            self.set_aside.insert(self.names(trip, vehicle), self.ctx.now.plus_ms(SET_ASIDE_MS));
        }
    }

    /// These came to nothing for the trip; where they were not tried before, others of it may be looked at next.
    fn set_all_aside(&mut self, trip: usize, vehicles: Vec<usize>) {
        let before = self.set_aside.len();
        vehicles.into_iter().for_each(|vehicle| self.sets_aside(trip, vehicle));
        if self.set_aside.len() > before {
            self.has_more.insert(trip);
        }
    }

    /// Where none of its candidates can take a trip, they make room in the next batch for the others that fit it.
    pub(super) fn make_room(&mut self, trip: usize) {
        let mut denied: Vec<usize> = self.denied_of(trip).map(|(vehicle, _)| vehicle).collect();
        if self.beyond[trip] > 0 && denied.len() == self.options[trip].pairs.len() {
            denied.append(&mut self.options[trip].cut_off);
            self.set_all_aside(trip, denied);
            self.unsettled.insert(trip);
        }
    }

    /// Trips that got no vehicle in this batch and may get one in the next, though nothing else changes: there are others
    /// that fit, and those that were looked at were refused or went to other trips.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = TripId> {
        let is_open =
            |trip: &usize| self.has_more.contains(trip) || !self.assigned.is_empty() && self.beyond[*trip] > 0;
        let open = (0..self.trips.len()).filter(is_open).map(|trip| self.trips[trip].id);
        open.filter(|trip| !self.assigned.contains(trip))
    }

    pub(super) fn denied_of(&self, trip: usize) -> impl Iterator<Item = (usize, &Decision)> {
        self.denied.range((trip, 0)..=(trip, usize::MAX)).map(|(&(_, vehicle), decision)| (vehicle, decision))
    }
}

impl Dispatch {
    /// Finds every possible pair. Approaches are looked for once per set of limits, not once per pair.
    pub(super) async fn find_options(&self, batch: &mut Batch<'_>) -> Result<(), CommandError> {
        let now = batch.ctx.now;
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, trip) in batch.trips.iter().enumerate() {
            groups.entry(trip.request_constraints.digest()).or_default().push(index);
        }
        // Whoever fits a trip has a place; nobody else is a candidate.
        let from: Vec<_> = batch.vehicles.candidates.iter().filter_map(|facts| pairs::place(facts, now)).collect();
        let (Some(first), false) = (batch.trips.first(), from.is_empty()) else { return Ok(()) };
        let off_road = self.trips.ports.routing.off_map(batch.ctx, &first.site, &from, ROUTE_START_M_MAX).await?;
        for group in groups.into_values() {
            let pickups: Vec<_> = group.iter().filter_map(|&index| batch.trips[index].origin()).collect();
            let (Some(first), true) = (group.first().map(|&index| &batch.trips[index]), pickups.len() == group.len())
            else {
                continue;
            };
            let (site, limits) = (&first.site, &first.request_constraints);
            let reach = self.trips.ports.routing.drive_estimates(batch.ctx, site, &from, &pickups, limits).await?;
            for (column, &trip) in group.iter().enumerate() {
                let reach_of = |vehicle: usize| match off_road.get(vehicle) {
                    Some(Some(_)) => Err(Unfit::OffRoad),
                    _ => reach.get(vehicle).and_then(|row| row.get(column).copied().flatten()).ok_or(Unfit::NoRoute),
                };
                let options = &mut batch.options[trip];
                find_pairs(options, &batch.trips[trip], &batch.vehicles.candidates, now, reach_of);
            }
        }
        Ok(())
    }

    /// The best assignment that policy allows, as trip → vehicle.
    pub(super) fn choose(&self, batch: &mut Batch<'_>) -> Vec<Option<usize>> {
        let mut costs = batch.costs();
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
        // Rounds ran out: keep what policy has allowed; of the rest the next batch asks about other pairs first.
        for (trip, vehicle) in pairs_of(&chosen) {
            if !batch.allowed.contains_key(&(trip, vehicle)) {
                chosen[trip] = None;
                batch.unsettled.insert(trip);
                let refused: Vec<usize> = batch.denied_of(trip).map(|(vehicle, _)| vehicle).collect();
                batch.set_all_aside(trip, refused);
            }
        }
        chosen
    }

    fn ask(&self, batch: &Batch<'_>, trip: usize, vehicle: usize) -> Decision {
        let approach_m = batch.options[trip].pairs.get(&vehicle).map_or(0.0, |pair| pair.reach.distance_m);
        self.ask_about(batch, trip, &batch.vehicles.candidates[vehicle], approach_m)
    }

    pub(super) fn ask_about(
        &self,
        batch: &Batch<'_>,
        trip: usize,
        vehicle: &VehicleFacts,
        approach_m: f64,
    ) -> Decision {
        let trip = &batch.trips[trip];
        let mut question = Request::new(batch.ctx, actions::ASSIGN_VEHICLE, Subject::new("vehicle", vehicle.vehicle))
            .about(Subject::new(Trip::KIND, trip.id))
            .entitled_to(batch.entitlements.iter().cloned());
        if let Some(route) = &trip.route {
            let facts = pairs::assignment_facts(trip, route, vehicle, approach_m);
            let needed = self.trips.ports.sector_work.needed_facts(batch.ctx, &trip.requirements.attributes);
            question = question.facts(facts.facts(batch.ctx.now)).facts(needed);
            question = question.facts(vehicle.sector_facts.iter().cloned());
        }
        self.trips.policy.decide(&question)
    }
}

fn pairs_of(chosen: &[Option<usize>]) -> Vec<(usize, usize)> {
    chosen.iter().enumerate().filter_map(|(trip, vehicle)| Some((trip, (*vehicle)?))).collect()
}

/// Adds to what is known of a trip which candidates that fit it can come, and at what cost.
fn find_pairs(
    options: &mut Options,
    trip: &Trip,
    candidates: &[VehicleFacts],
    now: Timestamp,
    reach_of: impl Fn(usize) -> Result<DriveEstimate, Unfit>,
) {
    for (index, vehicle) in candidates.iter().enumerate() {
        if pairs::fitness(trip, vehicle, now).is_err() {
            continue;
        }
        let lasting = |reach: DriveEstimate| pairs::lasts(trip, vehicle, reach.distance_m).map(|()| reach);
        match reach_of(index).and_then(lasting) {
            Ok(reach) => {
                options.pairs.insert(index, Pair { reach, cost: pairs::cost(trip, reach, now) });
            }
            Err(unfit) => {
                options.count(unfit);
                options.cut_off.push(index);
            }
        }
    }
}
