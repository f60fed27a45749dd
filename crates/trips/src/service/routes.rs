//! Routes of trips: found, summed up for the journal, and kept as immutable rows that events name by id and digest.

use kernel::{Coordinate, Ctx, RouteId, TenantId, Timestamp, TripId};
use policy::Constraints;
use serde::{Deserialize, Serialize};
use store::{CommandError, Expected, Fault, RowBody, RowWrite, TableSpec};

use super::Trips;
use crate::ports::{RouteAnswer, RouteFound, RouteQuery, RouteStep, VehicleFacts};
use crate::trip::Trip;
use crate::trip::decide::WaitReason;
use crate::trip::types::RouteSummary;

/// Lines and steps of routes, by route id; written once, in the commit of the event that names them.
pub const ROUTE_VERSIONS: TableSpec = TableSpec::machinery("route_versions", &["trip"]);

/// A line with its steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// At least two points, or none where both ends are one place.
    pub points: Vec<Coordinate>,
    /// What holds along it, in order.
    pub steps: Vec<RouteStep>,
}

/// An immutable version of a trip's route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteVersion {
    /// The trip.
    pub trip: TripId,
    /// What the journal has of it.
    pub summary: RouteSummary,
    /// To the pickup; empty without a vehicle.
    pub approach: Leg,
    /// From the pickup to the drop-off.
    pub way: Leg,
    /// The limits that it keeps to.
    pub constraints: Constraints,
    /// When it was found.
    pub found_at: Timestamp,
}

impl RouteVersion {
    /// The row to be written with the event that names it.
    pub(crate) fn row(&self) -> Result<RowWrite, Fault> {
        let body = RowBody::new(self, vec![self.trip.to_string()])?;
        Ok(RowWrite::put(ROUTE_VERSIONS, self.summary.route.to_string(), Expected::Absent, body))
    }
}

/// The vehicle of a route, and where it begins its approach.
pub(crate) struct Approach<'a> {
    pub(crate) vehicle: &'a VehicleFacts,
    pub(crate) from: Coordinate,
}

impl Trips {
    /// A line and its steps by route id.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn route_version(&self, tenant: &TenantId, route: RouteId) -> Result<Option<RouteVersion>, CommandError> {
        let row = self.store.get(ROUTE_VERSIONS, tenant, &route.to_string()).await?;
        Ok(row.map(|row| row.decode()).transpose()?)
    }

    /// The route in force of a trip; `None` when the trip does not exist or has none yet.
    ///
    /// # Errors
    /// [`CommandError::Fault`] when the store cannot answer.
    pub async fn route(&self, tenant: &TenantId, trip: TripId) -> Result<Option<RouteVersion>, CommandError> {
        match self.get(tenant, trip).await?.and_then(|trip| trip.route) {
            Some(summary) => self.route_version(tenant, summary.route).await,
            None => Ok(None),
        }
    }

    /// Finds the next version of a trip's route: without a vehicle from origin to destination, with one also from
    /// where it is. Why there is none is a reason to wait: what is closed today is open tomorrow.
    pub(crate) async fn find_route(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        constraints: &Constraints,
        approach: Option<Approach<'_>>,
    ) -> Result<Result<RouteVersion, WaitReason>, CommandError> {
        let (Some(origin), Some(destination)) = (trip.origin(), trip.destination()) else {
            return Ok(Err(no_way("the trip has no stops")));
        };
        let vehicle = approach.as_ref().map(|approach| approach.vehicle);
        let mut legs = Vec::with_capacity(2);
        let starts = approach.as_ref().map(|approach| (approach.from, origin));
        for (from, to) in starts.into_iter().chain([(origin, destination)]) {
            let query = RouteQuery { site: &trip.site, from, to, constraints, vehicle };
            match self.ports.routing.route(ctx, query).await? {
                RouteAnswer::Found(found) => legs.push(found),
                RouteAnswer::Unroutable { reason } | RouteAnswer::OffMap { reason, .. } => {
                    return Ok(Err(no_way(&reason)));
                }
            }
        }
        let way = legs.pop().unwrap_or_default();
        let approach = legs.pop().unwrap_or_default();
        Ok(Ok(version(ctx, trip, constraints, vehicle, approach, way)))
    }
}

fn no_way(reason: &str) -> WaitReason {
    WaitReason { code: "NO_ROUTE".into(), reason: format!("no way leads there: {reason}"), ..WaitReason::default() }
}

fn version(
    ctx: &Ctx,
    trip: &Trip,
    constraints: &Constraints,
    vehicle: Option<&VehicleFacts>,
    approach: RouteFound,
    way: RouteFound,
) -> RouteVersion {
    let leg = |found: &RouteFound| Leg { points: found.points.clone(), steps: found.steps.clone() };
    let (approach_leg, way_leg) = (leg(&approach), leg(&way));
    let distance_m = approach.distance_m + way.distance_m;
    let binding: std::collections::BTreeSet<String> = approach.binding.into_iter().chain(way.binding).collect();
    let policy = format!("{}\n{}", trip.policy_bundle, constraints.digest());
    let summary = RouteSummary {
        route: ctx.new_id(),
        version: trip.route_versions + 1,
        digest: digest_of(&(&approach_leg, &way_leg)),
        distance_m: way.distance_m,
        duration_ms: way.duration_ms,
        approach_m: approach.distance_m,
        approach_ms: approach.duration_ms,
        energy_wh: vehicle.map(|vehicle| vehicle.consumption_wh_per_m * distance_m),
        map_digest: way.map_digest,
        policy_digest: journal::Hash::of_bytes(policy.as_bytes()).to_string(),
        policy_bundle: trip.policy_bundle.clone(),
        binding: binding.into_iter().collect(),
        zones: approach.zones.union(&way.zones).cloned().collect(),
    };
    RouteVersion {
        trip: trip.id,
        summary,
        approach: approach_leg,
        way: way_leg,
        constraints: constraints.clone(),
        found_at: ctx.now,
    }
}

/// SHA-256 over the canonical JSON (RFC 8785).
fn digest_of(value: &impl Serialize) -> String {
    // Lines and steps are plain numbers; should they ever not serialize, an empty text still gives a stable digest.
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    journal::Hash::of_bytes(&canonical).to_string()
}
