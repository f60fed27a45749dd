//! What is asked about a tenant's sector.

use policy::{Action, PolicyModule};

/// Puts a sector's overlay in force (SECTOR-1). Resource: the tenant.
pub const ACTIVATE_SECTOR: Action = Action::decided("sector.activate");
/// Puts what was in force before in force again. Resource: the tenant.
pub const ROLL_BACK_SECTOR: Action = Action::decided("sector.roll_back");
/// Uses a feature; rules of a tenant can forbid one. Resource: the tenant.
pub const USE_FEATURE: Action = Action::decided("feature.use");

/// Deletes a tenant, by two of the platform's administrators. Resource: the tenant.
pub const DELETE_TENANT: Action = Action::decided("tenant.delete");

/// The part of the policy bundle that is about tenants.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[ACTIVATE_SECTOR, ROLL_BACK_SECTOR, USE_FEATURE, DELETE_TENANT],
    sources: &[
        ("tenancy.cedarschema", include_str!("../policies/tenancy.cedarschema")),
        ("base/tenancy.cedar", include_str!("../policies/tenancy.cedar")),
    ],
};
