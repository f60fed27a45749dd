//! Work orders.

use std::sync::Arc;

use api_types::maintenance as api;
use api_types::{List, Named, ReasonGiven, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use maintenance::OrderId;
use maintenance::actions::{
    APPROVE_ORDER, MAY_APPROVE_ORDER, MAY_READ_MAINTENANCE, MAY_REQUEST_ORDER, MAY_WORK_ON_ORDER, RETURN_VEHICLE,
};

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// Orders of one answer where the caller says nothing.
const ORDERS_DEFAULT: usize = 100;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Ask the workshop for work on a component",
        body: endpoint::takes::<api::OrderRequest>(),
        status: 201,
        answer: endpoint::json::<Named<OrderId>>(),
        handle: |incoming, gateway| Handler::call(request, incoming, gateway),
        ..endpoint::post("/v1/work-orders", MAY_REQUEST_ORDER)
    },
    Endpoint {
        summary: "List work orders, the newest first",
        query: endpoint::takes::<api::OrderPage>(),
        answer: endpoint::list::<api::OrderView, OrderId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/work-orders", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "Show a work order, with its slot, the reason of it, and its checklist",
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/work-orders/{order}", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "Let the workshop plan a work order",
        answer: endpoint::json::<api::OrderView>(),
        asks: Some(APPROVE_ORDER),
        handle: |request, gateway| Handler::call(approve, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/approve", MAY_APPROVE_ORDER)
    },
    Endpoint {
        summary: "Begin the work",
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(start, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/start", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Let the work wait",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(hold, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/hold", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Go on with work that waited",
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(resume, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/resume", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Tick a step of the checklist",
        body: endpoint::takes::<api::StepDone>(),
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(step, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/step", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "The work is done; the closing code says what was found",
        body: endpoint::takes::<api::Completion>(),
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(complete, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/complete", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Check the work of another",
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(verify, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/verify", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "The work was not good enough: it goes on",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(reopen, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/reopen", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Return the vehicle to service, in person; it moves only when it is dispatched",
        answer: endpoint::json::<api::OrderView>(),
        asks: Some(RETURN_VEHICLE),
        handle: |request, gateway| Handler::call(return_vehicle, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/return", MAY_WORK_ON_ORDER)
    },
    Endpoint {
        summary: "Cancel a work order that nobody works on",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::OrderView>(),
        handle: |request, gateway| Handler::call(cancel, request, gateway),
        ..endpoint::post("/v1/work-orders/{order}/cancel", MAY_REQUEST_ORDER)
    },
];

impl Gateway {
    async fn shown_order(&self, caller: &Caller, id: OrderId) -> Result<Json<api::OrderView>, Problem> {
        let order = self.maintenance.order(&caller.authenticated.tenant, id).await?;
        let order = order.ok_or_else(|| Problem::not_found("work order", id))?;
        Ok(Json((id, order).into()))
    }
}

/// `POST /v1/work-orders`
pub async fn request(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::OrderRequest>,
) -> Result<(StatusCode, Json<Named<OrderId>>), Problem> {
    let id = gateway.maintenance.request_order(&caller.ctx(), body.value.into()).await?;
    Ok((StatusCode::CREATED, Json(Named { id })))
}

/// `GET /v1/work-orders`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<api::OrderPage>,
) -> Result<Json<List<api::OrderView, OrderId>>, Problem> {
    let limit = page.limit.map_or(ORDERS_DEFAULT, Within::as_usize);
    let tenant = &caller.authenticated.tenant;
    let found = gateway.maintenance.orders(tenant, page.vehicle, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `GET /v1/work-orders/{order}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/approve`
pub async fn approve(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.approve_order(&caller.ctx(), id).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/start`
pub async fn start(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.start_order(&caller.ctx(), id).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/hold`
pub async fn hold(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.put_order_on_hold(&caller.ctx(), id, &body.value.reason).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/resume`
pub async fn resume(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.resume_order(&caller.ctx(), id).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/step`
pub async fn step(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
    body: Body<api::StepDone>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.tick_step(&caller.ctx(), id, body.value.step.as_usize()).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/complete`
pub async fn complete(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
    body: Body<api::Completion>,
) -> Result<Json<api::OrderView>, Problem> {
    let api::Completion { closing, notes } = body.value;
    let notes = notes.as_ref().map(|notes| notes.0.as_str());
    gateway.maintenance.complete_order(&caller.ctx(), id, closing, notes).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/verify`
pub async fn verify(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.verify_order(&caller.ctx(), id).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/reopen`
pub async fn reopen(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.reopen_order(&caller.ctx(), id, &body.value.reason).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/return`
pub async fn return_vehicle(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.return_vehicle(&caller.ctx(), id).await?;
    gateway.shown_order(&caller, id).await
}

/// `POST /v1/work-orders/{order}/cancel`
pub async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<OrderId>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::OrderView>, Problem> {
    gateway.maintenance.cancel_order(&caller.ctx(), id, &body.value.reason).await?;
    gateway.shown_order(&caller, id).await
}
