//! What comes of a batch: a chosen trip gets route, claim and vehicle; every other trip says why it waits.

use std::collections::BTreeSet;

use kernel::envelope::DecisionRecord;
use policy::Decision;
use store::{CommandError, Extras};
use tracing::field::{Empty, display};

use super::batch::BatchReport;
use super::choice::Batch;
use super::claims::intent_done;
use super::pairs::{self, Pair, Unfit};
use crate::ports::VehicleFacts;
use crate::service::Trips;
use crate::service::routes::Start;
use crate::trip::Command;
use crate::trip::decide::{NewAssignment, WaitReason, waits_for};
use crate::trip::types::{Choice, RunnerUp};

/// How many vehicles that are not ready policy is asked about, so that a waiting trip can name the rule.
const EXPLAINED_VEHICLES_MAX: usize = 5;
/// How many waiting trips of a batch are explained that way.
const EXPLAINED_TRIPS_MAX: usize = 50;

impl Trips {
    pub(super) async fn carry_out(
        &self,
        batch: &mut Batch<'_>,
        chosen: &[Option<usize>],
    ) -> Result<BatchReport, CommandError> {
        let mut explained = 0;
        for (index, vehicle) in chosen.iter().enumerate() {
            let refused = match *vehicle {
                Some(vehicle) => match self.assign(batch, chosen, index, vehicle).await? {
                    Ok(()) => {
                        batch.assigned.insert(batch.trips[index].id);
                        continue;
                    }
                    Err(reason) => {
                        batch.sets_aside(index, vehicle);
                        Some(reason)
                    }
                },
                None => {
                    batch.make_room(index);
                    None
                }
            };
            let batch = &*batch;
            let denied: Vec<&Decision> = batch.denied_of(index).map(|(_, decision)| decision).collect();
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
        Ok(BatchReport { trips: batch.trips.len(), assigned: batch.assigned.len() })
    }

    /// Asks policy about vehicles that are not ready but could else take the trip.
    fn explain(&self, batch: &Batch<'_>, trip: usize) -> Vec<Decision> {
        let needs = &batch.trips[trip].requirements;
        let would_fit = |vehicle: &&VehicleFacts| {
            let able = needs.capabilities.is_subset(&vehicle.capabilities);
            able && needs.passengers <= vehicle.seats && needs.payload_kg <= vehicle.payload_max_kg
        };
        let others = batch.vehicles.others.iter().filter(would_fit);
        let asked = others.take(EXPLAINED_VEHICLES_MAX).map(|vehicle| self.ask_about(batch, trip, vehicle, 0.0));
        asked.filter(|decision| !decision.is_allowed()).collect()
    }

    /// Gives a trip its vehicle: route, claim, then the trip itself. A reason to wait when one of them fails.
    #[tracing::instrument(level = "debug", name = "trip.assign", skip_all, fields(
        trip = %batch.trips[index].id, vehicle = %batch.vehicles.candidates[place].vehicle,
        decision = Empty, route = Empty, claim_epoch = Empty,
    ))]
    async fn assign(
        &self,
        batch: &Batch<'_>,
        chosen: &[Option<usize>],
        index: usize,
        place: usize,
    ) -> Result<Result<(), WaitReason>, CommandError> {
        let (trip, facts) = (&batch.trips[index], &batch.vehicles.candidates[place]);
        let Some((decision, pair, from)) = batch.pair(index, place) else {
            return Ok(Err(refused("NOT_READY", "the vehicle is not ready any more")));
        };
        let constraints = trip.request_constraints.meet(&decision.constraints);
        if let Err(error) = constraints.check() {
            return Ok(Err(refused("CONSTRAINTS", &format!("the limits of trip and vehicle leave nothing: {error}"))));
        }
        let start = Start { vehicle: facts, from, via: &[], first_stop: 0, continues: None };
        let version = match self.find_route(batch.ctx, trip, &constraints, Some(start)).await? {
            Ok(version) => version,
            Err(reason) => return Ok(Err(reason)),
        };
        let vehicle = facts.vehicle;
        let claim_epoch = match self.claim(batch.ctx, trip.id, vehicle, self.settings.claim_valid_for_s).await {
            Ok(epoch) => epoch,
            Err(CommandError::Reject(reject)) => return Ok(Err(refused("CLAIM_REFUSED", &reject.message))),
            Err(error) => return Err(error),
        };
        let span = tracing::Span::current();
        span.record("decision", display(decision.id)).record("route", display(version.summary.route));
        span.record("claim_epoch", claim_epoch);
        let extras = Extras {
            guard: batch.guard.clone(),
            rows: vec![version.row()?, intent_done(trip.id, vehicle)],
            ..Extras::default()
        };
        let new = NewAssignment {
            vehicle,
            claim_epoch,
            claim_valid_for_s: self.settings.claim_valid_for_s,
            decision: decision.id,
            route: version.summary,
            constraints,
            choice: batch.choice(chosen, index, place, pair),
        };
        let mut records: Vec<DecisionRecord> = batch.denied_of(index).map(|(_, denied)| denied.to_record()).collect();
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
    fn pair(&self, trip: usize, vehicle: usize) -> Option<(&Decision, &Pair, kernel::Coordinate)> {
        let decision = self.allowed.get(&(trip, vehicle))?;
        let pair = self.options[trip].pairs.get(&vehicle)?;
        Some((decision, pair, pairs::place(&self.vehicles.candidates[vehicle], self.ctx.now)?))
    }

    fn choice(&self, chosen: &[Option<usize>], trip: usize, vehicle: usize, pair: &Pair) -> Choice {
        let options = &self.options[trip];
        let runner_up = options.runner_up(vehicle, &self.vehicles.candidates).map(|(other, place, approach_ms)| {
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
            ready: self.vehicles.ready as u64,
            feasible: options.pairs.len() as u64,
            filtered: options.filtered.clone(),
            cost: pair.cost,
            runner_up,
        }
    }
}

fn refused(code: &str, reason: &str) -> WaitReason {
    WaitReason { code: code.into(), reason: reason.into(), ..WaitReason::default() }
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
    let total = batch.vehicles.ready + batch.vehicles.others.len();
    let next = open + batch.beyond[trip];
    let (code, reason, policies) = match () {
        () if total == 0 => ("NO_VEHICLE", "the site has no vehicles".to_owned(), BTreeSet::new()),
        () if batch.unsettled.contains(&trip) => {
            let (code, why) = match denied {
                [] => ("NO_FIT_VEHICLE", format!("of {total} vehicles: {}", filters.join(", "))),
                _ => ("POLICY", format!("policy forbids {}", refusals(denied))),
            };
            (code, format!("{why}; {next} more are asked about next"), rules(denied))
        }
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
    WaitReason {
        code: code.into(),
        reason,
        policies,
        ready: batch.vehicles.ready as u64,
        filtered: options.filtered.clone(),
    }
}
