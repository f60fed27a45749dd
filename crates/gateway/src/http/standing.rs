//! Standing orders: the same trip again and again, until a quantity is moved or so many trips are done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::id::StandingId;
use store::Idempotency;
use trips::Standing;

use super::auth::Caller;
use super::extract::{Body, Id, IdempotencyKey, Parameters};
use super::problem::Problem;
use crate::Gateway;
use crate::api::standing::{StandingOrder, StandingRequest};
use crate::api::{List, Page, Why, Within};

/// Orders of one answer where the caller says nothing.
const ORDERS_DEFAULT: usize = 50;

/// `POST /v1/standing-orders`
pub async fn open(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<StandingRequest>,
) -> Result<(StatusCode, Json<StandingOrder>), Problem> {
    let wish = trips::StandingRequest::from(body.value).checked(gateway.source.now())?;
    let ctx = caller.ctx_at(wish.request.site.clone());
    let idempotency =
        key.map(|key| Idempotency { key: format!("standing.open/{}/{key}", ctx.actor.id), request: body.digest });
    let order = gateway.trips.open_standing(&ctx, wish, idempotency).await?;
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
    let orders = gateway.trips.standings(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(orders, limit, |order| order.id)))
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
) -> Result<Json<StandingOrder>, Problem> {
    Ok(Json(gateway.standing(&caller, id).await?.into()))
}

/// `POST /v1/standing-orders/{standing}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<StandingId>,
    body: Body<Why>,
) -> Result<Json<StandingOrder>, Problem> {
    let known = gateway.standing(&caller, id).await?;
    let ctx = caller.ctx_at(known.site);
    Ok(Json(gateway.trips.cancel_standing(&ctx, id, &body.value.reason).await?.into()))
}
