//! Who sees approvals and decides them. Beyond this, whoever decides one must have a role that it names.

use kernel::{Permission, Role};

/// Seeing what waits for a second person.
pub const MAY_READ_APPROVALS: Permission = Permission::new(
    "read approvals",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst],
);
/// Approving and rejecting what another person asked for.
pub const MAY_APPROVE: Permission = Permission::new(
    "decide approvals",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst],
);
