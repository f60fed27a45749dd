//! What somebody did in a longer piece of work, and why.

use kernel::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WorkStep")]
pub struct Step {
    pub step: String,
    /// The principal, or the product itself.
    pub by: String,
    pub at: Timestamp,
    pub note: String,
}

impl Step {
    pub(crate) fn new(step: &str, by: &str, note: &str, at: Timestamp) -> Self {
        Self { step: step.into(), by: by.into(), at, note: note.into() }
    }
}

/// Who takes a step, and why.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub by: &'a str,
    pub reason: &'a str,
}
