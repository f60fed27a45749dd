//! Requests for assistance (TRIP-13): seen in a queue, taken by one person, answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kernel::id::AssistId;
use kernel::{Coordinate, Reject};
use serde::Deserialize;
use serde_json::{Value, json};
use store::port::PAGE_LIMIT_MAX;
use trips::assistance::Answer;
use trips::{AnswerWish, Assistance, Which};

use super::auth::Caller;
use super::extract::{Body, Id, Limit, Parameters, whole};
use super::problem::Problem;
use super::vehicles::reason;
use crate::Gateway;

/// Requests of one answer where the caller says nothing.
const REQUESTS_DEFAULT: usize = 50;
/// The most places that a path may be chosen by: a detour around a few blocks.
const VIA_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Queue {
    Open,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    which: Option<Queue>,
    after: Option<AssistId>,
    limit: Option<Limit<{ PAGE_LIMIT_MAX as u64 }>>,
}

/// `GET /v1/assistance`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<Value>, Problem> {
    let which = match filter.which.unwrap_or(Queue::Open) {
        Queue::Open => Which::Open,
        Queue::All => Which::All,
    };
    let limit = filter.limit.map_or(REQUESTS_DEFAULT, Limit::as_usize);
    let items = gateway.trips.assistances(&caller.authenticated.tenant, which, filter.after, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|request| request.id);
    Ok(Json(json!({ "items": items.iter().map(shown).collect::<Vec<_>>(), "next": next })))
}

/// A request without a snapshot says so.
fn shown(request: &Assistance) -> Value {
    let mut shown = json!(request);
    shown["snapshot"] = json!(request.snapshot);
    shown
}

impl Gateway {
    async fn assistance(&self, caller: &Caller, id: AssistId) -> Result<Assistance, Problem> {
        let request = self.trips.assistance(&caller.authenticated.tenant, id).await?;
        request.ok_or_else(|| Problem::not_found("request for assistance", id))
    }
}

/// `GET /v1/assistance/{assistance}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
) -> Result<Json<Value>, Problem> {
    let request = gateway.assistance(&caller, id).await?;
    let mut answer = shown(&request);
    if let Some(named) = &request.snapshot {
        let kept = gateway.trips.snapshot(&caller.authenticated.tenant, &named.sha256).await?;
        answer["snapshot"]["base64"] = json!(kept.map(|kept| kept.base64));
    }
    Ok(Json(answer))
}

/// `POST /v1/assistance/{assistance}/take`
pub async fn take(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
) -> Result<Json<Value>, Problem> {
    let request = gateway.assistance(&caller, id).await?;
    let request = gateway.trips.take_assistance(&caller.ctx_at(request.site), id).await?;
    tracing::info!(assist = %id, trip = %request.trip, vehicle = %request.vehicle, "assistance taken");
    Ok(Json(shown(&request)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandBackBody {
    #[serde(deserialize_with = "whole")]
    lease: u64,
}

/// `POST /v1/assistance/{assistance}/hand-back`
pub async fn hand_back(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
    body: Body<HandBackBody>,
) -> Result<Json<Value>, Problem> {
    let request = gateway.assistance(&caller, id).await?;
    let ctx = caller.ctx_at(request.site);
    Ok(Json(shown(&gateway.trips.hand_back_assistance(&ctx, id, body.value.lease).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    #[serde(deserialize_with = "whole")]
    lease: u64,
    answer: Answer,
    reason: String,
    #[serde(default)]
    via: Vec<Coordinate>,
}

/// `POST /v1/assistance/{assistance}/answer`
pub async fn answer(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
    body: Body<AnswerBody>,
) -> Result<Json<Value>, Problem> {
    let AnswerBody { lease, answer, reason: why, via } = body.value;
    let chooses = answer == Answer::ChoosePath;
    if chooses == via.is_empty() || via.len() > VIA_MAX {
        let message = "1 to 8 places with choose_path, none with any other answer";
        return Err(Reject::invalid_field("/via", message).into());
    }
    let wish = AnswerWish { lease, answer, reason: reason(&why)?.into(), via };
    let request = gateway.assistance(&caller, id).await?;
    let request = gateway.trips.answer_assistance(&caller.ctx_at(request.site), id, &wish).await?;
    tracing::info!(assist = %id, trip = %request.trip, vehicle = %request.vehicle, answer = answer.as_str(), "assistance answered");
    Ok(Json(shown(&request)))
}
