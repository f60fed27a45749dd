//! The end of what holds a vehicle: a clearance names the command that is over.

use kernel::{CommandId, TenantId, Timestamp, VehicleId};
use link::v1;
use store::port::{CommitError, Fault, Store};

use crate::rows::{StoredCommand, list, open};

/// What the end of a restrictive command is called among commands.
pub const CLEARANCE: &str = "clearance";

/// What ends a restrictive command.
pub fn clearance(command: CommandId) -> v1::command::Body {
    let of = Some(v1::clearance::Of::CommandId(command.to_string()));
    v1::command::Body::Clearance(v1::Clearance { of, trip_id: String::new() })
}

/// Writes a clearance for each command that holds a vehicle and is over, unless one is on its way that can still arrive: a
/// clearance expires like everything that permits. However late, it moves nothing (SAFE-13).
pub async fn clear(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    over: &[CommandId],
    new_id: impl Fn() -> CommandId + Send,
    now: Timestamp,
) -> Result<(), Fault> {
    if over.is_empty() {
        return Ok(());
    }
    let open = open(store, tenant, vehicle).await?;
    let mut rows = Vec::new();
    for command in over {
        let body = clearance(*command);
        let may_arrive = |known: &StoredCommand| known.says(&body) && known.expires_at.is_some_and(|end| now < end);
        if !open.iter().any(|(_, known)| may_arrive(known)) {
            let id = new_id();
            rows.push(StoredCommand::new(id, vehicle, CLEARANCE, 0, now, body).insert(id)?);
            tracing::info!(%tenant, %vehicle, command = %id, clears = %command, "an order that is over is cleared anew");
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    match store.write(tenant, rows).await {
        Ok(()) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault),
        // New ids conflict with nothing.
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Err(Fault::Overloaded),
    }
}

/// Whether a clearance of a command was ever issued.
pub async fn was_cleared(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    command: CommandId,
) -> Result<bool, Fault> {
    let body = clearance(command);
    Ok(list(store, tenant, vehicle).await?.iter().any(|(_, known)| known.says(&body)))
}
