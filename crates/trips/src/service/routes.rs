//! Routes of trips: found, summed up for the journal, and kept as immutable rows that events name by id and digest.

use std::collections::BTreeSet;

use kernel::{Coordinate, Ctx, RouteId, TenantId, Timestamp, TripId};
use policy::Constraints;
use schemars::JsonSchema;
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leg {
    /// At least two points, or none where both ends are one place.
    pub points: Vec<Coordinate>,
    /// What holds along it, in order.
    pub steps: Vec<RouteStep>,
}

impl Leg {
    /// Its length in metres, by its steps.
    pub fn length_m(&self) -> f64 {
        // Not `sum`: of nothing that is -0, which a row cannot hold.
        self.steps.iter().fold(0.0, |length_m, step| length_m + step.length_m)
    }

    fn join(&mut self, found: RouteFound) {
        self.points.extend(found.points);
        self.steps.extend(found.steps);
    }
}

/// An immutable version of a trip's route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteVersion {
    pub trip: TripId,
    /// What the journal has of it.
    pub summary: RouteSummary,
    /// To the pickup; empty without a vehicle.
    pub approach: Leg,
    /// From the pickup to the drop-off.
    #[serde(rename = "way")]
    pub trip_leg: Leg,
    /// The limits that it keeps to.
    pub constraints: Constraints,
    pub found_at: Timestamp,
    /// Where it begins, in metres along the vehicle's whole path.
    #[serde(default)]
    pub begins_at_m: f64,
    /// The first of the trip's stops that it leads to; 0 is the pickup.
    #[serde(default)]
    pub first_stop: usize,
    /// The stops of the trip that it leads to, in metres along approach and trip leg.
    #[serde(default)]
    pub stops_m: Vec<f64>,
    /// The trip's destination when it was found; the road may end beside it.
    #[serde(default)]
    pub leads_to: Option<Coordinate>,
    /// The version that holds until there.
    #[serde(default)]
    pub continues: Option<RouteId>,
}

impl RouteVersion {
    /// The stops of the trip that it leads to, in metres along approach and trip leg.
    pub fn stops_m(&self) -> Vec<f64> {
        match self.stops_m.is_empty() {
            false => self.stops_m.clone(),
            // Written before versions said so: the pickup and the drop-off.
            true => vec![self.approach.length_m(), self.approach.length_m() + self.trip_leg.length_m()],
        }
    }

    /// The stops between the pickup, if it leads there, and the end.
    pub fn stops_between_m(&self) -> Vec<f64> {
        let stops_m = self.stops_m();
        let between = usize::from(self.first_stop == 0)..stops_m.len().saturating_sub(1);
        stops_m.get(between).unwrap_or_default().to_vec()
    }

    /// The row to be written with the event that names it.
    pub(crate) fn row(&self) -> Result<RowWrite, Fault> {
        let body = RowBody::new(self, vec![self.trip.to_string()])?;
        Ok(RowWrite::put(ROUTE_VERSIONS, self.summary.route.to_string(), Expected::Absent, body))
    }
}

/// The vehicle of a route, and from where it is found.
pub(crate) struct Start<'a> {
    pub(crate) vehicle: &'a VehicleFacts,
    pub(crate) from: Coordinate,
    /// Places that somebody chose, before the first stop.
    pub(crate) via: &'a [Coordinate],
    /// The first stop that it leads to; 0 is the pickup.
    pub(crate) first_stop: usize,
    /// The version that holds until there, and where that is along the vehicle's whole path.
    pub(crate) continues: Option<(RouteId, f64)>,
}

/// Why a search gave no route.
pub(crate) enum NoRoute {
    /// There is none under the limits of the search: why, for a person. What is closed today is open tomorrow.
    Because(String),
    Failed(CommandError),
}

impl NoRoute {
    fn leads_there(reason: &str) -> Self {
        Self::Because(format!("no way leads there: {reason}"))
    }

    /// The reason for which a trip waits.
    pub(crate) fn into_wait_reason(self) -> Result<WaitReason, CommandError> {
        match self {
            Self::Because(reason) => Ok(WaitReason { code: "NO_ROUTE".into(), reason, ..WaitReason::default() }),
            Self::Failed(error) => Err(error),
        }
    }
}

impl From<CommandError> for NoRoute {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl Trips {
    /// A line and its steps by route id.
    pub async fn route_version(&self, tenant: &TenantId, route: RouteId) -> Result<Option<RouteVersion>, CommandError> {
        let row = self.store.get(ROUTE_VERSIONS, tenant, &route.to_string()).await?;
        Ok(row.map(|row| row.decode()).transpose()?)
    }

    /// The route in force of a trip; `None` when the trip does not exist or has none yet.
    pub async fn route(&self, tenant: &TenantId, trip: TripId) -> Result<Option<RouteVersion>, CommandError> {
        match self.get(tenant, trip).await?.and_then(|trip| trip.route) {
            Some(summary) => self.route_version(tenant, summary.route).await,
            None => Ok(None),
        }
    }

