//! Principals of a tenant: people and programs, each with a role and a token of its own.

use kernel::id::PrincipalId;
use kernel::{Role, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    pub role: Role,
    pub name: Name,
    /// When the token stops working by itself; never, where nothing is said.
    pub expires_at: Option<Timestamp>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    pub name: Name,
}

view! {
    PrincipalCreated of made: tenancy::NewPrincipal {
        id: PrincipalId,
        role: Role,
        name: String,
        /// What it presents; answered once.
        token: String = made.token.expose().to_owned(),
        expires_at: Option<Timestamp>,
    }
}

view! {
    Principal of row: (PrincipalId, tenancy::principal::Principal, Option<Timestamp>) {
        id: PrincipalId = row.0,
        role: Role = row.1.role,
        name: Option<String> = row.1.name,
        revoked: bool = row.1.revoked,
        created_at: Timestamp = row.1.created_at,
        expires_at: Option<Timestamp> = row.1.expires_at,
        /// To the minute; none where it never was.
        last_used_at: Option<Timestamp> = row.2,
    }
}
