//! What updates ask of the fleet, of the register of keys, and of two people.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::approvals::ApprovedCommand;
use ::fleet::KnownVehicle;
use ::fleet::vehicle::{HoldKind, HoldTiming, Status};
use ::identity::keyring::Keyring;
use ::ota::actions::RESUME_ROLLOUT;
use ::ota::ports::{KeyStates, VehicleFacts, Vehicles};
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Code, Ctx, Reject, Subject, TenantId, VehicleId};
use serde_json::Value;
use store::port::Fault;
use store::{CommandError, ListQuery};

/// The fleet, as updates ask it.
pub struct UpdatedVehicles {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
}

fn facts(known: &KnownVehicle) -> VehicleFacts {
    let vehicle = &known.vehicle;
    let holds = vehicle.holds.iter().filter(|hold| hold.kind != HoldKind::Update);
    VehicleFacts {
        name: vehicle.profile.name.clone(),
        site: vehicle.site.clone(),
        holds: holds.map(|hold| hold.kind.as_str().to_owned()).collect(),
        on_trip: vehicle.claim.is_some(),
        parked: known.seen.as_ref().is_some_and(|seen| seen.parked),
        online: vehicle.status == Status::Online,
        decommissioned: vehicle.status == Status::Decommissioned,
        battery_pct: known.seen.as_ref().map_or(0.0, |seen| seen.battery_pct),
        energy_capacity_wh: vehicle.profile.energy_capacity_wh,
    }
}

impl Vehicles for UpdatedVehicles {
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>> {
        Box::pin(async move { Ok(self.fleet.vehicle(tenant, vehicle).await?.as_ref().map(facts)) })
    }

    fn vehicles<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: Option<VehicleId>,
    ) -> BoxFuture<'a, Result<Vec<(VehicleId, VehicleFacts)>, Fault>> {
        Box::pin(async move {
            let query = ListQuery { after: after.map(|id| id.to_string()), ..ListQuery::all() };
            let page = self.fleet.vehicles(tenant, query).await?;
            Ok(page.iter().map(|known| (known.id, facts(known))).collect())
        })
    }

    fn hold<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (kind, timing) = (HoldKind::Update, HoldTiming::AfterTrip);
            self.fleet.place_hold(ctx, vehicle, hold, kind, timing, reason).await.map(drop)
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

/// The register of keys.
pub struct RegisteredKeys(pub Arc<Keyring>);

impl KeyStates for RegisteredKeys {
    fn states(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, Fault>> {
        Box::pin(async move {
            let register = self.0.register().await?;
            Ok(register.keys.into_iter().map(|known| (known.key, known.state.to_string())).collect())
        })
    }
}

/// Lets a paused rollout go on.
pub struct ResumeRollout(pub Arc<::ota::Ota>);

impl ApprovedCommand for ResumeRollout {
    fn command(&self) -> &'static str {
        RESUME_ROLLOUT.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        _: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let unreadable = || Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
            let rollout = subject.id().parse().map_err(|_| unreadable())?;
            self.0.resume_rollout(ctx, rollout, reason).await
        })
    }
}
