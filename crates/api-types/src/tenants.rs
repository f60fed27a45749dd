//! Tenants: made and listed by the platform's administrator.

use kernel::{Sector, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    pub name: TenantId,
    pub sector: Sector,
    pub simulated: bool,
}

view! {
    Tenant of tenant: tenancy::Tenant {
        name: TenantId,
        /// None of the platform's own.
        sector: Option<Sector>,
        simulated: bool,
        created_at: Timestamp,
        /// Since when nobody of it is let in.
        deleted_at: Option<Timestamp> = tenant.deleted.map(|deletion| deletion.at),
    }
}

#[derive(Serialize, JsonSchema)]
pub struct TenantCreated {
    #[serde(flatten)]
    pub tenant: Tenant,
    /// The token of its administrator; answered once.
    pub token: String,
}
