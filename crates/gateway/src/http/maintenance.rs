//! How the components of vehicles are, and grounding a vehicle because of one.

use std::sync::Arc;

use api_types::maintenance as api;
use api_types::{List, Page, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use fleet::vehicle::Status;
use kernel::VehicleId;
use maintenance::actions::{GROUND_PREDICTED, MAY_GROUND, MAY_READ_MAINTENANCE, MAY_SET_WORKSHOP};
use maintenance::workshop::Workshop;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Ids, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// Readings of one answer where the caller says nothing: a life.
const READINGS_DEFAULT: usize = 250;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "How the components of all vehicles are",
        query: endpoint::takes::<Page<VehicleId>>(),
        answer: endpoint::list::<api::HealthView, VehicleId>(),
        handle: |request, gateway| Handler::call(fleet, request, gateway),
        ..endpoint::get("/v1/health", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "How the components of a vehicle are: what is left of each, with how much certainty, and why",
        answer: endpoint::json::<api::HealthView>(),
        handle: |request, gateway| Handler::call(vehicle, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/health", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "The readings of a component over its life, the newest first",
        query: endpoint::takes::<api::ReadingsAsked>(),
        answer: endpoint::json::<api::ReadingsView>(),
        handle: |request, gateway| Handler::call(readings, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/components/{component}/readings", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "Ground a vehicle that is predicted to fail, where a rule may not do it by itself",
        answer: endpoint::json::<api::HealthView>(),
        asks: Some(GROUND_PREDICTED),
        handle: |request, gateway| Handler::call(ground, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/ground", MAY_GROUND)
    },
    Endpoint {
        summary: "What the workshop has, and how the fleet is planned to work",
        answer: endpoint::json::<Workshop>(),
        handle: |request, gateway| Handler::call(workshop, request, gateway),
        ..endpoint::get("/v1/workshop", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "Say what the workshop has, all of it; its work is planned anew",
        body: endpoint::takes::<Workshop>(),
        answer: endpoint::json::<Workshop>(),
        handle: |request, gateway| Handler::call(set_workshop, request, gateway),
        ..endpoint::put("/v1/workshop", MAY_SET_WORKSHOP)
    },
];

impl Gateway {
    async fn health_of(&self, caller: &Caller, id: VehicleId) -> Result<Json<api::HealthView>, Problem> {
        let tenant = &caller.authenticated.tenant;
        self.fleet.vehicle(tenant, id).await?.ok_or_else(|| Problem::not_found("vehicle", id))?;
        let health = self.maintenance.health(tenant, id).await?.unwrap_or_default();
        let kept = self.maintenance.diagnostics(tenant, id).await?;
        Ok(Json(api::HealthView::of(id, health, kept.as_ref())))
    }
}

/// `GET /v1/health`
pub async fn fleet(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<VehicleId>>,
) -> Result<Json<List<api::HealthView, VehicleId>>, Problem> {
    let limit = page.limit.map_or(store::port::PAGE_LIMIT_MAX, Within::as_usize);
    let found = gateway.maintenance.fleet_health(&caller.authenticated.tenant, page.after, limit).await?;
    let next = (found.len() == limit).then(|| found.last().map(|(id, _)| *id)).flatten();
    let mut items = Vec::new();
    for (id, health) in found {
        let known = gateway.fleet.vehicle(&caller.authenticated.tenant, id).await?;
        // One that left for good needs no repair.
        if known.is_some_and(|known| known.vehicle.status != Status::Decommissioned) {
            items.push(api::HealthView::of(id, health, None));
        }
    }
    Ok(Json(List { items, next }))
}

/// `GET /v1/vehicles/{vehicle}/health`
pub async fn vehicle(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
) -> Result<Json<api::HealthView>, Problem> {
    gateway.health_of(&caller, id).await
}

/// `GET /v1/vehicles/{vehicle}/components/{component}/readings`
pub async fn readings(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(id, api::ComponentName(component)): Ids<VehicleId, api::ComponentName>,
    Parameters(asked): Parameters<api::ReadingsAsked>,
) -> Result<Json<api::ReadingsView>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let health = gateway.maintenance.health(tenant, id).await?.unwrap_or_default();
    let known = health.components.get(&component).ok_or_else(|| Problem::not_found("component", &component))?;
    let limit = asked.limit.map_or(READINGS_DEFAULT, Within::as_usize);
    let rows = gateway.maintenance.readings(tenant, id, &component, limit).await?;
    Ok(Json(api::ReadingsView::of(Some(known.class), rows)))
}

/// `POST /v1/vehicles/{vehicle}/ground`
pub async fn ground(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
) -> Result<Json<api::HealthView>, Problem> {
    let tenant = &caller.authenticated.tenant;
    gateway.fleet.vehicle(tenant, id).await?.ok_or_else(|| Problem::not_found("vehicle", id))?;
    gateway.maintenance.ground_by_person(&caller.ctx(), id).await?;
    gateway.health_of(&caller, id).await
}

/// `GET /v1/workshop`
pub async fn workshop(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Workshop>, Problem> {
    Ok(Json(gateway.maintenance.workshop(&caller.authenticated.tenant).await?))
}

/// `PUT /v1/workshop`
pub async fn set_workshop(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<Workshop>,
) -> Result<Json<Workshop>, Problem> {
    gateway.maintenance.set_workshop(&caller.ctx(), body.value).await?;
    Ok(Json(gateway.maintenance.workshop(&caller.authenticated.tenant).await?))
}
