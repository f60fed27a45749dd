//! Who may manage people, and identities of vehicles.

use kernel::{Permission, Role};

/// Inviting users, changing their roles, resetting their passwords, and ending their access.
pub const MAY_MANAGE_USERS: Permission = Permission::new("manage users", &[]);
/// Letting vehicles enrol, and taking them out of the fleet.
pub const MAY_ENROL_VEHICLE: Permission = Permission::new("enrol or decommission vehicles", &[Role::Technician]);
/// Taking an identity away: reduces risk, and so is open to whoever answers for safety or security.
pub const MAY_REVOKE_IDENTITY: Permission =
    Permission::new("revoke identities of vehicles", &[Role::SafetyOfficer, Role::SecurityAnalyst]);
