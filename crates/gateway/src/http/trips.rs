//! Trips: asked for, listed, followed, explained, cancelled.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::{Aggregate, Reject, SiteId, Subject, TripId, VehicleId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Idempotency;
use store::port::PAGE_LIMIT_MAX;
use trips::{History, RoutePreview, RouteVersion, Status, Story, Trip, TripFilter, TripRequest};

use super::auth::Caller;
use super::extract::{Body, Id, IdempotencyKey, Limit, Parameters, Place, Within};
use super::journal::{WaitMs, wait};
use super::problem::Problem;
use super::vehicles::reason;
use crate::Gateway;
use crate::vehicles::restrict::Recorded;

/// Trips of one answer where the caller says nothing.
const TRIPS_DEFAULT: usize = 50;

/// A trip that is over still names the vehicle that drove it.
fn shown(trip: &Trip) -> Value {
    let mut shown = json!(trip);
    shown["vehicle"] = json!(trip.assignment.as_ref().map(|assignment| assignment.vehicle));
    shown["claim_epoch"] = json!(trip.assignment.as_ref().map(|assignment| assignment.claim_epoch));
    shown
}

/// `POST /v1/trips`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<Value>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let request = TripRequest::parse(&body.value, gateway.source.now())?;
    let ctx = caller.ctx_at(request.site.clone());
    let idempotency =
        key.map(|key| Idempotency { key: format!("trip.request/{}/{key}", ctx.actor.id), request: body.digest });
    let trip = gateway.trips.request(&ctx, request, idempotency).await?;
    tracing::info!(tenant = %ctx.tenant, trip = %trip.id, "trip created");
    Ok((StatusCode::CREATED, Json(shown(&trip))))
}

/// `POST /v1/sites/{site}/routes`
pub async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(site): Id<SiteId>,
    body: Body<Value>,
) -> Result<Json<RoutePreview>, Problem> {
    let (request, vehicle) = TripRequest::parse_route(&body.value, &site, gateway.source.now())?;
    Ok(Json(gateway.trips.preview(&caller.ctx_at(site), &request, vehicle).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    status: Option<String>,
    vehicle: Option<VehicleId>,
    after: Option<TripId>,
    limit: Option<Limit<{ PAGE_LIMIT_MAX as u64 }>>,
}

/// `GET /v1/trips`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<Value>, Problem> {
    let status = filter.status.as_deref().map(|text| {
        Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
            Problem::from(Reject::invalid_field("/status", format!("must be one of {}", names.join(", "))))
        })
    });
    let limit = filter.limit.map_or(TRIPS_DEFAULT, Limit::as_usize);
    let which = TripFilter { status: status.transpose()?, vehicle: filter.vehicle, site: None };
    let trips = gateway.trips.list(&caller.authenticated.tenant, &which, filter.after, limit).await?;
    let next = trips.last().filter(|_| trips.len() == limit).map(|trip| trip.id);
    Ok(Json(json!({ "items": trips.iter().map(shown).collect::<Vec<_>>(), "next": next })))
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
) -> Result<Json<Value>, Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let mut answer = shown(&trip);
    answer["progress"] = json!(gateway.trips.progress(&caller.authenticated.tenant, id).await?);
    Ok(Json(answer))
}

/// `GET /v1/trips/{trip}/route`
pub async fn route(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
) -> Result<Json<Value>, Problem> {
    gateway.trip(&caller, id).await?;
    let route = gateway.trips.route(&caller.authenticated.tenant, id).await?;
    route.map(|route| Json(shown_route(&route))).ok_or_else(|| Problem::not_found("route yet for trip", id))
}

/// A route version as clients read it: what the journal has of it, then the trip's line, then the approach's.
fn shown_route(route: &RouteVersion) -> Value {
    let mut shown = json!(route.summary);
    shown["trip"] = json!(route.trip);
    shown["points"] = json!(route.way.points);
    shown["steps"] = json!(route.way.steps);
    shown["approach"] = json!(route.approach);
    shown["constraints"] = json!(route.constraints);
    shown["found_at"] = json!(route.found_at);
    shown["begins_at_m"] = json!(route.begins_at_m);
    shown["stops_m"] = json!(route.stops_m());
    shown
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    after: Option<Place>,
    wait_ms: Option<WaitMs>,
}

/// `GET /v1/trips/{trip}/history`
pub async fn history(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    Parameters(since): Parameters<Since>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhyBody {
    reason: String,
}

/// `POST /v1/trips/{trip}/resume`
pub async fn resume(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<WhyBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let trip = gateway.trips.resume(&caller.ctx_at(trip.site), id, reason(&body.value.reason)?).await?;
    tracing::info!(%id, "trip told to go on");
    Ok((StatusCode::ACCEPTED, Json(shown(&trip))))
}

/// `POST /v1/trips/{trip}/fail`
pub async fn fail(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<WhyBody>,
) -> Result<Json<Value>, Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let ctx = caller.ctx_at(trip.site);
    let trip = gateway.trips.fail(&ctx, id, "FAILED_BY_OPERATOR", reason(&body.value.reason)?).await?;
    Ok(Json(shown(&trip)))
}

/// `POST /v1/trips/{trip}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<TripId>,
    body: Body<WhyBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let trip = gateway.trip(&caller, id).await?;
    let ctx = caller.ctx_at(trip.site.clone());
    let (trip, recorded) = gateway.cancel_trip(ctx, trip, reason(&body.value.reason)?).await?;
    let mut answer = shown(&trip);
    answer["recorded"] = json!(recorded.as_str());
    // With people or load aboard it ends where they leave, not here.
    let diverted = trip.diversion.is_some() && !trip.status.is_terminal();
    answer["diverted"] = json!(diverted);
    let status = if diverted || recorded != Recorded::Journal { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(answer)))
}
