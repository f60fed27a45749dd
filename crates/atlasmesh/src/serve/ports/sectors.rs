//! What the sectors' work asks of its neighbours: sites and their closures, vehicles with where they were last, and what a
//! tenant's product has.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::fleet::site::{ClosureClass, SiteZoneDrawn, ZoneKind};
use ::fleet::vehicle::Status;
use ::sectors::actions::RELAX;
use ::sectors::emission::Emissions;
use ::sectors::ports::{Closure, Features, Grounds, TripEvents, TripNews, Whereabouts};
use approvals::ApprovedCommand;
use kernel::ctx::About;
use kernel::id::RestrictionId;
use kernel::{Aggregate, BoxFuture, Code, Ctx, Envelope, Reject, SiteId, Subject, TenantId, VehicleId};
use policy::Fact;
use serde::Deserialize;
use serde_json::Value;
use store::CommandError;
use store::port::Fault;
use trips::ports::{Answer, SectorWork};
use trips::trip::types::FrozenSector;
use trips::{Trip, TripEvent, TripRequest};

use super::Neighbours;

impl Grounds for Neighbours {
    fn has_site<'a>(&'a self, tenant: &'a TenantId, site: &'a SiteId) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move { Ok(self.fleet.site(tenant, site).await?.is_some()) })
    }

    fn close<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        closure: Closure<'a>,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let Closure { restriction, name, area, reason } = closure;
            let known = self.fleet.site(&ctx.tenant, site).await?;
            if known.is_some_and(|known| known.restrictions.contains_key(&restriction.to_string())) {
                return Ok(());
            }
            let drawn = SiteZoneDrawn {
                restriction,
                name: name.to_owned(),
                kind: ZoneKind::Blast,
                polygon: area.to_vec(),
                owner: ctx.actor.id.clone(),
                class: Some(ClosureClass::Evacuate),
                reason: Some(reason.to_owned()),
                from: None,
                until: None,
            };
            self.fleet.draw_zone(ctx, site, drawn).await.map(drop)
        })
    }

    fn open<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        restriction: RestrictionId,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            match self.fleet.lift(ctx, site, restriction).await {
                Err(CommandError::Reject(reject)) if reject.code == Code::NotFound => Ok(()),
                lifted => lifted,
            }
        })
    }

    fn vehicles<'a>(
        &'a self,
        tenant: &'a TenantId,
        site: &'a SiteId,
    ) -> BoxFuture<'a, Result<Vec<Whereabouts>, CommandError>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for known in self.fleet.vehicles_of(tenant, site).await? {
                // One that never came, or that left for good, is nowhere on the site.
                if !matches!(known.vehicle.status, Status::Online | Status::Offline) {
                    continue;
                }
                let last = self.position(tenant, &known)?.map(|last| (last.at, last.seen_at));
                let parked = known.seen.as_ref().is_some_and(|seen| seen.parked);
                found.push(Whereabouts { vehicle: known.id, last, parked });
            }
            Ok(found)
        })
    }

    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }
}

/// What the tenants' products have.
pub struct FeaturesOf(pub Arc<tenancy::Sectors>);

impl Features for FeaturesOf {
    fn needs<'a>(&'a self, ctx: &'a Ctx, feature: &'a str) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(self.0.needs(ctx, feature))
    }
}

/// The events of trips, in the words of jobs.
pub struct TripsOfJobs;

impl TripEvents for TripsOfJobs {
    fn read(&self, event: &Envelope) -> Option<TripNews> {
        let (trip, happened) = Trip::event_in(event)?;
        match happened {
            TripEvent::Created(_) => {
                // A trip that was asked for before trips had attributes names no job.
                let job = event.body.pointer("/requirements/attributes/job")?.as_str()?.to_owned();
                Some(TripNews::Asked { trip, job })
            }
            TripEvent::Completed(_) => Some(TripNews::Completed { trip }),
            TripEvent::Cancelled(_) | TripEvent::Failed(_) | TripEvent::Expired(_) => Some(TripNews::Ended { trip }),
            _ => None,
        }
    }
}

/// Lets more be sent out at a site, once a second person agreed.
pub struct RelaxEmissions(pub Arc<::sectors::Sectors>);

#[derive(Deserialize)]
struct Relaxing {
    from: Emissions,
    to: Emissions,
}

impl ApprovedCommand for RelaxEmissions {
    fn command(&self) -> &'static str {
        RELAX.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let unreadable = || Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
            let site: SiteId = subject.id().parse().map_err(|_| unreadable())?;
            let Relaxing { from, to } = Relaxing::deserialize(arguments).map_err(|_| unreadable())?;
            self.0.relax(ctx, &site, from, to, reason).await
        })
    }
}

/// What the sectors' work says of trips and of the vehicles that may take them.
pub struct WorkOfTrips {
    pub work: Arc<::sectors::Sectors>,
    pub sectors: Arc<tenancy::Sectors>,
}

impl SectorWork for WorkOfTrips {
    fn trip_facts<'a>(&'a self, ctx: &'a Ctx, request: &'a TripRequest) -> Answer<'a, Vec<Fact>> {
        Box::pin(async move {
            let stops: Vec<_> = request.stops.iter().map(|stop| stop.at).collect();
            let asked = ::sectors::AskedTrip {
                kind: request.kind.as_str(),
                stops: &stops,
                payload_kg: request.requirements.payload_kg,
                passengers: request.requirements.passengers,
                capabilities: &request.requirements.capabilities,
                attributes: &request.requirements.attributes,
                site: &request.site,
            };
            self.work.trip_facts(ctx, &asked).await
        })
    }

    fn frozen<'a>(&'a self, ctx: &'a Ctx) -> Answer<'a, Option<FrozenSector>> {
        Box::pin(async move {
            let frozen = self.sectors.frozen(&ctx.tenant).await?;
            Ok(frozen.map(|(generation, flags)| FrozenSector { generation, flags }))
        })
    }

    fn vehicle_facts<'a>(
        &'a self,
        ctx: &'a Ctx,
        vehicles: &'a [VehicleId],
    ) -> Answer<'a, BTreeMap<VehicleId, Vec<Fact>>> {
        Box::pin(self.work.vehicle_facts(ctx, vehicles))
    }

    fn needed_facts(&self, ctx: &Ctx, attributes: &BTreeMap<String, String>) -> Vec<Fact> {
        self.work.needed_facts(ctx, attributes)
    }
}
