//! The rules of an issue.

use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;

use super::events::{IssueEvent, IssueOverdue, IssueRaised, IssueResolved, MitigationExecuted, MitigationOrdered};
use super::{ComplianceIssue, Mitigation};

type Answer<R> = Decided<IssueEvent, R>;

fn missing() -> Reject {
    Reject::new(Code::NotFound, "there is no such issue")
}

fn resolved_already() -> Reject {
    Reject::new(Code::IllegalTransition, "this issue is resolved: nothing more is done about it")
}

/// Raises an issue. The same one again changes nothing, unless it was resolved since.
pub fn raise(state: Option<&ComplianceIssue>, raised: &IssueRaised) -> Answer<()> {
    match state {
        Some(issue) if issue.is_open() || issue.event.is_some() => Decided::unchanged(()),
        _ => Decided::accept([raised.clone().into()], ()),
    }
}

/// Has something done about it, as far as policy allows. What a rule may not do waits for a person; a person is refused.
pub fn order(
    state: Option<&ComplianceIssue>,
    mitigation: Mitigation,
    by: &str,
    by_rule: bool,
    answer: &PolicyAnswer,
) -> Answer<()> {
    let Some(issue) = state else { return Decided::reject(missing()) };
    if !issue.is_open() {
        return if by_rule { Decided::unchanged(()) } else { Decided::reject(resolved_already()) };
    }
    let is_known = |step: &super::Step| step.mitigation == mitigation && step.succeeded != Some(false);
    if issue.steps.iter().any(is_known) {
        return Decided::unchanged(());
    }
    match &answer.refusal {
        None => Decided::accept([MitigationOrdered { mitigation, by: by.into() }.into()], ()),
        Some(_) if by_rule => Decided::unchanged(()),
        Some(refusal) => Decided::reject(refusal.clone()),
    }
}

/// What was ordered is done, well or not.
pub fn executed(
    state: Option<&ComplianceIssue>,
    mitigation: Mitigation,
    outcome: &Result<String, String>,
) -> Answer<()> {
    let is_waiting = |step: &super::Step| step.mitigation == mitigation && step.executed_at.is_none();
    match state {
        Some(issue) if issue.steps.iter().any(is_waiting) => {
            let (Ok(text) | Err(text)) = outcome;
            let executed = MitigationExecuted { mitigation, outcome: text.clone(), succeeded: outcome.is_ok() };
            Decided::accept([executed.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Somebody, or what happened since, resolves it.
pub fn resolve(state: Option<&ComplianceIssue>, by: &str, how: &str, by_rule: bool) -> Answer<()> {
    match state {
        Some(issue) if issue.is_open() => {
            Decided::accept([IssueResolved { by: by.into(), how: how.into() }.into()], ())
        }
        Some(_) if by_rule => Decided::unchanged(()),
        Some(_) => Decided::reject(resolved_already()),
        None => Decided::reject(missing()),
    }
}

/// Nobody resolved it in time.
pub fn due(state: Option<&ComplianceIssue>, now: Timestamp) -> Answer<()> {
    match state {
        Some(issue) if issue.is_open() && !issue.overdue && now >= issue.due_at => {
            Decided::accept([IssueOverdue {}.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}
