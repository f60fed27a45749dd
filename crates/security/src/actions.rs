//! What is asked about incidents, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Stops a vehicle and talks to it for diagnostics and restoring only (SEC-4). Resource: the incident.
pub const ISOLATE: Action = Action::decided("incident.isolate");
/// Ends certificates, tokens and sessions (SEC-4). Resource: the incident.
pub const REVOKE: Action = Action::decided("incident.revoke");
/// Gives access back (SEC-7). Resource: the incident.
pub const RESTORE: Action = Action::decided("incident.restore");

/// The part of the policy bundle that is about security.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[ISOLATE, REVOKE, RESTORE],
    sources: &[
        ("security.cedarschema", include_str!("../policies/security.cedarschema")),
        ("base/security.cedar", include_str!("../policies/security.cedar")),
    ],
};

/// Reading incidents, rules and the rotation.
pub const MAY_READ_INCIDENTS: Permission =
    Permission::new("read security incidents", &[Role::SafetyOfficer, Role::SecurityAnalyst]);
/// Working on incidents.
pub const MAY_RESPOND: Permission = Permission::new("respond to security incidents", &[Role::SecurityAnalyst]);
/// Isolating a vehicle.
pub const MAY_ISOLATE: Permission = Permission::new("isolate a vehicle", &[Role::SafetyOfficer, Role::SecurityAnalyst]);
/// Saying who is called, and how.
pub const MAY_SET_ON_CALL: Permission = Permission::new("say who is on call", &[Role::SecurityAnalyst]);
