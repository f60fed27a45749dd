//! Why a trip of a batch got no vehicle, for the trip's story and for whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use policy::Decision;
use store::{CommandError, Extras};

use super::Dispatch;
use super::choice::Batch;
use super::denials::{About, NewDenials};
use super::pairs::{self, Unfit};
use crate::ports::VehicleFacts;
use crate::trip::Command;
use crate::trip::decide::{WaitReason, waits_for};

/// How many vehicles that are out of service policy is asked about, so that a waiting trip can name the rule.
const EXPLAINED_VEHICLES_MAX: usize = 5;
/// How many waiting trips of a batch are explained that way.
pub(super) const EXPLAINED_TRIPS_MAX: usize = 50;
/// How many vehicles that refused the trip are named with their reason.
const REFUSALS_NAMED_MAX: usize = 3;

impl Dispatch {
    /// Asks policy about vehicles that are out of service and could else take the trip. Of those that serve another trip
    /// nothing has to be asked.
    pub(super) fn explain(&self, batch: &Batch<'_>, trip: usize) -> Vec<(About, Decision)> {
        let others = batch.able_others(trip).filter(|vehicle| !vehicle.is_in_service());
        let asked = others.take(EXPLAINED_VEHICLES_MAX);
        asked
            .map(|vehicle| ((None, vehicle.vehicle), self.ask_about(batch, trip, vehicle, 0.0)))
            .filter(|(_, decision)| !decision.is_allowed())
            .collect()
    }

    /// Records why a trip waits, if that is new, or policy refused something that it did not refuse before.
    pub(super) async fn let_wait(
        &self,
        batch: &mut Batch<'_>,
        trip: usize,
        reason: WaitReason,
        denied: NewDenials,
    ) -> Result<(), CommandError> {
        let trip = &batch.trips[trip];
        if denied.records.is_empty() && waits_for(trip, &reason) {
            return Ok(());
        }
        let extras = Extras { guard: batch.guard.clone(), ..Extras::default() };
        match self.trips.command(batch.ctx, trip.id, &Command::Wait(reason), &denied.records, extras).await {
            Ok(_) => {
                batch.denials.remember(denied);
                Ok(())
            }
            // The trip went on without us: cancelled, expired, or assigned by another replica.
            Err(CommandError::Reject(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Batch<'_> {
    /// The vehicles that are not ready now and can do what the trip needs.
    fn able_others(&self, trip: usize) -> impl Iterator<Item = &VehicleFacts> {
        let trip = &self.trips[trip];
        self.vehicles.others.iter().filter(|vehicle| pairs::is_able(trip, vehicle, self.ctx.now).is_ok())
    }

    /// Why a trip got no vehicle.
    pub(super) fn why_it_waits(&self, trip: usize, about_others: &[(About, Decision)]) -> WaitReason {
        let options = &self.options[trip];
        let denied: Vec<&Decision> = self.denied_of(trip).map(|(_, decision)| decision).collect();
        let others: Vec<&Decision> = about_others.iter().map(|(_, decision)| decision).collect();
        let open = options.pairs.len().saturating_sub(denied.len());
        let busy = self.able_others(trip).filter(|vehicle| vehicle.is_in_service()).count();
        let total = self.vehicles.ready + self.vehicles.others.len();
        let next = open + self.beyond[trip];
        let (code, reason, policies) = match () {
            () if total == 0 => ("NO_VEHICLE", "the site has no vehicles".to_owned(), BTreeSet::new()),
            () if self.unsettled.contains(&trip) => {
                let (code, why) = match denied.as_slice() {
                    [] => ("NO_FIT_VEHICLE", self.unfit(trip, &others)),
                    _ => ("POLICY", format!("policy forbids {}", refusals(&denied))),
                };
                (code, format!("{why}; {next} more are asked about next"), rules(&denied))
            }
            () if open + busy > 0 => {
                let text = format!("the {} vehicles that could take it are needed elsewhere", open + busy);
                ("VEHICLES_TAKEN", format!("{text}{}", and_forbidden(&others)), rules(&others))
            }
            () if !denied.is_empty() => {
                ("POLICY", format!("policy forbids every vehicle: {}", refusals(&denied)), rules(&denied))
            }
            () if options.filtered.keys().all(|code| code == Unfit::NotReady.code()) && !others.is_empty() => {
                let text = format!("none of {total} vehicles is ready: {}", refusals(&others));
                ("NO_READY_VEHICLE", text, rules(&others))
            }
            () => ("NO_FIT_VEHICLE", self.unfit(trip, &others), rules(&others)),
        };
        let (code, ready) = (code.into(), self.vehicles.ready as u64);
        WaitReason { code, reason, policies, ready, filtered: options.filtered.clone() }
    }

    /// What keeps each vehicle from the trip: of one that is not ready what it lacks besides, where it lacks something.
    fn unfit(&self, trip: usize, about_others: &[&Decision]) -> String {
        let mut counts: BTreeMap<Unfit, u64> = BTreeMap::new();
        for (code, count) in &self.options[trip].filtered {
            if let Some(unfit) = code.parse().ok().filter(|unfit| *unfit != Unfit::NotReady) {
                *counts.entry(unfit).or_default() += count;
            }
        }
        for vehicle in &self.vehicles.others {
            let unfit = pairs::is_able(&self.trips[trip], vehicle, self.ctx.now).err().unwrap_or(Unfit::NotReady);
            *counts.entry(unfit).or_default() += 1;
        }
        let kinds: Vec<String> = counts.into_iter().map(|(unfit, count)| self.counted(trip, unfit, count)).collect();
        let total = self.vehicles.ready + self.vehicles.others.len();
        format!("of {total} vehicles: {}{}", kinds.join(", "), and_forbidden(about_others))
    }

    fn counted(&self, trip: usize, unfit: Unfit, count: u64) -> String {
        let text = format!("{count} {}", unfit.text());
        if unfit != Unfit::Excluded {
            return text;
        }
        let vehicles = || self.vehicles.candidates.iter().chain(&self.vehicles.others).chain(&self.vehicles.unlisted);
        let exclusions = self.trips[trip].exclusions(self.ctx.now).take(REFUSALS_NAMED_MAX);
        let own_words: Vec<String> = exclusions
            .filter_map(|excluded| {
                let name = &vehicles().find(|vehicle| vehicle.vehicle == excluded.vehicle)?.name;
                Some(format!("{name}: {} ({})", excluded.reason, excluded.code))
            })
            .collect();
        format!("{text} ({})", own_words.join("; "))
    }
}

fn and_forbidden(decisions: &[&Decision]) -> String {
    if decisions.is_empty() { String::new() } else { format!("; policy forbids others: {}", refusals(decisions)) }
}

fn rules(decisions: &[&Decision]) -> BTreeSet<String> {
    decisions.iter().flat_map(|decision| decision.policy_ids()).map(str::to_owned).collect()
}

fn refusals(decisions: &[&Decision]) -> String {
    let texts: BTreeSet<String> = decisions.iter().map(|decision| decision.reason_text()).collect();
    texts.into_iter().collect::<Vec<_>>().join("; ")
}
