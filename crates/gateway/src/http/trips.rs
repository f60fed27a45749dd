//! Trips: asked for, listed, followed, explained, cancelled.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::{Aggregate, SiteId, Subject, TripId};
use store::Idempotency;
use trips::{History, RoutePreview, Story, Trip, TripRequest};

use super::auth::Caller;
use super::extract::{Body, Id, IdempotencyKey, Parameters};
use super::journal::wait;
use super::problem::Problem;
use crate::Gateway;
use crate::api::trips as api;
use crate::api::{List, Why, Within};
use crate::vehicles::restrict::Recorded;

/// Trips of one answer where the caller says nothing.
const TRIPS_DEFAULT: usize = 50;

/// `POST /v1/trips`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<api::TripRequest>,
) -> Result<(StatusCode, Json<api::Trip>), Problem> {
    let request = TripRequest::from(body.value).checked(gateway.source.now())?;
    let ctx = caller.ctx_at(request.site.clone());
    let idempotency =
        key.map(|key| Idempotency { key: format!("trip.request/{}/{key}", ctx.actor.id), request: body.digest });
    let trip = gateway.trips.request(&ctx, request, idempotency).await?;
    tracing::info!(tenant = %ctx.tenant, trip = %trip.id, "trip created");
    Ok((StatusCode::CREATED, Json(trip.into())))
}

/// `POST /v1/sites/{site}/routes`
pub async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    body: Body<api::RouteRequest>,
) -> Result<Json<RoutePreview>, Problem> {
    let vehicle = body.value.vehicle;
    let request = TripRequest::from(body.value.at(site.clone())).checked(gateway.source.now())?;
    Ok(Json(gateway.trips.preview(&caller.ctx_at(site), &request, vehicle).await?))
}

/// `GET /v1/trips`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(filter): Parameters<api::TripFilter>,
) -> Result<Json<List<api::Trip, TripId>>, Problem> {
    let api::TripFilter { status, vehicle, after, limit } = filter;
    let limit = limit.map_or(TRIPS_DEFAULT, Within::as_usize);
    let which = trips::TripFilter { status, vehicle, site: None };
    let trips = gateway.trips.list(&caller.authenticated.tenant, &which, after, limit).await?;
    Ok(Json(List::page(trips, limit, |trip| trip.id)))
}

impl Gateway {
    async fn trip(&self, caller: &Caller, id: TripId) -> Result<Trip, Problem> {
        tracing::Span::current().record("trip", tracing::field::display(id));
        let trip = self.trips.get(&caller.authenticated.tenant, id).await?;
        trip.ok_or_else(|| Problem::not_found("trip", id))
    }
}

/// `GET /v1/trips/{trip}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
) -> Result<Json<api::Trip>, Problem> {
    let mut trip = api::Trip::from(gateway.trip(&caller, id).await?);
    trip.progress = Some(gateway.trips.progress(&caller.authenticated.tenant, id).await?);
    Ok(Json(trip))
}

/// `GET /v1/trips/{trip}/route`
pub async fn route(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
) -> Result<Json<api::Route>, Problem> {
    gateway.trip(&caller, id).await?;
    let route = gateway.trips.route(&caller.authenticated.tenant, id).await?;
    route.map(|route| Json(route.into())).ok_or_else(|| Problem::not_found("route yet for trip", id))
}

/// `GET /v1/trips/{trip}/history`
pub async fn history(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    Parameters(since): Parameters<api::Since>,
) -> Result<Json<History>, Problem> {
    gateway.trip(&caller, id).await?;
    let tenant = &caller.authenticated.tenant;
    let after = since.after.map_or(0, |Within(after)| after);
    let until = wait(since.wait_ms).map(|wait| Instant::now() + wait);
    let trip = Subject::new(Trip::KIND, id);
    let mut may_come = until.is_some();
    loop {
        let from = gateway.store.head(tenant).await?.map_or(0, |head| head.size);
        let history = gateway.trips.history(tenant, id, after).await?;
        if !may_come || !history.items.is_empty() || history.ended {
            return Ok(Json(history));
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default();
        may_come = gateway.wait_for_entry(tenant, from, left, |line| line.is_about(trip.as_str())).await?;
    }
}

/// `GET /v1/trips/{trip}/why`
pub async fn why(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
) -> Result<Json<Story>, Problem> {
    gateway.trip(&caller, id).await?;
    Ok(Json(gateway.trips.why(&caller.authenticated.tenant, id).await?))
}

/// `POST /v1/trips/{trip}/resume`
pub async fn resume(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<Why>,
) -> Result<(StatusCode, Json<api::Trip>), Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let trip = gateway.trips.resume(&caller.ctx_at(trip.site), id, &body.value.reason).await?;
    tracing::info!(%id, "trip told to go on");
    Ok((StatusCode::ACCEPTED, Json(trip.into())))
}

/// `POST /v1/trips/{trip}/fail`
pub async fn fail(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<Why>,
) -> Result<Json<api::Trip>, Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let ctx = caller.ctx_at(trip.site);
    let trip = gateway.trips.fail(&ctx, id, "FAILED_BY_OPERATOR", &body.value.reason).await?;
    Ok(Json(trip.into()))
}

/// `POST /v1/trips/{trip}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<Why>,
) -> Result<(StatusCode, Json<api::Trip>), Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let ctx = caller.ctx_at(trip.site.clone());
    let (trip, recorded) = gateway.cancel_trip(ctx, trip, &body.value.reason).await?;
    // With people or load aboard it ends where they leave, not here.
    let diverted = trip.diversion.is_some() && !trip.status.is_terminal();
    let answer = api::Trip { diverted: Some(diverted), recorded: Some(recorded), ..trip.into() };
    let status = if diverted || recorded != Recorded::Journal { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(answer)))
}
