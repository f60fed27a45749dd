//! What a rule says when it fires.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sigma's levels, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

/// A rule fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same rule, group and span, in whatever order the records came.
    pub id: String,
    /// The rule's name, or its id where it has no name.
    pub rule: String,
    pub title: String,
    pub level: Level,
    /// The fields that the alert is about, with their values.
    pub group: BTreeMap<String, String>,
    /// The oldest record that led to the alert, in milliseconds since 1970.
    pub first_ms: i64,
    /// The record that completed it.
    pub last_ms: i64,
    /// The ids of the newest records that led to it, at most [`crate::Limits::evidence`].
    pub records: Vec<String>,
    /// How many records led to it.
    pub count: u64,
    /// Techniques of MITRE ATT&CK, such as `T1110.003`.
    pub attack: Vec<String>,
    /// Rows of UN R155, Annex 5, such as `20.2`.
    pub r155: Vec<String>,
    pub false_positives: Vec<String>,
}
