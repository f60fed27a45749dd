//! The rules of an incident.

use kernel::id::HoldId;
use kernel::{Code, Decided, Reject, Subject, Timestamp};
use policy::PolicyAnswer;

use super::events::{
    IncidentAccessRevoked, IncidentAcknowledged, IncidentArtefactKept, IncidentCalled, IncidentClosed,
    IncidentContainmentOrdered, IncidentContainmentRefused, IncidentDiagnosticsAsked, IncidentEscalated, IncidentEvent,
    IncidentFindingJoined, IncidentInvestigationBegan, IncidentIsolated, IncidentOpened, IncidentRecoveryBegan,
    IncidentRestored, IncidentSeverityChanged, IncidentTriaged, IncidentWatchBegan, IncidentWatchEnded,
};
use super::{Artefact, Contained, Containment, Finding, Incident, Severity, Status, WATCH_MS};

type Answer<R> = Decided<IncidentEvent, R>;

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such incident")
}

fn not_now(incident: &Incident, what: &str) -> Reject {
    Reject::new(Code::IllegalTransition, format!("this incident is {}: {what}", incident.status.as_str()))
}

fn open(state: Option<&Incident>) -> Result<&Incident, Reject> {
    let incident = state.ok_or_else(missing)?;
    if incident.status.is_over() { Err(not_now(incident, "nothing more is done about it")) } else { Ok(incident) }
}

fn accept_open<R>(state: Option<&Incident>, decide: impl FnOnce(&Incident) -> Answer<R>) -> Answer<R> {
    match open(state) {
        Ok(incident) => decide(incident),
        Err(reject) => Decided::reject(reject),
    }
}

/// Takes what a detection found: the first finding opens the incident, the same one again changes nothing, and a worse one
/// makes it worse.
pub fn find(
    state: Option<&Incident>,
    subject: &Subject,
    finding: &Finding,
    moving: Option<bool>,
    exercise: bool,
) -> Answer<()> {
    let Some(incident) = state else {
        let opened = IncidentOpened { subject: subject.clone(), finding: finding.clone(), moving, exercise };
        return Decided::accept([opened.into()], ());
    };
    if incident.findings.iter().any(|known| known.alert == finding.alert) || incident.status.is_over() {
        return Decided::unchanged(());
    }
    let mut events: Vec<IncidentEvent> = vec![IncidentFindingJoined { finding: finding.clone() }.into()];
    if finding.severity > incident.severity {
        let reason = format!("{}: {}", finding.rule, finding.title);
        events.push(IncidentSeverityChanged { severity: finding.severity, reason }.into());
    }
    Decided::accept(events, ())
}

/// Says what follows from the severity: of medium or low severity the subject is watched for a day (SEC-5).
pub fn triage(state: Option<&Incident>, now: Timestamp) -> Answer<()> {
    accept_open(state, |incident| {
        if incident.status != Status::New {
            return Decided::unchanged(());
        }
        let mut events: Vec<IncidentEvent> = vec![IncidentTriaged {}.into()];
        if !incident.severity.is_emergency() {
            events.push(IncidentWatchBegan { until: now.plus_ms(WATCH_MS) }.into());
        }
        Decided::accept(events, ())
    })
}

/// A person knows better how bad it is.
pub fn set_severity(state: Option<&Incident>, severity: Severity, reason: &str) -> Answer<()> {
    accept_open(state, |incident| match incident.severity == severity {
        true => Decided::unchanged(()),
        false => Decided::accept([IncidentSeverityChanged { severity, reason: reason.into() }.into()], ()),
    })
}

/// What policy says of each half of containment; `None` where it was not asked for.
#[derive(Debug, Default)]
pub struct Allowed {
    pub isolate: Option<PolicyAnswer>,
    pub revoke: Option<PolicyAnswer>,
}

impl Allowed {
    fn granted(&self) -> Containment {
        let is_granted = |answer: &Option<PolicyAnswer>| answer.as_ref().is_some_and(|answer| answer.refusal.is_none());
        Containment { isolate: is_granted(&self.isolate), revoke: is_granted(&self.revoke) }
    }

    fn refusal(&self) -> Option<Reject> {
        let mut answers = [&self.isolate, &self.revoke].into_iter().flatten();
        answers.find_map(|answer| answer.refusal.clone())
    }
}

/// Contains it as far as policy allows (SEC-4). What nothing is allowed of waits for a person; a person is refused.
pub fn contain(state: Option<&Incident>, hold: HoldId, by_rule: bool, allowed: &Allowed) -> Answer<()> {
    accept_open(state, |incident| {
        let mut granted = allowed.granted();
        if let Some(contained) = &incident.contained {
            granted.isolate &= !contained.ordered.isolate;
            granted.revoke &= !contained.ordered.revoke;
        }
        match allowed.refusal() {
            _ if granted.is_any() => {
                Decided::accept([IncidentContainmentOrdered { containment: granted, hold }.into()], ())
            }
            None => Decided::unchanged(()),
            Some(refusal) if by_rule => match incident.waits_for_person.is_some() || incident.contained.is_some() {
                true => Decided::unchanged(()),
                false => Decided::accept([IncidentContainmentRefused { reason: refusal.message.clone() }.into()], ()),
            },
            Some(refusal) => Decided::reject(refusal),
        }
    })
}

fn contained(state: Option<&Incident>, is_due: impl FnOnce(&Contained) -> bool) -> bool {
    state.and_then(|incident| incident.contained.as_ref()).is_some_and(is_due)
}

/// The hold is in force, and the vehicle was told to stop.
pub fn isolated(state: Option<&Incident>) -> Answer<()> {
    match contained(state, |known| known.ordered.isolate && known.isolated_at.is_none()) {
        true => Decided::accept([IncidentIsolated {}.into()], ()),
        false => Decided::unchanged(()),
    }
}

