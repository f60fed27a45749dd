//! What identity must know of a vehicle's motion, answered by the fleet and by the connections of this process.

use std::sync::Arc;

use fleet::vehicle::{Hold, HoldKind, HoldTiming};
use gateway::vehicles::sessions::Sessions;
use identity::vehicles::VehicleMotion;
use kernel::ctx::About;
use kernel::id::TypedId as _;
use kernel::{BoxFuture, CommandId, Ctx, TenantId, VehicleId};
use store::CommandError;
use store::port::{Fault, Store};

/// The fleet, as identity asks it.
pub struct Motion {
    pub fleet: Arc<fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
    pub sessions: Arc<Sessions>,
    pub store: Arc<dyn Store>,
}

impl VehicleMotion for Motion {
    fn proven_parked<'a>(&'a self, tenant: &'a TenantId, vehicle: VehicleId) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let Some(known) = self.fleet.vehicle(tenant, vehicle).await? else { return Ok(true) };
            // One that was never seen has never moved for us; one with a claim may set out before its next heartbeat.
            let stood = known.seen.is_none_or(|seen| seen.parked);
            Ok(stood && known.vehicle.claim.is_none())
        })
    }

    fn stop_for_quarantine<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let known = self.fleet.vehicle(&ctx.tenant, vehicle).await?;
            let is_held =
                known.is_some_and(|known| known.vehicle.holds.iter().any(|hold| hold.kind == HoldKind::Quarantine));
            if !is_held {
                let (kind, timing) = (HoldKind::Quarantine, HoldTiming::NextAdmissible);
                self.fleet.place_hold(ctx, vehicle, ctx.new_id(), kind, timing, reason).await?;
            }
            self.sessions.notify(&ctx.tenant, vehicle);
            Ok(())
        })
    }

    fn holds_stop<'a>(&'a self, tenant: &'a TenantId, vehicle: VehicleId) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let Some(known) = self.fleet.vehicle(tenant, vehicle).await? else { return Ok(false) };
            let stops = |hold: &&Hold| hold.kind == HoldKind::Quarantine && hold.timing != HoldTiming::AfterTrip;
            let Some(hold) = known.vehicle.holds.iter().find(stops) else { return Ok(false) };
            // The hold's command has its id; the vehicle accepted it before it said that it stands.
            let command = CommandId::from_u128(hold.id.as_u128());
            let command = commands::get(&*self.store, tenant, vehicle, command).await?;
            Ok(command.is_some_and(|command| command.is_held()))
        })
    }

    fn cut<'a>(&'a self, ctx: &'a Ctx, vehicle: VehicleId) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            self.sessions.end(&ctx.tenant, vehicle);
            self.fleet.cut_off(ctx, vehicle).await
        })
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}
