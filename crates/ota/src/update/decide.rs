//! The rules of a vehicle's updates: facts in, events out. What comes late or twice changes nothing.

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;
use serde_json::Value;

use super::events::{
    SoftwareAttackNoticed, SoftwareReported, UpdateCancelConfirmed, UpdateCancelled, UpdateChecked, UpdateDeferred,
    UpdateEvent, UpdateFailed, UpdateOffered, UpdateProgressed, UpdateRejected, UpdateScheduled, UpdateSucceeded,
};
use super::{Assignment, CANCEL_CONFIRMED, InstallationReport, NO_PROOF, Report, Status, Update, VehicleUpdates};
use crate::rollout::Truth;

type Answer<R> = Decided<UpdateEvent, R>;

/// A vehicle's own signed report (OTA-7): what it runs, and how its update goes.
pub fn report(state: Option<&VehicleUpdates>, report: &Report) -> Answer<()> {
    let empty = VehicleUpdates::default();
    let known = state.unwrap_or(&empty);
    if known.manifest.as_ref() == Some(&report.manifest) {
        return Decided::unchanged(());
    }
    if known.report_counter > 0 && report.report_counter <= known.report_counter {
        let text = format!(
            "report {} follows report {}: it is a copy, or the vehicle's state was put back",
            report.report_counter, known.report_counter
        );
        return Decided::reject(Reject::new(Code::Conflict, text));
    }
    let current = known.current.as_ref();
    let mut events = Vec::new();
    if !report.attack.is_empty() {
        let noticed = SoftwareAttackNoticed {
            attack: report.attack.clone(),
            number: current.map(|update| update.number),
            rollout: current.map(|update| update.rollout),
            report_counter: report.report_counter,
            manifest: report.manifest.clone(),
        };
        events.push(noticed.into());
    }
    if known.installed.as_ref() != Some(&report.installed) {
        let reported = SoftwareReported {
            installed: report.installed.clone(),
            report_counter: report.report_counter,
            manifest: report.manifest.clone(),
        };
        events.push(reported.into());
    }
    let installation = report.installation.as_ref().zip(current);
    let installation = installation.filter(|(told, update)| told.number == update.number);
    events.extend(installation.and_then(|(told, update)| follows(update, told, report)));
    Decided::accept(events, ())
}

/// What a report means for the open update.
fn follows(update: &Update, told: &InstallationReport, report: &Report) -> Option<UpdateEvent> {
    let (number, rollout, stage) = (update.number, update.rollout, update.stage);
    let (code, detail) = (told.code.clone().unwrap_or_else(|| "UNKNOWN".into()), told.detail.clone());
    let manifest = Some(report.manifest.clone());
    match told.status {
        Status::Failed => Some(UpdateFailed { number, rollout, stage, code, detail, manifest }.into()),
        Status::Rejected => Some(UpdateRejected { number, rollout, stage, code, detail, manifest }.into()),
        // The vehicle says that it is done; what it booted says whether it is so.
        Status::Succeeded if report.installed.sha256 == update.sha256 => {
            Some(UpdateSucceeded { number, rollout, stage, truth: Truth::Attested, manifest }.into())
        }
        Status::Succeeded => {
            let code = "OTHER_IMAGE".to_owned();
            let detail = Some("the vehicle says that it is done and runs another image".to_owned());
            Some(UpdateFailed { number, rollout, stage, code, detail, manifest }.into())
        }
        Status::Cancelled | Status::Claimed | Status::Reported => None,
        Status::Scheduled | Status::Offered => {
            // Not further than before: it waits for something, and says so when that changes.
            let waits = told.code.clone().filter(|code| update.code.as_ref() != Some(code))?;
            Some(UpdateDeferred { number, code: waits, detail }.into())
        }
        further if further > update.status => Some(UpdateProgressed { number, status: further, detail }.into()),
        _ => {
            let waits = told.code.clone().filter(|code| update.code.as_ref() != Some(code))?;
            Some(UpdateDeferred { number, code: waits, detail }.into())
        }
    }
}

