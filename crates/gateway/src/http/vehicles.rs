//! Vehicles: registered, listed, held, stopped; what they measured and what they were told.

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::{List, Named, Page, ReasonGiven, Within, vehicles as api};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::Response;
use fleet::actions::{
    CLEAR_STOP, MAY_CLEAR_STOP, MAY_HOLD_VEHICLE, MAY_READ_FLEET, MAY_REGISTER_VEHICLE, MAY_STOP_VEHICLE,
    REGISTER_VEHICLE, RELEASE_HOLD,
};
use fleet::vehicle::profile::Registration;
use fleet::vehicle::{HoldKind, RequestedStop};
use fleet::{KnownVehicle, Vehicle};
use kernel::id::HoldId;
use kernel::{Aggregate, Code, CommandId, Role, Subject, Timestamp, VehicleId};

use super::auth::Caller;
use super::endpoint::{self, EDIT, Endpoint, TAGGED};
use super::extract::{Body, Id, Ids, IfMatch, IfNoneMatch, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Register a vehicle, whose secret is answered once",
        body: endpoint::takes::<Registration>(),
        status: 201,
        answer: endpoint::json::<api::Registered>(),
        asks: Some(REGISTER_VEHICLE),
        handle: |request, gateway| Handler::call(register, request, gateway),
        ..endpoint::post("/v1/vehicles", MAY_REGISTER_VEHICLE)
    },
    Endpoint {
        summary: "List vehicles",
        query: endpoint::takes::<Page>(),
        answer: endpoint::list::<api::Vehicle, VehicleId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/vehicles", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a vehicle",
        headers: TAGGED,
        answer: endpoint::json::<api::Vehicle>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Stop a vehicle: asks no policy, counts against no limit, and leaves even if the store cannot commit",
        counted: false,
        body: endpoint::takes::<api::StopOrder>(),
        status: 202,
        answer: endpoint::json::<api::StopOrdered>(),
        handle: |request, gateway| Handler::call(stop, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/stop", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Say why a vehicle was stopped, after the stop has left: the reason in place of the one of the order",
        body: endpoint::takes::<api::Explanation>(),
        answer: endpoint::json::<api::WhichStop>(),
        handle: |request, gateway| Handler::call(explain, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/explain", MAY_STOP_VEHICLE)
    },
    Endpoint {
        summary: "Clear a stop; the vehicle stays where it is until it is dispatched again",
        body: endpoint::takes::<api::WhichStop>(),
        answer: endpoint::json::<api::WhichStop>(),
        asks: Some(CLEAR_STOP),
        handle: |request, gateway| Handler::call(clear, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/clear", MAY_CLEAR_STOP)
    },
    Endpoint {
        summary: "Ask that a stop that another ordered be cleared: a second person decides",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(ask_clear, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/stops/{stop}/clear", MAY_CLEAR_STOP)
    },
    Endpoint {
        summary: "Place a hold: the vehicle is not dispatched until it is released",
        headers: EDIT,
        body: endpoint::takes::<api::HoldOrder>(),
        status: 201,
        answer: endpoint::json::<api::HoldPlaced>(),
        handle: |request, gateway| Handler::call(hold, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/holds", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Release a hold that the caller placed",
        headers: EDIT,
        answer: endpoint::json::<Named<HoldId>>(),
        asks: Some(RELEASE_HOLD),
        handle: |request, gateway| Handler::call(release, request, gateway),
        ..endpoint::delete("/v1/vehicles/{vehicle}/holds/{hold}", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Ask for the release of a hold that another placed: a second person decides",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(ask_release, request, gateway),
        ..endpoint::post("/v1/vehicles/{vehicle}/holds/{hold}/release", MAY_HOLD_VEHICLE)
    },
    Endpoint {
        summary: "Samples of a vehicle in a time range, oldest first",
        query: endpoint::takes::<api::TimeRange>(),
        answer: endpoint::list::<api::Sample, Timestamp>(),
        handle: |request, gateway| Handler::call(telemetry, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/telemetry", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Commands to a vehicle and how far they came",
        answer: endpoint::list::<api::Command, String>(),
        handle: |request, gateway| Handler::call(commands, request, gateway),
        ..endpoint::get("/v1/vehicles/{vehicle}/commands", MAY_READ_FLEET)
    },
];

/// Samples of one answer where the caller says nothing.
const SAMPLES_DEFAULT: usize = 500;

/// `POST /v1/vehicles`
pub async fn register(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<Registration>,
) -> Result<(StatusCode, Json<api::Registered>), Problem> {
    let ctx = caller.ctx_at(body.value.site.clone());
    gateway.sectors.may_add_vehicle(&ctx).await?;
    let made = gateway.fleet.register(&ctx, &body.value).await?;
    let spiffe_id = gateway.identities.register(&ctx, made.vehicle).await?.to_string();
    let registered =
        api::Registered { id: made.vehicle, name: body.value.name, spiffe_id, constraints: made.constraints };
    Ok((StatusCode::CREATED, Json(registered)))
}

/// `GET /v1/vehicles`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<List<api::Vehicle, VehicleId>>, Problem> {
    let query = page.query();
    let limit = query.limit;
    let vehicles = gateway.fleet.vehicles(&caller.authenticated.tenant, query).await?;
    Ok(Json(List::page(vehicles, limit, |known| known.id)))
}

/// `GET /v1/vehicles/{vehicle}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    have: IfNoneMatch,
) -> Result<Response, Problem> {
    let known = gateway.known(&caller, id).await?;
    Ok(have.answer(known.version, known.seen.as_ref().map(|seen| seen.at), api::Vehicle::from(known)))
}

impl Gateway {
    /// A vehicle of the caller's tenant.
    pub(super) async fn known(&self, caller: &Caller, id: VehicleId) -> Result<KnownVehicle, Problem> {
        let known = self.fleet.vehicle(&caller.authenticated.tenant, id).await?;
        known.ok_or_else(|| Problem::not_found("vehicle", id))
    }
}

/// `POST /v1/vehicles/{vehicle}/stop`: asks no policy, and leaves even if the store cannot commit (SAFE-1, SAFE-2).
pub async fn stop(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<api::StopOrder>,
) -> Result<(StatusCode, Json<api::StopOrdered>), Problem> {
    let api::StopOrder { class, place, reason } = body.value;
    let requested = RequestedStop::new(class, place)?;
    let ordered = gateway.order_stop(caller.ctx(), id, requested, &reason).await?;
    Ok((StatusCode::ACCEPTED, Json(ordered)))
}

/// `POST /v1/vehicles/{vehicle}/explain`
pub async fn explain(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<api::Explanation>,
) -> Result<Json<api::WhichStop>, Problem> {
    let api::Explanation { stop, reason } = body.value;
    gateway.fleet.explain_stop(&caller.ctx(), id, stop, &reason).await?;
    Ok(Json(api::WhichStop { stop }))
}

/// `POST /v1/vehicles/{vehicle}/clear`
pub async fn clear(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    body: Body<api::WhichStop>,
) -> Result<Json<api::WhichStop>, Problem> {
    gateway.fleet.clear_stop(&caller.ctx(), id, body.value.stop).await?;
    Ok(Json(body.value))
}

/// `POST /v1/vehicles/{vehicle}/stops/{stop}/clear`: somebody else's stop, with a second person.
pub async fn ask_clear(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(vehicle, id): Ids<VehicleId, CommandId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let stop = known.vehicle.stops.iter().find(|stop| stop.id == id);
    let stop = stop.ok_or_else(|| Problem::not_found("stop", id))?;
    let ctx = caller.ctx_at(known.vehicle.site.clone());
    if !fleet::vehicle::decide::is_of_another(stop, &ctx.actor) {
        return Err(Problem::new(Code::IllegalTransition, "this stop needs no second person: clear it yourself"));
    }
    let asked = NewApproval {
        command: CLEAR_STOP.as_str(),
        subject: Subject::new(Vehicle::KIND, vehicle),
        summary: format!("Clear the stop of another on {}", known.vehicle.profile.name),
        reason: body.value.reason.0,
        arguments: serde_json::json!({ "stop": id }),
        deciding_roles: [Role::Administrator, Role::Dispatcher, Role::SafetyOfficer].into(),
    };
    let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
}

/// `POST /v1/vehicles/{vehicle}/holds`
pub async fn hold(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(vehicle): Id<VehicleId>,
    IfMatch(version): IfMatch,
    body: Body<api::HoldOrder>,
) -> Result<(StatusCode, Json<api::HoldPlaced>), Problem> {
    let api::HoldOrder { kind, timing, reason } = body.value;
    let ctx = caller.ctx().if_version(version);
    let (id, recorded) = gateway.place_hold(ctx, vehicle, kind, timing, &reason).await?;
    Ok((StatusCode::CREATED, Json(api::HoldPlaced { id, recorded })))
}

/// `DELETE /v1/vehicles/{vehicle}/holds/{hold}`
pub async fn release(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(vehicle, id): Ids<VehicleId, HoldId>,
    IfMatch(version): IfMatch,
) -> Result<Json<Named<HoldId>>, Problem> {
    gateway.fleet.release_hold(&caller.ctx().if_version(version), vehicle, id, "released by its owner").await?;
    Ok(Json(Named { id }))
}

/// `POST /v1/vehicles/{vehicle}/holds/{hold}/release`: somebody else's hold, with a second person.
pub async fn ask_release(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(vehicle, id): Ids<VehicleId, HoldId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let known = gateway.known(&caller, vehicle).await?;
    let hold = known.vehicle.holds.iter().find(|hold| hold.id == id);
    let hold = hold.ok_or_else(|| Problem::not_found("hold", id))?;
    let ctx = caller.ctx_at(known.vehicle.site.clone());
    if hold.owner == ctx.actor.id {
        return Err(Problem::new(Code::IllegalTransition, "this hold is yours: release it yourself"));
    }
    if hold.kind == HoldKind::Lockout {
        let text = "a technician's lockout is released at the vehicle by the technician, never at a distance";
        return Err(Problem::new(Code::IllegalTransition, text));
    }
    let asked = NewApproval {
        command: RELEASE_HOLD.as_str(),
        subject: Subject::new(Vehicle::KIND, vehicle),
        summary: format!("Release the hold ({}) of another on {}", hold.kind.as_str(), known.vehicle.profile.name),
        reason: body.value.reason.0,
        arguments: serde_json::json!({ "hold": id }),
        deciding_roles: [Role::Administrator, Role::SafetyOfficer].into(),
    };
    let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
}

/// `GET /v1/vehicles/{vehicle}/telemetry`
pub async fn telemetry(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
    Parameters(range): Parameters<api::TimeRange>,
) -> Result<Json<List<api::Sample, Timestamp>>, Problem> {
    let known = gateway.known(&caller, id).await?;
    let from = range.from.unwrap_or(known.vehicle.registered_at);
    let to = range.to.unwrap_or(gateway.source.now().plus_ms(3_600_000));
    let limit = range.limit.map_or(SAMPLES_DEFAULT, Within::as_usize);
    let tenant = &caller.authenticated.tenant;
    let samples = tokio::task::block_in_place(|| gateway.telemetry.history(tenant, id, from, to, limit));
    let samples = samples.map_err(|error| {
        tracing::error!(%error, "telemetry cannot be read");
        Problem::new(Code::Unavailable, error.to_string())
    })?;
    // The next page begins where this one ends; the sample there comes again.
    Ok(Json(List::page(samples, limit, |(_, sample)| sample.vehicle_time)))
}

/// `GET /v1/vehicles/{vehicle}/commands`
pub async fn commands(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<VehicleId>,
) -> Result<Json<List<api::Command>>, Problem> {
    gateway.known(&caller, id).await?;
    Ok(Json(List::whole(commands::list(&*gateway.store, &caller.authenticated.tenant, id).await?)))
}
