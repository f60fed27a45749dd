//! The choice of a batch: which pairs are possible, and the best assignment that policy allows. Policy is asked about
//! each chosen pair; a refused pair is taken out and the whole is solved again, so that the next best is best for all.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Aggregate, Ctx, Subject, Timestamp, TripId, VehicleId};
use policy::{Action, Decision, Request};
use store::{CommandError, Guard};

use super::assignment::{CostMatrix, solve};
use super::pairs::{self, Candidate, Options, Pair, Unfit};
use crate::service::Trips;
use crate::trip::Trip;

/// How often a batch is solved again because policy refused a pair; the pairs that were not reached go first in the
/// next batch.
const ROUNDS_MAX: usize = 16;
/// How long a pair that came to nothing goes behind all others of its trip, in milliseconds.
const SET_ASIDE_MS: i64 = 120_000;
/// What being set aside costs, in milliseconds of driving: more than any approach within a site.
const SET_ASIDE_COST_MS: i64 = 7 * 86_400_000;

/// Pairs that were tried and came to nothing, and until when that is remembered: no way for just this vehicle, a claim
/// refused, policy against it. Without this the best pair would be tried again for ever, and the next best never.
pub(crate) type SetAside = BTreeMap<(TripId, VehicleId), Timestamp>;

/// A batch while it is decided.
pub(super) struct Batch<'a> {
    pub(super) ctx: &'a Ctx,
    entitlements: BTreeSet<String>,
    pub(super) trips: Vec<Trip>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) options: Vec<Options>,
    pub(super) allowed: BTreeMap<(usize, usize), Decision>,
    pub(super) denied: BTreeMap<(usize, usize), Decision>,
    /// Trips of which policy was not asked about every vehicle.
    pub(super) unsettled: BTreeSet<usize>,
    pub(super) set_aside: SetAside,
    pub(super) guard: Option<Guard>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        ctx: &'a Ctx,
        entitlements: BTreeSet<String>,
        trips: Vec<Trip>,
        candidates: Vec<Candidate>,
        set_aside: SetAside,
        guard: Option<Guard>,
    ) -> Self {
        let (allowed, denied, unsettled) = Default::default();
        let options = vec![Options::default(); trips.len()];
        Self { ctx, entitlements, trips, candidates, options, allowed, denied, unsettled, set_aside, guard }
    }

    fn costs(&self) -> CostMatrix {
        let mut costs = CostMatrix::forbidden(self.trips.len(), self.candidates.len());
        for (trip, options) in self.options.iter().enumerate() {
            for (&vehicle, pair) in &options.pairs {
                let is_set_aside = self.set_aside.contains_key(&self.names(trip, vehicle));
                let extra_ms = if is_set_aside { SET_ASIDE_COST_MS } else { 0 };
                costs.set(trip, vehicle, Some(pair.cost.total_ms() + extra_ms));
            }
        }
        costs
    }

    fn names(&self, trip: usize, vehicle: usize) -> (TripId, VehicleId) {
        (self.trips[trip].id, self.candidates[vehicle].facts.vehicle)
    }

    pub(super) fn sets_aside(&mut self, trip: usize, vehicle: usize) {
        self.set_aside.insert(self.names(trip, vehicle), self.ctx.now.plus_ms(SET_ASIDE_MS));
    }

    pub(super) fn denied_of(&self, trip: usize) -> impl Iterator<Item = (usize, &Decision)> {
        self.denied.range((trip, 0)..=(trip, usize::MAX)).map(|(&(_, vehicle), decision)| (vehicle, decision))
    }
}

impl Trips {
    /// Finds every possible pair. Approaches are looked for once per set of limits, not once per pair.
    pub(super) async fn find_options(&self, batch: &mut Batch<'_>) -> Result<(), CommandError> {
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
                refused.into_iter().for_each(|vehicle| batch.sets_aside(trip, vehicle));
            }
        }
        chosen
    }

    pub(super) fn ask(&self, batch: &Batch<'_>, trip: usize, vehicle: usize) -> Decision {
        let pair = batch.options[trip].pairs.get(&vehicle);
        let (trip, candidate) = (&batch.trips[trip], &batch.candidates[vehicle]);
        let approach_m = pair.map_or(0.0, |pair| pair.reach.distance_m);
        let mut question =
            Request::new(batch.ctx, Action::AssignVehicle, Subject::new("vehicle", candidate.facts.vehicle))
                .about(Subject::new(Trip::KIND, trip.id))
                .entitled_to(batch.entitlements.iter().cloned());
        if let Some(route) = &trip.route {
            let facts = pairs::assignment_facts(trip, route, &candidate.facts, approach_m);
            question = question.facts(facts.facts(batch.ctx.now));
        }
        self.policy.decide(&question)
    }
}

fn pairs_of(chosen: &[Option<usize>]) -> Vec<(usize, usize)> {
    chosen.iter().enumerate().filter_map(|(trip, vehicle)| Some((trip, (*vehicle)?))).collect()
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
