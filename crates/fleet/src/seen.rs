//! When and how each vehicle was last seen: observations, never journaled. A threshold crossed becomes an event.

use kernel::id::BootId;
use kernel::{Coordinate, TenantId, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::{CommitError, Fault, Store};
use store::{Expected, Row, RowBody, RowWrite, TableSpec};

use crate::vehicle::Mode;

/// What was last seen of each vehicle; due when its silence means something.
pub const VEHICLE_SEEN: TableSpec = TableSpec::observations("vehicle_seen", &[]);

/// What was last seen of a vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    pub at: Timestamp,
    pub boot: BootId,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    pub mode: Mode,
    /// Where it is, if it knows.
    pub position: Option<Coordinate>,
    /// Whether it stands with its brake set.
    pub parked: bool,
    /// Distance driven in its life, in metres.
    pub odometer_m: f64,
    /// How far its clock is before ours, in milliseconds, the way of the message included.
    #[serde(default)]
    pub clock_ahead_ms: i64,
    /// What else it says of its health.
    #[serde(default)]
    pub health: Vec<HealthMetric>,
}

/// One number about a vehicle's health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthMetric {
    /// Such as `agent.samples_waiting`.
    pub name: String,
    pub value: f64,
    pub unit: String,
}

/// When each vehicle's claim was last renewed over its link.
pub const CLAIM_RENEWALS: TableSpec = TableSpec::observations("claim_renewals", &[]);

/// The last renewal of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// The claim's epoch.
    pub epoch: u64,
    pub at: Timestamp,
}

/// The last renewal of a vehicle's claim.
pub async fn last_renewal(store: &dyn Store, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Renewal>, Fault> {
    let row = store.get(CLAIM_RENEWALS, tenant, &vehicle.to_string()).await?;
    row.map(|row| row.decode()).transpose()
}

/// Keeps a renewal, before the vehicle hears of it: the vehicle may move for no longer than we know.
pub async fn keep_renewal(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    renewal: Renewal,
) -> Result<(), Fault> {
    write(
        store,
        tenant,
        RowWrite::put(CLAIM_RENEWALS, vehicle.to_string(), Expected::Any, RowBody::new(&renewal, Vec::new())?),
    )
    .await
}

async fn write(store: &dyn Store, tenant: &TenantId, row: RowWrite) -> Result<(), Fault> {
    match store.write(tenant, vec![row]).await {
        Ok(()) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault),
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => {
            Err(Fault::Misuse("an observation cannot conflict"))
        }
    }
}

/// What was last seen of a vehicle, as its row.
pub(crate) async fn row_of(store: &dyn Store, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Row>, Fault> {
    store.get(VEHICLE_SEEN, tenant, &vehicle.to_string()).await
}

/// Watches for silence until another time, `None` for never, unless the vehicle was heard meanwhile: then what was
/// heard says when its silence means something.
pub(crate) async fn watch_until(
    store: &dyn Store,
    tenant: &TenantId,
    row: Row,
    silent_at: Option<Timestamp>,
) -> Result<(), Fault> {
    let body = RowBody { due_at: silent_at, ..row.body };
    let unchanged = RowWrite::put(VEHICLE_SEEN, row.key, Expected::Version(row.version), body);
    match store.write(tenant, vec![unchanged]).await {
        Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault),
    }
}

pub async fn last_seen(store: &dyn Store, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Seen>, Fault> {
    row_of(store, tenant, vehicle).await?.map(|row| row.decode()).transpose()
}

/// Keeps what was seen; `silent_at` is when its silence means something, `None` for never.
pub async fn keep(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    seen: &Seen,
    silent_at: Option<Timestamp>,
) -> Result<(), Fault> {
    let body = RowBody { due_at: silent_at, ..RowBody::new(seen, Vec::new())? };
    write(store, tenant, RowWrite::put(VEHICLE_SEEN, vehicle.to_string(), Expected::Any, body)).await
}

#[cfg(test)]
mod tests {
    use kernel::id::TypedId;
    use kernel::testing::START;
    use pollster::block_on;
    use store::MemoryStore;
    use store::conformance::PlainSigner;

    use super::*;

    #[test]
    fn who_was_heard_meanwhile_stays_watched() {
        let store = MemoryStore::new(std::sync::Arc::new(PlainSigner));
        let (tenant, vehicle): (TenantId, _) = ("north-pit".parse().unwrap(), VehicleId::from_u128(1));
        let hear = |at: Timestamp| {
            let (boot, mode) = (BootId::from_u128(1), Mode::Autonomous);
            let seen = Seen {
                at,
                boot,
                battery_pct: 80.0,
                mode,
                position: None,
                parked: true,
                odometer_m: 0.0,
                clock_ahead_ms: 0,
                health: Vec::new(),
            };
            block_on(keep(&store, &tenant, vehicle, &seen, Some(at.plus_ms(10)))).unwrap();
        };
        let row = || block_on(row_of(&store, &tenant, vehicle)).unwrap().unwrap();
        let later = START.plus_ms(5);
        hear(START);
        let read = row();
        hear(later);
        block_on(watch_until(&store, &tenant, read, None)).unwrap();
        assert_eq!(row().body.due_at, Some(later.plus_ms(10)));
        assert_eq!(row().decode::<Seen>().unwrap().at, later);
        block_on(watch_until(&store, &tenant, row(), None)).unwrap();
        assert_eq!(row().body.due_at, None);
    }
}
