//! Vehicles: registered, listed, held, stopped; what they measured and what they were told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fleet::KnownVehicle;
use fleet::vehicle::profile::Registration;
use fleet::vehicle::{HoldKind, HoldTiming, StopClass};
use kernel::id::HoldId;
use kernel::{Code, CommandId, Reject, Timestamp, VehicleId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Caller;
use super::extract::{Body, Id, Ids, IfMatch, IfNoneMatch, Limit, Parameters};
use super::problem::Problem;
use super::sites::Page;
use crate::Gateway;

/// The longest reason, in characters: a sentence for the journal, not a report.
const REASON_CHARS_MAX: usize = 500;
/// Samples of one answer where the caller says nothing.
const SAMPLES_DEFAULT: usize = 500;
/// The most samples of one answer.
const SAMPLES_MAX: u64 = 5_000;

fn shown(known: &KnownVehicle) -> Value {
    let vehicle = &known.vehicle;
    json!({
        "id": known.id, "name": vehicle.profile.name, "site": vehicle.site, "status": vehicle.status,
        "mode": vehicle.mode, "ready": vehicle.is_ready(), "holds": vehicle.holds,
        "claim": vehicle.claim, "claim_epoch": vehicle.claim_epoch, "stop": known.stop(),
        "profile": vehicle.profile, "components": vehicle.components, "capabilities": vehicle.capabilities,
        "constraints": vehicle.constraints, "registered_at": vehicle.registered_at, "seen": known.seen,
    })
}

/// A reason as a person gives it.
pub fn reason(text: &str) -> Result<&str, Problem> {
    let reason = text.trim();
    if reason.is_empty() || text.chars().count() > REASON_CHARS_MAX {
        return Err(Reject::invalid_field("/reason", "must have 1 to 500 characters").into());
    }
    Ok(reason)
}

/// `POST /v1/vehicles`
pub async fn register(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<Registration>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ctx = caller.ctx_at(body.value.site.clone());
    let made = gateway.fleet.register(&ctx, &body.value).await?;
    let link = json!({ "address": gateway.link.address, "certificate_sha256": gateway.link.certificate_sha256 });
    let answer = json!({
        "id": made.vehicle, "name": body.value.name, "secret": made.secret.expose(), "link": link,
        "constraints": made.constraints,
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /v1/vehicles`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<Value>, Problem> {
    let query = page.query(Vec::new());
    let limit = query.limit;
    let vehicles = gateway.fleet.vehicles(&caller.authenticated.tenant, query).await?;
    let next = vehicles.last().filter(|_| vehicles.len() == limit).map(|known| known.id.to_string());
    Ok(Json(json!({ "items": vehicles.iter().map(shown).collect::<Vec<_>>(), "next": next })))
}

/// `GET /v1/vehicles/{vehicle}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    have: IfNoneMatch,
) -> Result<Response, Problem> {
    let known = gateway.known(&caller, id).await?;
    Ok(have.answer(known.version, known.seen.as_ref().map(|seen| seen.at), shown(&known)))
}

impl Gateway {
    async fn known(&self, caller: &Caller, id: VehicleId) -> Result<KnownVehicle, Problem> {
        let known = self.fleet.vehicle(&caller.authenticated.tenant, id).await?;
        known.ok_or_else(|| Problem::not_found("vehicle", id))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    class: StopClass,
    reason: String,
}

/// `POST /v1/vehicles/{vehicle}/stop`: asks no policy, and leaves even if the store cannot commit (SAFE-1, SAFE-2).
pub async fn stop(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<StopBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let ordered = gateway.order_stop(caller.ctx(), id, body.value.class, reason(&body.value.reason)?).await?;
    let answer = json!({
        "stop": ordered.stop,
        "delivery": if ordered.sent { "sent" } else { "waiting" },
        "recorded": ordered.recorded.as_str(),
    });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainBody {
    stop: CommandId,
    reason: String,
}

/// `POST /v1/vehicles/{vehicle}/explain`
pub async fn explain(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<ExplainBody>,
) -> Result<Json<Value>, Problem> {
    gateway.fleet.explain_stop(&caller.ctx(), id, body.value.stop, reason(&body.value.reason)?).await?;
    Ok(Json(json!({ "stop": body.value.stop })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearBody {
    stop: CommandId,
}

/// `POST /v1/vehicles/{vehicle}/clear`
pub async fn clear(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<ClearBody>,
) -> Result<Json<Value>, Problem> {
    gateway.fleet.clear_stop(&caller.ctx(), id, body.value.stop).await?;
    Ok(Json(json!({ "stop": body.value.stop })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    kind: HoldKind,
    timing: HoldTiming,
    reason: String,
}

/// `POST /v1/vehicles/{vehicle}/holds`
pub async fn hold(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    IfMatch(version): IfMatch,
    body: Body<HoldBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let HoldBody { kind, timing, reason: why } = &body.value;
    let ctx = caller.ctx().if_version(version);
    let (hold, recorded) = gateway.place_hold(ctx, id, *kind, *timing, reason(why)?).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": hold, "recorded": recorded.as_str() }))))
}

/// `DELETE /v1/vehicles/{vehicle}/holds/{hold}`
pub async fn release(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(id, hold): Ids<VehicleId, HoldId>,
    IfMatch(version): IfMatch,
) -> Result<Json<Value>, Problem> {
    gateway.fleet.release_hold(&caller.ctx().if_version(version), id, hold, "released by its owner").await?;
    Ok(Json(json!({ "id": hold })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<Limit<SAMPLES_MAX>>,
}

/// `GET /v1/vehicles/{vehicle}/telemetry`
pub async fn telemetry(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    Parameters(range): Parameters<Range>,
) -> Result<Json<Value>, Problem> {
    let known = gateway.known(&caller, id).await?;
    let from = range.from.unwrap_or(known.vehicle.registered_at);
    let to = range.to.unwrap_or(gateway.source.now().plus_ms(3_600_000));
    let limit = range.limit.map_or(SAMPLES_DEFAULT, Limit::as_usize);
    let tenant = &caller.authenticated.tenant;
    let samples = tokio::task::block_in_place(|| gateway.telemetry.history(tenant, id, from, to, limit));
    let samples = samples.map_err(|error| {
        tracing::error!(%error, "telemetry cannot be read");
        Problem::new(Code::Unavailable, error.to_string())
    })?;
    let items: Vec<Value> = samples
        .iter()
        .map(|(boot, sample)| {
            json!({
                "seq": sample.seq, "boot": boot, "at": sample.vehicle_time, "lat": sample.position.lat(),
                "lon": sample.position.lon(), "heading_deg": sample.heading_deg, "speed_mps": sample.speed_mps,
                "battery_pct": sample.battery_pct, "odometer_m": sample.odometer_m, "mode": sample.mode, "trip": sample.trip,
            })
        })
        .collect();
    // The next page begins where this one ends; the sample there comes again.
    let next = samples.last().filter(|_| samples.len() == limit).map(|(_, sample)| sample.vehicle_time);
    Ok(Json(json!({ "items": items, "next": next })))
}

/// `GET /v1/vehicles/{vehicle}/commands`
pub async fn commands(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
) -> Result<Json<Value>, Problem> {
    gateway.known(&caller, id).await?;
    let commands = commands::list(&*gateway.store, &caller.authenticated.tenant, id).await?;
    let items: Vec<Value> = commands
        .iter()
        .map(|(id, command)| {
            json!({
                "id": id, "kind": command.kind, "class": command.class, "claim_epoch": command.claim_epoch,
                "state": command.state, "issued_at": command.issued_at, "expires_at": command.expires_at,
                "code": command.code, "reason": command.reason,
            })
        })
        .collect();
    Ok(Json(json!({ "items": items, "next": null })))
}
