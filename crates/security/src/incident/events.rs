//! What happens to an incident.

use kernel::id::HoldId;
use kernel::{Subject, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Artefact, Containment, Finding, Severity};

kernel::domain_events! {
    /// What can happen to an incident.
    pub enum IncidentEvent {
        "incident.opened" 1 => Opened(IncidentOpened),
        "incident.finding_joined" 1 => FindingJoined(IncidentFindingJoined),
        "incident.severity_changed" 1 => SeverityChanged(IncidentSeverityChanged),
        "incident.triaged" 1 => Triaged(IncidentTriaged),
        "incident.containment_ordered" 1 => ContainmentOrdered(IncidentContainmentOrdered),
        "incident.containment_refused" 1 => ContainmentRefused(IncidentContainmentRefused),
        "incident.isolated" 1 => Isolated(IncidentIsolated),
        "incident.access_revoked" 1 => AccessRevoked(IncidentAccessRevoked),
        "incident.watch_began" 1 => WatchBegan(IncidentWatchBegan),
        "incident.watch_ended" 1 => WatchEnded(IncidentWatchEnded),
        "incident.called" 1 => Called(IncidentCalled),
        "incident.acknowledged" 1 => Acknowledged(IncidentAcknowledged),
        "incident.diagnostics_asked" 1 => DiagnosticsAsked(IncidentDiagnosticsAsked),
        "incident.artefact_kept" 1 => ArtefactKept(IncidentArtefactKept),
        "incident.investigation_began" 1 => InvestigationBegan(IncidentInvestigationBegan),
        "incident.recovery_began" 1 => RecoveryBegan(IncidentRecoveryBegan),
        "incident.restored" 1 => Restored(IncidentRestored),
        "incident.escalated" 1 => Escalated(IncidentEscalated),
        "incident.closed" 1 => Closed(IncidentClosed),
    }
}

/// The first finding about a subject of which no incident is open (SEC-3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentOpened {
    pub subject: Subject,
    pub finding: Finding,
    pub moving: Option<bool>,
    pub exercise: bool,
}

/// Another finding about the same subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentFindingJoined {
    pub finding: Finding,
}

/// It is worse than it was, or a person knows better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentSeverityChanged {
    pub severity: Severity,
    pub reason: String,
}

/// Its severity says what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentTriaged {}

/// Emergency policy, or a person, has it contained (SEC-4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentContainmentOrdered {
    pub containment: Containment,
    /// The hold that isolates a vehicle.
    pub hold: HoldId,
}

/// Emergency policy leaves it to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentContainmentRefused {
    pub reason: String,
}

/// The vehicle is held and was told to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentIsolated {}

/// Certificates, tokens and sessions of the subject are worth nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentAccessRevoked {
    /// What ended, in words.
    pub what: String,
}

/// The subject is watched more closely (SEC-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentWatchBegan {
    pub until: Timestamp,
}

/// Nothing more was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentWatchEnded {}

/// Somebody on call is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentCalled {
    pub level: u32,
    pub people: Vec<String>,
    pub next_at: Timestamp,
}

/// Somebody has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentAcknowledged {
    pub by: String,
}

/// The vehicle is asked for its state, logs and metrics (SEC-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentDiagnosticsAsked {
    pub by: String,
}

/// Something is kept by its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentArtefactKept {
    pub artefact: Artefact,
}

/// Somebody looks into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentInvestigationBegan {
    pub by: String,
}

/// A second person is asked whether the access is restored (SEC-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRecoveryBegan {
    pub by: String,
}

/// The subject has access again; a vehicle may be ready at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRestored {
    pub by: String,
    pub reason: String,
}

/// An expert team has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentEscalated {
    pub reason: String,
    pub team: String,
    pub by: String,
}

/// It is over, with what was learned (SEC-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentClosed {
    pub by: String,
    pub lessons: String,
}
