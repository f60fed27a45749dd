//! Standing orders: the same trip again and again, until a quantity is moved or so many trips are done.

use std::sync::Arc;

use api_types::standing::{StandingOrder, StandingRequest};
use api_types::{List, Page, ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use fleet::actions::MAY_READ_FLEET;
use kernel::id::StandingId;
use store::Idempotency;
use trips::actions::{MAY_CANCEL_TRIP, MAY_REQUEST_TRIP, REQUEST_TRIP};

use super::auth::Caller;
use super::endpoint::{self, Endpoint, ONCE};
use super::extract::{Body, Id, IdempotencyKey, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Open a standing order: the same trip again and again, until a quantity is moved or so many trips are done",
        headers: ONCE,
        body: endpoint::takes::<StandingRequest>(),
        status: 201,
        answer: endpoint::json::<StandingOrder>(),
        asks: Some(REQUEST_TRIP),
        handle: |request, gateway| Handler::call(open, request, gateway),
        ..endpoint::post("/v1/standing-orders", MAY_REQUEST_TRIP)
    },
    Endpoint {
        summary: "List standing orders, the newest first",
        query: endpoint::takes::<Page<StandingId>>(),
        answer: endpoint::list::<StandingOrder, StandingId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/standing-orders", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a standing order: what is moved, what is under way, why it pauses",
        answer: endpoint::json::<StandingOrder>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/standing-orders/{standing}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Call a standing order off; its trips under way go on",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<StandingOrder>(),
        handle: |request, gateway| Handler::call(cancel, request, gateway),
        ..endpoint::post("/v1/standing-orders/{standing}/cancel", MAY_CANCEL_TRIP)
    },
];

/// Orders of one answer where the caller says nothing.
const ORDERS_DEFAULT: usize = 50;

/// `POST /v1/standing-orders`
pub async fn open(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<StandingRequest>,
) -> Result<(StatusCode, Json<StandingOrder>), Problem> {
    let wish = trips::StandingOrderRequest::from(body.value).checked(gateway.source.now())?;
    let ctx = caller.ctx_at(wish.request.site.clone());
    let idempotency =
        key.map(|key| Idempotency { key: format!("standing.open/{}/{key}", ctx.actor.id), request: body.digest });
    let order = gateway.standing_orders.open(&ctx, wish, idempotency).await?;
    tracing::info!(tenant = %ctx.tenant, standing = %order.id, "standing order opened");
    Ok((StatusCode::CREATED, Json(order.into())))
}

/// `GET /v1/standing-orders`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<StandingId>>,
) -> Result<Json<List<StandingOrder, StandingId>>, Problem> {
    let limit = page.limit.map_or(ORDERS_DEFAULT, Within::as_usize);
    let orders = gateway.standing_orders.list(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(orders, limit, |order| order.id)))
}

impl Gateway {
    async fn standing(&self, caller: &Caller, id: StandingId) -> Result<trips::StandingOrder, Problem> {
        let order = self.standing_orders.get(&caller.authenticated.tenant, id).await?;
        order.ok_or_else(|| Problem::not_found("standing order", id))
    }
}

/// `GET /v1/standing-orders/{standing}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<StandingId>,
) -> Result<Json<StandingOrder>, Problem> {
    Ok(Json(gateway.standing(&caller, id).await?.into()))
}

/// `POST /v1/standing-orders/{standing}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<StandingId>,
    body: Body<ReasonGiven>,
) -> Result<Json<StandingOrder>, Problem> {
    let known = gateway.standing(&caller, id).await?;
    let ctx = caller.ctx_at(known.site);
    Ok(Json(gateway.standing_orders.cancel(&ctx, id, &body.value.reason).await?.into()))
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use serde_json::{Value, json};

    use super::super::json::read;
    use super::*;

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        let now = Timestamp::from_ms(1_795_489_212_000);
        let good = json!({
            "trip": {
                "site": "pit", "kind": "haul", "origin": { "lat": 1, "lon": 2 }, "destination": { "lat": 1.1, "lon": 2 },
                "requirements": { "payload_kg": 1000 },
            },
            "goal": { "quantity_kg": 2500 },
        });
        let check = |pointer: &str, value: Value, fields: &[&str]| {
            let mut body = good.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
            let asked = read::<StandingRequest>(body.to_string().as_bytes());
            let found = match asked.and_then(|asked| trips::StandingOrderRequest::from(asked).checked(now)) {
                Ok(_) => Vec::new(),
                Err(reject) => reject.fields.into_iter().map(|error| error.field).collect(),
            };
            assert_eq!(found, fields, "{body}");
        };
        check("/at_once", json!(null), &[]);
        check("/at_once", json!(32), &[]);
        for at_once in [json!(0), json!(33), json!("2"), json!(1.5)] {
            check("/at_once", at_once, &["/at_once"]);
        }
        check("/goal", json!(null), &["/goal"]);
        check("/goal", json!({ "trips": 0 }), &["/goal/trips"]);
        check("/goal", json!({ "quantity_kg": 0 }), &["/goal/quantity_kg"]);
        check("/goal", json!({ "trips": 1, "quantity_kg": 1 }), &["/goal/trips"]);
        check("/goal", json!({ "trips": 3 }), &[]);
        check("/colour", json!(1), &["/colour"]);
        check("/trip/kind", json!("taxi"), &["/trip/kind"]);
        check("/trip/destination", good["trip"]["origin"].clone(), &["/trip/destination"]);
        check("/trip/requirements", json!({}), &["/trip/requirements/payload_kg"]);
        check("/trip/window", json!({ "latest": "2026-12-01T00:00:00Z" }), &["/trip/window"]);
    }
}
