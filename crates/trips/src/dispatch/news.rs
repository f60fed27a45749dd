//! What happened since dispatch looked last and can let a waiting trip go. It is read from the end of the journal: a
//! look costs what happened meanwhile, and next to nothing when nothing did.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Envelope, SiteId, TenantId, TripId, VehicleId};
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Fault};

use crate::ports::{Fleet, FleetEvent, VehicleFacts};
use crate::service::Trips;

/// The most vehicles that are looked at one by one because something happened to them; beyond it every waiting trip
/// is looked at.
const VEHICLES_MAX: usize = 64;
/// How many pages of the journal are read for news: more happens only while dispatch could not look for long.
const PAGES_MAX: usize = 8;

/// What the journal tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    /// Sites of which roads, zones or map changed.
    sites: BTreeSet<SiteId>,
    /// Trips that began to wait.
    trips: BTreeMap<SiteId, BTreeSet<TripId>>,
    /// Vehicles that may be able to take a trip now.
    vehicles: BTreeSet<VehicleId>,
    /// Whether a trip began to wait of which the journal does not tell where.
    is_unclear: bool,
    /// Whether more happened than is told one by one.
    is_everything: bool,
}

impl Told {
    fn take(&mut self, event: &Envelope, fleet: &dyn Fleet) -> Result<(), Fault> {
        match fleet.event(event)? {
            Some(FleetEvent::VehicleMayBeReady(vehicle)) => self.vehicles.extend([vehicle]),
            Some(FleetEvent::RoadsRestricted(site) | FleetEvent::RoadsChanged(site)) => self.sites.extend([site]),
            Some(FleetEvent::VehicleHeld { .. } | FleetEvent::VehicleOffline(_)) => {}
            None if matches!(event.r#type.as_str(), "trip.created" | "trip.released" | "trip.unassigned") => {
                match (event.site.as_option(), event.stream.id().parse::<TripId>()) {
                    (Some(site), Ok(trip)) => self.trips.entry(site.clone()).or_default().extend([trip]),
                    _ => self.is_unclear = true,
                }
            }
            None => {}
        }
        Ok(())
    }
}

/// What concerns the trips that wait at one site.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// All of them.
    All,
    /// Some of them.
    Some {
        /// Trips that began to wait.
        trips: BTreeSet<TripId>,
        /// Vehicles that became ready.
        vehicles: Vec<VehicleFacts>,
    },
}

impl News {
    /// Whether nothing happened.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some { trips, vehicles } if trips.is_empty() && vehicles.is_empty())
    }
}

/// What happened in a tenant since the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct TenantNews {
    told: Told,
    ready: BTreeMap<SiteId, Vec<VehicleFacts>>,
}

impl TenantNews {
    /// Whatever there is may have changed.
    pub(super) fn everything() -> Self {
        Self { told: Told { is_everything: true, ..Told::default() }, ..Self::default() }
    }

    /// Whether more happened than is told one by one.
    pub(super) fn is_everything(&self) -> bool {
        self.told.is_everything
    }

    /// The sites where trips began to wait.
    pub(super) fn sites(&self) -> impl Iterator<Item = &SiteId> {
        self.told.trips.keys()
    }

    /// What of it concerns the trips that wait at a site.
    pub(super) fn of_site(&mut self, site: &SiteId) -> News {
        if self.told.is_everything || self.told.sites.contains(site) {
            return News::All;
        }
        let trips = self.told.trips.remove(site).unwrap_or_default();
        News::Some { trips, vehicles: self.ready.remove(site).unwrap_or_default() }
    }
}

impl Trips {
    /// Reads the journal on from `read_to`, which it moves to the end.
    pub(super) async fn news(&self, tenant: &TenantId, read_to: &mut u64) -> Result<TenantNews, CommandError> {
        let mut told = Told::default();
        for _ in 0..PAGES_MAX {
            let entries = self.store.entries(tenant, *read_to, PAGE_LIMIT_MAX).await?;
            for entry in &entries {
                told.take(&store::sequence::envelope(entry)?, &*self.ports.fleet)?;
            }
            *read_to += entries.len() as u64;
            told.is_everything = entries.len() == PAGE_LIMIT_MAX;
            if !told.is_everything {
                break;
            }
        }
        if told.is_everything {
            *read_to = self.end_of_log(tenant).await?;
        }
        told.is_everything |= told.is_unclear || told.vehicles.len() > VEHICLES_MAX;
        let mut ready: BTreeMap<SiteId, Vec<VehicleFacts>> = BTreeMap::new();
        if !told.is_everything && !told.vehicles.is_empty() {
            let (ctx, _) = self.automation(tenant, None, "dispatch.news").await?;
            for &vehicle in &told.vehicles {
                if let Some(facts) = self.ports.fleet.vehicle(&ctx, vehicle).await?.filter(VehicleFacts::is_ready) {
                    ready.entry(facts.site.clone()).or_default().push(facts);
                }
            }
        }
        Ok(TenantNews { told, ready })
    }

    pub(super) async fn end_of_log(&self, tenant: &TenantId) -> Result<u64, CommandError> {
        Ok(self.store.head(tenant).await?.map_or(0, |head| head.size))
    }
}
