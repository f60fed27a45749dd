//! What is asked about policies, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Puts rules of the tenant's own in force. Resource: the tenant.
pub const ACTIVATE_POLICY: Action = Action::decided("policy.activate");
/// Puts rules of before in force again. Resource: the tenant.
pub const ROLL_BACK_POLICY: Action = Action::decided("policy.roll_back");
/// Lifts a rule for a time. Resource: the tenant.
pub const GRANT_WAIVER: Action = Action::decided("waiver.grant");
/// Ends a waiver before its time: the rule holds again.
pub const END_WAIVER: Action = Action::restrictive("waiver.end");

/// The part of the policy bundle that is about policies.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[ACTIVATE_POLICY, ROLL_BACK_POLICY, GRANT_WAIVER, END_WAIVER],
    sources: &[
        ("governance.cedarschema", include_str!("../policies/governance.cedarschema")),
        ("base/governance.cedar", include_str!("../policies/governance.cedar")),
    ],
};

/// Reading rules, drafts and waivers, and asking what a rule would say.
pub const MAY_READ_POLICIES: Permission = Permission::new(
    "read policies",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst, Role::Auditor],
);
/// Writing and testing drafts, which changes nothing that is in force.
pub const MAY_WRITE_POLICIES: Permission = Permission::new("write policies", &[Role::SafetyOfficer]);
/// Asking for an activation, a roll-back or a waiver; a second person decides.
pub const MAY_ACTIVATE_POLICIES: Permission = Permission::new("activate policies", &[Role::SafetyOfficer]);
