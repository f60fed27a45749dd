//! The names of vehicles: of a tenant's vehicles in service no two have the same, as people order a stop by it.

use kernel::{Code, FieldError, Reject, TenantId, VehicleId};
use store::port::{Fault, ListQuery, Store};
use store::{CommandError, Expected, RowBody, RowWrite, TableSpec, list_all};

use crate::vehicle::{Status, Vehicle};

/// The vehicle that was last given each name, by a digest of the name: of two that are registered at once under one
/// name, both write the same row and one is decided again.
pub const VEHICLE_NAMES: TableSpec = TableSpec::machinery("vehicle_names", &[]);

/// The row that goes with the registration of a vehicle under a name.
pub(crate) async fn reserve(
    store: &dyn Store,
    tenant: &TenantId,
    name: &str,
    vehicle: VehicleId,
) -> Result<RowWrite, Fault> {
    let key = journal::Hash::of_bytes(name.as_bytes()).to_string();
    let before = store.get(VEHICLE_NAMES, tenant, &key).await?;
    let expected = before.map_or(Expected::Absent, |row| Expected::Version(row.version));
    Ok(RowWrite::put(VEHICLE_NAMES, key, expected, RowBody::new(&vehicle, Vec::new())?))
}

/// Refuses a name that a vehicle in service has.
pub(crate) async fn check_is_free(store: &dyn Store, tenant: &TenantId, name: &str) -> Result<(), CommandError> {
    for row in list_all(store, TableSpec::of::<Vehicle>(), tenant, ListQuery::of("name", name)).await? {
        let vehicle: Vehicle = row.decode()?;
        if vehicle.status != Status::Decommissioned {
            let message = format!("is the name of vehicle {} already: choose another", row.key);
            let mut reject = Reject::new(Code::Conflict, format!("/name {message}"));
            reject.fields = vec![FieldError { field: "/name".into(), message }];
            return Err(reject.into());
        }
    }
    Ok(())
}
