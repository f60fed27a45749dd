//! The rules of a rollout: facts in, events out.

use std::collections::BTreeSet;

use kernel::{Code, Decided, FieldError, Reject, Timestamp};
use policy::PolicyAnswer;

use super::cohort::WHOLE;
use super::events::{
    RolloutAborted, RolloutCompleted, RolloutEvent, RolloutHeld, RolloutOutcomeCounted, RolloutPaused, RolloutPlanned,
    RolloutResumed, RolloutReverted, RolloutStageOpened,
};
use super::gate::{self, Verdict};
use super::{Counts, Plan, Rollout, RolloutId, Status};

type Answer<R> = Decided<RolloutEvent, R>;

/// The most vehicles that a plan names.
pub const NAMED_MAX: usize = 500;
/// The most stages.
pub const STAGES_MAX: usize = 20;

/// What stops a rollout at once, whatever the counts are: somebody attacks, or a report is forged.
pub const STOP_THE_LINE: &str = "STOP_THE_LINE";
/// The counts fit a bad release.
pub const FAILURES: &str = "FAILURES";
/// A person paused it.
pub const PERSON: &str = "PERSON";

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such rollout")
}

fn wrong_status(rollout: &Rollout, what: &str) -> Reject {
    let status: &str = rollout.status.into();
    Reject::new(Code::IllegalTransition, format!("this rollout is {status}: it cannot be {what}"))
}

/// What is wrong with a plan, field by field.
pub fn faults(plan: &Plan) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut wrong = |field: &str, text: &str| faults.push(FieldError { field: field.into(), message: text.into() });
    if plan.stages.is_empty() || plan.stages.len() > STAGES_MAX {
        wrong("/stages", "must be 1 to 20");
    }
    let mut before = 0;
    for (n, stage) in plan.stages.iter().enumerate() {
        let field = format!("/stages/{n}/share_ppm");
        match stage.share_ppm {
            None if n > 0 => wrong(&field, "only the first stage has no share: it is for the vehicles named first"),
            None if plan.first_vehicles.is_empty() => wrong(&field, "no vehicles are named first: give a share"),
            Some(share) if share > WHOLE => wrong(&field, "must be at most 1000000, the whole fleet"),
            Some(share) if share == 0 || share < before => wrong(&field, "must be more than in the stage before"),
            _ => {}
        }
        before = stage.share_ppm.unwrap_or(0);
    }
    if plan.first_vehicles.len() > NAMED_MAX || plan.excluded.len() > NAMED_MAX {
        wrong("/first_vehicles", "at most 500 vehicles are named: use shares");
    }
    if plan.first_vehicles.intersection(&plan.excluded).next().is_some() {
        wrong("/excluded", "a vehicle is named first and excluded");
    }
    if plan.control_ppm > WHOLE / 2 {
        wrong("/control_ppm", "must be at most 500000, half the fleet");
    }
    if !plan.gate.is_sound() {
        wrong("/gate", "the bad failure rate must exceed the good one, and all must be shares between 0 and 0.5");
    }
    if !(10..=30 * 86_400).contains(&plan.proof_deadline_s) {
        wrong("/proof_deadline_s", "must be 10 seconds to 30 days");
    }
    if plan.at_once == 0 {
        wrong("/at_once", "must be at least 1");
    }
    faults
}

/// Plans a rollout.
pub fn plan(state: Option<&Rollout>, planned: RolloutPlanned) -> Answer<()> {
    if state.is_some() {
        return Decided::reject(Reject::new(Code::Conflict, "this rollout is planned already"));
    }
    match faults(&planned.plan) {
        faults if faults.is_empty() => Decided::accept([planned.into()], ()),
        faults => Decided::reject(Reject::invalid(faults)),
    }
}

/// Starts a planned rollout: opens its first stage, if policy allows it.
pub fn start(state: Option<&Rollout>, asked: &PolicyAnswer, members: Option<u64>) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match (rollout.status, &asked.refusal) {
        (Status::Running, _) => Decided::unchanged(()),
        (Status::Planned, Some(refusal)) => Decided::reject(refusal.clone()),
        (Status::Planned, None) => Decided::accept([opened(rollout, 0, members).into()], ()),
        _ => Decided::reject(wrong_status(rollout, "started")),
    }
}

fn opened(rollout: &Rollout, stage: usize, members: Option<u64>) -> RolloutStageOpened {
    RolloutStageOpened { stage, members, counts: rollout.whole() }
}

/// Opens the next stage by a person's word, or completes the rollout where there is none.
pub fn advance(state: Option<&Rollout>, asked: &PolicyAnswer, members: Option<u64>) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match (rollout.status, &asked.refusal) {
        (Status::Running, Some(refusal)) => Decided::reject(refusal.clone()),
        (Status::Running, None) => Decided::accept([next(rollout, members)], ()),
        _ => Decided::reject(wrong_status(rollout, "taken to its next stage")),
    }
}

