//! The route that a trip would have, before anybody asks for the trip. Nothing of it is kept.

use kernel::{Aggregate, Coordinate, Ctx, FieldError, Reject, Subject, TripId, VehicleId};
use policy::Constraints;
use schemars::JsonSchema;
use serde::Serialize;
use store::CommandError;

use super::Trips;
use super::routes::{Leg, NoRoute};
use crate::ports::{RouteFound, RouteQuery, VehicleFacts};
use crate::trip::{Trip, TripRequest};

/// A route that would be driven, and what bound it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RoutePreview {
    /// From the pickup to the drop-off, in metres.
    pub distance_m: f64,
    /// Planned time from the pickup to the drop-off, in milliseconds.
    pub duration_ms: u64,
    /// From where the vehicle is to the pickup, in metres; `None` without a vehicle, or while nobody knows where it is.
    pub approach_m: Option<f64>,
    /// Planned time of the approach, in milliseconds.
    pub approach_ms: Option<u64>,
    /// Energy over both, in watt-hours; `None` without a vehicle, whose consumption it follows from.
    pub energy_wh: Option<f64>,
    /// What made it longer or slower than it would be without.
    pub binding: Vec<String>,
    /// The limits that it keeps to.
    pub constraints: Constraints,
    /// SHA-256 of the map that it was found on.
    pub map_digest: String,
    /// Where the stops are, in metres from the pickup.
    pub stops_m: Vec<f64>,
    /// Its line and what holds along it.
    #[serde(flatten)]
    pub leg: Leg,
}

impl Trips {
    /// The route that a trip would have, for any vehicle or for one. Policy and the map are asked as for the trip itself,
    /// and nothing is journaled.
    ///
    /// # Errors
    /// As [`Trips::request`]; `NOT_FOUND` names the vehicle where it does not exist.
    pub async fn preview(
        &self,
        ctx: &Ctx,
        request: &TripRequest,
        vehicle: Option<VehicleId>,
    ) -> Result<RoutePreview, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let vehicle = match vehicle {
            Some(id) => Some(self.ports.fleet.vehicle(ctx, id).await?.ok_or_else(|| no_such_vehicle(id))?),
            None => None,
        };
        let id: TripId = ctx.new_id();
        let (decision, answer) =
            self.ask_policy(ctx, request, &tenant.entitlements, Subject::new(Trip::KIND, id)).await?;
        answer?;
        let routes = self.find_routes(ctx, request, &decision.constraints, vehicle.as_ref()).await?.into_result()?;
        let approach = match &vehicle {
            Some(facts) => self.find_approach(ctx, request, &decision.constraints, facts).await?,
            None => None,
        };
        Ok(preview(routes, approach, decision.constraints, vehicle.as_ref()))
    }

    async fn find_approach(
        &self,
        ctx: &Ctx,
        request: &TripRequest,
        constraints: &Constraints,
        facts: &VehicleFacts,
    ) -> Result<Option<RouteFound>, CommandError> {
        let (Some(position), Some(pickup)) = (facts.position, request.stops.first()) else { return Ok(None) };
        let places: [Coordinate; 2] = [position.at, pickup.at];
        let query =
            RouteQuery { site: &request.site, from: places[0], to: places[1], constraints, vehicle: Some(facts) };
        match self.find_leg(ctx, query, &[]).await {
            Ok(found) => Ok(Some(found)),
            Err(NoRoute::Because(_)) => Ok(None),
            Err(NoRoute::Failed(error)) => Err(error),
        }
    }
}

fn preview(
    routes: Vec<RouteFound>,
    approach: Option<RouteFound>,
    constraints: Constraints,
    vehicle: Option<&VehicleFacts>,
) -> RoutePreview {
    let mut stops_m = vec![0.0];
    for route in &routes {
        stops_m.push(stops_m.last().copied().unwrap_or_default() + route.distance_m);
    }
    let route = routes.into_iter().reduce(RouteFound::then).unwrap_or_default();
    let (approach_m, approach_ms) = approach.map(|found| (found.distance_m, found.duration_ms)).unzip();
    let driven_m = route.distance_m + approach_m.unwrap_or_default();
    let mut binding = route.binding;
    binding.sort();
    binding.dedup();
    RoutePreview {
        distance_m: route.distance_m,
        duration_ms: route.duration_ms,
        approach_m,
        approach_ms,
        energy_wh: vehicle.map(|facts| facts.consumption_wh_per_m * driven_m),
        binding,
        constraints,
        map_digest: route.map_digest,
        stops_m,
        leg: Leg { points: route.points, steps: route.steps },
    }
}

fn no_such_vehicle(id: VehicleId) -> Reject {
    let message = format!("there is no vehicle {id}");
    let mut reject = Reject::new(kernel::Code::NotFound, message.clone());
    reject.fields = vec![FieldError { field: "/vehicle".into(), message }];
    reject
}