/// Certificates, tokens and sessions are worth nothing any more.
pub fn access_revoked(state: Option<&Incident>, what: &str) -> Answer<()> {
    match contained(state, |known| known.ordered.revoke && known.revoked_at.is_none()) {
        true => Decided::accept([IncidentAccessRevoked { what: what.into() }.into()], ()),
        false => Decided::unchanged(()),
    }
}

/// Calls a level of the rotation, unless somebody answered or has time left to. What became an emergency calls at once.
pub fn call(
    state: Option<&Incident>,
    (level, people): (u32, &[String]),
    next_at: Timestamp,
    now: Timestamp,
) -> Answer<()> {
    let Ok(incident) = open(state) else { return Decided::unchanged(()) };
    match &incident.call {
        Some(call) if call.acknowledged_at.is_some() => Decided::unchanged(()),
        Some(call) if now < call.next_at && call.next_at <= next_at => Decided::unchanged(()),
        _ => Decided::accept([IncidentCalled { level, people: people.to_vec(), next_at }.into()], ()),
    }
}

/// Somebody has it: nobody else is called.
pub fn acknowledge(state: Option<&Incident>, by: &str) -> Answer<()> {
    accept_open(state, |incident| match &incident.call {
        Some(call) if call.acknowledged_at.is_none() => {
            Decided::accept([IncidentAcknowledged { by: by.into() }.into()], ())
        }
        Some(_) => Decided::unchanged(()),
        None => Decided::reject(not_now(incident, "nobody was called yet")),
    })
}

/// The watch is over without anything new.
pub fn end_watch(state: Option<&Incident>, now: Timestamp) -> Answer<()> {
    match state.and_then(|incident| incident.watch_until) {
        Some(until) if now >= until => Decided::accept([IncidentWatchEnded {}.into()], ()),
        _ => Decided::unchanged(()),
    }
}

/// Somebody looks into it.
pub fn investigate(state: Option<&Incident>, by: &str) -> Answer<()> {
    accept_open(state, |incident| match incident.status {
        Status::Triaged | Status::Contained | Status::Escalated => {
            Decided::accept([IncidentInvestigationBegan { by: by.into() }.into()], ())
        }
        Status::Investigating => Decided::unchanged(()),
        _ => Decided::reject(not_now(incident, "it is looked into once it is triaged and contained")),
    })
}

/// Asks the vehicle for its state, logs and metrics (SEC-6).
pub fn ask_diagnostics(state: Option<&Incident>, by: &str) -> Answer<()> {
    accept_open(state, |incident| match incident.vehicle() {
        None => Decided::reject(Reject::new(Code::IllegalTransition, "this incident is not about a vehicle")),
        Some(_) => Decided::accept([IncidentDiagnosticsAsked { by: by.into() }.into()], ()),
    })
}

/// Keeps something by its digest, once.
pub fn keep(state: Option<&Incident>, artefact: &Artefact) -> Answer<()> {
    accept_open(state, |incident| {
        let is_known = incident.artefacts.iter().any(|known| known.sha256 == artefact.sha256);
        match is_known {
            true => Decided::unchanged(()),
            false => Decided::accept([IncidentArtefactKept { artefact: artefact.clone() }.into()], ()),
        }
    })
}

/// Asks a second person whether the access is restored (SEC-7).
pub fn begin_recovery(state: Option<&Incident>, by: &str) -> Answer<()> {
    accept_open(state, |incident| match incident.status {
        Status::Contained | Status::Investigating | Status::Escalated => {
            Decided::accept([IncidentRecoveryBegan { by: by.into() }.into()], ())
        }
        Status::Recovering => Decided::unchanged(()),
        _ => Decided::reject(not_now(incident, "only what was contained is restored")),
    })
}

/// Restores the access, if policy allows it.
pub fn restore(state: Option<&Incident>, by: &str, reason: &str, asked: &PolicyAnswer) -> Answer<()> {
    accept_open(state, |incident| {
        if incident.restored_at.is_some() {
            return Decided::unchanged(());
        }
        if incident.status != Status::Recovering {
            return Decided::reject(not_now(incident, "ask for the recovery first"));
        }
        match &asked.refusal {
            Some(refusal) => Decided::reject(refusal.clone()),
            None => Decided::accept([IncidentRestored { by: by.into(), reason: reason.into() }.into()], ()),
        }
    })
}

/// Gives it to an expert team; what is isolated stays so.
pub fn escalate(state: Option<&Incident>, reason: &str, team: &str, by: &str) -> Answer<()> {
    accept_open(state, |incident| match incident.status {
        Status::New | Status::Containing => Decided::reject(not_now(incident, "wait until it is contained")),
        Status::Escalated => Decided::unchanged(()),
        _ => {
            let (reason, team, by) = (reason.to_owned(), team.to_owned(), by.to_owned());
            Decided::accept([IncidentEscalated { reason, team, by }.into()], ())
        }
    })
}

/// Ends it, with what was learned (SEC-8). A vehicle that is isolated is restored first; a drill isolates none.
pub fn close(state: Option<&Incident>, by: &str, lessons: &str) -> Answer<()> {
    accept_open(state, |incident| {
        let is_isolated = incident.contained.as_ref().is_some_and(|known| known.ordered.isolate);
        if is_isolated && incident.restored_at.is_none() && !incident.exercise {
            return Decided::reject(not_now(incident, "restore the vehicle first, or give it to experts"));
        }
        if matches!(incident.status, Status::New | Status::Containing) {
            return Decided::reject(not_now(incident, "wait until it is contained"));
        }
        Decided::accept([IncidentClosed { by: by.into(), lessons: lessons.into() }.into()], ())
    })
}
