//! An incident: what belongs together of what detections found, and everything that was done about it.

pub mod decide;
pub mod events;
mod state;
#[cfg(test)]
mod tests;

use detections::Level;
use kernel::id::{HoldId, IncidentId, PrincipalId, TypedId};
use kernel::{Subject, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use events::IncidentEvent;

/// Alerts of one incident whose evidence is kept; the others are counted.
pub const ALERTS_MAX: usize = 100;
/// Artefacts of one incident.
pub const ARTEFACTS_MAX: usize = 200;
/// How long a vehicle of an incident of medium or low severity is watched (SEC-5), in milliseconds.
pub const WATCH_MS: i64 = 24 * 3_600_000;

/// How bad it is, the least first.
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
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether emergency policy is asked (SEC-4), instead of watching (SEC-5).
    pub fn is_emergency(self) -> bool {
        self >= Self::High
    }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Informational | Level::Low => Self::Low,
            Level::Medium => Self::Medium,
            Level::High => Self::High,
            Level::Critical => Self::Critical,
        }
    }
}

/// How far an incident has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "IncidentStatus")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    New,
    /// Its severity is known; of medium or low severity it is watched.
    Triaged,
    /// What emergency policy allowed is under way.
    Containing,
    Contained,
    Investigating,
    /// Two people want the access restored.
    Recovering,
    Closed,
    /// An expert team has it; what is isolated stays so.
    Escalated,
}

impl Status {
    /// Whether alerts about the same subject begin another incident.
    pub fn is_over(self) -> bool {
        self == Self::Closed
    }

    /// The name, as in answers and in the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a detection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The same for the same rule, group and time, however often it is found.
    pub alert: String,
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    /// The oldest and the newest record that led to it.
    pub first: Timestamp,
    pub last: Timestamp,
    /// Entries of the journal that are its evidence, the newest ones.
    pub records: Vec<String>,
    pub count: u64,
    /// Techniques of MITRE ATT&CK.
    pub attack: Vec<String>,
    /// Rows of UN R155, Annex 5.
    pub r155: Vec<String>,
}

/// What is done about the subject of an incident (SEC-4). Each alone, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Containment {
    /// The vehicle is stopped, held, and talked to for diagnostics and restoring only.
    pub isolate: bool,
    /// Certificates, tokens and sessions end.
    pub revoke: bool,
}

impl Containment {
    pub fn is_any(self) -> bool {
        self.isolate || self.revoke
    }
}

/// How far containment is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contained {
    pub ordered: Containment,
    /// The hold of the isolation.
    #[schemars(with = "String")]
    pub hold: HoldId,
    pub ordered_at: Timestamp,
    pub isolated_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Contained {
    /// Whether everything that was ordered is done.
    pub fn is_done(&self) -> bool {
        (!self.ordered.isolate || self.isolated_at.is_some()) && (!self.ordered.revoke || self.revoked_at.is_some())
    }
}

/// Who was called, and who answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// The level of the rotation that was called last, counted from 0.
    pub level: u32,
    /// How often somebody was called.
    pub calls: u32,
    pub people: Vec<String>,
    pub called_at: Timestamp,
    /// When the next level is called if nobody answers.
    pub next_at: Timestamp,
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<Timestamp>,
}

/// Something that is kept of an investigation, by its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Artefact {
    pub name: String,
    pub sha256: String,
    pub bytes: u64,
    /// Who brought it: the vehicle, or a person.
    pub by: String,
    pub at: Timestamp,
    /// Whether the vehicle signed it with the key of its certificate.
    pub signed: bool,
    /// Whether what the vehicle was asked for is whole with it.
    pub complete: bool,
}

/// Why an expert team has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    pub reason: String,
    pub team: String,
    pub by: String,
    pub at: Timestamp,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub title: String,
    pub severity: Severity,
    pub status: Status,
    /// Whom it is about: a vehicle, a principal, or the tenant's journal.
    pub subject: Subject,
    /// Whether the vehicle drove when it began; `None` where there is none.
    pub moving: Option<bool>,
    /// A drill: everything goes the same way and says that it is one.
    pub exercise: bool,
    pub findings: Vec<Finding>,
    pub findings_total: u64,
    /// When the oldest record of it happened.
    pub began_at: Timestamp,
    pub opened_at: Timestamp,
    pub triaged_at: Option<Timestamp>,
    pub contained: Option<Contained>,
    /// Why a person must decide about containment.
    pub waits_for_person: Option<String>,
    pub contained_at: Option<Timestamp>,
    pub watch_until: Option<Timestamp>,
    pub call: Option<Call>,
    pub diagnostics_asked_at: Option<Timestamp>,
    pub artefacts: Vec<Artefact>,
    pub investigated_by: Option<String>,
    pub restored_at: Option<Timestamp>,
    pub escalation: Option<Escalation>,
    pub lessons: Option<String>,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<String>,
    pub since: Timestamp,
}

impl Incident {
    /// The vehicle that it is about.
    pub fn vehicle(&self) -> Option<VehicleId> {
        (self.subject.kind() == "vehicle").then(|| self.subject.id().parse().ok()).flatten()
    }

    /// The program or person that it is about.
    pub fn principal(&self) -> Option<PrincipalId> {
        (self.subject.kind() == "principal").then(|| self.subject.id().parse().ok()).flatten()
    }

    /// What diagnostics the vehicle sent since it was asked.
    pub fn has_diagnostics(&self) -> bool {
        self.artefacts.iter().any(|artefact| artefact.signed && artefact.complete)
    }
}

/// The hold of an incident's isolation: the same however often a crash repeats it.
pub fn hold_of(incident: IncidentId) -> HoldId {
    HoldId::from_u128(incident.as_u128())
}
