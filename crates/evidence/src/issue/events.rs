//! What happens to an issue.

use kernel::id::EventId;
use kernel::{Subject, Timestamp};
use serde::{Deserialize, Serialize};

use super::{IssueKind, Mitigation};

kernel::domain_events! {
    /// What can happen to an issue.
    pub enum IssueEvent {
        "issue.raised" 1 => Raised(IssueRaised),
        "mitigation.ordered" 1 => Ordered(MitigationOrdered),
        "mitigation.executed" 1 => Executed(MitigationExecuted),
        "issue.overdue" 1 => Overdue(IssueOverdue),
        "issue.resolved" 1 => Resolved(IssueResolved),
    }
}

/// A violation, or a gap in what must be known (EVD-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssueRaised {
    pub kind: IssueKind,
    pub title: String,
    /// Clauses that it concerns, as `framework:clause`.
    pub clauses: Vec<String>,
    /// The entry that it follows from, and its event.
    pub entry: Option<u64>,
    pub event: Option<EventId>,
    pub about: Option<Subject>,
    /// Who answers for it, as a role.
    pub owner: String,
    pub due_at: Timestamp,
}

/// Policy, or a person, has something done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MitigationOrdered {
    pub mitigation: Mitigation,
    pub by: String,
}

/// It is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MitigationExecuted {
    pub mitigation: Mitigation,
    /// What came of it, in words.
    pub outcome: String,
    pub succeeded: bool,
}

/// Nobody resolved it in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssueOverdue {}

/// It is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssueResolved {
    pub by: String,
    pub how: String,
}
