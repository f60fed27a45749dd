//! A report to an authority: drafted from the journal, signed, submitted, and answered by the authority itself. What it
//! rejects is corrected and submitted again as the next version under the same id.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::id::{BundleId, CollisionId, ObligationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::ReportEvent;

/// Versions of one report whose history is kept; the journal has all.
pub const VERSIONS_MAX: usize = 50;

/// The time that a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    pub from: Timestamp,
    /// Not included.
    pub until: Timestamp,
}

/// A version as files, each by its SHA-256 in hexadecimal and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Documents {
    pub html: Document,
    pub pdf: Document,
    /// The fields as a table.
    pub csv: Document,
    /// The Sigstore bundle over the digests of the others.
    pub signature: Document,
}

impl Documents {
    /// The document of a format.
    pub fn of(&self, format: Format) -> &Document {
        match format {
            Format::Html => &self.html,
            Format::Pdf => &self.pdf,
            Format::Csv => &self.csv,
            Format::Signature => &self.signature,
        }
    }
}

/// Which of the files.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ReportFormat")]
#[strum(serialize_all = "snake_case")]
pub enum Format {
    Html,
    Pdf,
    Csv,
    Signature,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    pub sha256: String,
    pub bytes: u64,
}

/// What the authority's side found of a version: its format, its signature, and the keys behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportCheck")]
pub struct Check {
    pub format_valid: bool,
    pub signature_valid: bool,
    /// What is wrong.
    pub problems: Vec<String>,
    /// From the signature to the key that is trusted: the key, its purpose, its state and since when.
    pub chain: Vec<String>,
    pub by: String,
}

/// An act of an authority with its own signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    pub by: String,
    /// The text that was signed.
    pub statement: String,
    /// The signature in base 64.
    pub signature: String,
    /// The authority's key as SubjectPublicKeyInfo in base 64.
    pub key: String,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportVersion")]
pub struct Version {
    pub version: u32,
    pub bundle: BundleId,
    pub bundle_complete: bool,
    pub documents: Documents,
    pub missing: Vec<String>,
    pub key: String,
    pub signed_at: Timestamp,
    pub signed_by: String,
    pub submitted_at: Option<Timestamp>,
    pub submitted_by: Option<String>,
    pub late: bool,
    pub check: Option<Check>,
    pub checked_at: Option<Timestamp>,
    pub answer: Option<AuthorityAnswer>,
}

/// What the authority said of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorityAnswer {
    pub accepted: bool,
    /// The authority's number, where it accepted.
    pub confirmation: Option<String>,
    pub next_due_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub at: Timestamp,
    pub act: Signed,
}

/// What is to be corrected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    pub what: String,
    /// Who corrects it, as a role.
    pub owner: String,
    pub due_at: Timestamp,
    pub ordered_at: Timestamp,
    pub overdue: bool,
    pub done_at: Option<Timestamp>,
    pub done_by: Option<String>,
    pub done: Option<String>,
}

/// How far a report is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "ReportStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Draft,
    Signed,
    Submitted,
    Accepted,
    /// The authority wants a correction.
    Rejected,
    /// It stays in the house.
    Logged,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplianceReport {
    pub form: String,
    pub title: String,
    pub status: Status,
    pub covered: Covered,
    pub collision: Option<CollisionId>,
    pub obligation: Option<ObligationId>,
    /// What no entry says, by the field's id.
    pub values: BTreeMap<String, String>,
    pub drafted_at: Timestamp,
    pub drafted_by: String,
    /// The number of the version that is signed next, or was signed last.
    pub version: u32,
    pub versions: Vec<Version>,
    pub correction: Option<Correction>,
}

impl ComplianceReport {
    /// The newest version that was signed.
    pub fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version that is with the authority, or was answered last.
    pub fn submitted(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.submitted_at.is_some())
    }
}
