//! What follows from the journal: outcomes are counted at the gate, holds end with their updates, an attack stops the line,
//! and what a rollout had begun is taken back when it stops.

use std::sync::Arc;

use kernel::{Aggregate, BoxFuture, Envelope, VehicleId};
use store::CommandError;
use store::RowWrite;
use store::port::Fault;
use store::subscribe::{Subscriber, step_over_refusal};

use super::Ota;
use crate::rollout::decide::STOP_THE_LINE;
use crate::rollout::events::{RolloutEvent, RolloutOutcomeCounted};
use crate::rollout::{Rollout, RolloutId, Status as RolloutStatus};
use crate::update::{
    ATTEMPTS_MAX, NO_FAULT_OF_THE_RELEASE, Status, UpdateEvent, VehicleUpdates, decide, takes_back_before,
};

/// The name of the cursor.
const NAME: &str = "ota.effects";

struct Effects(Arc<Ota>);

impl Subscriber for Effects {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handle<'a>(&'a self, index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if let Some((vehicle, update)) = VehicleUpdates::event_in(event) {
                step_over_refusal(NAME, self.0.after_update(index, event, vehicle, &update).await)?;
            } else if let Some((rollout, happened)) = Rollout::event_in(event) {
                step_over_refusal(NAME, self.0.after_rollout(event, rollout, &happened).await)?;
            }
            Ok(Vec::new())
        })
    }
}

/// An update that is over: its number, its rollout, and its outcome where it counts.
fn over(
    index: u64,
    vehicle: VehicleId,
    event: &UpdateEvent,
) -> Option<(u32, RolloutId, Option<RolloutOutcomeCounted>)> {
    let outcome = |number, stage, proven, code: Option<&String>| RolloutOutcomeCounted {
        vehicle,
        number,
        stage,
        proven,
        code: code.cloned(),
        log_index: index,
    };
    let counts = |code: &String| !NO_FAULT_OF_THE_RELEASE.contains(&code.as_str());
    match event {
        UpdateEvent::Succeeded(done) => {
            Some((done.number, done.rollout, Some(outcome(done.number, done.stage, true, None))))
        }
        UpdateEvent::Failed(failed) => {
            let counted = counts(&failed.code).then(|| outcome(failed.number, failed.stage, false, Some(&failed.code)));
            Some((failed.number, failed.rollout, counted))
        }
        UpdateEvent::Rejected(rejected) => {
            let code = &rejected.code;
            let counted = counts(code).then(|| outcome(rejected.number, rejected.stage, false, Some(code)));
            Some((rejected.number, rejected.rollout, counted))
        }
        UpdateEvent::Cancelled(cancelled) => Some((cancelled.number, cancelled.rollout, None)),
        _ => None,
    }
}

impl Ota {
    pub(crate) fn effects(self: &Arc<Self>) -> Arc<dyn Subscriber> {
        Arc::new(Effects(Arc::clone(self)))
    }

    async fn after_update(
        &self,
        index: u64,
        event: &Envelope,
        vehicle: VehicleId,
        update: &UpdateEvent,
    ) -> Result<(), CommandError> {
        let ctx = self.automation(&event.tenant, "ota.gate").await?.caused_by(event.id);
        if let UpdateEvent::AttackNoticed(noticed) = update
            && let Some(rollout) = noticed.rollout
        {
            let reason = format!("vehicle {vehicle} reports an attack: {}", noticed.attack);
            return self.pause_rollout(&ctx, rollout, STOP_THE_LINE, &reason).await;
        }
        let Some((number, rollout, outcome)) = over(index, vehicle, update) else { return Ok(()) };
        let known = self.updates(&event.tenant, vehicle).await?.unwrap_or_default();
        let past = known.history.iter().find(|past| past.number == number);
        // After the last attempt there is none that could still succeed.
        let last = past.filter(|past| past.attempt >= ATTEMPTS_MAX && past.status != Status::Cancelled);
        let outcome = outcome.or_else(|| {
            let past = last?;
            let (stage, code) = (past.stage, past.code.clone());
            Some(RolloutOutcomeCounted { vehicle, number, stage, proven: false, code, log_index: index })
        });
        if let Some(outcome) = &outcome {
            let result = if outcome.proven { "proven" } else { "failed" };
            metrics::counter!("atlasmesh_updates_finished_total", "outcome" => result).increment(1);
            self.look(&ctx, rollout, Some(outcome), None).await?;
        }
        if let Some(past) = past {
            let ctx = self.automation(&event.tenant, super::vehicles::OFFER_RULE).await?.caused_by(event.id);
            self.vehicles.release(&ctx, vehicle, past.hold, "the update is over").await?;
        }
        Ok(())
    }

    /// Vehicles that wait for a rollout that stopped are let go; what is being installed comes to its end.
    async fn after_rollout(
        &self,
        event: &Envelope,
        rollout: RolloutId,
        happened: &RolloutEvent,
    ) -> Result<(), CommandError> {
        let reason = match happened {
            // A stage that admits nobody is over at once, and so may be one that goes on.
            RolloutEvent::StageOpened(_) | RolloutEvent::Resumed(_) => {
                let ctx = self.automation(&event.tenant, "ota.gate").await?.caused_by(event.id);
                return self.look(&ctx, rollout, None, None).await;
            }
            RolloutEvent::Paused(paused) => format!("the rollout was paused: {}", paused.reason),
            RolloutEvent::Aborted(aborted) => format!("the rollout was aborted: {}", aborted.reason),
            RolloutEvent::Reverted(reverted) => format!("the rollout is taken back: {}", reverted.reason),
            RolloutEvent::Completed(_) => "the rollout is complete".to_owned(),
            _ => return Ok(()),
        };
        let Some(known) = self.rollout(&event.tenant, rollout).await? else { return Ok(()) };
        if known.status == RolloutStatus::Running {
            // Somebody has let it go on meanwhile.
            return Ok(());
        }
        let before = takes_back_before(&known);
        let ctx = self.automation(&event.tenant, "ota.stop").await?.caused_by(event.id);
        for (vehicle, _) in self.open_updates(&event.tenant, rollout).await? {
            self.update_command(&ctx, vehicle, None, |state| decide::cancel(state, before, &reason)).await?;
        }
        Ok(())
    }
}