/// Takes a vehicle's place in an open stage.
pub fn schedule(state: Option<&VehicleUpdates>, assignment: &Assignment) -> Answer<u32> {
    let numbers = state.map_or(0, |all| all.numbers);
    if let Some(open) = state.and_then(|all| all.current.as_ref()) {
        return match open.rollout == assignment.rollout {
            true => Decided::unchanged(open.number),
            false => Decided::reject(Reject::new(Code::Conflict, "this vehicle has an update that is not over")),
        };
    }
    let Some(number) = numbers.checked_add(1).filter(|number| i32::try_from(*number).is_ok()) else {
        return Decided::reject(Reject::new(Code::Conflict, "this vehicle had as many updates as can be counted"));
    };
    let scheduled = UpdateScheduled {
        number,
        rollout: assignment.rollout,
        release: assignment.release,
        release_name: assignment.release_name.clone(),
        sha256: assignment.sha256.clone(),
        stage: assignment.stage,
        attempt: assignment.attempt,
        hold: assignment.hold,
        plan_digest: assignment.plan_digest.clone(),
        truth: assignment.truth,
        place_ppm: assignment.place_ppm,
    };
    Decided::accept([scheduled.into()], number)
}

fn open(state: Option<&VehicleUpdates>, number: u32) -> Option<&Update> {
    state?.current.as_ref().filter(|update| update.number == number)
}

fn not_open(number: u32) -> Reject {
    Reject::new(Code::IllegalTransition, format!("update {number} of this vehicle is over"))
}

/// What an offer rests on: policy's answer, and the assignment that was signed because of it.
#[derive(Debug)]
pub struct Offer {
    pub asked: PolicyAnswer,
    /// The rules that forbid it, as one word for each reason to wait.
    pub rules: String,
    pub deadline: Timestamp,
    /// The director's targets; empty where policy refused.
    pub director_targets: String,
}

impl kernel::decided::Facts for Offer {
    fn decisions(&self) -> &[kernel::envelope::DecisionRecord] {
        self.asked.decisions()
    }
}

/// Offers the update, if policy allows it (OTA-4); else notes why not, once for each reason.
pub fn offer(state: Option<&VehicleUpdates>, number: u32, offer: &Offer) -> Answer<bool> {
    let Some(update) = open(state, number) else { return Decided::reject(not_open(number)) };
    if update.status != Status::Scheduled {
        return Decided::unchanged(true);
    }
    match &offer.asked.refusal {
        Some(_) if update.code.as_deref() == Some(offer.rules.as_str()) => Decided::unchanged(false),
        Some(refusal) => {
            let detail = Some(refusal.message.clone());
            Decided::accept([UpdateDeferred { number, code: offer.rules.clone(), detail }.into()], false)
        }
        None => {
            let before = state.and_then(|all| all.manifest.clone());
            let (deadline, director_targets) = (offer.deadline, offer.director_targets.clone());
            Decided::accept([UpdateOffered { number, deadline, before, director_targets }.into()], true)
        }
    }
}

/// Notes what policy answered before installing or switching (OTA-6, SAFE-12). Refused is failed for this attempt.
pub fn check(
    state: Option<&VehicleUpdates>,
    number: u32,
    step: &str,
    vehicle_state: &Value,
    asked: &PolicyAnswer,
) -> Answer<()> {
    let Some(update) = open(state, number) else { return Decided::reject(not_open(number)) };
    let allowed = asked.refusal.is_none();
    let checked = UpdateChecked { number, step: step.into(), allowed, vehicle_state: vehicle_state.clone() };
    match &asked.refusal {
        None => Decided::accept([checked.into()], ()),
        Some(refusal) => {
            let failed = UpdateFailed {
                number,
                rollout: update.rollout,
                stage: update.stage,
                code: Code::PolicyViolation.as_str().into(),
                detail: Some(refusal.message.clone()),
                manifest: None,
            };
            Decided { events: vec![checked.into(), failed.into()], reply: Err(refusal.clone()) }
        }
    }
}

/// Whether the vehicle signs its reports.
fn signs(state: Option<&VehicleUpdates>) -> bool {
    state.and_then(|all| all.installed.as_ref()).is_some_and(|installed| installed.truth == Truth::Attested)
}

