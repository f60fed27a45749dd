//! What maintenance asks of the fleet, and where it computes.

use std::sync::Arc;

use ::fleet::KnownVehicle;
use ::fleet::vehicle::{HoldKind, HoldTiming, Status};
use ::maintenance::health::Timing;
use ::maintenance::ports::{Compute, Counts, VehicleFacts, Vehicles};
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, SiteId, TenantId, VehicleId};
use store::CommandError;
use store::port::Fault;

/// The fleet, as maintenance asks it.
pub struct MaintainedVehicles {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
}

fn facts(known: &KnownVehicle) -> VehicleFacts {
    let vehicle = &known.vehicle;
    VehicleFacts {
        name: vehicle.profile.name.clone(),
        site: vehicle.site.clone(),
        on_trip: vehicle.claim.is_some(),
        online: vehicle.status == Status::Online,
        decommissioned: vehicle.status == Status::Decommissioned,
        holds: vehicle.holds.iter().map(|hold| (hold.id, hold.kind.as_str().to_owned())).collect(),
    }
}

impl Vehicles for MaintainedVehicles {
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>> {
        Box::pin(async move { Ok(self.fleet.vehicle(tenant, vehicle).await?.as_ref().map(facts)) })
    }

    fn counts<'a>(&'a self, tenant: &'a TenantId, site: &'a SiteId) -> BoxFuture<'a, Result<Counts, Fault>> {
        Box::pin(async move {
            let at_site = self.fleet.vehicles_of(tenant, site).await?;
            let online = at_site.iter().filter(|known| known.vehicle.status == Status::Online).count();
            let in_service = self.fleet.serving(tenant).await?.len();
            Ok(Counts { online_at_site: online as u64, in_service: in_service as u64 })
        })
    }

    fn ground<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        timing: Timing,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let timing = match timing {
                Timing::AfterTrip => HoldTiming::AfterTrip,
                Timing::NextAdmissible => HoldTiming::NextAdmissible,
            };
            self.fleet.place_hold(ctx, vehicle, hold, HoldKind::Grounded, timing, reason).await.map(drop)
        })
    }

    fn release<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(super::release(&self.fleet, ctx, vehicle, hold, reason))
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}

/// Threads of their own, one at a time: training takes no core from those who serve.
pub struct OneAtATime(tokio::sync::Mutex<()>);

impl OneAtATime {
    pub fn new() -> Self {
        Self(tokio::sync::Mutex::new(()))
    }
}

impl Compute for OneAtATime {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _alone = self.0.lock().await;
            if let Err(error) = tokio::task::spawn_blocking(job).await {
                tracing::error!(%error, "a computation was cut off");
            }
        })
    }
}
