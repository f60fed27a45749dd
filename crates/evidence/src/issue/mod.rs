//! An issue: a violation, or a gap: evidence that is missing, too old or cannot be verified, a deadline that passed (EVD-7).

pub mod decide;
pub mod events;

use kernel::id::{EventId, IssueId};
use kernel::{Aggregate, EventMeta, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::IssueEvent;

/// What is wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum IssueKind {
    /// Something happened that a clause forbids.
    Violation,
    /// A clause asks for evidence, and there is none.
    Missing,
    /// The newest evidence is too old, or an authority waits for something.
    Late,
    /// Evidence is there and cannot be verified.
    Unverifiable,
    /// A vehicle in service says nothing any more.
    Silent,
    /// Witnesses have not seen the log in time.
    Unwitnessed,
}

impl IssueKind {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What is tried without a person, if policy allows it, the first first.
    pub fn mitigations(self) -> &'static [Mitigation] {
        match self {
            Self::Violation => &[Mitigation::Assign, Mitigation::CollectEvidence],
            Self::Unverifiable => &[Mitigation::Assign, Mitigation::VerifyJournal],
            Self::Missing | Self::Late | Self::Silent | Self::Unwitnessed => &[Mitigation::Assign],
        }
    }
}

/// What is done about an issue.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mitigation {
    /// Somebody answers for it by a date.
    Assign,
    /// What is known of its subject is bundled before anything is lost.
    CollectEvidence,
    /// The tenant's journal is verified as a whole.
    VerifyJournal,
    /// The vehicle is not dispatched any more.
    HoldVehicle,
}

impl Mitigation {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How far an issue is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "IssueStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Open,
    /// What was ordered about it is done; it is still to be resolved.
    Mitigated,
    Resolved,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something that was done about an issue, or is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub mitigation: Mitigation,
    pub by: String,
    pub ordered_at: Timestamp,
    pub executed_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub succeeded: Option<bool>,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplianceIssue {
    pub kind: IssueKind,
    pub status: Status,
    pub title: String,
    pub clauses: Vec<String>,
    pub entry: Option<u64>,
    pub event: Option<EventId>,
    pub about: Option<Subject>,
    pub owner: String,
    pub due_at: Timestamp,
    pub overdue: bool,
    pub raised_at: Timestamp,
    pub steps: Vec<Step>,
    pub resolved_at: Option<Timestamp>,
    pub resolved_by: Option<String>,
    pub resolution: Option<String>,
}

impl ComplianceIssue {
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    /// The step of a mitigation that is ordered and not done.
    fn waiting(&mut self, mitigation: Mitigation) -> Option<&mut Step> {
        self.steps.iter_mut().rev().find(|step| step.mitigation == mitigation && step.executed_at.is_none())
    }

    fn raised(raised: events::IssueRaised, at: Timestamp) -> Self {
        Self {
            kind: raised.kind,
            status: Status::Open,
            title: raised.title,
            clauses: raised.clauses,
            entry: raised.entry,
            event: raised.event,
            about: raised.about,
            owner: raised.owner,
            due_at: raised.due_at,
            overdue: false,
            raised_at: at,
            steps: Vec::new(),
            resolved_at: None,
            resolved_by: None,
            resolution: None,
        }
    }
}

impl Aggregate for ComplianceIssue {
    type Id = IssueId;
    type Event = IssueEvent;
    const KIND: &'static str = "issue";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["open"];

    fn evolve(state: Option<Self>, event: &IssueEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        if let IssueEvent::Raised(raised) = event {
            return Some(Self::raised(raised.clone(), at));
        }
        let mut issue = state?;
        match event {
            IssueEvent::Raised(_) => {}
            IssueEvent::Ordered(ordered) => issue.steps.push(Step {
                mitigation: ordered.mitigation,
                by: ordered.by.clone(),
                ordered_at: at,
                executed_at: None,
                outcome: None,
                succeeded: None,
            }),
            IssueEvent::Executed(executed) => {
                if let Some(step) = issue.waiting(executed.mitigation) {
                    step.executed_at = Some(at);
                    step.outcome = Some(executed.outcome.clone());
                    step.succeeded = Some(executed.succeeded);
                }
                let is_done = issue.steps.iter().all(|step| step.succeeded == Some(true));
                if is_done && issue.status == Status::Open {
                    issue.status = Status::Mitigated;
                }
            }
            IssueEvent::Overdue(_) => issue.overdue = true,
            IssueEvent::Resolved(resolved) => {
                issue.status = Status::Resolved;
                issue.resolved_at = Some(at);
                issue.resolved_by = Some(resolved.by.clone());
                issue.resolution = Some(resolved.how.clone());
            }
        }
        Some(issue)
    }

    fn due_at(&self) -> Option<Timestamp> {
        (self.is_open() && !self.overdue).then_some(self.due_at)
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.is_open() { "open" } else { "" }.to_owned()]
    }

    fn about(event: &IssueEvent, state: Option<&Self>) -> Vec<Subject> {
        let about = match event {
            IssueEvent::Raised(raised) => raised.about.clone(),
            _ => state.and_then(|issue| issue.about.clone()),
        };
        about.into_iter().collect()
    }
}
