//! What the sectors' work needs of its neighbours.

use kernel::ctx::About;
use kernel::id::RestrictionId;
use kernel::{BoxFuture, Coordinate, Ctx, Envelope, SiteId, TenantId, Timestamp, TripId, VehicleId};
use store::CommandError;
use store::port::Fault;

/// A vehicle that works at a site, and where it was last.
#[derive(Debug, Clone, PartialEq)]
pub struct Whereabouts {
    pub vehicle: VehicleId,
    /// Where it was last, and when it said so.
    pub last: Option<(Coordinate, Timestamp)>,
    /// Whether it stood there with its brake set.
    pub parked: bool,
}

/// An area that is closed for a blast.
#[derive(Debug, Clone, Copy)]
pub struct Closure<'a> {
    pub restriction: RestrictionId,
    pub name: &'a str,
    pub area: &'a [Coordinate],
    pub reason: &'a str,
}

/// Sites and what drives there.
pub trait Grounds: Send + Sync {
    fn has_site<'a>(&'a self, tenant: &'a TenantId, site: &'a SiteId) -> BoxFuture<'a, Result<bool, Fault>>;

    /// Closes an area for everybody and has those inside leave. The same closure again changes nothing.
    fn close<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        closure: Closure<'a>,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// Opens it, where policy lets whoever asks. What is open already stays so.
    fn open<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        restriction: RestrictionId,
    ) -> BoxFuture<'a, Result<(), CommandError>>;

    /// The vehicles in service at a site.
    fn vehicles<'a>(
        &'a self,
        tenant: &'a TenantId,
        site: &'a SiteId,
    ) -> BoxFuture<'a, Result<Vec<Whereabouts>, CommandError>>;

    /// What every context of the tenant says.
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>>;
}

/// What a tenant's product has.
pub trait Features: Send + Sync {
    /// Lets the tenant of a context go on only where a feature, such as `blast.coordination`, is in effect; a refusal says
    /// who says no and what would help.
    fn needs<'a>(&'a self, ctx: &'a Ctx, feature: &'a str) -> BoxFuture<'a, Result<(), CommandError>>;
}

/// What trips tell of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TripNews {
    /// A trip was asked for that names a job.
    Asked {
        trip: TripId,
        job: String,
    },
    Completed {
        trip: TripId,
    },
    /// It ended in another way.
    Ended {
        trip: TripId,
    },
}

/// The events of trips, in the words of jobs.
pub trait TripEvents: Send + Sync {
    fn read(&self, event: &Envelope) -> Option<TripNews>;
}
