//! Detections, and who is on call.

use std::sync::Arc;

use api_types::incidents as api;
use api_types::{List, Within};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use kernel::Timestamp;
use security::OnCall;
use security::actions::{MAY_READ_INCIDENTS, MAY_SET_ON_CALL};
use security::incident::Finding;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// Entries that one replay reads at most.
const REPLAY_MAX: u64 = 200_000;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The rules by which attacks are found, and how often each found something",
        answer: endpoint::list::<api::DetectionView, String>(),
        handle: |request, gateway| Handler::call(rules, request, gateway),
        ..endpoint::get("/v1/detections", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "Let a part of the journal go through the detections again: the same entries give the same alerts",
        query: endpoint::takes::<api::ReplayRange>(),
        answer: endpoint::json::<api::Replayed>(),
        handle: |request, gateway| Handler::call(replay, request, gateway),
        ..endpoint::get("/v1/detections/replay", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "Who is on call, in which order, and where calls go",
        answer: endpoint::json::<OnCall>(),
        handle: |request, gateway| Handler::call(on_call, request, gateway),
        ..endpoint::get("/v1/on-call", MAY_READ_INCIDENTS)
    },
    Endpoint {
        summary: "Say who is on call, all of it",
        body: endpoint::takes::<api::OnCallRequest>(),
        answer: endpoint::json::<OnCall>(),
        handle: |request, gateway| Handler::call(set_on_call, request, gateway),
        ..endpoint::put("/v1/on-call", MAY_SET_ON_CALL)
    },
];

/// `GET /v1/detections`
pub async fn rules(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<api::DetectionView>>, Problem> {
    let mut hits = gateway.security.hits(&caller.authenticated.tenant).await?;
    let view = |rule: detections::RuleInfo| api::DetectionView {
        hits: hits.remove(&rule.name).unwrap_or_default(),
        rule: rule.name,
        title: rule.title,
        description: rule.description,
        severity: rule.level.into(),
        attack: rule.attack,
        r155: rule.r155,
        false_positives: rule.false_positives,
    };
    Ok(Json(List { items: security::rules().into_iter().map(view).collect(), next: None }))
}

/// `GET /v1/detections/replay`
pub async fn replay(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(range): Parameters<api::ReplayRange>,
) -> Result<Json<api::Replayed>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let size = gateway.store.head(tenant).await?.map_or(0, |head| head.size);
    let from = range.from.map_or(0, |Within(from)| from.min(size));
    let until = range.until.map_or(size, |Within(until)| until.min(size)).clamp(from, from.saturating_add(REPLAY_MAX));
    let alerts = gateway.security.replay(tenant, from, until).await?;
    let finding = |alert: detections::Alert| Finding {
        alert: alert.id,
        rule: alert.rule,
        title: alert.title,
        severity: alert.level.into(),
        first: Timestamp::from_ms(alert.first_ms),
        last: Timestamp::from_ms(alert.last_ms),
        records: alert.records,
        count: alert.count,
        attack: alert.attack,
        r155: alert.r155,
    };
    Ok(Json(api::Replayed { from, until, alerts: alerts.into_iter().map(finding).collect() }))
}

/// `GET /v1/on-call`
pub async fn on_call(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<OnCall>, Problem> {
    Ok(Json(gateway.security.rotation(&caller.authenticated.tenant).await?))
}

/// `PUT /v1/on-call`
pub async fn set_on_call(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::OnCallRequest>,
) -> Result<Json<OnCall>, Problem> {
    let (rotation, secrets) = body.value.split();
    gateway.security.set_on_call(&caller.ctx(), rotation, secrets).await?;
    Ok(Json(gateway.security.rotation(&caller.authenticated.tenant).await?))
}
