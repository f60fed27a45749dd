//! Routes are looked at behind a durable cursor when something happens that may change them: roads are closed or a zone is
//! drawn, one that was announced begins, a violation asks for another route, a vehicle goes on, took another route, stands by
//! itself before a closed road, or its trip is diverted.

use kernel::{Aggregate, Envelope, SiteId, TenantId, TripId};
use std::collections::BTreeSet;
use store::CommandError;
use store::subscribe::step_over_refusal;

use super::{TripFilter, Trips};
use crate::ports::FleetEvent;
use crate::trip::state::ROAD_CLOSED;
use crate::trip::{Status, Trip, TripEvent};

/// What must be looked at.
enum Check {
    /// The route of one trip, and why another one is wanted, if somebody wants it.
    Trip(TripId, Option<String>),
    /// The routes of all trips at a site.
    Site(SiteId),
}

impl Check {
    fn of_trip(entry: &Envelope) -> Option<Self> {
        let (trip, event) = Trip::event_in(entry)?;
        let why = match event {
            TripEvent::ViolationOpened(body) if body.response == policy::Response::Reroute => Some(body.text),
            TripEvent::Resumed(_) | TripEvent::RerouteTaken(_) | TripEvent::Diverted(_) => None,
            TripEvent::SafeStopped(body) if body.reason == ROAD_CLOSED => None,
            _ => return None,
        };
        Some(Self::Trip(trip, why))
    }
}

impl Trips {
    /// Checks the routes that an entry of the journal may have cut.
    pub(crate) async fn check_routes(&self, entry: &Envelope) -> Result<(), CommandError> {
        let check = match self.ports.fleet.event(entry)? {
            Some(FleetEvent::RoadsRestricted(site)) => Some(Check::Site(site)),
            Some(_) => None,
            None => Check::of_trip(entry),
        };
        let Some(check) = check else { return Ok(()) };
        let ctx = self.consequence(entry, "trip.reroute").await?;
        match check {
            Check::Trip(trip, why) => self.check_route(&ctx, trip, why.as_deref()).await,
            Check::Site(site) => {
                let ctx = ctx.at_site(site.clone());
                for trip in self.open_trips(&entry.tenant, &site).await? {
                    step_over_refusal("trips.ways", self.check_route(&ctx, trip, None).await)?;
                }
                Ok(())
            }
        }
    }

    /// The trips at a site that have a vehicle or wait for one.
    async fn open_trips(&self, tenant: &TenantId, site: &SiteId) -> Result<BTreeSet<TripId>, CommandError> {
        let mut open = BTreeSet::new();
        let looked_at = |status: &Status| status.has_vehicle() || *status == Status::Waiting;
        for status in Status::all().filter(looked_at) {
            let filter = TripFilter { status: Some(status), site: Some(site.clone()), vehicle: None };
            self.each_trip(tenant, filter.query(), |trip| open.extend([trip.id])).await?;
        }
        Ok(open)
    }
}
