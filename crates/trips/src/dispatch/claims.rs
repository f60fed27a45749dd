//! A claim is taken before the trip says so, in another domain's transaction. What is about to be claimed is written
//! down first, so that a crash in between leaves a note and never a vehicle that nobody uses.

use kernel::{Ctx, TenantId, Timestamp, TripId, VehicleId};
use serde::{Deserialize, Serialize};
use store::port::CommitError;
use store::{CommandError, Expected, Fault, ListQuery, RowBody, RowWrite, TableSpec};

use crate::service::Trips;

/// Claims that were about to be taken for a trip, by trip; gone once the trip is assigned.
pub const CLAIM_INTENTS: TableSpec = TableSpec::machinery("claim_intents", &[]);

/// How old a note must be before somebody else acts on it, in milliseconds: whoever wrote it has long finished.
const INTENT_AGE_MS: i64 = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct ClaimIntent {
    vehicle: VehicleId,
    at: Timestamp,
}

/// The row that goes with the commit that assigns the trip.
pub(crate) fn intent_done(trip: TripId) -> RowWrite {
    RowWrite::delete(CLAIM_INTENTS, trip.to_string(), Expected::Any)
}

fn written(result: Result<(), CommitError>) -> Result<(), CommandError> {
    match result {
        Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault.into()),
    }
}

impl Trips {
    /// Notes the claim, then takes it. A refusal of the fleet leaves no note.
    pub(crate) async fn claim(
        &self,
        ctx: &Ctx,
        trip: TripId,
        vehicle: VehicleId,
        valid_for_s: u64,
    ) -> Result<u64, CommandError> {
        let body = RowBody::new(&ClaimIntent { vehicle, at: ctx.now }, Vec::new())?;
        let row = RowWrite::put(CLAIM_INTENTS, trip.to_string(), Expected::Any, body);
        written(self.store.write(&ctx.tenant, vec![row]).await)?;
        let answer = self.ports.fleet.take_claim(ctx, trip, vehicle, valid_for_s).await;
        if matches!(answer, Err(CommandError::Reject(_))) {
            self.forget_intent(&ctx.tenant, trip).await?;
        }
        answer
    }

    /// Gives a claim back that the trip does not need after all.
    pub(crate) async fn unclaim(&self, ctx: &Ctx, trip: TripId, vehicle: VehicleId) -> Result<(), CommandError> {
        self.ports.fleet.release_claim(ctx, trip, vehicle, None).await?;
        self.forget_intent(&ctx.tenant, trip).await
    }

    async fn forget_intent(&self, tenant: &TenantId, trip: TripId) -> Result<(), CommandError> {
        written(self.store.write(tenant, vec![intent_done(trip)]).await)
    }

    /// Gives back claims that were taken by somebody who did not come to assign the trip.
    pub(crate) async fn repair_claims(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let rows = self.store.list(CLAIM_INTENTS, tenant, ListQuery::all()).await?;
        for row in rows {
            let intent: ClaimIntent = row.decode()?;
            let (ctx, _) = self.automation(tenant, None, "dispatch.repair").await?;
            if ctx.now.since_ms(intent.at) < INTENT_AGE_MS {
                continue;
            }
            let corrupt =
                |source| Fault::Corrupt { what: format!("claim intent {}", row.key), source: Box::new(source) };
            let trip: TripId = row.key.parse().map_err(corrupt)?;
            let holds = self.get(tenant, trip).await?.is_some_and(|trip| trip.vehicle() == Some(intent.vehicle));
            match holds {
                true => self.forget_intent(tenant, trip).await?,
                false => self.unclaim(&ctx, trip, intent.vehicle).await?,
            }
        }
        Ok(())
    }
}
