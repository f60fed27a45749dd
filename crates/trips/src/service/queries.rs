//! Reading trips.

use kernel::{Aggregate, SiteId, Subject, TenantId, TripId, VehicleId};
use store::port::{Fault, PAGE_LIMIT_MAX, Store};
use store::{CommandError, ListQuery, Order, TableSpec, load, load_page};

use super::{Trips, no_such_trip};
use crate::trip::{Status, Trip, TripEvent};

/// Which trips to list; every one that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TripFilter {
    pub status: Option<Status>,
    /// Of this vehicle, ended ones too.
    pub vehicle: Option<VehicleId>,
    pub site: Option<SiteId>,
}

impl TripFilter {
    pub fn of_vehicle(vehicle: VehicleId) -> Self {
        Self { vehicle: Some(vehicle), ..Self::default() }
    }

    fn columns(&self) -> Vec<(&'static str, String)> {
        let status = self.status.map(|status| ("status", status.to_string()));
        let vehicle = self.vehicle.map(|vehicle| ("vehicle", vehicle.to_string()));
        let site = self.site.as_ref().map(|site| ("site", site.to_string()));
        [status, vehicle, site].into_iter().flatten().collect()
    }

    /// All trips of the filter, oldest first.
    pub(crate) fn query(&self) -> ListQuery {
        ListQuery { filters: self.columns(), ..ListQuery::all() }
    }
}

impl Trips {
    pub async fn get(&self, tenant: &TenantId, trip: TripId) -> Result<Option<Trip>, CommandError> {
        Ok(load::<Trip>(&*self.store, tenant, &trip).await?.map(|loaded| loaded.state))
    }

    /// A page of trips, newest first, behind the trip `after`.
    pub async fn list(
        &self,
        tenant: &TenantId,
        filter: &TripFilter,
        after: Option<TripId>,
        limit: usize,
    ) -> Result<Vec<Trip>, CommandError> {
        let query = ListQuery {
            filters: filter.columns(),
            after: after.map(|trip| trip.to_string()),
            order: Order::Descending,
            limit,
        };
        Ok(load_page(&*self.store, tenant, query).await?)
    }

    /// The trips of a tenant that have not ended, up to a number, as a store has them.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn open(store: &dyn Store, tenant: &TenantId, most: usize) -> Result<Vec<TripId>, Fault> {
        let mut open = Vec::new();
        for status in Status::all().filter(|status| !status.is_terminal()) {
            let filter = TripFilter { status: Some(status), site: None, vehicle: None };
            let query = ListQuery { filters: filter.columns(), limit: most, ..ListQuery::all() };
            let page = store.list(TableSpec::of::<Trip>(), tenant, query).await?;
            open.extend(page.iter().filter_map(|row| row.key.parse::<TripId>().ok()));
        }
        open.truncate(most);
        Ok(open)
    }

    /// How many trips of a site have not ended. Counted state by state in the order of a trip's life, so that one that
    /// goes on meanwhile is met later.
    pub async fn open_at(&self, tenant: &TenantId, site: &SiteId) -> Result<u32, CommandError> {
        let mut open = 0usize;
        for status in Status::all().filter(|status| !status.is_terminal()) {
            let filter = TripFilter { status: Some(status), site: Some(site.clone()), vehicle: None };
            let query = ListQuery { filters: filter.columns(), ..ListQuery::all() };
            open += store::list_all(&*self.store, TableSpec::of::<Trip>(), tenant, query).await?.len();
        }
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    }

    /// Does something with every trip that a query finds, page by page.
    pub(crate) async fn each_trip(
        &self,
        tenant: &TenantId,
        mut query: ListQuery,
        mut each: impl FnMut(Trip) + Send,
    ) -> Result<(), CommandError> {
        query.limit = PAGE_LIMIT_MAX;
        loop {
            let page: Vec<Trip> = load_page(&*self.store, tenant, query.clone()).await?;
            let last = page.last().filter(|_| page.len() == PAGE_LIMIT_MAX).map(|trip| trip.id.to_string());
            page.into_iter().for_each(&mut each);
            match last {
                Some(last) => query.after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// The open trip that a vehicle holds: one look into the index for each state in which it may be.
    pub(crate) async fn open_trip_of(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
    ) -> Result<Option<Trip>, CommandError> {
        let held = || Status::all().filter(|status| status.has_vehicle());
        // Twice: one that went back meanwhile, from a pause to its path, was passed over.
        for status in held().chain(held()) {
            let filter = TripFilter { status: Some(status), ..TripFilter::of_vehicle(vehicle) };
            if let Some(trip) = self.list(tenant, &filter, None, 1).await?.pop() {
                return Ok(Some(trip));
            }
        }
        Ok(None)
    }

    /// A trip as it was answered when it was created: what a repeated request is answered again.
    pub(crate) async fn as_created(&self, tenant: &TenantId, trip: TripId) -> Result<Trip, CommandError> {
        // The creation follows the decision that allowed it, so it is among the first entries.
        const FIRST: usize = 8;
        let subject = Subject::new(Trip::KIND, trip);
        for entry in self.store.timeline(tenant, &subject, 0, FIRST).await? {
            let event = store::sequence::envelope(&entry)?;
            if let Some((_, body @ TripEvent::Created(_))) = Trip::event_in(&event)
                && let Some(trip) = Trip::evolve(None, &body, &event.meta())
            {
                return Ok(trip);
            }
        }
        Err(no_such_trip())
    }
}
