//! Who may manage the tenant, and read its journal.

use kernel::{Permission, Role};

/// Making, listing and revoking principals.
pub const MAY_MANAGE_PRINCIPALS: Permission = Permission::new("manage principals", &[]);
/// Reading and verifying the journal.
pub const MAY_READ_JOURNAL: Permission =
    Permission::new("read the journal", &[Role::Dispatcher, Role::SafetyOfficer, Role::SecurityAnalyst, Role::Auditor]);
