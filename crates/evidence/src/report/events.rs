//! What happens to a report and to its versions.

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::id::{BundleId, CollisionId, ObligationId};
use serde::{Deserialize, Serialize};

use super::{Check, Covered, Documents, Signed};

kernel::domain_events! {
    /// What can happen to a report.
    pub enum ReportEvent {
        "report.drafted" 1 => Drafted(ReportDrafted),
        "report.values_given" 1 => ValuesGiven(ReportValuesGiven),
        "report.signed" 1 => Signed(ReportSigned),
        "report.submitted" 1 => Submitted(ReportSubmitted),
        "report.checked" 1 => Checked(ReportChecked),
        "report.accepted" 1 => Accepted(ReportAccepted),
        "report.rejected" 1 => Rejected(ReportRejected),
        "report.correction_overdue" 1 => CorrectionOverdue(ReportCorrectionOverdue),
        "report.corrected" 1 => Corrected(ReportCorrected),
        "internal_audit.logged" 1 => AuditLogged(InternalAuditLogged),
    }
}

/// Somebody begins one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDrafted {
    pub form: String,
    pub title: String,
    pub covered: Covered,
    pub collision: Option<CollisionId>,
    pub obligation: Option<ObligationId>,
    pub values: BTreeMap<String, String>,
    pub by: String,
}

/// Somebody says what no entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportValuesGiven {
    pub values: BTreeMap<String, String>,
    pub by: String,
}

/// A version is written down and signed (EVD-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportSigned {
    pub form: String,
    pub version: u32,
    pub bundle: BundleId,
    pub bundle_complete: bool,
    pub documents: Documents,
    /// Required fields without a value.
    pub missing: Vec<String>,
    pub key: String,
    pub by: String,
}

/// A version is with the authority (EVD-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportSubmitted {
    pub form: String,
    pub version: u32,
    pub collision: Option<CollisionId>,
    pub obligation: Option<ObligationId>,
    pub due_at: Option<Timestamp>,
    pub late: bool,
    pub by: String,
}

/// The authority's side checked the format and the signatures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportChecked {
    pub version: u32,
    pub check: Check,
}

/// The authority takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportAccepted {
    pub form: String,
    pub version: u32,
    pub confirmation: String,
    pub next_due_at: Option<Timestamp>,
    pub act: Signed,
}

/// The authority does not take it, and says what is to be corrected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRejected {
    pub form: String,
    pub version: u32,
    pub reason: String,
    pub correction: String,
    /// Who corrects it, as a role, and by when.
    pub owner: String,
    pub due_at: Timestamp,
    pub act: Signed,
}

/// The correction was not made in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportCorrectionOverdue {}

/// The correction is made: the next version can be signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportCorrected {
    pub what: String,
    pub by: String,
}

/// A report that stays in the house is on record as an internal audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternalAuditLogged {
    pub form: String,
    pub version: u32,
    pub findings: String,
    pub by: String,
}
