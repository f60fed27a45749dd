//! Where domains answer each other: what trips needs, in trips' words, from fleet, routing, telemetry and tenancy. In
//! process today; over the network this is the only place that would change.

mod activation;
mod approvals;
mod evidence;
mod fleet;
mod fleet_events;
mod governance;
mod identity;
mod maintenance;
mod ota;
mod routing;
mod sectors;
mod security;
mod tenants;

use std::sync::Arc;

pub use self::activation::{InServiceNow, RestoreFlag, SectorChanges};
pub use self::approvals::{ClearStop, PeopleOf, ReleaseHold};
pub use self::evidence::{EvidenceKeys, ObservedVehicles, Vouchers};
pub use self::fleet::KnownAbilities;
pub use self::governance::{ActivatePolicy, GrantWaiver, RollBackPolicy};
pub use self::identity::Motion;
pub use self::maintenance::{MaintainedVehicles, OneAtATime};
pub use self::ota::{RegisteredKeys, ResumeRollout, UpdatedVehicles};
pub use self::sectors::{FeaturesOf, RelaxEmissions, TripsOfJobs, WorkOfTrips};
pub use self::security::{EventReader, IncidentSubjects, RestoreAccess};
pub use self::tenants::{DeleteTenant, PERSONAL_TABLES, RemainsOf};
use ::fleet::KnownVehicle;
use gateway::maps::Maps;
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Code, Ctx, TenantId, Timestamp, TripId, VehicleId};
use store::CommandError;
use store::port::Fault;
use trips::ports::{Answer, LastPosition, Listener, Positions, RouteProgress, TenantFacts, Tenants};

/// Every port of trips, answered by its neighbours.
pub struct Neighbours {
    pub fleet: Arc<::fleet::Fleet>,
    pub tenancy: Arc<tenancy::Tenancy>,
    pub telemetry: Arc<telemetry::Ingest>,
    pub maps: Arc<dyn Maps>,
    pub maintenance: Arc<::maintenance::Maintenance>,
    pub sectors: Arc<tenancy::Sectors>,
    pub abilities: KnownAbilities,
}

/// What every context of a tenant says of it.
async fn about(tenancy: &tenancy::Tenancy, tenant: &TenantId) -> Result<About, Fault> {
    let known = tenancy.tenant(tenant).await?;
    Ok(known.map_or(About { sector: None, simulated: false }, |known| known.about()))
}

/// Ends a hold that a domain placed by itself.
async fn release(
    fleet: &::fleet::Fleet,
    ctx: &Ctx,
    vehicle: VehicleId,
    hold: HoldId,
    reason: &str,
) -> Result<(), CommandError> {
    match fleet.release_hold(ctx, vehicle, hold, reason).await {
        // Gone already, or the vehicle left the fleet with it.
        Err(CommandError::Reject(reject)) if matches!(reject.code, Code::NotFound | Code::IllegalTransition) => Ok(()),
        released => released,
    }
}

/// Who the tenants are, for the fleet.
pub struct TenantsOf(pub Arc<tenancy::Tenancy>);

impl ::fleet::Tenants for TenantsOf {
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(about(&self.0, tenant))
    }
}

impl ::governance::Tenants for TenantsOf {
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        ::fleet::Tenants::about(self, tenant)
    }
}

impl Tenants for Neighbours {
    fn tenant<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Option<TenantFacts>> {
        Box::pin(async move {
            let Some(known) = self.tenancy.tenant(tenant).await? else { return Ok(None) };
            let Some(sector) = known.sector else { return Ok(None) };
            Ok(Some(TenantFacts { sector, simulated: known.simulated, entitlements: known.entitlements }))
        })
    }
}

impl Positions for Neighbours {
    fn route_progress<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        trip: TripId,
    ) -> Answer<'a, Option<RouteProgress>> {
        Box::pin(async move {
            let latest = self.telemetry.latest(&ctx.tenant, vehicle).map_err(unreadable)?;
            Ok(latest.filter(|latest| latest.sample.trip == Some(trip)).map(|latest| RouteProgress {
                progress_m: latest.sample.progress_m,
                speed_mps: latest.sample.speed_mps,
                seen_at: latest.received_at,
            }))
        })
    }
}

impl Neighbours {
    /// The newer of the last sample and the last heartbeat: a parked vehicle sends no samples.
    fn position(&self, tenant: &TenantId, known: &KnownVehicle) -> Result<Option<LastPosition>, CommandError> {
        let sampled = self.telemetry.latest(tenant, known.id).map_err(unreadable)?.map(|latest| LastPosition {
            at: latest.sample.position,
            speed_mps: latest.sample.speed_mps,
            seen_at: latest.received_at,
        });
        let told = known
            .seen
            .as_ref()
            .and_then(|seen| seen.position.map(|at| LastPosition { at, speed_mps: 0.0, seen_at: seen.at }));
        Ok(sampled.into_iter().chain(told).max_by_key(|position| position.seen_at))
    }
}

impl Listener for Neighbours {
    fn up_since(&self) -> Option<Timestamp> {
        Some(self.fleet.listening_since())
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> CommandError {
    CommandError::Fault(Fault::Unavailable { what: "read what a neighbour keeps", source: Box::new(error) })
}
