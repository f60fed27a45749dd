//! People of a tenant.

use std::collections::BTreeSet;

use identity::UserStatus;
use kernel::id::PrincipalId;
use kernel::{Role, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name by which the journal and colleagues know the person.
    pub name: Name,
    /// Plain letters around one @, with a host that has a dot.
    #[schemars(length(max = 254), regex(pattern = r"^[!-?A-~]+@[!-?A-~]*\.[!-?A-~]*$"))]
    pub email: String,
    #[schemars(length(min = 1))]
    pub roles: BTreeSet<Role>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    #[schemars(length(min = 1))]
    pub roles: BTreeSet<Role>,
}

#[derive(Serialize, JsonSchema)]
pub struct Invited {
    pub id: PrincipalId,
    /// The one-time link, as an address of the page; good for 48 hours and answered once.
    pub invitation: String,
}

#[derive(Serialize, JsonSchema)]
pub struct NameOf {
    pub id: PrincipalId,
    pub name: String,
}

view! {
    User of profile: identity::UserProfile {
        id: PrincipalId,
        name: String = profile.user.name,
        /// None once it was erased.
        email: Option<String>,
        roles: BTreeSet<Role> = profile.user.roles,
        status: UserStatus = profile.user.status,
        created_at: Timestamp = profile.user.created_at,
        last_sign_in_at: Option<Timestamp> = profile.user.last_sign_in_at,
    }
}
