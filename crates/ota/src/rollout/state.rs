//! The fold of a rollout's events.

use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::{RolloutEvent, RolloutOutcomeCounted};
use super::{Counts, Pause, Rollout, RolloutId, Status};

impl Aggregate for Rollout {
    type Id = RolloutId;
    type Event = RolloutEvent;
    const KIND: &'static str = "rollout";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["status"];

    fn evolve(state: Option<Self>, event: &RolloutEvent, meta: &EventMeta) -> Option<Self> {
        let Some(mut rollout) = state else { return planned(event, meta) };
        match event {
            RolloutEvent::Planned(_) => {}
            RolloutEvent::StageOpened(opened) => {
                rollout.status = Status::Running;
                rollout.stage = opened.stage;
                rollout.stage_since = meta.recorded_at;
                rollout.members = opened.members;
                rollout.hold = None;
            }
            RolloutEvent::OutcomeCounted(outcome) => count(&mut rollout, outcome),
            RolloutEvent::Held(held) => rollout.hold = Some(held.reason),
            RolloutEvent::Paused(paused) => {
                rollout.status = Status::Paused;
                rollout.hold = None;
                let (code, reason) = (paused.code.clone(), paused.reason.clone());
                rollout.pause = Some(Pause { code, reason, at: meta.recorded_at, counts: paused.counts });
            }
            RolloutEvent::Resumed(_) => {
                rollout.status = Status::Running;
                rollout.pause = None;
                // Whoever lets it go on has looked at these failures; those vehicles are finished with it.
                let failed = rollout.counts.get(rollout.stage).map_or(0, |counts| counts.failed);
                rollout.members = rollout.members.map(|members| members.saturating_sub(failed));
                rollout.counts.iter_mut().for_each(|counts| counts.failed = 0);
                rollout.hold = None;
            }
            RolloutEvent::Aborted(_) => end(&mut rollout, Status::Aborted, meta.recorded_at),
            RolloutEvent::Reverted(reverted) => {
                rollout.reverted_by = Some(reverted.by);
                if rollout.ended_at.is_none() {
                    end(&mut rollout, Status::Aborted, meta.recorded_at);
                }
            }
            RolloutEvent::Completed(_) => end(&mut rollout, Status::Completed, meta.recorded_at),
        }
        Some(rollout)
    }

    /// When the least time of the open stage is over.
    fn due_at(&self) -> Option<Timestamp> {
        if self.status != Status::Running || self.hold != Some(super::HoldReason::Soak) {
            return None;
        }
        let soak_s = self.plan.stages.get(self.stage)?.soak_s;
        Some(self.stage_since.plus_ms(i64::try_from(soak_s.saturating_mul(1_000)).ok()?))
    }

    fn index_values(&self) -> Vec<String> {
        vec![<&str>::from(self.status).to_owned()]
    }

    fn about(event: &RolloutEvent, state: Option<&Self>) -> Vec<Subject> {
        let release = state.map(|rollout| Subject::new("release", rollout.plan.release));
        match event {
            RolloutEvent::OutcomeCounted(outcome) => vec![Subject::new("vehicle", outcome.vehicle)],
            _ => release.into_iter().collect(),
        }
    }
}

fn planned(event: &RolloutEvent, meta: &EventMeta) -> Option<Rollout> {
    let RolloutEvent::Planned(planned) = event else { return None };
    Some(Rollout {
        plan: planned.plan.clone(),
        plan_digest: planned.plan_digest.clone(),
        salt: planned.salt.clone(),
        status: Status::Planned,
        stage: 0,
        stage_since: meta.recorded_at,
        members: None,
        counts: vec![Counts::default(); planned.plan.stages.len()],
        counted_to: 0,
        hold: None,
        pause: None,
        reverted_by: None,
        planned_at: meta.recorded_at,
        ended_at: None,
    })
}

fn count(rollout: &mut Rollout, outcome: &RolloutOutcomeCounted) {
    rollout.counted_to = outcome.log_index + 1;
    let Some(counts) = rollout.counts.get_mut(outcome.stage) else { return };
    match outcome.proven {
        true => counts.proven += 1,
        false => counts.failed += 1,
    }
}

fn end(rollout: &mut Rollout, status: Status, at: Timestamp) {
    rollout.status = status;
    rollout.ended_at = Some(at);
    rollout.hold = None;
}
