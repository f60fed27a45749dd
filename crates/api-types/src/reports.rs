//! Reports to authorities, what is due to them, and their answers.

use std::collections::BTreeMap;

use evidence::obligation::Status as ObligationStatus;
use evidence::report::{Correction, Covered, Format, Status as ReportStatus, Version};
use evidence::{Authority, ComplianceReport, Obligation};
use kernel::id::{CollisionId, ObligationId, ReportId};
use kernel::{Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Sentence, Text, Within};

/// A form of an authority.
#[derive(Serialize, JsonSchema)]
pub struct FormView {
    pub form: String,
    pub title: String,
    pub authority: String,
    pub framework: Option<String>,
    /// What it is for, in our own words.
    pub words: String,
    pub disclaimer: String,
    /// Whether an authority gets it, or it stays in the house.
    pub submitted: bool,
    /// Whether it is about one collision; otherwise about a period.
    pub about_collision: bool,
    pub fields: Vec<FormFieldView>,
}

/// A field of a form.
#[derive(Serialize, JsonSchema)]
pub struct FormFieldView {
    pub id: String,
    pub title: String,
    pub required: bool,
    pub max_chars: Option<u64>,
    /// The only values that the authority takes; empty where it takes any.
    pub choices: Vec<String>,
    /// The setting of the profile that fills it, where one does.
    pub setting: Option<String>,
}

view! {
    ObligationView of it: (ObligationId, Obligation) {
        id: ObligationId = it.0,
        form: String = it.1.form,
        title: String = it.1.title,
        authority: String = it.1.authority,
        status: ObligationStatus = it.1.status,
        about: Option<Subject> = it.1.about,
        covered: Option<Covered> = it.1.covered,
        noticed_at: Timestamp = it.1.noticed_at,
        /// What arrives at this instant or after it is late.
        due_at: Timestamp = it.1.due_at,
        /// The last day that is in time, in the authority's zone.
        due_day: String = it.1.due_day,
        zone: String = it.1.zone,
        report: Option<ReportId> = it.1.report,
        met_at: Option<Timestamp> = it.1.met_at,
    }
}

view! {
    ReportView of it: (ReportId, ComplianceReport) {
        id: ReportId = it.0,
        form: String = it.1.form,
        title: String = it.1.title,
        status: ReportStatus = it.1.status,
        covered: Covered = it.1.covered,
        collision: Option<CollisionId> = it.1.collision,
        obligation: Option<ObligationId> = it.1.obligation,
        /// What no entry says, by the field's id.
        values: BTreeMap<String, String> = it.1.values,
        drafted_at: Timestamp = it.1.drafted_at,
        drafted_by: String = it.1.drafted_by,
        /// The version that is signed next, or was signed last.
        version: u32 = it.1.version,
        versions: Vec<Version> = it.1.versions,
        correction: Option<Correction> = it.1.correction,
    }
}

/// What a report is begun with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    pub form: Text<60>,
    /// Which time it is about; that of the obligation or of the collision where nothing is said.
    pub covered: Option<Covered>,
    pub collision: Option<CollisionId>,
    /// What it meets when it is submitted.
    pub obligation: Option<ObligationId>,
    /// What no entry says, by the field's id.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// What no entry says, all of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportValues {
    pub values: BTreeMap<String, String>,
}

/// A report as it would be written down now.
#[derive(Serialize, JsonSchema)]
pub struct ReportPreview {
    pub fields: Vec<FilledFieldView>,
    /// Required fields without a value.
    pub missing: Vec<String>,
    pub faults: Vec<FieldFault>,
    pub html: String,
}

/// A field with its value and where that came from.
#[derive(Serialize, JsonSchema)]
pub struct FilledFieldView {
    pub id: String,
    pub title: String,
    pub value: Option<String>,
    pub required: bool,
    /// `entries`, `setting`, `person` or `nothing`.
    pub from: String,
    /// The first entries of the journal that it was taken from, and how many there are.
    pub entries: Vec<u64>,
    pub counted: u64,
}

/// What is wrong with a field.
#[derive(Serialize, JsonSchema)]
pub struct FieldFault {
    pub field: String,
    pub reason: String,
}

/// Which document.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct DocumentChoice {
    /// The PDF where nothing is said.
    pub format: Option<Format>,
    /// The newest where nothing is said.
    pub version: Option<Within<1, { u32::MAX as u64 }>>,
}

/// What was corrected.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionMade {
    pub what: Sentence,
}

/// A public key: SubjectPublicKeyInfo in base 64, Ed25519 or P-256.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityKeyRequest {
    pub key: Text<400>,
}

view! {
    AuthorityView of it: Authority {
        key: String = it.key,
        /// SHA-256 of the key's DER in hexadecimal, to be compared over another way.
        fingerprint: String = it.fingerprint,
        registered_at: Timestamp = it.registered_at,
    }
}

/// What an authority decides on the version that it has, signed by its own key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    pub version: Within<1, { u32::MAX as u64 }>,
    pub verdict: VerdictGiven,
    /// The authority's number of an accepted report.
    pub confirmation: Option<Name>,
    /// By when it wants the next report of this form.
    pub next_due_at: Option<Timestamp>,
    /// Why it rejects, what is to be corrected, by which role and by when.
    pub reason: Option<Sentence>,
    pub correction: Option<Sentence>,
    pub owner: Option<Name>,
    pub due_at: Option<Timestamp>,
    /// JSON with at least `report`, `version`, `verdict` and `digest`, the SHA-256 of the report's signature document.
    pub statement: Text<8192>,
    /// The signature over the statement in base 64.
    pub signature: Text<400>,
}

/// What an authority decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictGiven {
    Accept,
    Reject,
}
