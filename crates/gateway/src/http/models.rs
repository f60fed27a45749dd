//! The models that predict how long components last.

use std::sync::Arc;

use api_types::maintenance as api;
use api_types::{List, Named, ReasonGiven};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use maintenance::NewHistory;
use maintenance::actions::{MAY_MANAGE_MODELS, MAY_READ_MAINTENANCE, PROMOTE_MODEL, ROLL_BACK_MODEL};
use prognostics::catalog::ComponentClass;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Ids};
use super::problem::Problem;
use crate::Gateway;

/// The largest history of one part: 5,000 rows.
const HISTORY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The models of every component class, with their errors, calibration and drift",
        answer: endpoint::list::<api::ModelView, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/models", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "The models of a component class",
        answer: endpoint::json::<api::ModelView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/models/{class}", MAY_READ_MAINTENANCE)
    },
    Endpoint {
        summary: "Import the life of a part, for models to learn from; the same part again takes its place",
        body: endpoint::takes::<NewHistory>(),
        answer: endpoint::json::<Named<String>>(),
        body_bytes_max: HISTORY_BYTES_MAX,
        handle: |request, gateway| Handler::call(import, request, gateway),
        ..endpoint::put("/v1/models/{class}/histories/{part}", MAY_MANAGE_MODELS)
    },
    Endpoint {
        summary: "Train a model of a component class; it decides only if it is better on lives that were held out",
        status: 202,
        answer: endpoint::json::<api::ModelNumber>(),
        handle: |request, gateway| Handler::call(train, request, gateway),
        ..endpoint::post("/v1/models/{class}/train", MAY_MANAGE_MODELS)
    },
    Endpoint {
        summary: "Let a version decide",
        body: endpoint::takes::<api::Promotion>(),
        answer: endpoint::json::<api::ModelView>(),
        asks: Some(PROMOTE_MODEL),
        handle: |request, gateway| Handler::call(promote, request, gateway),
        ..endpoint::post("/v1/models/{class}/promote", MAY_MANAGE_MODELS)
    },
    Endpoint {
        summary: "Let the version before decide again",
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<api::ModelView>(),
        asks: Some(ROLL_BACK_MODEL),
        handle: |request, gateway| Handler::call(roll_back, request, gateway),
        ..endpoint::post("/v1/models/{class}/roll-back", MAY_MANAGE_MODELS)
    },
];

impl Gateway {
    async fn model_of(&self, caller: &Caller, class: ComponentClass) -> Result<api::ModelView, Problem> {
        let tenant = &caller.authenticated.tenant;
        let line = self.maintenance.models(tenant).await?.lines.remove(&class);
        Ok(api::ModelView::of(class, line, self.maintenance.training_progress(tenant, class)))
    }
}

/// `GET /v1/models`
pub async fn list(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<List<api::ModelView>>, Problem> {
    let mut items = Vec::new();
    for class in ComponentClass::ALL {
        items.push(gateway.model_of(&caller, class).await?);
    }
    Ok(Json(List { items, next: None }))
}

/// `GET /v1/models/{class}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(class): Id<ComponentClass>,
) -> Result<Json<api::ModelView>, Problem> {
    Ok(Json(gateway.model_of(&caller, class).await?))
}

/// `PUT /v1/models/{class}/histories/{part}`
pub async fn import(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Ids(class, api::PartName(part)): Ids<ComponentClass, api::PartName>,
    body: Body<NewHistory>,
) -> Result<Json<Named<String>>, Problem> {
    gateway.maintenance.import_history(&caller.ctx(), class, &part, &body.value).await?;
    Ok(Json(Named { id: part }))
}

/// `POST /v1/models/{class}/train`
pub async fn train(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(class): Id<ComponentClass>,
) -> Result<(StatusCode, Json<api::ModelNumber>), Problem> {
    let number = gateway.maintenance.ask_training(&caller.ctx(), class).await?;
    Ok((StatusCode::ACCEPTED, Json(api::ModelNumber { number })))
}

/// `POST /v1/models/{class}/promote`
pub async fn promote(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(class): Id<ComponentClass>,
    body: Body<api::Promotion>,
) -> Result<Json<api::ModelView>, Problem> {
    let api::Promotion { number, reason } = body.value;
    gateway.maintenance.promote_model(&caller.ctx(), class, number, &reason.0).await?;
    Ok(Json(gateway.model_of(&caller, class).await?))
}

/// `POST /v1/models/{class}/roll-back`
pub async fn roll_back(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(class): Id<ComponentClass>,
    body: Body<ReasonGiven>,
) -> Result<Json<api::ModelView>, Problem> {
    gateway.maintenance.roll_back_model(&caller.ctx(), class, &body.value.reason).await?;
    Ok(Json(gateway.model_of(&caller, class).await?))
}
