//! The secret that each vehicle presents, kept as a digest. The identity of vehicles replaces it later.

use kernel::{TenantId, VehicleId};
use keys::{Secret, token};
use serde::{Deserialize, Serialize};
use store::port::{Fault, Store};
use store::{Expected, RowBody, RowWrite, TableSpec};

/// Digests of vehicles' secrets.
pub const VEHICLE_CREDENTIALS: TableSpec = TableSpec::machinery("vehicle_credentials", &[]);

/// What every vehicle's secret begins with; then the tenant, then the secret.
const PREFIX: &str = "ams";

#[derive(Debug, Serialize, Deserialize)]
struct Credential {
    sha256: String,
}

fn digest(secret: &str) -> String {
    journal::Hash::of_bytes(secret.as_bytes()).to_string()
}

/// A new secret for a vehicle, and the row that keeps its digest.
pub(crate) fn new_secret(tenant: &TenantId, vehicle: VehicleId) -> Result<(Secret, RowWrite), Fault> {
    let random =
        token::generate().map_err(|source| Fault::Unavailable { what: "make a secret", source: Box::new(source) })?;
    let secret = token::of_tenant(PREFIX, tenant, &random);
    let body = RowBody::new(&Credential { sha256: digest(secret.expose()) }, Vec::new())?;
    Ok((secret, RowWrite::put(VEHICLE_CREDENTIALS, vehicle.to_string(), Expected::Absent, body)))
}

/// The tenant whose vehicle presents this secret; `None` if it is not this vehicle's.
pub(crate) async fn tenant_of(store: &dyn Store, vehicle: VehicleId, secret: &str) -> Result<Option<TenantId>, Fault> {
    let named =
        secret.split_once('_').filter(|(prefix, _)| *prefix == PREFIX).and_then(|(_, rest)| rest.split_once('_'));
    let Some(tenant) = named.and_then(|(tenant, _)| tenant.parse::<TenantId>().ok()) else { return Ok(None) };
    let Some(row) = store.get(VEHICLE_CREDENTIALS, &tenant, &vehicle.to_string()).await? else { return Ok(None) };
    let credential: Credential = row.decode()?;
    // Both are digests of 256 random bits: how long the comparison takes tells nothing about the secret.
    Ok((credential.sha256 == digest(secret)).then_some(tenant))
}
