//! Who may manage the tenant, choose its sector, read its journal, and ask what others would be allowed.

use kernel::{Permission, Role};

/// Making, listing and revoking principals.
pub const MAY_MANAGE_PRINCIPALS: Permission = Permission::new("manage principals", &[]);
/// Reading and verifying the journal.
pub const MAY_READ_JOURNAL: Permission =
    Permission::new("read the journal", &[Role::Dispatcher, Role::SafetyOfficer, Role::SecurityAnalyst, Role::Auditor]);
/// Reading the sector in force: its words, colours and limits.
pub const MAY_READ_SECTOR: Permission = Permission::new(
    "read the sector in force",
    &[
        Role::Dispatcher,
        Role::SafetyOfficer,
        Role::Technician,
        Role::SecurityAnalyst,
        Role::Auditor,
        Role::Viewer,
        Role::Regulator,
    ],
);
/// Reading what the tenant subscribed to, its features and flags: a matter of the house and of no authority.
pub const MAY_READ_SUBSCRIPTION: Permission = Permission::new(
    "read the subscription, its features and flags",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst, Role::Auditor, Role::Viewer],
);
/// Putting a sector in force, and taking it back.
pub const MAY_ACTIVATE_SECTOR: Permission = Permission::new("put a sector in force", &[]);
/// Choosing variants of flags; a switch to the safe side is everybody's who answers for safety.
pub const MAY_CHOOSE_FLAGS: Permission = Permission::new("choose variants of flags", &[Role::SafetyOfficer]);
/// Asking what a principal would be allowed: whoever may learns what roles others have.
pub const MAY_ASK_ACCESS: Permission =
    Permission::new("ask for decisions of access", &[Role::SafetyOfficer, Role::Auditor]);
