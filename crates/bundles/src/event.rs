//! What the clauses look at: as much of a journal's entry as evidence is about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Such as `vehicle`, `trip` or `site`.
    pub kind: String,
    pub id: String,
}

impl Subject {
    #[must_use]
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The place in the log, from 0. No two events share one.
    pub index: u64,
    pub id: String,
    /// Such as `trip.created`.
    pub r#type: String,
    /// When it was recorded by the control plane's clock, in milliseconds since 1970.
    pub at_ms: i64,
    pub body: Value,
    /// Who acted.
    pub actor: String,
    /// The subject of its stream first, then everything else that it is about.
    pub subjects: Vec<Subject>,
}

impl Event {
    /// The id of the first subject of a kind.
    #[must_use]
    pub fn subject(&self, kind: &str) -> Option<&str> {
        self.subjects.iter().find(|subject| subject.kind == kind).map(|subject| subject.id.as_str())
    }
}
