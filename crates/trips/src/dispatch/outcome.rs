//! What comes of a batch: a chosen trip gets route, claim and vehicle; every other trip says why it waits.

use kernel::envelope::DecisionRecord;
use policy::Decision;
use store::{CommandError, Extras};
use tracing::field::{Empty, display};

use super::Dispatch;
use super::batch::BatchReport;
use super::choice::Batch;
use super::claims::intent_done;
use super::denials::About;
use super::pairs::{self, Pair};
use super::waiting::EXPLAINED_TRIPS_MAX;
use crate::service::routes::Start;
use crate::trip::Command;
use crate::trip::decide::{NewAssignment, WaitReason};
use crate::trip::types::{Choice, RunnerUp};

/// What came of giving a trip the vehicle that was chosen for it.
enum Assignment {
    Done,
    /// It does not, and waits for this reason.
    Waits(WaitReason),
}

impl Dispatch {
    pub(super) async fn carry_out(
        &self,
        batch: &mut Batch<'_>,
        chosen: &[Option<usize>],
    ) -> Result<BatchReport, CommandError> {
        let mut explained = 0;
        for (index, vehicle) in chosen.iter().enumerate() {
            let refused = match *vehicle {
                Some(vehicle) => match self.assign(batch, chosen, index, vehicle).await? {
                    Assignment::Done => {
                        batch.assigned.insert(batch.trips[index].id);
                        continue;
                    }
                    Assignment::Waits(reason) => {
                        batch.sets_aside(index, vehicle);
                        Some(reason)
                    }
                },
                None => {
                    batch.make_room(index);
                    None
                }
            };
            let (reason, about_others) = match refused {
                Some(reason) => (reason, Vec::new()),
                None => {
                    explained += 1;
                    let about_others =
                        if explained <= EXPLAINED_TRIPS_MAX { self.explain(batch, index) } else { Vec::new() };
                    (batch.why_it_waits(index, &about_others), about_others)
                }
            };
            let of_others = about_others.iter().map(|(about, decision)| (*about, decision));
            let new = batch.denials.new_of(batch.denials_of(index).chain(of_others), batch.ctx.now);
            self.let_wait(batch, index, reason, new).await?;
        }
        Ok(BatchReport { trips: batch.trips.len(), assigned: batch.assigned.len() })
    }

    /// Gives a trip its vehicle: route, claim, then the trip itself. A reason to wait when one of them fails.
    #[tracing::instrument(level = "debug", name = "trip.assign", skip_all, fields(
        trip = %batch.trips[index].id, vehicle = %batch.vehicles.candidates[place].vehicle,
        decision = Empty, route = Empty, claim_epoch = Empty,
    ))]
    async fn assign(
        &self,
        batch: &mut Batch<'_>,
        chosen: &[Option<usize>],
        index: usize,
        place: usize,
    ) -> Result<Assignment, CommandError> {
        let (trip, facts) = (&batch.trips[index], &batch.vehicles.candidates[place]);
        let Some((decision, pair, from)) = batch.pair(index, place) else {
            return Ok(refused("NOT_READY", "the vehicle is not ready any more"));
        };
        let constraints = trip.request_constraints.meet(&decision.constraints);
        if let Err(error) = constraints.check() {
            return Ok(refused("CONSTRAINTS", &format!("the limits of trip and vehicle leave nothing: {error}")));
        }
        let start = Start { vehicle: facts, from, via: &[], first_stop: 0, continues: None };
        let version = match self.trips.find_route(batch.ctx, trip, &constraints, Some(start)).await {
            Ok(version) => version,
            Err(none) => return Ok(Assignment::Waits(none.into_wait_reason()?)),
        };
        let vehicle = facts.vehicle;
        let claim_epoch = match self.claim(batch.ctx, trip.id, vehicle, self.trips.settings.claim_valid_for_s).await {
            Ok(epoch) => epoch,
            Err(CommandError::Reject(reject)) => return Ok(refused("CLAIM_REFUSED", &reject.message)),
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
            claim_valid_for_s: self.trips.settings.claim_valid_for_s,
            decision: decision.id,
            route: version.summary,
            constraints,
            choice: batch.choice(chosen, index, place, pair),
        };
        let denied = batch.denials.new_of(batch.denials_of(index), batch.ctx.now);
        let records: Vec<DecisionRecord> = denied.records.iter().cloned().chain([decision.to_record()]).collect();
        match self.trips.command(batch.ctx, trip.id, &Command::Assign(Box::new(new)), &records, extras).await {
            Ok(_) => {
                batch.denials.remember(denied);
                Ok(Assignment::Done)
            }
            Err(CommandError::Reject(reject)) => {
                self.unclaim(batch.ctx, trip.id, vehicle).await?;
                Ok(refused("TRIP_CHANGED", &reject.message))
            }
            Err(error) => Err(error),
        }
    }
}

impl Batch<'_> {
    pub(super) fn denials_of(&self, trip: usize) -> impl Iterator<Item = (About, &Decision)> {
        let about = move |vehicle: usize| {
            let (trip, vehicle) = self.names(trip, vehicle);
            (Some(trip), vehicle)
        };
        self.denied_of(trip).map(move |(vehicle, decision)| (about(vehicle), decision))
    }

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
            RunnerUp { vehicle: other, approach_ms, why: crate::limits::truncated(&why) }
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

fn refused(code: &str, reason: &str) -> Assignment {
    Assignment::Waits(WaitReason { code: code.into(), reason: reason.into(), ..WaitReason::default() })
}
