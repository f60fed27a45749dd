//! What a report may do when.

use kernel::id::{BundleId, TypedId};
use kernel::{Aggregate, Code, EventMeta};

use super::decide::{Submitting, Verdict, checked, correct, decide, draft, due, give_values, sign, submit};
use super::events::{ReportDrafted, ReportSigned};
use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn allowed() -> policy::PolicyAnswer {
    policy::PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

fn evolve(state: Option<ComplianceReport>, events: &[ReportEvent]) -> Option<ComplianceReport> {
    events.iter().fold(state, |state, event| ComplianceReport::evolve(state, event, &EventMeta { recorded_at: at(10) }))
}

fn drafted() -> ComplianceReport {
    let drafted = ReportDrafted {
        form: "nhtsa-sgo".into(),
        title: "A form".into(),
        covered: Covered { from: at(0), until: at(9) },
        collision: None,
        obligation: None,
        values: BTreeMap::new(),
        by: "sara".into(),
    };
    evolve(None, &draft(None, &drafted, at(10)).events).unwrap()
}

fn signed(version: u32) -> ReportSigned {
    let document = Document { sha256: "a".repeat(64), bytes: 1 };
    let of = || document.clone();
    ReportSigned {
        form: "nhtsa-sgo".into(),
        version,
        bundle: BundleId::from_u128(1),
        bundle_complete: true,
        documents: Documents { html: of(), pdf: of(), csv: of(), signature: of() },
        missing: Vec::new(),
        key: "key_1".into(),
        by: "sara".into(),
    }
}

fn submitting<'a>(answer: &'a policy::PolicyAnswer, due_at: Option<Timestamp>) -> Submitting<'a> {
    Submitting { answer, due_at, now: at(20), by: "sara", internal: None }
}

fn reject(due_ms: i64) -> Verdict {
    Verdict::Reject {
        reason: "thin".into(),
        correction: "more".into(),
        owner: "safety_officer".into(),
        due_at: at(due_ms),
    }
}

fn act() -> Signed {
    Signed { by: "rita".into(), statement: "{}".into(), signature: "AA==".into(), key: "MFkw".into() }
}

#[test]
fn a_rejected_report_is_corrected_and_goes_again_as_the_next_version_under_its_id() {
    let (answer, report) = (allowed(), drafted());
    let report = evolve(Some(report.clone()), &sign(Some(&report), &signed(1)).events).unwrap();
    let late = submit(Some(&report), &submitting(&answer, Some(at(20))));
    let report = evolve(Some(report), &late.events).unwrap();
    assert!(report.newest().unwrap().late, "what arrives at the instant is late");
    assert!(give_values(Some(&report), &BTreeMap::from([("a".into(), "b".into())]), "sara").reply.is_err());
    let rejected = decide(Some(&report), 1, &reject(50), &act(), &answer);
    let report = evolve(Some(report), &rejected.events).unwrap();
    assert_eq!((report.status, report.due_at()), (Status::Rejected, Some(at(50))));
    assert!(sign(Some(&report), &signed(2)).reply.is_err(), "nothing was corrected");
    assert!(due(Some(&report), at(49)).events.is_empty());
    let report = evolve(Some(report.clone()), &due(Some(&report), at(50)).events).unwrap();
    assert!(report.correction.as_ref().unwrap().overdue && report.due_at().is_none());
    let report = evolve(Some(report.clone()), &correct(Some(&report), "the narrative", "sara").events).unwrap();
    assert_eq!((report.status, report.version), (Status::Draft, 2));
    assert_eq!(sign(Some(&report), &signed(1)).reply.unwrap_err().code, Code::Conflict);
    let report = evolve(Some(report.clone()), &sign(Some(&report), &signed(2)).events).unwrap();
    let report = evolve(Some(report.clone()), &submit(Some(&report), &submitting(&answer, None)).events).unwrap();
    assert_eq!(decide(Some(&report), 1, &reject(99), &act(), &answer).reply.unwrap_err().code, Code::Conflict);
    let accept = Verdict::Accept { confirmation: "N-17".into(), next_due_at: None };
    let report = evolve(Some(report.clone()), &decide(Some(&report), 2, &accept, &act(), &answer).events).unwrap();
    assert_eq!((report.status, report.versions.len()), (Status::Accepted, 2));
    assert!(decide(Some(&report), 2, &accept, &act(), &answer).reply.is_err(), "it waits for nothing");
}

#[test]
fn nothing_is_decided_twice_or_before_its_time() {
    let (answer, report) = (allowed(), drafted());
    assert!(submit(Some(&report), &submitting(&answer, None)).reply.is_err(), "it is not signed");
    let check =
        Check { format_valid: true, signature_valid: true, problems: Vec::new(), chain: Vec::new(), by: "rita".into() };
    assert!(checked(Some(&report), 1, &check).reply.is_err(), "nobody has it");
    let report = evolve(Some(report.clone()), &sign(Some(&report), &signed(1)).events).unwrap();
    let again = evolve(Some(report.clone()), &sign(Some(&report), &signed(1)).events).unwrap();
    assert_eq!(again.versions.len(), 1, "what nobody had is replaced");
    let report = evolve(Some(again.clone()), &submit(Some(&again), &submitting(&answer, None)).events).unwrap();
    assert!(submit(Some(&report), &submitting(&answer, None)).events.is_empty(), "it is there already");
    let report = evolve(Some(report.clone()), &checked(Some(&report), 1, &check).events).unwrap();
    assert!(checked(Some(&report), 1, &check).events.is_empty());
    assert_eq!(checked(Some(&report), 2, &check).reply.unwrap_err().code, Code::Conflict);
    assert!(correct(Some(&report), "x", "sara").reply.is_err());
}
