//! Roles: those that a principal is given, and the two that no principal has.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The role of a vehicle's agent.
pub const VEHICLE: &str = "vehicle";
/// The role of the product itself.
pub const AUTOMATION: &str = "automation";

/// What a principal is to its tenant.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Everything within the tenant.
    Administrator,
    /// Trips, and stopping vehicles.
    Dispatcher,
    /// Stops, holds, closures, and reading everything.
    SafetyOfficer,
    /// Vehicles: registering and holding them.
    Technician,
    /// Security events, incidents, and what contains them.
    SecurityAnalyst,
    /// Reading the journal, and nothing else.
    Auditor,
    /// Reading trips and vehicles.
    Viewer,
    /// Reading what is submitted to it, and nothing else.
    Regulator,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in tokens' owners, policies and the journal.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of all roles that an actor can have.
pub fn names() -> impl Iterator<Item = &'static str> {
    Role::ALL.iter().map(|role| role.as_str()).chain([VEHICLE, AUTOMATION])
}

/// What some roles may do over the API. Each domain declares its own; an administrator has every one but those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    what: &'static str,
    roles: &'static [Role],
    /// Whether an administrator has it too.
    administrator: bool,
}

impl Permission {
    /// What it is, as in "the role viewer may not …", and the roles that have it beside the administrator.
    pub const fn new(what: &'static str, roles: &'static [Role]) -> Self {
        Self { what, roles, administrator: true }
    }

    /// One that an administrator does not have either: what others decide about the tenant.
    pub const fn of_others(what: &'static str, roles: &'static [Role]) -> Self {
        Self { what, roles, administrator: false }
    }

    /// Whether a role has it.
    pub fn permits(self, role: Role) -> bool {
        self.administrator && role == Role::Administrator || self.roles.contains(&role)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}
