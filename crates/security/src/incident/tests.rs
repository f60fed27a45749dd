//! The life of an incident: which step is allowed when, and what happens once however often it is told.

use kernel::id::{HoldId, TypedId};
use kernel::{Aggregate, Code, EventMeta, Reject, Subject, Timestamp};
use policy::PolicyAnswer;

use super::decide::{self, Allowed};
use super::{Artefact, Finding, Incident, IncidentEvent, Severity, Status, WATCH_MS};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn finding(alert: &str, severity: Severity) -> Finding {
    Finding {
        alert: alert.into(),
        rule: "a07_dead_certificate".into(),
        title: "A certificate that must not be used".into(),
        severity,
        first: at(1),
        last: at(2),
        records: vec!["evt_1".into()],
        count: 1,
        attack: vec!["T1649".into()],
        r155: vec!["20.2".into()],
    }
}

fn subject() -> Subject {
    Subject::new("vehicle", kernel::VehicleId::from_u128(7))
}

/// Folds what was decided; what was refused is the caller's to see.
fn after(state: Option<Incident>, decided: kernel::Decided<IncidentEvent, ()>, now: i64) -> Incident {
    decided.reply.unwrap();
    let meta = EventMeta { recorded_at: at(now) };
    decided.events.iter().fold(state, |state, event| Incident::evolve(state, event, &meta)).unwrap()
}

fn opened(severity: Severity) -> Incident {
    after(None, decide::find(None, &subject(), &finding("a", severity), Some(true), false), 10)
}

fn answer(refusal: Option<Reject>) -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal, constraints: policy::Constraints::default() }
}

fn allowed() -> Option<PolicyAnswer> {
    Some(answer(None))
}

fn refused() -> Option<PolicyAnswer> {
    Some(answer(Some(Reject::new(Code::PolicyViolation, "too many"))))
}

fn hold() -> HoldId {
    HoldId::from_u128(1)
}

#[test]
fn the_same_finding_changes_nothing_and_a_worse_one_makes_it_worse() {
    let incident = opened(Severity::Medium);
    let same = decide::find(Some(&incident), &subject(), &finding("a", Severity::Medium), None, false);
    assert!(same.events.is_empty());
    let worse = decide::find(Some(&incident), &subject(), &finding("b", Severity::Critical), None, false);
    let incident = after(Some(incident), worse, 20);
    assert_eq!((incident.severity, incident.findings_total), (Severity::Critical, 2));
}

#[test]
fn what_is_no_emergency_is_watched_for_a_day() {
    let incident = opened(Severity::Medium);
    let incident = after(Some(incident.clone()), decide::triage(Some(&incident), at(20)), 20);
    assert_eq!((incident.status, incident.watch_until), (Status::Triaged, Some(at(20 + WATCH_MS))));
    assert!(decide::end_watch(Some(&incident), at(30)).events.is_empty());
    let incident = after(Some(incident.clone()), decide::end_watch(Some(&incident), at(20 + WATCH_MS)), 30);
    assert_eq!(incident.watch_until, None);
    let emergency = opened(Severity::High);
    let emergency = after(Some(emergency.clone()), decide::triage(Some(&emergency), at(20)), 20);
    assert_eq!(emergency.watch_until, None);
}

#[test]
fn isolating_and_revoking_are_two_verdicts() {
    let incident = opened(Severity::Critical);
    let only_isolate = Allowed { isolate: allowed(), revoke: refused() };
    let incident = after(Some(incident.clone()), decide::contain(Some(&incident), hold(), true, &only_isolate), 20);
    assert_eq!(incident.status, Status::Containing);
    let incident = after(Some(incident.clone()), decide::isolated(Some(&incident)), 30);
    assert_eq!((incident.status, incident.contained_at), (Status::Contained, Some(at(30))));
    assert!(decide::access_revoked(Some(&incident), "nothing").events.is_empty(), "nobody ordered it");
    // The other half later, and the first one is not done twice.
    let both = Allowed { isolate: allowed(), revoke: allowed() };
    let incident = after(Some(incident.clone()), decide::contain(Some(&incident), hold(), false, &both), 40);
    let contained = incident.contained.clone().unwrap();
    assert_eq!((contained.ordered.revoke, contained.isolated_at, contained.revoked_at), (true, Some(at(30)), None));
    let incident = after(Some(incident.clone()), decide::access_revoked(Some(&incident), "tokens"), 50);
    assert_eq!(incident.status, Status::Contained);
}

