//! The AuthZEN Authorization API 1.0: a standard door to policy for programs of others, which ask what would be allowed. Every
//! answer is advice: no command follows from it and no journal has it, so that nobody mistakes it for a decision that something
//! rests on. A denial is an answer (200); what is wrong with a request is 400, of whatever kind.

mod facts;
mod known;
mod point;

use std::marker::PhantomData;
use std::sync::Arc;

use api_types::access as api;
use authzen::{Decided, Evaluation, Evaluations, Found, Metadata, Refusal, Search};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, header};
use kernel::{Code, FieldError, Reject};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenancy::MAY_ASK_ACCESS;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::unreadable;
use super::json;
use super::problem::Problem;
use crate::Gateway;
use crate::connections::Place;

/// Under which the operations stand, whose answers name a request as its client did.
pub const ADDRESS: &str = "/access/v1/";

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Ask whether somebody would be allowed to do something (AuthZEN)",
        body: endpoint::takes::<api::EvaluationBody>(),
        answer: endpoint::json::<authzen::Answer>(),
        handle: |request, gateway| Handler::call(evaluate, request, gateway),
        ..endpoint::post("/access/v1/evaluation", MAY_ASK_ACCESS)
    },
    Endpoint {
        summary: "Ask many such questions at once (AuthZEN)",
        body: endpoint::takes::<api::EvaluationsBody>(),
        answer: endpoint::json::<Decided>(),
        handle: |request, gateway| Handler::call(evaluate_all, request, gateway),
        ..endpoint::post("/access/v1/evaluations", MAY_ASK_ACCESS)
    },
    Endpoint {
        summary: "Search who would be allowed to do something (AuthZEN)",
        body: endpoint::takes::<api::SubjectSearchBody>(),
        answer: endpoint::json::<Found>(),
        handle: |request, gateway| Handler::call(subjects, request, gateway),
        ..endpoint::post("/access/v1/search/subject", MAY_ASK_ACCESS)
    },
    Endpoint {
        summary: "Search to what somebody would be allowed to do something (AuthZEN)",
        body: endpoint::takes::<api::ResourceSearchBody>(),
        answer: endpoint::json::<Found>(),
        handle: |request, gateway| Handler::call(resources, request, gateway),
        ..endpoint::post("/access/v1/search/resource", MAY_ASK_ACCESS)
    },
    Endpoint {
        summary: "Search what somebody would be allowed to do to a thing (AuthZEN)",
        body: endpoint::takes::<api::ActionSearchBody>(),
        answer: endpoint::json::<Found>(),
        handle: |request, gateway| Handler::call(actions, request, gateway),
        ..endpoint::post("/access/v1/search/action", MAY_ASK_ACCESS)
    },
    Endpoint {
        summary: "Where a client of AuthZEN finds the operations",
        answer: endpoint::json::<Metadata>(),
        handle: |request, gateway| Handler::call(metadata, request, gateway),
        ..endpoint::open(authzen::WELL_KNOWN)
    },
];

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let fields =
            refusal.faults.into_iter().map(|fault| FieldError { field: fault.pointer, message: fault.message });
        Reject::invalid(fields.collect()).into()
    }
}

/// A body as the JSON that it is, held against the schema of its type. The standard wants 400 for another content type too.
struct Asked<T>(Value, PhantomData<T>);

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema + Into<Value> + 'static> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let named = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !authzen::is_json(named) {
            return Err(Problem::new(Code::InvalidRequest, "send the body as `Content-Type: application/json`"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        Ok(Self(json::read::<T>(&bytes)?.into(), PhantomData))
    }
}

/// `POST /access/v1/evaluation`
async fn evaluate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    asked: Asked<api::EvaluationBody>,
) -> Result<Json<authzen::Answer>, Problem> {
    let evaluation = Evaluation::read(&asked.0)?;
    let known = gateway.known_of(&caller, [&evaluation]).await?;
    Ok(Json(authzen::decide(&gateway.point(&caller, known), &evaluation)))
}

/// `POST /access/v1/evaluations`
async fn evaluate_all(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    asked: Asked<api::EvaluationsBody>,
) -> Result<Json<Decided>, Problem> {
    let evaluations = Evaluations::read(&asked.0)?;
    let known = match &evaluations {
        Evaluations::One(evaluation) => gateway.known_of(&caller, [&**evaluation]).await?,
        Evaluations::Many(items, _) => gateway.known_of(&caller, items.iter().flatten()).await?,
    };
    Ok(Json(authzen::decide_all(&gateway.point(&caller, known), &evaluations)))
}

/// `POST /access/v1/search/subject`
async fn subjects(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    asked: Asked<api::SubjectSearchBody>,
) -> Result<Json<Found>, Problem> {
    gateway.find(&caller, Search::of_subjects(&asked.0)?).await
}

/// `POST /access/v1/search/resource`
async fn resources(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    asked: Asked<api::ResourceSearchBody>,
) -> Result<Json<Found>, Problem> {
    gateway.find(&caller, Search::of_resources(&asked.0)?).await
}

/// `POST /access/v1/search/action`
async fn actions(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    asked: Asked<api::ActionSearchBody>,
) -> Result<Json<Found>, Problem> {
    gateway.find(&caller, Search::of_actions(&asked.0)?).await
}

impl Gateway {
    async fn find(&self, caller: &Caller, search: Search) -> Result<Json<Found>, Problem> {
        let known = self.known_to_search(caller, &search).await?;
        Ok(Json(authzen::find(&self.point(caller, known), &search)))
    }
}

/// `GET /.well-known/authzen-configuration`: the address is the one that was asked, as the proxy before us says it.
async fn metadata(headers: HeaderMap, place: Option<Extension<Place>>) -> Result<Json<Metadata>, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text("host");
    if host.is_empty() {
        return Err(Problem::new(Code::InvalidRequest, "name the host that you ask, as `Host`"));
    }
    let is_local = place.is_none_or(|Extension(place)| place.address().is_loopback());
    let is_secure = is_local && text("x-forwarded-proto").eq_ignore_ascii_case("https");
    let scheme = if is_secure { "https" } else { "http" };
    Ok(Json(Metadata::at(&format!("{scheme}://{host}"))))
}
