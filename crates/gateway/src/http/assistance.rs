//! Requests for assistance (TRIP-13): seen in a queue, taken by one person, answered.

use std::sync::Arc;

use api_types::assistance::{AnswerGiven, Assistance, AssistanceFilter, HandBack, Queue, VIA_MAX};
use api_types::{List, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use fleet::actions::MAY_READ_FLEET;
use kernel::Reject;
use kernel::id::AssistId;
use trips::AssistanceAnswer;
use trips::actions::{MAY_ASSIST, RESUME_TRIP};
use trips::assistance::Answer;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "List requests for assistance, the newest first; those that need somebody, or all",
        query: endpoint::takes::<AssistanceFilter>(),
        answer: endpoint::list::<Assistance, AssistId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/assistance", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Show a request for assistance, with what the vehicle shows",
        answer: endpoint::json::<Assistance>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/assistance/{assistance}", MAY_READ_FLEET)
    },
    Endpoint {
        summary: "Take a request for assistance for five minutes, or renew the lease",
        answer: endpoint::json::<Assistance>(),
        handle: |request, gateway| Handler::call(take, request, gateway),
        ..endpoint::post("/v1/assistance/{assistance}/take", MAY_ASSIST)
    },
    Endpoint {
        summary: "Give a request for assistance back",
        body: endpoint::takes::<HandBack>(),
        answer: endpoint::json::<Assistance>(),
        handle: |request, gateway| Handler::call(hand_back, request, gateway),
        ..endpoint::post("/v1/assistance/{assistance}/hand-back", MAY_ASSIST)
    },
    Endpoint {
        summary: "Answer a request for assistance; the vehicle checks the answer and may refuse",
        body: endpoint::takes::<AnswerGiven>(),
        answer: endpoint::json::<Assistance>(),
        asks: Some(RESUME_TRIP),
        handle: |request, gateway| Handler::call(answer, request, gateway),
        ..endpoint::post("/v1/assistance/{assistance}/answer", MAY_ASSIST)
    },
];

/// Requests of one answer where the caller says nothing.
const REQUESTS_DEFAULT: usize = 50;

/// `GET /v1/assistance`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(filter): Parameters<AssistanceFilter>,
) -> Result<Json<List<Assistance, AssistId>>, Problem> {
    let which = match filter.which.unwrap_or_default() {
        Queue::Open => trips::AssistanceFilter::Open,
        Queue::All => trips::AssistanceFilter::All,
    };
    let limit = filter.limit.map_or(REQUESTS_DEFAULT, Within::as_usize);
    let requests = gateway.assistance.list(&caller.authenticated.tenant, which, filter.after, limit).await?;
    Ok(Json(List::page(requests, limit, |request| request.id)))
}

impl Gateway {
    async fn assistance(&self, caller: &Caller, id: AssistId) -> Result<trips::Assistance, Problem> {
        let request = self.assistance.get(&caller.authenticated.tenant, id).await?;
        request.ok_or_else(|| Problem::not_found("request for assistance", id))
    }
}

/// `GET /v1/assistance/{assistance}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
) -> Result<Json<Assistance>, Problem> {
    let mut request = Assistance::from(gateway.assistance(&caller, id).await?);
    if let Some(named) = &mut request.snapshot {
        let kept = gateway.assistance.snapshot(&caller.authenticated.tenant, &named.sha256).await?;
        named.base64 = Some(kept.map(|kept| kept.base64));
    }
    Ok(Json(request))
}

/// `POST /v1/assistance/{assistance}/take`
pub async fn take(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
) -> Result<Json<Assistance>, Problem> {
    let request = gateway.assistance(&caller, id).await?;
    let request = gateway.assistance.take(&caller.ctx_at(request.site), id).await?;
    tracing::info!(assist = %id, trip = %request.trip, vehicle = %request.vehicle, "assistance taken");
    Ok(Json(request.into()))
}

/// `POST /v1/assistance/{assistance}/hand-back`
pub async fn hand_back(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
    body: Body<HandBack>,
) -> Result<Json<Assistance>, Problem> {
    let request = gateway.assistance(&caller, id).await?;
    let ctx = caller.ctx_at(request.site);
    Ok(Json(gateway.assistance.hand_back(&ctx, id, body.value.lease).await?.into()))
}

/// `POST /v1/assistance/{assistance}/answer`
pub async fn answer(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<AssistId>,
    body: Body<AnswerGiven>,
) -> Result<Json<Assistance>, Problem> {
    let AnswerGiven { lease, answer, reason, via } = body.value;
    let chooses = answer == Answer::ChoosePath;
    if chooses == via.is_empty() {
        let message = format!("1 to {VIA_MAX} places with choose_path, none with any other answer");
        return Err(Reject::invalid_field("/via", message).into());
    }
    let given = AssistanceAnswer { lease, answer, reason: reason.0, via };
    let request = gateway.assistance(&caller, id).await?;
    let request = gateway.assistance.answer(&caller.ctx_at(request.site), id, &given).await?;
    tracing::info!(assist = %id, trip = %request.trip, vehicle = %request.vehicle, answer = answer.as_str(), "assistance answered");
    Ok(Json(request.into()))
}
