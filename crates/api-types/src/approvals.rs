//! Approvals: what waits for a second person.

use approvals::{ApprovalId, ApprovalState, Person};
use kernel::{Actor, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PageLimit;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Which {
    Open,
    All,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct ApprovalFilter {
    /// Those that are open, where nothing is said.
    pub which: Option<Which>,
    pub after: Option<ApprovalId>,
    pub limit: Option<PageLimit>,
}

/// A command that waits for a second person, or what came of it.
#[derive(Serialize, JsonSchema)]
pub struct Approval {
    pub id: ApprovalId,
    /// The name of the command, such as `hold.release`.
    pub action: String,
    pub subject: Subject,
    /// What it does, for a person.
    pub summary: String,
    /// What the command names beside its subject, such as the hold.
    pub arguments: Map<String, Value>,
    pub reason: String,
    pub asked_by: Person,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: ApprovalState,
    pub decided_by: Option<Person>,
    /// What the second person said, or why it failed.
    pub outcome: Option<String>,
    /// Whether the caller may decide it: never who asked.
    pub may_decide: bool,
}

impl Approval {
    pub fn of(id: ApprovalId, approval: approvals::Approval, by: &Actor, now: Timestamp) -> Self {
        let has_role = approval.deciding_roles.iter().any(|role| role.as_str() == by.role);
        let is_open = approval.state == ApprovalState::Pending && now < approval.expires_at;
        Self {
            may_decide: is_open && has_role && approval.asked_by.id != by.id,
            id,
            action: approval.command,
            subject: approval.subject,
            summary: approval.summary,
            arguments: approval.arguments.as_object().cloned().unwrap_or_default(),
            reason: approval.reason,
            asked_by: approval.asked_by,
            asked_at: approval.asked_at,
            expires_at: approval.expires_at,
            state: approval.state,
            decided_by: approval.decided_by,
            outcome: approval.outcome,
        }
    }
}
