//! The rules of a report.

use std::collections::BTreeMap;

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;

use super::events::{
    InternalAuditLogged, ReportAccepted, ReportChecked, ReportCorrected, ReportCorrectionOverdue, ReportDrafted,
    ReportEvent, ReportRejected, ReportSigned, ReportSubmitted, ReportValuesGiven,
};
use super::{Check, ComplianceReport, Signed, Status, Version};

type Answer<R> = Decided<ReportEvent, R>;

/// The most bytes of everything that a person says in one report.
const VALUES_BYTES_MAX: usize = 20_000;

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such report")
}

fn not_now(report: &ComplianceReport, what: &str) -> Reject {
    Reject::new(Code::IllegalTransition, format!("this report is {}: {what}", report.status.as_str()))
}

fn check_values(values: &BTreeMap<String, String>) -> Result<(), Reject> {
    let bytes: usize = values.iter().map(|(name, value)| name.len() + value.len()).sum();
    match bytes > VALUES_BYTES_MAX {
        true => Err(Reject::invalid_field("/values", format!("has more than {VALUES_BYTES_MAX} bytes"))),
        false => Ok(()),
    }
}

/// Begins a report.
pub fn draft(state: Option<&ComplianceReport>, drafted: &ReportDrafted, now: Timestamp) -> Answer<()> {
    if state.is_some() {
        return Decided::unchanged(());
    }
    if drafted.covered.until <= drafted.covered.from || drafted.covered.from > now {
        let text = "must begin in the past and end after it began";
        return Decided::reject(Reject::invalid_field("/covered", text));
    }
    match check_values(&drafted.values) {
        Ok(()) => Decided::accept([drafted.clone().into()], ()),
        Err(reject) => Decided::reject(reject),
    }
}

/// Says what no entry says, all of it.
pub fn give_values(state: Option<&ComplianceReport>, values: &BTreeMap<String, String>, by: &str) -> Answer<()> {
    let Some(report) = state else { return Decided::reject(missing()) };
    if !matches!(report.status, Status::Draft | Status::Signed) {
        return Decided::reject(not_now(report, "its values stand as they were submitted"));
    }
    match check_values(values) {
        Ok(()) if report.values == *values => Decided::unchanged(()),
        Ok(()) => Decided::accept([ReportValuesGiven { values: values.clone(), by: by.into() }.into()], ()),
        Err(reject) => Decided::reject(reject),
    }
}

/// A version is written down and signed. `number` is the one that the documents name.
pub fn sign(state: Option<&ComplianceReport>, signed: &ReportSigned) -> Answer<()> {
    let Some(report) = state else { return Decided::reject(missing()) };
    if !matches!(report.status, Status::Draft | Status::Signed) {
        let text = match report.status {
            Status::Rejected => "say what was corrected first",
            _ => "it is signed already",
        };
        return Decided::reject(not_now(report, text));
    }
    if signed.version != report.version {
        return Decided::reject(Reject::new(Code::Conflict, "the report went on meanwhile: sign it again"));
    }
    Decided::accept([signed.clone().into()], ())
}

/// What stands behind a submission.
#[derive(Debug)]
pub struct Submitting<'a> {
    pub answer: &'a PolicyAnswer,
    pub due_at: Option<Timestamp>,
    pub now: Timestamp,
    pub by: &'a str,
    /// Whether it stays in the house; then what the audit found.
    pub internal: Option<String>,
}

