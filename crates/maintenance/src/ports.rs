//! What maintenance needs of its neighbours.

use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Ctx, SiteId, TenantId, VehicleId};
use store::CommandError;
use store::port::Fault;

use crate::health::Timing;

/// A vehicle as maintenance sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleFacts {
    pub name: String,
    pub site: SiteId,
    pub on_trip: bool,
    pub online: bool,
    pub decommissioned: bool,
    /// Its holds, and the kind of each.
    pub holds: Vec<(HoldId, String)>,
}

/// Vehicles.
pub trait Vehicles: Send + Sync {
    /// One vehicle.
    fn vehicle<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<Option<VehicleFacts>, Fault>>;

    /// How many vehicles of a site are connected, and how many of the tenant are in service.
    fn counts<'a>(&'a self, tenant: &'a TenantId, site: &'a SiteId) -> BoxFuture<'a, Result<Counts, Fault>>;

    /// Keeps the vehicle from being dispatched, and has it stand.
    fn ground<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        timing: Timing,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Ends the hold; one that is over already is no error.
    fn release<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicle: VehicleId,
        hold: HoldId,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// How many vehicles there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub online_at_site: u64,
    pub in_service: u64,
}

/// Where long computations run: beside what serves people and vehicles.
pub trait Compute: Send + Sync {
    /// Runs a job to its end.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()>;
}
