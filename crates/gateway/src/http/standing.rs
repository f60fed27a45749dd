//! Standing orders: the same trip again and again, until a quantity is moved or so many trips are done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::id::StandingId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Idempotency;
use store::port::PAGE_LIMIT_MAX;
use trips::{Standing, StandingRequest};

use super::auth::Caller;
use super::extract::{Body, Id, IdempotencyKey, Limit, Parameters};
use super::problem::Problem;
use super::vehicles::reason;
use crate::Gateway;

/// Orders of one answer where the caller says nothing.
const ORDERS_DEFAULT: usize = 50;

/// `POST /v1/standing-orders`
pub async fn open(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<Value>,
) -> Result<(StatusCode, Json<Standing>), Problem> {
    let wish = StandingRequest::parse(&body.value, gateway.source.now())?;
    let ctx = caller.ctx_at(wish.request.site.clone());
    let idempotency =
        key.map(|key| Idempotency { key: format!("standing.open/{}/{key}", ctx.actor.id), request: body.digest });
    let order = gateway.trips.open_standing(&ctx, wish, idempotency).await?;
    tracing::info!(tenant = %ctx.tenant, standing = %order.id, "standing order opened");
    Ok((StatusCode::CREATED, Json(order)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<StandingId>,
    limit: Option<Limit<{ PAGE_LIMIT_MAX as u64 }>>,
}

/// `GET /v1/standing-orders`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<Value>, Problem> {
    let limit = page.limit.map_or(ORDERS_DEFAULT, Limit::as_usize);
    let items = gateway.trips.standings(&caller.authenticated.tenant, page.after, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|order| order.id);
    Ok(Json(json!({ "items": items, "next": next })))
}

impl Gateway {
    async fn standing(&self, caller: &Caller, id: StandingId) -> Result<Standing, Problem> {
        let order = self.trips.standing(&caller.authenticated.tenant, id).await?;
        order.ok_or_else(|| Problem::not_found("standing order", id))
    }
}

/// `GET /v1/standing-orders/{standing}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<StandingId>,
) -> Result<Json<Standing>, Problem> {
    Ok(Json(gateway.standing(&caller, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    reason: String,
}

/// `POST /v1/standing-orders/{standing}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<StandingId>,
    body: Body<CancelBody>,
) -> Result<Json<Standing>, Problem> {
    let known = gateway.standing(&caller, id).await?;
    let ctx = caller.ctx_at(known.site);
    Ok(Json(gateway.trips.cancel_standing(&ctx, id, reason(&body.value.reason)?).await?))
}
