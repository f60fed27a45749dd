//! Who may manage people.

use kernel::Permission;

/// Inviting users, changing their roles, resetting their passwords, and ending their access.
pub const MAY_MANAGE_USERS: Permission = Permission::new("manage users", &[]);