fn next(rollout: &Rollout, members: Option<u64>) -> RolloutEvent {
    match rollout.stage + 1 < rollout.plan.stages.len() {
        true => opened(rollout, rollout.stage + 1, members).into(),
        false => RolloutCompleted { counts: rollout.whole() }.into(),
    }
}

/// An outcome, or no news but time: what follows from the counts. `members` of the next stage, where it was counted.
pub fn look(
    state: Option<&Rollout>,
    outcome: Option<&RolloutOutcomeCounted>,
    next_members: Option<u64>,
    now: Timestamp,
) -> Answer<()> {
    let Some(rollout) = state else { return Decided::unchanged(()) };
    let mut events = Vec::new();
    let mut after = rollout.clone();
    if let Some(outcome) = outcome {
        if outcome.log_index < rollout.counted_to {
            return Decided::unchanged(());
        }
        events.push(RolloutEvent::from(outcome.clone()));
        if let Some(counts) = after.counts.get_mut(outcome.stage) {
            *counts = match outcome.proven {
                true => Counts { proven: counts.proven + 1, ..*counts },
                false => Counts { failed: counts.failed + 1, ..*counts },
            };
        }
    }
    events.extend(follows(&after, next_members, now));
    Decided::accept(events, ())
}

fn follows(rollout: &Rollout, next_members: Option<u64>, now: Timestamp) -> Option<RolloutEvent> {
    let stage = rollout.open_stage().filter(|_| rollout.status == Status::Running)?;
    let counts = rollout.whole();
    match gate::evaluate(&rollout.plan.gate, &stage, counts, now) {
        Verdict::Pause => {
            let reason = format!(
                "{} of {} finished vehicles failed, which fits a bad release",
                counts.failed,
                counts.finished()
            );
            Some(RolloutPaused { code: FAILURES.into(), reason, counts }.into())
        }
        Verdict::Hold(reason) if rollout.hold == Some(reason) => None,
        Verdict::Hold(reason) => Some(RolloutHeld { reason, counts }.into()),
        Verdict::GoOn => Some(next(rollout, next_members)),
    }
}

/// Pauses a rollout. Asks nobody: it only takes risk away.
pub fn pause(state: Option<&Rollout>, code: &str, reason: &str) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match rollout.status {
        Status::Paused => Decided::unchanged(()),
        Status::Running => {
            let paused = RolloutPaused { code: code.into(), reason: reason.into(), counts: rollout.whole() };
            Decided::accept([paused.into()], ())
        }
        _ => Decided::reject(wrong_status(rollout, "paused")),
    }
}

/// Lets a paused rollout go on; two people decide it.
pub fn resume(state: Option<&Rollout>, asked: &PolicyAnswer, resumed: RolloutResumed) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match (rollout.status, &asked.refusal) {
        (Status::Running, _) => Decided::unchanged(()),
        (Status::Paused, Some(refusal)) => Decided::reject(refusal.clone()),
        // Whatever policy says: this is not for rules to loosen.
        (Status::Paused, None) if resumed.second_person.is_none() => {
            let text = "two people let a paused rollout go on: ask for an approval";
            Decided::reject(Reject::new(Code::Forbidden, text))
        }
        (Status::Paused, None) => Decided::accept([resumed.into()], ()),
        _ => Decided::reject(wrong_status(rollout, "resumed")),
    }
}

/// Ends a rollout for good.
pub fn abort(state: Option<&Rollout>, reason: &str) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match rollout.status {
        Status::Aborted => Decided::unchanged(()),
        Status::Completed => Decided::reject(wrong_status(rollout, "aborted: revert it")),
        _ => Decided::accept([RolloutAborted { reason: reason.into() }.into()], ()),
    }
}

/// Notes which rollout takes this one back, if policy allows it.
pub fn revert(state: Option<&Rollout>, asked: &PolicyAnswer, by: RolloutId, reason: &str) -> Answer<()> {
    let Some(rollout) = state else { return Decided::reject(missing()) };
    match (rollout.reverted_by, &asked.refusal) {
        (Some(_), _) => Decided::unchanged(()),
        (None, Some(refusal)) => Decided::reject(refusal.clone()),
        (None, None) => Decided::accept([RolloutReverted { by, reason: reason.into() }.into()], ()),
    }
}

/// The vehicles that a plan names, both ways.
pub fn named(plan: &Plan) -> BTreeSet<kernel::VehicleId> {
    plan.first_vehicles.union(&plan.excluded).copied().collect()
}
