//! Sessions of people.

use identity::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use kernel::id::PrincipalId;
use kernel::{Role, Sector, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The organisation.
    pub tenant: TenantId,
    #[schemars(length(max = 254))]
    pub email: String,
    #[schemars(length(max = PASSWORD_CHARS_MAX))]
    pub password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    pub tenant: TenantId,
    /// The one-time code that an administrator handed over.
    #[schemars(length(max = 255))]
    pub code: String,
    #[schemars(length(min = PASSWORD_CHARS_MIN, max = PASSWORD_CHARS_MAX))]
    pub password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhichRole {
    pub role: Role,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    #[schemars(length(max = PASSWORD_CHARS_MAX))]
    pub current: String,
    #[schemars(length(min = PASSWORD_CHARS_MIN, max = PASSWORD_CHARS_MAX))]
    pub password: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    Person,
    Program,
}

/// Who asks, and what they may do.
#[derive(Serialize, JsonSchema)]
pub struct Session {
    pub principal: PrincipalId,
    pub name: String,
    pub email: Option<String>,
    pub tenant: TenantId,
    pub sector: Option<Sector>,
    /// The role in which they act.
    pub role: Role,
    /// The roles that they can act in.
    pub roles: Vec<Role>,
    pub kind: Kind,
    /// The operations that the role may call, by their `operationId`.
    pub may: Vec<String>,
    /// When the session ends, if nobody uses it before.
    pub expires_at: Option<Timestamp>,
}

/// How many sessions ended.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Ended {
    pub ended: usize,
}

#[derive(Serialize, JsonSchema)]
pub struct MySession {
    /// Names the session and opens nothing.
    pub id: String,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub user_agent: String,
    pub address: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl MySession {
    pub fn of(id: String, session: identity::Session, current: &str) -> Self {
        Self {
            current: id == current,
            id,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.ends_at(),
            user_agent: session.user_agent,
            address: session.address,
        }
    }
}
