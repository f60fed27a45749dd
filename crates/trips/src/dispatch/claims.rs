//! A claim is taken before the trip says so, in another domain's transaction. What is about to be claimed is written
//! down first, so that a crash in between leaves a note and never a vehicle that nobody uses.

use kernel::{Ctx, TenantId, Timestamp, TripId, VehicleId};
use serde::{Deserialize, Serialize};
use store::port::CommitError;
use store::{CommandError, Expected, ListQuery, RowBody, RowWrite, TableSpec};

use super::Dispatch;

/// Claims that were about to be taken, by trip and vehicle: a trip that goes to another vehicle after a failure must
/// not forget the first. Gone once the trip is assigned.
pub const CLAIM_INTENTS: TableSpec = TableSpec::machinery("claim_intents", &[]);

/// How old a note must be before somebody else acts on it, in milliseconds: whoever wrote it has long finished.
const INTENT_AGE_MS: i64 = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct ClaimIntent {
    trip: TripId,
    vehicle: VehicleId,
    at: Timestamp,
}

/// The row that goes with the commit that assigns the trip.
pub(crate) fn intent_done(trip: TripId, vehicle: VehicleId) -> RowWrite {
    RowWrite::delete(CLAIM_INTENTS, key(trip, vehicle), Expected::Any)
}

fn key(trip: TripId, vehicle: VehicleId) -> String {
    format!("{trip}/{vehicle}")
}

fn written(result: Result<(), CommitError>) -> Result<(), CommandError> {
    match result {
        Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault.into()),
    }
}

impl Dispatch {
    /// Notes the claim, then takes it. A refusal of the fleet leaves no note.
    pub(crate) async fn claim(
        &self,
        ctx: &Ctx,
        trip: TripId,
        vehicle: VehicleId,
        valid_for_s: u64,
    ) -> Result<u64, CommandError> {
        let body = RowBody::new(&ClaimIntent { trip, vehicle, at: ctx.now }, Vec::new())?;
        let row = RowWrite::put(CLAIM_INTENTS, key(trip, vehicle), Expected::Any, body);
        written(self.trips.store.write(&ctx.tenant, vec![row]).await)?;
        let answer = self.trips.ports.fleet.take_claim(ctx, trip, vehicle, valid_for_s).await;
        if matches!(answer, Err(CommandError::Reject(_))) {
            self.forget_intent(&ctx.tenant, trip, vehicle).await?;
        }
        answer
    }

    /// Gives a claim back that the trip does not need after all.
    pub(crate) async fn unclaim(&self, ctx: &Ctx, trip: TripId, vehicle: VehicleId) -> Result<(), CommandError> {
        self.trips.ports.fleet.release_claim(ctx, trip, vehicle, None).await?;
        self.forget_intent(&ctx.tenant, trip, vehicle).await
    }

    async fn forget_intent(&self, tenant: &TenantId, trip: TripId, vehicle: VehicleId) -> Result<(), CommandError> {
        written(self.trips.store.write(tenant, vec![intent_done(trip, vehicle)]).await)
    }

    /// Gives back claims that were taken by somebody who did not come to assign the trip.
    pub(crate) async fn repair_claims(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let rows = self.trips.store.list(CLAIM_INTENTS, tenant, ListQuery::all()).await?;
        for row in rows {
            let ClaimIntent { trip, vehicle, at } = row.decode()?;
            let (ctx, _) = self.trips.automation(tenant, None, "dispatch.repair").await?;
            if ctx.now.since_ms(at) < INTENT_AGE_MS {
                continue;
            }
            match self.trips.get(tenant, trip).await?.is_some_and(|trip| trip.vehicle() == Some(vehicle)) {
                true => self.forget_intent(tenant, trip, vehicle).await?,
                false => self.unclaim(&ctx, trip, vehicle).await?,
            }
        }
        Ok(())
    }
}
