//! Trips: asked for, listed, followed, explained, cancelled.

use std::sync::Arc;
use std::time::Instant;

use api_types::vehicles::Recorded;
use api_types::{List, ReasonGiven, Within, trips as api};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use fleet::actions::MAY_READ_FLEET;
use kernel::{Aggregate, SiteId, Subject, TripId};
use store::Idempotency;
use trips::actions::{CANCEL_TRIP, MAY_CANCEL_TRIP, MAY_REQUEST_TRIP, MAY_RESUME_TRIP, REQUEST_TRIP, RESUME_TRIP};
use trips::{History, RoutePreview, Story, Trip, TripRequest};

use super::auth::Caller;
use super::endpoint::{self, Endpoint, ONCE};
use super::extract::{Body, Id, IdempotencyKey, Parameters};
use super::journal::wait;
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Find the route that a trip would have, for any vehicle or for one; nothing is kept",
        asks: Some(REQUEST_TRIP),
        body: endpoint::takes::<api::RouteRequest>(),
        answer: endpoint::json::<RoutePreview>(),
        handle: |request, gateway| Handler::call(preview, request, gateway),
        ..endpoint::post("/v1/sites/{site}/routes", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "Ask for a trip",
        headers: ONCE,
        body: endpoint::takes::<api::TripRequest>(),
        status: 201,
        answer: endpoint::json::<api::Trip>(),
        asks: Some(REQUEST_TRIP),
        handle: |request, gateway| Handler::call(create, request, gateway),
        ..endpoint::post("/v1/trips", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List trips, newest first",
        query: endpoint::takes::<api::TripFilter>(),
        answer: endpoint::list::<api::Trip, TripId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/trips", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a trip, with its progress",
        answer: endpoint::json::<api::Trip>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/trips/{trip}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "The version of a trip's route that is in force",
        answer: endpoint::json::<api::Route>(),
        handle: |request, gateway| Handler::call(route, request, gateway),
        ..endpoint::get("/v1/trips/{trip}/route", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Steps of a trip; waits up to `wait_ms`, at most 30000, for the next",
        query: endpoint::takes::<api::Since>(),
        answer: endpoint::json::<History>(),
        handle: |request, gateway| Handler::call(history, request, gateway),
        ..endpoint::get("/v1/trips/{trip}/history", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "A trip's story: each step, and the decision behind it",
        answer: endpoint::json::<Story>(),
        handle: |request, gateway| Handler::call(why, request, gateway),
        ..endpoint::get("/v1/trips/{trip}/why", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Cancel a trip; 202 and `diverted` while people or load are aboard: it ends where they leave",
        body: endpoint::takes::<ReasonGiven>(),
        also: Some(202),
        answer: endpoint::json::<api::Trip>(),
        asks: Some(CANCEL_TRIP),
        handle: |request, gateway| Handler::call(cancel, request, gateway),
        ..endpoint::post("/v1/trips/{trip}/cancel", MAY_CANCEL_TRIP)
    },
    Endpoint {
        summary: "Let a trip's standing vehicle go on; policy is asked, and the vehicle may refuse",
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<api::Trip>(),
        asks: Some(RESUME_TRIP),
        handle: |request, gateway| Handler::call(resume, request, gateway),
        ..endpoint::post("/v1/trips/{trip}/resume", MAY_RESUME_TRIP)
    },
    Endpoint {
        summary: "Say that a trip cannot be done: what its vehicle carries was looked after by people",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::Trip>(),
        handle: |request, gateway| Handler::call(fail, request, gateway),
        ..endpoint::post("/v1/trips/{trip}/fail", MAY_CANCEL_TRIP)
    },
];

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
    body: Body<ReasonGiven>,
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
    body: Body<ReasonGiven>,
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
    body: Body<ReasonGiven>,
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

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use serde_json::{Value, json};

    use super::super::json::read;
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_489_212_000);

    fn good() -> Value {
        json!({ "site": "north", "kind": "haul", "origin": { "lat": 1.0, "lon": 2.0 },
                "destination": { "lat": 1.1, "lon": 2.0 }, "requirements": { "payload_kg": 1000 } })
    }

    fn check(change: impl Fn(&mut Value), fields: &[&str]) {
        let mut body = good();
        change(&mut body);
        let asked = read::<api::TripRequest>(body.to_string().as_bytes());
        let found = match asked.and_then(|asked| TripRequest::from(asked).checked(NOW)) {
            Ok(_) => Vec::new(),
            Err(reject) => reject.fields.into_iter().map(|error| error.field).collect(),
        };
        assert_eq!(found, fields, "{body}");
    }

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        check(|_| (), &[]);
        check(|body| body["stops"] = json!([]), &[]);
        check(|body| body["origin"] = json!({ "lat": 91, "lon": "x" }), &["/origin/lat", "/origin/lon"]);
        check(|body| body["destination"] = body["origin"].clone(), &["/destination"]);
        check(|body| body["colour/x"] = json!(1), &["/colour~1x"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }]), &[]);
        check(|body| body["stops"] = json!(vec![json!({ "lat": 1, "lon": 1 }); 17]), &["/stops"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }, { "lat": 99, "lon": 1 }]), &["/stops/1/lat"]);
        check(|body| body["stops"] = json!([null, 7]), &["/stops/0", "/stops/1"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }, { "lat": 1, "lon": 1 }]), &["/stops/1"]);
        check(|body| body["stops"] = json!([body["origin"]]), &["/stops/0"]);
        check(|body| body["stops"] = json!([body["destination"]]), &["/destination"]);
        check(
            |body| body["requirements"] = json!({ "passengers": -1, "payload_kg": -2, "capabilities": ["ok", "NO"] }),
            &["/requirements/capabilities/1", "/requirements/passengers", "/requirements/payload_kg"],
        );
        check(
            |body| {
                body["site"] = Value::Null;
                body["kind"] = json!(1);
                body["requirements"] = json!(7);
            },
            &["/kind", "/requirements", "/site"],
        );
    }

    fn wrong(pointer: &str, values: &[Value], field: &str) {
        for value in values {
            check(
                |body| {
                    body["window"] = json!({ "earliest": null, "latest": null });
                    body["requirements"] = json!({ "passengers": 0, "payload_kg": 0, "capabilities": [] });
                    *body.pointer_mut(pointer).unwrap() = value.clone();
                },
                &[field],
            );
        }
    }

    #[test]
    fn each_field_has_its_own_limits() {
        let in_days = |days: i64| json!(NOW.plus_ms(days * 86_400_000).to_string());
        wrong("/site", &[json!(null), json!(7), json!(""), json!("a b"), json!("North")], "/site");
        wrong("/kind", &[json!(null), json!("HAUL"), json!([]), json!("taxi")], "/kind");
        for place in ["/origin", "/destination"] {
            wrong(place, &[json!(null), json!([1, 2]), json!("1,2")], place);
            let (lat, lon) = (format!("{place}/lat"), format!("{place}/lon"));
            wrong(&lat, &[json!(90.1), json!(-90.1), json!("1"), json!(null)], &lat);
            wrong(&lon, &[json!(180.1), json!(-180.1), json!(true)], &lon);
            wrong(place, &[json!({ "lat": 5, "lon": 5, "alt": 1 })], &format!("{place}/alt"));
        }
        wrong("/requirements", &[json!([]), json!("x")], "/requirements");
        wrong("/requirements", &[json!({ "seats": 1 })], "/requirements/seats");
        let at = "/requirements/passengers";
        wrong(at, &[json!(-1), json!(1.5), json!(1_001), json!("2")], at);
        let at = "/requirements/payload_kg";
        wrong(at, &[json!(-0.1), json!(1_000_000.1), json!("2")], at);
        let at = "/requirements/capabilities";
        wrong(at, &[json!("tow"), json!({}), json!(vec!["tow"; 33])], at);
        let bad_names = ["", "Tow", "to w", &"a".repeat(41)].map(|name| json!(["ok", name]));
        wrong(at, &bad_names, "/requirements/capabilities/1");
        wrong("/window", &[json!("now"), json!([])], "/window");
        wrong("/window", &[json!({ "from": 1 })], "/window/from");
        let earliest = [json!(7), json!("soon"), json!("2026-13-01T00:00:00Z"), in_days(91)];
        wrong("/window/earliest", &earliest, "/window/earliest");
        wrong("/window/latest", &[json!(7), in_days(0), in_days(-1), in_days(91)], "/window/latest");
        wrong("/window", &[json!({ "earliest": in_days(2), "latest": in_days(2) })], "/window/latest");
        for (name, value, is_wrong) in [
            ("priority", json!(9), false),
            ("priority", json!(9.0), false),
            ("priority", json!(null), false),
            ("priority", json!(10), true),
            ("priority", json!(1.5), true),
            ("priority", json!("1"), true),
            ("stops", json!(1), true),
            ("stops", json!({}), true),
            ("window", json!({}), false),
            ("window", json!({ "earliest": in_days(-1) }), false),
            ("window", json!({ "latest": in_days(90) }), false),
        ] {
            let field = format!("/{name}");
            let fields = [field.as_str()];
            check(|body| body[name] = value.clone(), if is_wrong { &fields } else { &[] });
        }
    }

    #[test]
    fn negative_zero_is_zero_because_canonical_json_has_only_one() {
        let mut body = good();
        body["origin"] = json!({ "lat": -0.0, "lon": 2.0 });
        body["requirements"] = json!({ "payload_kg": -0.0 });
        let request = TripRequest::from(read::<api::TripRequest>(body.to_string().as_bytes()).unwrap());
        assert!(request.stops[0].at.lat().is_sign_positive() && request.requirements.payload_kg.is_sign_positive());
    }
}
