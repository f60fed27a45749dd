//! Time as a command: what is done with a trip whose deadline came.

use std::sync::Arc;

use kernel::envelope::RetentionClass;
use kernel::{Ctx, TenantId, TripId};
use store::{CommandError, Extras, Guard};

use super::{Gathered, Trips};
use crate::ports::VehicleFacts;
use crate::trip::due::DueFacts;
use crate::trip::{Command, Status, Trip};

impl Trips {
    /// Decides a trip whose deadline came.
    pub(crate) async fn on_due(&self, tenant: &TenantId, id: TripId, guard: Guard) -> Result<(), CommandError> {
        let Some(trip) = self.get(tenant, id).await? else { return Ok(()) };
        let (ctx, _) = self.automation(tenant, Some(&trip.site), "trip.due").await?;
        if trip.status == Status::Created && ctx.now < trip.expires_at {
            return self.plan(&ctx, &trip, Some(guard)).await.map(drop);
        }
        let retention = trip.status.has_vehicle().then_some(RetentionClass::Safety);
        let extras = Extras { guard: Some(guard), retention, ..Extras::default() };
        self.with_due_facts(&ctx, id, extras, Command::Due).await
    }

    /// Carries out a command on a trip with what is known of its vehicle, gathered anew after each conflict.
    pub(super) async fn with_due_facts(
        &self,
        ctx: &Ctx,
        trip: TripId,
        extras: Extras,
        command: impl Fn(DueFacts) -> Command + Send + Sync,
    ) -> Result<(), CommandError> {
        let command = &command;
        let gather = |state: Option<Arc<Trip>>| async move {
            let facts = match &state {
                Some(trip) => self.due_facts(ctx, trip).await?,
                None => DueFacts::default(),
            };
            Ok(Gathered::new(command(facts), Vec::new()))
        };
        self.execute(ctx, trip, extras, gather).await.map(drop)
    }

    /// What is known of a trip's vehicle.
    pub(crate) async fn due_facts(&self, ctx: &Ctx, trip: &Trip) -> Result<DueFacts, CommandError> {
        let listener_up_since = self.ports.listener.up_since();
        let timing = trip.claim_timing();
        let Some(vehicle) = trip.vehicle() else {
            return Ok(DueFacts { listener_up_since, timing, ..DueFacts::default() });
        };
        let claim = self.ports.fleet.claim(ctx, trip.id, vehicle).await?;
        let facts = self.ports.fleet.vehicle(ctx, vehicle).await?;
        // After a restart the fleet still knows vehicles as online that did not come back yet (SAFE-8).
        let is_connected =
            |facts: VehicleFacts| facts.online && listener_up_since.is_some_and(|since| since <= facts.seen_at);
        Ok(DueFacts {
            claim_is_current: claim.is_current,
            claim_valid_until: claim.valid_until,
            vehicle_heard_at: facts.as_ref().map(|facts| facts.seen_at),
            vehicle_online: facts.is_some_and(is_connected),
            listener_up_since,
            timing,
        })
    }
}
