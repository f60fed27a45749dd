//! Ways are looked at behind a durable cursor when something happens that may change them: roads are closed or a zone is
//! drawn, one that was announced begins, a violation asks for another way, a vehicle goes on, took another way, stands by
//! itself before a closed road, or its trip is diverted.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{Aggregate, BoxFuture, DomainEvent, Envelope, SiteId, TenantId, TripId};
use store::subscribe::Subscriber;
use store::{CommandError, Fault, RowWrite};

use super::subscribers::settle;
use super::{TripFilter, Trips};
use crate::ports::FleetEvent;
use crate::trip::state::ROAD_CLOSED;
use crate::trip::{Status, Trip, TripEvent};

/// Looks at the ways of trips.
pub(crate) struct WayWatcher(pub(crate) Arc<Trips>);

/// What must be looked at.
enum Look {
    /// The way of one trip, and why another one is wanted, if somebody wants it.
    Trip(TripId, Option<String>),
    /// The ways of all trips at a site.
    Site(SiteId),
}

impl Look {
    fn of_trip(event: &Envelope) -> Option<Self> {
        let body = TripEvent::decode(&event.r#type, event.version, &event.body).ok()?;
        let why = match body {
            TripEvent::ViolationOpened(body) if body.response == policy::Response::Reroute => Some(body.text),
            TripEvent::Resumed(_) | TripEvent::RerouteTaken(_) | TripEvent::Diverted(_) => None,
            TripEvent::SafeStopped(body) if body.reason == ROAD_CLOSED => None,
            _ => return None,
        };
        Some(Self::Trip(event.stream.id().parse().ok()?, why))
    }
}

impl Subscriber for WayWatcher {
    fn name(&self) -> &'static str {
        "trips.ways"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            let look = match (event.stream.kind(), self.0.ports.fleet.event(event)?) {
                (_, Some(FleetEvent::RoadsRestricted(site))) => Some(Look::Site(site)),
                (Trip::KIND, _) => Look::of_trip(event),
                _ => None,
            };
            if let Some(look) = look {
                settle("another way", self.0.look(event, look).await)?;
            }
            Ok(Vec::new())
        })
    }
}

impl Trips {
    async fn look(&self, event: &Envelope, look: Look) -> Result<(), CommandError> {
        let ctx = self.consequence(event, "trip.reroute").await?;
        match look {
            Look::Trip(trip, why) => self.look_at_way(&ctx, trip, why.as_deref()).await,
            Look::Site(site) => {
                let ctx = ctx.at_site(site.clone());
                for trip in self.open_trips(&event.tenant, &site).await? {
                    settle("another way", self.look_at_way(&ctx, trip, None).await)?;
                }
                Ok(())
            }
        }
    }

    /// The trips at a site that have a vehicle or wait for one.
    async fn open_trips(&self, tenant: &TenantId, site: &SiteId) -> Result<BTreeSet<TripId>, CommandError> {
        let mut open = BTreeSet::new();
        let looked_at = |status: &Status| status.has_vehicle() || *status == Status::Waiting;
        for status in Status::ALL.into_iter().filter(looked_at) {
            let filter = TripFilter { status: Some(status), site: Some(site.clone()), vehicle: None };
            self.each_trip(tenant, filter.query(), |trip| open.extend([trip.id])).await?;
        }
        Ok(open)
    }
}
