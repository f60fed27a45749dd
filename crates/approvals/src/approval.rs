//! One approval: its events, its state, and the rules that lead from one to the next.

use std::collections::BTreeSet;

use kernel::{Aggregate, Code, Decided, EventMeta, Reject, Role, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

kernel::typed_id!(
    /// A command that waits for a second person.
    ApprovalId, "appr"
);

/// How long an approval waits: a shift, so that nobody decides what the situation no longer is.
pub const VALID_MS: i64 = 8 * 3_600_000;

/// Who asked or decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// The principal.
    pub id: String,
    /// The role in which they acted.
    pub role: String,
}

kernel::domain_events! {
    /// What happens to an approval.
    pub enum ApprovalEvent {
        "approval.asked" 1 => Asked(ApprovalAsked),
        "approval.approved" 1 => Approved(ApprovalApproved),
        "approval.rejected" 1 => Rejected(ApprovalRejected),
        "approval.expired" 1 => Expired(ApprovalExpired),
        "approval.done" 1 => Done(ApprovalDone),
        "approval.failed" 1 => Failed(ApprovalFailed),
        "approval.withdrawn" 1 => Withdrawn(ApprovalWithdrawn),
    }
}

/// One person asks for a command that needs two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// The name of the command, such as `hold.release`.
    pub command: String,
    /// What it is done to.
    pub subject: Subject,
    /// What it does, for a person.
    pub summary: String,
    pub reason: String,
    /// What the command needs to be carried out.
    pub arguments: Value,
    /// The roles that may decide it.
    pub deciding_roles: BTreeSet<Role>,
    pub by: Person,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalApproved {
    pub by: Person,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRejected {
    pub by: Person,
    pub reason: String,
}

/// Nobody decided it in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalExpired {}

/// The command was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDone {}

/// The command was refused when it was carried out: what it is about was changed meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalFailed {
    pub code: String,
    pub reason: String,
}

/// Who asked for it may no longer act in the role in which they asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalWithdrawn {
    pub reason: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ApprovalState {
    Pending,
    /// A second person agreed; it is being carried out.
    Approved,
    Rejected,
    Expired,
    Done,
    /// Approved, and refused when it was carried out.
    Failed,
    /// Who asked has left, or lost the role in which they asked.
    Withdrawn,
}

/// A command that waits for a second person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    pub command: String,
    pub subject: Subject,
    pub summary: String,
    pub reason: String,
    pub arguments: Value,
    pub deciding_roles: BTreeSet<Role>,
    pub asked_by: Person,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: ApprovalState,
    pub decided_by: Option<Person>,
    /// What the second person said, or why it failed.
    pub outcome: Option<String>,
}

impl Aggregate for Approval {
    type Id = ApprovalId;
    type Event = ApprovalEvent;
    const KIND: &'static str = "approval";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["state"];

    fn evolve(state: Option<Self>, event: &ApprovalEvent, meta: &EventMeta) -> Option<Self> {
        use ApprovalEvent as E;
        let ended = |approval: Self, state, by: Option<&Person>, outcome: Option<&String>| Self {
            state,
            decided_by: by.cloned().or(approval.decided_by),
            outcome: outcome.cloned().or(approval.outcome),
            ..approval
        };
        match (state, event) {
            (None, E::Asked(asked)) => Some(Self {
                command: asked.command.clone(),
                subject: asked.subject.clone(),
                summary: asked.summary.clone(),
                reason: asked.reason.clone(),
                arguments: asked.arguments.clone(),
                deciding_roles: asked.deciding_roles.clone(),
                asked_by: asked.by.clone(),
                asked_at: meta.recorded_at,
                expires_at: asked.expires_at,
                state: ApprovalState::Pending,
                decided_by: None,
                outcome: None,
            }),
            (Some(one), E::Approved(ok)) => Some(ended(one, ApprovalState::Approved, Some(&ok.by), Some(&ok.reason))),
            (Some(one), E::Rejected(no)) => Some(ended(one, ApprovalState::Rejected, Some(&no.by), Some(&no.reason))),
            (Some(one), E::Expired(_)) => Some(ended(one, ApprovalState::Expired, None, None)),
            (Some(one), E::Done(_)) => Some(ended(one, ApprovalState::Done, None, None)),
            (Some(one), E::Failed(failed)) => Some(ended(one, ApprovalState::Failed, None, Some(&failed.reason))),
            (Some(one), E::Withdrawn(gone)) => Some(ended(one, ApprovalState::Withdrawn, None, Some(&gone.reason))),
            (state, _) => state,
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        (self.state == ApprovalState::Pending).then_some(self.expires_at)
    }

    fn index_values(&self) -> Vec<String> {
        vec![<&str>::from(self.state).into()]
    }

    fn about(event: &ApprovalEvent, state: Option<&Self>) -> Vec<Subject> {
        match event {
            ApprovalEvent::Asked(asked) => vec![asked.subject.clone()],
            _ => state.map(|approval| approval.subject.clone()).into_iter().collect(),
        }
    }
}

/// What a second person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Reject,
}

fn pending(state: Option<&Approval>, now: Timestamp) -> Result<&Approval, Reject> {
    let Some(approval) = state else { return Err(Reject::new(Code::NotFound, "there is no such approval")) };
    let is_open = approval.state == ApprovalState::Pending && now < approval.expires_at;
    let what = if is_open { return Ok(approval) } else { approval.state };
    let what: &str = if what == ApprovalState::Pending { "expired" } else { what.into() };
    Err(Reject::new(Code::IllegalTransition, format!("this approval is {what} already: ask again")))
}

