//! The fold of a vehicle's software events.

use kernel::{Aggregate, EventMeta, Subject, Timestamp, VehicleId};

use super::events::{UpdateEvent, UpdateScheduled};
use super::{CANCEL_CONFIRMED, HISTORY_MAX, SCHEDULED_FOR_MS, Status, Update, VehicleUpdates};

impl Aggregate for VehicleUpdates {
    type Id = VehicleId;
    type Event = UpdateEvent;
    const KIND: &'static str = "vehicle_updates";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["rollout", "release"];

    fn evolve(state: Option<Self>, event: &UpdateEvent, meta: &EventMeta) -> Option<Self> {
        let mut all = state.unwrap_or_default();
        let at = meta.recorded_at;
        match event {
            UpdateEvent::SoftwareReported(reported) => {
                let same = all.installed.as_ref().is_some_and(|known| known.sha256 == reported.installed.sha256);
                all.installed_at = if same { all.installed_at } else { Some(at) };
                all.installed = Some(reported.installed.clone());
                all.report_counter = reported.report_counter;
                all.manifest = Some(reported.manifest.clone());
            }
            UpdateEvent::AttackNoticed(noticed) => all.report_counter = noticed.report_counter,
            UpdateEvent::Scheduled(scheduled) => {
                all.numbers = scheduled.number;
                all.current = Some(scheduled_update(scheduled, at));
            }
            UpdateEvent::Offered(offered) => {
                let deadline = offered.deadline;
                go_on(&mut all, offered.number, Status::Offered, at, |update| update.deadline = Some(deadline));
            }
            UpdateEvent::Progressed(progressed) => {
                let detail = progressed.detail.clone();
                go_on(&mut all, progressed.number, progressed.status, at, |update| {
                    update.code = None;
                    update.detail = detail;
                });
            }
            UpdateEvent::Deferred(deferred) => {
                let (code, detail) = (deferred.code.clone(), deferred.detail.clone());
                if let Some(update) = all.current.as_mut().filter(|update| update.number == deferred.number) {
                    update.code = Some(code);
                    update.detail = detail;
                }
            }
            UpdateEvent::Checked(_) => {}
            UpdateEvent::CancelConfirmed(confirmed) => {
                let past = all.history.iter_mut().find(|update| update.number == confirmed.number);
                past.into_iter().for_each(|update| update.code = Some(CANCEL_CONFIRMED.into()));
            }
            UpdateEvent::TokenIssued(issued) => all.token_sha256 = Some(issued.sha256.clone()),
            UpdateEvent::Succeeded(done) => end(&mut all, done.number, Status::Succeeded, at, None, None),
            UpdateEvent::Failed(failed) => {
                end(&mut all, failed.number, Status::Failed, at, Some(&failed.code), failed.detail.as_deref());
            }
            UpdateEvent::Rejected(rejected) => {
                end(&mut all, rejected.number, Status::Rejected, at, Some(&rejected.code), rejected.detail.as_deref());
            }
            UpdateEvent::Cancelled(cancelled) => {
                end(&mut all, cancelled.number, Status::Cancelled, at, Some("CANCELLED"), Some(&cancelled.reason));
            }
        }
        Some(all)
    }

    /// When the proof must be there.
    fn due_at(&self) -> Option<Timestamp> {
        self.current.as_ref()?.deadline
    }

    /// The rollout whose update is open, and the release that runs.
    fn index_values(&self) -> Vec<String> {
        let rollout = self.current.as_ref().map(|update| update.rollout.to_string());
        let release = self.installed.as_ref().map(|installed| installed.release.clone());
        vec![rollout.unwrap_or_default(), release.unwrap_or_default()]
    }

    fn about(event: &UpdateEvent, state: Option<&Self>) -> Vec<Subject> {
        let rollout = match event {
            UpdateEvent::Scheduled(scheduled) => Some(scheduled.rollout),
            UpdateEvent::Succeeded(done) => Some(done.rollout),
            UpdateEvent::Failed(failed) => Some(failed.rollout),
            UpdateEvent::Rejected(rejected) => Some(rejected.rollout),
            UpdateEvent::Cancelled(cancelled) => Some(cancelled.rollout),
            _ => state.and_then(|all| all.current.as_ref()).map(|update| update.rollout),
        };
        rollout.map(|rollout| Subject::new("rollout", rollout)).into_iter().collect()
    }
}

fn scheduled_update(scheduled: &UpdateScheduled, at: Timestamp) -> Update {
    Update {
        number: scheduled.number,
        rollout: scheduled.rollout,
        release: scheduled.release,
        release_name: scheduled.release_name.clone(),
        sha256: scheduled.sha256.clone(),
        stage: scheduled.stage,
        attempt: scheduled.attempt,
        status: Status::Scheduled,
        code: None,
        detail: None,
        hold: scheduled.hold,
        plan_digest: scheduled.plan_digest.clone(),
        truth: scheduled.truth,
        scheduled_at: at,
        since: at,
        deadline: Some(at.plus_ms(SCHEDULED_FOR_MS)),
    }
}

fn go_on(all: &mut VehicleUpdates, number: u32, status: Status, at: Timestamp, change: impl FnOnce(&mut Update)) {
    if let Some(update) = all.current.as_mut().filter(|update| update.number == number) {
        update.status = status;
        update.since = at;
        change(update);
    }
}

fn end(all: &mut VehicleUpdates, number: u32, status: Status, at: Timestamp, code: Option<&str>, detail: Option<&str>) {
    let Some(mut update) = all.current.take_if(|update| update.number == number) else { return };
    update.status = status;
    update.since = at;
    update.code = code.map(Into::into);
    update.detail = detail.map(Into::into);
    update.deadline = None;
    all.history.push(update);
    if all.history.len() > HISTORY_MAX {
        all.history.remove(0);
    }
}
