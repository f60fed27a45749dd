//! Security: incidents, detections, and who is on call.

use kernel::id::IncidentId;
use kernel::{Subject, Timestamp, VehicleId};
use schemars::JsonSchema;
use security::incident::{Artefact, Call, Contained, Escalation, Finding, Severity, Status};
use security::on_call::{Channel, Level};
use security::{Incident, Notice, OnCall, OnCallSecrets, TimelineEntry};
use serde::{Deserialize, Serialize};

use super::{PageLimit, Place, Sentence, Text};

view! {
    IncidentView of it: (IncidentId, Incident) {
        id: IncidentId = it.0,
        title: String = it.1.title,
        severity: Severity = it.1.severity,
        status: Status = it.1.status,
        /// A vehicle, a program or person (`principal`), or the journal (`log`), as `kind/id`.
        subject: Subject = it.1.subject,
        /// Whether the vehicle drove when it began.
        moving: Option<bool> = it.1.moving,
        /// A drill: nothing is taken away.
        exercise: bool = it.1.exercise,
        findings: Vec<Finding> = it.1.findings,
        findings_total: u64 = it.1.findings_total,
        /// When the oldest record of it happened.
        began_at: Timestamp = it.1.began_at,
        opened_at: Timestamp = it.1.opened_at,
        contained: Option<Contained> = it.1.contained,
        contained_at: Option<Timestamp> = it.1.contained_at,
        /// Why a person must decide about containment.
        waits_for_person: Option<String> = it.1.waits_for_person,
        /// Until when the subject is watched more closely.
        watch_until: Option<Timestamp> = it.1.watch_until,
        call: Option<Call> = it.1.call,
        diagnostics_asked_at: Option<Timestamp> = it.1.diagnostics_asked_at,
        artefacts: Vec<Artefact> = it.1.artefacts,
        investigated_by: Option<String> = it.1.investigated_by,
        restored_at: Option<Timestamp> = it.1.restored_at,
        escalation: Option<Escalation> = it.1.escalation,
        lessons: Option<String> = it.1.lessons,
        closed_at: Option<Timestamp> = it.1.closed_at,
        closed_by: Option<String> = it.1.closed_by,
        /// Since when it has its status.
        since: Timestamp = it.1.since,
    }
}

/// Which page of incidents.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct IncidentPage {
    pub after: Option<IncidentId>,
    pub limit: Option<PageLimit>,
}

/// How bad it is, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeverityGiven {
    pub severity: Severity,
    pub reason: Sentence,
}

/// To whom it is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalationRequest {
    pub team: Text<100>,
    pub reason: Sentence,
}

/// What was learned.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    pub lessons: Text<2000>,
}

/// A drill.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillRequest {
    pub vehicle: VehicleId,
    pub severity: Severity,
}

/// Everything of the journal about an incident and its subject, and the calls about it.
#[derive(Serialize, JsonSchema)]
pub struct Timeline {
    pub entries: Vec<TimelineEntry>,
    pub notices: Vec<Notice>,
}

/// What is kept under a digest.
#[derive(Serialize, JsonSchema)]
pub struct ArtefactText {
    pub sha256: String,
    pub text: String,
}

/// A rule, and how often it found something.
#[derive(Serialize, JsonSchema)]
pub struct DetectionView {
    pub rule: String,
    pub title: String,
    pub description: String,
    pub severity: Severity,
    /// Techniques of MITRE ATT&CK.
    pub attack: Vec<String>,
    /// Rows of UN R155, Annex 5.
    pub r155: Vec<String>,
    pub false_positives: Vec<String>,
    /// Findings in the incidents that are known.
    pub hits: u64,
}

/// Which part of the journal goes through the detections again.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub struct ReplayRange {
    /// The first entry; 0 where nothing is said.
    pub from: Option<Place>,
    /// The first entry that is not read any more; the journal's end where nothing is said.
    pub until: Option<Place>,
}

/// What detections find in a part of the journal.
#[derive(Serialize, JsonSchema)]
pub struct Replayed {
    pub from: u64,
    pub until: u64,
    pub alerts: Vec<Finding>,
}

/// Who is called, in which order, and where calls go. Secrets are kept and never shown; those that are left out stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnCallRequest {
    #[schemars(length(max = 10))]
    pub levels: Vec<Level>,
    #[schemars(length(max = 10))]
    pub channels: Vec<Channel>,
    /// By the channel's name: PagerDuty's routing key, or what signs a webhook.
    #[serde(default)]
    pub secrets: OnCallSecrets,
}

impl OnCallRequest {
    pub fn split(self) -> (OnCall, OnCallSecrets) {
        (OnCall { levels: self.levels, channels: self.channels }, self.secrets)
    }
}
