//! What happened since dispatch looked last and can let a waiting trip go. It is read from the end of the journal: a
//! look costs what happened meanwhile, and next to nothing when nothing did.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Envelope, SiteId, TenantId, TripId, VehicleId};
use store::port::PAGE_LIMIT_MAX;
use store::{CommandError, Fault};

use super::Dispatch;
use crate::ports::{Fleet, FleetEvent, VehicleFacts};

/// The most vehicles that are looked at one by one because something happened to them; beyond it every waiting trip
/// is looked at.
const VEHICLES_MAX: usize = 64;
/// How many pages of the journal are read for changes: more happens only while dispatch could not look for long.
const PAGES_MAX: usize = 8;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct JournalChanges {
    /// Sites of which roads, zones or map changed.
    sites: BTreeSet<SiteId>,
    trips: BTreeMap<SiteId, BTreeSet<TripId>>,
    /// Vehicles that may be able to take a trip now.
    vehicles: BTreeSet<VehicleId>,
    /// Whether a trip began to wait of which the journal does not tell where.
    is_unclear: bool,
    /// Whether more happened than is looked at one by one.
    is_everything: bool,
}

impl JournalChanges {
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
pub(super) enum SiteChanges {
    All,
    Some { trips: BTreeSet<TripId>, vehicles: Vec<VehicleFacts> },
}

impl SiteChanges {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some { trips, vehicles } if trips.is_empty() && vehicles.is_empty())
    }
}

/// What happened in a tenant since the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct TenantChanges {
    found: JournalChanges,
    ready: BTreeMap<SiteId, Vec<VehicleFacts>>,
}

impl TenantChanges {
    /// Whatever there is may have changed.
    pub(super) fn everything() -> Self {
        Self { found: JournalChanges { is_everything: true, ..JournalChanges::default() }, ..Self::default() }
    }

    /// Whether more happened than is looked at one by one.
    pub(super) fn is_everything(&self) -> bool {
        self.found.is_everything
    }

    /// The sites where trips began to wait.
    pub(super) fn sites(&self) -> impl Iterator<Item = &SiteId> {
        self.found.trips.keys()
    }

    /// What of it concerns the trips that wait at a site.
    pub(super) fn of_site(&mut self, site: &SiteId) -> SiteChanges {
        if self.found.is_everything || self.found.sites.contains(site) {
            return SiteChanges::All;
        }
        let trips = self.found.trips.remove(site).unwrap_or_default();
        SiteChanges::Some { trips, vehicles: self.ready.remove(site).unwrap_or_default() }
    }
}

impl Dispatch {
    /// Reads the journal on from `read_to`, which it moves to the end.
    pub(super) async fn changes_since(
        &self,
        tenant: &TenantId,
        read_to: &mut u64,
    ) -> Result<TenantChanges, CommandError> {
        let mut found = JournalChanges::default();
        for _ in 0..PAGES_MAX {
            let entries = self.trips.store.entries(tenant, *read_to, PAGE_LIMIT_MAX).await?;
            for entry in &entries {
                found.take(&store::sequence::envelope(entry)?, &*self.trips.ports.fleet)?;
            }
            *read_to += entries.len() as u64;
            found.is_everything = entries.len() == PAGE_LIMIT_MAX;
            if !found.is_everything {
                break;
            }
        }
        if found.is_everything {
            *read_to = self.end_of_log(tenant).await?;
        }
        found.is_everything |= found.is_unclear || found.vehicles.len() > VEHICLES_MAX;
        let mut ready: BTreeMap<SiteId, Vec<VehicleFacts>> = BTreeMap::new();
        if !found.is_everything && !found.vehicles.is_empty() {
            let (ctx, _) = self.trips.automation(tenant, None, "dispatch.news").await?;
            for &vehicle in &found.vehicles {
                if let Some(facts) = self.trips.ports.fleet.vehicle(&ctx, vehicle).await?.filter(VehicleFacts::is_ready)
                {
                    ready.entry(facts.site.clone()).or_default().push(facts);
                }
            }
        }
        Ok(TenantChanges { found, ready })
    }

    pub(super) async fn end_of_log(&self, tenant: &TenantId) -> Result<u64, CommandError> {
        Ok(self.trips.store.head(tenant).await?.map_or(0, |head| head.size))
    }
}