/// Hands the newest version to the authority, or logs it as an internal audit.
pub fn submit(state: Option<&ComplianceReport>, submitting: &Submitting<'_>) -> Answer<()> {
    let Some(report) = state else { return Decided::reject(missing()) };
    if matches!(report.status, Status::Submitted | Status::Logged) {
        return Decided::unchanged(());
    }
    if let Some(refusal) = &submitting.answer.refusal {
        return Decided::reject(refusal.clone());
    }
    let Some(version) = report.newest().filter(|_| report.status == Status::Signed) else {
        return Decided::reject(not_now(report, "sign it first"));
    };
    let (form, version, by) = (report.form.clone(), version.version, submitting.by.to_owned());
    if let Some(findings) = &submitting.internal {
        let logged = InternalAuditLogged { form, version, findings: findings.clone(), by };
        return Decided::accept([logged.into()], ());
    }
    let submitted = ReportSubmitted {
        form,
        version,
        collision: report.collision,
        obligation: report.obligation,
        due_at: submitting.due_at,
        late: submitting.due_at.is_some_and(|due| submitting.now >= due),
        by,
    };
    Decided::accept([submitted.into()], ())
}

/// The version that waits for the authority.
fn waiting(state: Option<&ComplianceReport>) -> Result<(&ComplianceReport, &Version), Reject> {
    let report = state.ok_or_else(missing)?;
    let version = report.submitted().filter(|_| report.status == Status::Submitted);
    Ok((report, version.ok_or_else(|| not_now(report, "it does not wait for an answer"))?))
}

/// The authority's side checked it.
pub fn checked(state: Option<&ComplianceReport>, number: u32, check: &Check) -> Answer<()> {
    match waiting(state) {
        Err(reject) => Decided::reject(reject),
        Ok((_, version)) if version.version != number => {
            Decided::reject(Reject::new(Code::Conflict, "another version was submitted meanwhile: check that one"))
        }
        Ok((_, version)) if version.check.as_ref() == Some(check) => Decided::unchanged(()),
        Ok(_) => Decided::accept([ReportChecked { version: number, check: check.clone() }.into()], ()),
    }
}

/// What an authority decides.
#[derive(Debug, Clone)]
pub enum Verdict {
    Accept { confirmation: String, next_due_at: Option<Timestamp> },
    Reject { reason: String, correction: String, owner: String, due_at: Timestamp },
}

/// The authority accepts or rejects what it has.
pub fn decide(
    state: Option<&ComplianceReport>,
    number: u32,
    verdict: &Verdict,
    act: &Signed,
    answer: &PolicyAnswer,
) -> Answer<()> {
    if let Some(refusal) = &answer.refusal {
        return Decided::reject(refusal.clone());
    }
    let (report, version) = match waiting(state) {
        Ok(found) => found,
        Err(reject) => return Decided::reject(reject),
    };
    if version.version != number {
        return Decided::reject(Reject::new(
            Code::Conflict,
            "another version was submitted meanwhile: decide on that one",
        ));
    }
    let (form, act) = (report.form.clone(), act.clone());
    let event: ReportEvent = match verdict.clone() {
        Verdict::Accept { confirmation, next_due_at } => {
            ReportAccepted { form, version: number, confirmation, next_due_at, act }.into()
        }
        Verdict::Reject { reason, correction, owner, due_at } => {
            ReportRejected { form, version: number, reason, correction, owner, due_at, act }.into()
        }
    };
    Decided::accept([event], ())
}

/// The correction is made.
pub fn correct(state: Option<&ComplianceReport>, what: &str, by: &str) -> Answer<()> {
    match state {
        None => Decided::reject(missing()),
        Some(report) if report.status != Status::Rejected => {
            Decided::reject(not_now(report, "nothing is to be corrected"))
        }
        Some(_) => Decided::accept([ReportCorrected { what: what.into(), by: by.into() }.into()], ()),
    }
}

/// The correction was not made in time.
pub fn due(state: Option<&ComplianceReport>, now: Timestamp) -> Answer<()> {
    let correction = state.and_then(|report| report.correction.as_ref());
    match correction.filter(|correction| correction.done_at.is_none() && !correction.overdue) {
        Some(correction) if now >= correction.due_at => Decided::accept([ReportCorrectionOverdue {}.into()], ()),
        _ => Decided::unchanged(()),
    }
}