#[test]
fn what_a_rule_may_not_do_waits_for_a_person_who_is_told_why() {
    let incident = opened(Severity::High);
    let nothing = || Allowed { isolate: refused(), revoke: refused() };
    let waits = after(Some(incident.clone()), decide::contain(Some(&incident), hold(), true, &nothing()), 20);
    assert_eq!((waits.waits_for_person.as_deref(), waits.status), (Some("too many"), Status::New));
    assert!(decide::contain(Some(&waits), hold(), true, &nothing()).events.is_empty(), "said once");
    let person = decide::contain(Some(&waits), hold(), false, &nothing()).reply.unwrap_err();
    assert_eq!(person.code, Code::PolicyViolation);
}

#[test]
fn nobody_is_called_twice_before_their_time_is_over() {
    let incident = opened(Severity::High);
    let people = vec!["simon".to_owned()];
    let call = |incident: &Incident, now: i64| decide::call(Some(incident), (0, &people), at(now + 300), at(now));
    let incident = after(Some(incident.clone()), call(&incident, 100), 100);
    assert!(call(&incident, 200).events.is_empty(), "they have time left");
    let incident = after(Some(incident.clone()), call(&incident, 400), 400);
    assert_eq!(incident.call.as_ref().unwrap().calls, 2);
    let incident = after(Some(incident.clone()), decide::acknowledge(Some(&incident), "simon"), 410);
    assert!(call(&incident, 900).events.is_empty(), "somebody has it");
    assert!(decide::acknowledge(Some(&incident), "another").events.is_empty(), "the first one has it");
}

#[test]
fn an_isolated_vehicle_is_restored_before_its_incident_is_closed() {
    let incident = opened(Severity::High);
    let both = Allowed { isolate: allowed(), revoke: allowed() };
    let incident = after(Some(incident.clone()), decide::triage(Some(&incident), at(11)), 11);
    let incident = after(Some(incident.clone()), decide::contain(Some(&incident), hold(), true, &both), 12);
    assert_eq!(decide::close(Some(&incident), "simon", "keys").reply.unwrap_err().code, Code::IllegalTransition);
    let incident = after(Some(incident.clone()), decide::isolated(Some(&incident)), 13);
    let incident = after(Some(incident.clone()), decide::access_revoked(Some(&incident), "keys"), 14);
    let incident = after(Some(incident.clone()), decide::investigate(Some(&incident), "simon"), 15);
    assert_eq!(decide::close(Some(&incident), "simon", "keys").reply.unwrap_err().code, Code::IllegalTransition);
    let answer = answer(None);
    let early = decide::restore(Some(&incident), "simon", "why", &answer).reply.unwrap_err();
    assert_eq!(early.code, Code::IllegalTransition, "nobody asked a second person");
    let incident = after(Some(incident.clone()), decide::begin_recovery(Some(&incident), "simon"), 16);
    let incident = after(Some(incident.clone()), decide::restore(Some(&incident), "simon", "why", &answer), 17);
    let incident = after(Some(incident.clone()), decide::close(Some(&incident), "simon", "keys"), 18);
    assert_eq!((incident.status, incident.closed_at), (Status::Closed, Some(at(18))));
    assert_eq!(incident.index_values()[0], "", "the next finding opens another incident");
}

#[test]
fn an_expert_team_takes_what_stays_isolated() {
    let incident = opened(Severity::High);
    assert!(decide::escalate(Some(&incident), "why", "experts", "simon").reply.is_err(), "not before it is triaged");
    let incident = after(Some(incident.clone()), decide::triage(Some(&incident), at(11)), 11);
    let incident = after(Some(incident.clone()), decide::escalate(Some(&incident), "why", "experts", "simon"), 12);
    assert_eq!((incident.status, incident.restored_at), (Status::Escalated, None));
}

#[test]
fn an_artefact_is_kept_once_by_its_digest() {
    let incident = opened(Severity::High);
    let artefact = Artefact {
        name: "vehicle-1-of-1".into(),
        sha256: "a".repeat(64),
        bytes: 3,
        by: "veh_1".into(),
        at: at(20),
        signed: true,
        complete: true,
    };
    let incident = after(Some(incident.clone()), decide::keep(Some(&incident), &artefact), 20);
    assert!(incident.has_diagnostics());
    assert!(decide::keep(Some(&incident), &artefact).events.is_empty());
}
