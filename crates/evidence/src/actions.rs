//! What is asked about evidence and compliance, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Has something done about an issue (EVD-7). Resource: the issue.
pub const MITIGATE: Action = Action::decided("issue.mitigate");
/// Hands a report to an authority (EVD-6). Resource: the report.
pub const SUBMIT: Action = Action::decided("report.submit");
/// Accepts or rejects a report, as the authority (EVD-6). Resource: the report.
pub const DECIDE: Action = Action::decided("report.decide");
/// Erases personal values. Resource: the subject whose they are.
pub const ERASE: Action = Action::decided("personal.erase");

/// The part of the policy bundle that is about evidence.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[MITIGATE, SUBMIT, DECIDE, ERASE],
    sources: &[
        ("evidence.cedarschema", include_str!("../policies/evidence.cedarschema")),
        ("base/evidence.cedar", include_str!("../policies/evidence.cedar")),
    ],
};

/// Reading clauses, bundles, reports, deadlines and issues.
pub const MAY_READ_EVIDENCE: Permission =
    Permission::new("read evidence", &[Role::SafetyOfficer, Role::SecurityAnalyst, Role::Auditor]);
/// Making bundles.
pub const MAY_COLLECT: Permission = Permission::new("collect evidence", &[Role::SafetyOfficer, Role::SecurityAnalyst]);
/// Writing, signing and submitting reports, recording collisions, and working on issues.
pub const MAY_REPORT: Permission = Permission::new("report to authorities", &[Role::SafetyOfficer]);
/// Saying what applies, placing legal holds, and erasing.
pub const MAY_GOVERN: Permission = Permission::new("govern compliance", &[]);
/// Reading what was submitted, and answering it: nobody accepts their own reports.
pub const MAY_DECIDE: Permission = Permission::of_others("decide on reports", &[Role::Regulator]);