fn not_for_it() -> Reject {
    let text = "this vehicle signs its reports: a client that signs nothing does not speak for it";
    Reject::new(Code::Forbidden, text)
}

/// What a client that signs nothing says (hawkBit's DDI): how far it is, or that it claims to be done.
pub fn claim(state: Option<&VehicleUpdates>, told: &InstallationReport) -> Answer<()> {
    if signs(state) {
        return Decided::reject(not_for_it());
    }
    let Some(update) = open(state, told.number) else { return Decided::reject(not_open(told.number)) };
    let (number, rollout, stage) = (update.number, update.rollout, update.stage);
    let (code, detail) = (told.code.clone().unwrap_or_else(|| "UNKNOWN".into()), told.detail.clone());
    let event: UpdateEvent = match told.status {
        Status::Failed => UpdateFailed { number, rollout, stage, code, detail, manifest: None }.into(),
        Status::Rejected => {
            return match update.code.as_deref() == Some(code.as_str()) {
                true => Decided::unchanged(()),
                false => Decided::accept([UpdateDeferred { number, code, detail }.into()], ()),
            };
        }
        status if status.is_over() => return Decided::unchanged(()),
        status if status > update.status => UpdateProgressed { number, status, detail }.into(),
        _ => return Decided::unchanged(()),
    };
    Decided::accept([event], ())
}

/// A client that signs nothing names the version that it runs.
pub fn report_version(state: Option<&VehicleUpdates>, installed: &super::Installed, counter: u64) -> Answer<()> {
    let known = state.and_then(|all| all.installed.as_ref());
    if signs(state) {
        return Decided::reject(not_for_it());
    }
    let mut events = Vec::new();
    if known != Some(installed) {
        let manifest = Value::Null;
        events.push(SoftwareReported { installed: installed.clone(), report_counter: counter, manifest }.into());
    }
    let current = state.and_then(|all| all.current.as_ref());
    let proven = current.filter(|update| update.status >= Status::Offered && update.release_name == installed.release);
    if let Some(update) = proven {
        let (number, rollout, stage) = (update.number, update.rollout, update.stage);
        events.push(UpdateSucceeded { number, rollout, stage, truth: Truth::Reported, manifest: None }.into());
    }
    Decided::accept(events, ())
}

/// No proof in time is a failure (OTA-7).
pub fn expire(state: Option<&VehicleUpdates>, now: Timestamp) -> Answer<()> {
    let update = state.and_then(|all| all.current.as_ref());
    match update {
        Some(update)
            if update.deadline.is_some_and(|deadline| deadline <= now) && update.status == Status::Scheduled =>
        {
            let reason = "the vehicle was not ready for it within a day".to_owned();
            Decided::accept([UpdateCancelled { number: update.number, rollout: update.rollout, reason }.into()], ())
        }
        Some(update) if update.deadline.is_some_and(|deadline| deadline <= now) => {
            let (number, rollout, stage) = (update.number, update.rollout, update.stage);
            let detail = Some(format!("no proof came in time; the vehicle was {}", update.status.as_str()));
            let failed = UpdateFailed { number, rollout, stage, code: NO_PROOF.into(), detail, manifest: None };
            Decided::accept([failed.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Takes an update back that has not come as far as `before`.
pub fn cancel(state: Option<&VehicleUpdates>, before: Status, reason: &str) -> Answer<()> {
    match state.and_then(|all| all.current.as_ref()) {
        Some(update) if update.status < before => {
            let cancelled = UpdateCancelled { number: update.number, rollout: update.rollout, reason: reason.into() };
            Decided::accept([cancelled.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// The client says that it stopped.
pub fn confirm_cancel(state: Option<&VehicleUpdates>, number: u32) -> Answer<()> {
    let past = state.and_then(|all| all.history.iter().find(|update| update.number == number));
    match past {
        Some(update) if update.code.as_deref() != Some(CANCEL_CONFIRMED) => {
            Decided::accept([UpdateCancelConfirmed { number }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}