    /// Finds the next version of a trip's route: without a vehicle from origin to destination by way of every stop, with
    /// one also from where it is. Why there is none is a reason to wait: what is closed today is open tomorrow.
    pub(crate) async fn find_route(
        &self,
        ctx: &Ctx,
        trip: &Trip,
        constraints: &Constraints,
        start: Option<Start<'_>>,
    ) -> Result<RouteVersion, NoRoute> {
        let first_stop = start.as_ref().map_or(0, |start| start.first_stop);
        let stops = trip.stops.iter().skip(first_stop).map(|stop| stop.at);
        let places: Vec<Coordinate> = start.as_ref().map(|start| start.from).into_iter().chain(stops).collect();
        if places.len() < 2 {
            return Err(NoRoute::leads_there("the trip has no stops"));
        }
        let vehicle = start.as_ref().map(|start| start.vehicle);
        let mut legs = Vec::with_capacity(places.len());
        for (n, pair) in places.windows(2).enumerate() {
            let via = start.as_ref().filter(|_| n == 0).map_or(&[][..], |start| start.via);
            let query = RouteQuery { site: &trip.site, from: pair[0], to: pair[1], constraints, vehicle };
            match self.find_leg(ctx, query, via).await {
                Err(NoRoute::Because(reason)) => return Err(NoRoute::leads_there(&reason)),
                found => legs.push(found?),
            }
        }
        Ok(version(ctx, trip, constraints, start, legs))
    }

    /// One leg, by way of places where the vehicle does not stop; else why there is none.
    pub(crate) async fn find_leg(
        &self,
        ctx: &Ctx,
        query: RouteQuery<'_>,
        via: &[Coordinate],
    ) -> Result<RouteFound, NoRoute> {
        let places: Vec<Coordinate> = [query.from].iter().chain(via).chain([&query.to]).copied().collect();
        let mut leg: Option<RouteFound> = None;
        for pair in places.windows(2) {
            match self.ports.routing.route(ctx, RouteQuery { from: pair[0], to: pair[1], ..query }).await? {
                RouteAnswer::Found(found) => {
                    leg = Some(match leg {
                        Some(leg) => leg.then(found),
                        None => found,
                    });
                }
                RouteAnswer::Unroutable { reason } | RouteAnswer::OffMap { reason, .. } => {
                    return Err(NoRoute::Because(reason));
                }
            }
        }
        leg.ok_or_else(|| NoRoute::Because("it ends where it begins".into()))
    }
}

fn version(
    ctx: &Ctx,
    trip: &Trip,
    constraints: &Constraints,
    start: Option<Start<'_>>,
    legs: Vec<RouteFound>,
) -> RouteVersion {
    let first_stop = start.as_ref().map_or(0, |start| start.first_stop);
    let approaches = start.is_some() && first_stop == 0;
    let (mut approach, mut trip_leg) = (Leg::default(), Leg::default());
    let mut stops_m = if start.is_none() { vec![0.0] } else { Vec::new() };
    let (mut distance_m, mut duration_ms, mut approach_ms) = (0.0, 0, 0);
    let mut binding = BTreeSet::new();
    let mut zones = BTreeSet::new();
    let mut map_digest = String::new();
    for (n, found) in legs.into_iter().enumerate() {
        binding.extend(found.binding.iter().cloned());
        zones.extend(found.zones.iter().cloned());
        map_digest.clone_from(&found.map_digest);
        if n == 0 && approaches {
            approach_ms = found.duration_ms;
            approach.join(found);
        } else {
            distance_m += found.distance_m;
            duration_ms += found.duration_ms;
            trip_leg.join(found);
        }
        stops_m.push(approach.length_m() + trip_leg.length_m());
    }
    let policy = format!("{}\n{}", trip.policy_bundle, constraints.digest());
    let approach_m = approach.length_m();
    let summary = RouteSummary {
        route: ctx.new_id(),
        version: trip.route_versions + 1,
        digest: digest_of(&(&approach, &trip_leg)),
        distance_m,
        duration_ms,
        approach_m,
        approach_ms,
        energy_wh: start.as_ref().map(|start| start.vehicle.consumption_wh_per_m * (approach_m + distance_m)),
        map_digest,
        policy_digest: journal::Hash::of_bytes(policy.as_bytes()).to_string(),
        policy_bundle: trip.policy_bundle.clone(),
        binding: binding.into_iter().collect(),
        zones,
    };
    let (continues, begins_at_m) = start.and_then(|start| start.continues).unzip();
    RouteVersion {
        trip: trip.id,
        summary,
        approach,
        trip_leg,
        constraints: constraints.clone(),
        found_at: ctx.now,
        begins_at_m: begins_at_m.unwrap_or_default(),
        first_stop,
        stops_m,
        leads_to: trip.destination(),
        continues,
    }
}

/// SHA-256 over the canonical JSON (RFC 8785).
fn digest_of(value: &impl Serialize) -> String {
    // Lines and steps are plain numbers; should they ever not serialize, an empty text still gives a stable digest.
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    journal::Hash::of_bytes(&canonical).to_string()
}