/// Asks for a command that needs two people.
pub fn ask(state: Option<&Approval>, asked: ApprovalAsked) -> Decided<ApprovalEvent, ()> {
    match state {
        Some(_) => Decided::reject(Reject::new(Code::Conflict, "this approval exists already")),
        None => Decided::accept([asked.into()], ()),
    }
}

/// Decides what another person asked for.
pub fn decide(
    state: Option<&Approval>,
    by: &Person,
    verdict: Verdict,
    reason: &str,
    now: Timestamp,
) -> Decided<ApprovalEvent, ()> {
    let approval = match pending(state, now) {
        Ok(approval) => approval,
        Err(reject) => return Decided::reject(reject),
    };
    if approval.asked_by.id == by.id {
        let text = "two people are needed: somebody else decides what you asked for";
        return Decided::reject(Reject::new(Code::Forbidden, text));
    }
    if !approval.deciding_roles.iter().any(|role| role.as_str() == by.role) {
        let roles: Vec<&str> = approval.deciding_roles.iter().map(|role| role.as_str()).collect();
        let text = format!("the role {} does not decide this: {} does", by.role, roles.join(" or "));
        return Decided::reject(Reject::new(Code::Forbidden, text));
    }
    let (by, reason) = (by.clone(), reason.to_owned());
    match verdict {
        Verdict::Approve => Decided::accept([ApprovalApproved { by, reason }.into()], ()),
        Verdict::Reject => Decided::accept([ApprovalRejected { by, reason }.into()], ()),
    }
}

/// Ends an approval that nobody decided in time.
pub fn expire(state: Option<&Approval>, now: Timestamp) -> Decided<ApprovalEvent, ()> {
    match state {
        Some(approval) if approval.state == ApprovalState::Pending && now >= approval.expires_at => {
            Decided::accept([ApprovalExpired {}.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Ends an approval that nobody answers for any more.
pub fn withdraw(state: Option<&Approval>, reason: &str) -> Decided<ApprovalEvent, ()> {
    match state {
        Some(approval) if approval.state == ApprovalState::Pending => {
            Decided::accept([ApprovalWithdrawn { reason: reason.into() }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Writes down how an approved command went; once.
pub fn carried_out(state: Option<&Approval>, refused: Option<&Reject>) -> Decided<ApprovalEvent, ()> {
    match (state, refused) {
        (Some(approval), None) if approval.state == ApprovalState::Approved => {
            Decided::accept([ApprovalDone {}.into()], ())
        }
        (Some(approval), Some(reject)) if approval.state == ApprovalState::Approved => {
            let (code, reason) = (reject.code.as_str().to_owned(), reject.message.clone());
            Decided::accept([ApprovalFailed { code, reason }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

#[cfg(test)]
mod tests {
    use kernel::testing::{START, accepts, check, refuses, unchanged};

    use super::*;

    fn person(id: &str, role: &str) -> Person {
        Person { id: id.into(), role: role.into() }
    }

    fn asked() -> ApprovalEvent {
        ApprovalAsked {
            command: "hold.release".into(),
            subject: Subject::new("vehicle", "veh_1"),
            summary: "release the hold of Ana".into(),
            reason: "Ana has left".into(),
            arguments: Value::Null,
            deciding_roles: [Role::SafetyOfficer].into(),
            by: person("prin_1", "dispatcher"),
            expires_at: START.plus_ms(VALID_MS),
        }
        .into()
    }

    #[test]
    fn another_person_of_the_right_role_decides_once_and_in_time() {
        let at = |by: Person, now: Timestamp| {
            move |state: Option<&Approval>| decide(state, &by, Verdict::Approve, "ok", now)
        };
        let officer = person("prin_2", "safety_officer");
        let approved: ApprovalEvent = ApprovalApproved { by: officer.clone(), reason: "ok".into() }.into();
        check([], at(officer.clone(), START), refuses(Code::NotFound));
        check([asked()], at(person("prin_1", "safety_officer"), START), refuses(Code::Forbidden));
        check([asked()], at(person("prin_2", "dispatcher"), START), refuses(Code::Forbidden));
        check([asked()], at(officer.clone(), START.plus_ms(VALID_MS)), refuses(Code::IllegalTransition));
        let after = check([asked()], at(officer.clone(), START), accepts([approved.clone()], ())).unwrap();
        assert_eq!((after.state, after.decided_by), (ApprovalState::Approved, Some(officer.clone())));
        check([asked(), approved.clone()], at(officer, START), refuses(Code::IllegalTransition));
        let done = |state: Option<&Approval>| carried_out(state, None);
        let after = check([asked(), approved.clone()], done, accepts([ApprovalDone {}.into()], ())).unwrap();
        assert_eq!(after.state, ApprovalState::Done);
        check([asked(), approved, ApprovalDone {}.into()], done, unchanged(()));
        check([asked()], done, unchanged(()));
    }

    #[test]
    fn what_nobody_answers_for_any_more_is_withdrawn_while_it_waits() {
        let left = |state: Option<&Approval>| withdraw(state, "Ana has left");
        let withdrawn: ApprovalEvent = ApprovalWithdrawn { reason: "Ana has left".into() }.into();
        let after = check([asked()], left, accepts([withdrawn.clone()], ())).unwrap();
        assert_eq!((after.state, after.due_at()), (ApprovalState::Withdrawn, None));
        check([asked(), withdrawn], left, unchanged(()));
        check([], left, unchanged(()));
    }

    #[test]
    fn what_nobody_decides_expires() {
        let at = |now: Timestamp| move |state: Option<&Approval>| expire(state, now);
        check([asked()], at(START), unchanged(()));
        let expired: ApprovalEvent = ApprovalExpired {}.into();
        let after = check([asked()], at(START.plus_ms(VALID_MS)), accepts([expired], ())).unwrap();
        assert_eq!((after.state, after.due_at()), (ApprovalState::Expired, None));
    }
}
