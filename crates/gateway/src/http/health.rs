//! Whether the process lives, whether it can serve, and what it counted.

use std::sync::Arc;

use api_types::health::{Alive, AliveWord, Clock, Ready, ReadyWord};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderName, header};
use kernel::TenantId;
use kernel::time::ClockState;

use super::endpoint::{self, Answer, Endpoint};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Whether the process answers",
        answer: endpoint::json::<Alive>(),
        handle: |request, gateway| Handler::call(alive, request, gateway),
        ..endpoint::open("/healthz")
    },
    Endpoint {
        summary: "Whether the store can be read",
        answer: endpoint::json::<Ready>(),
        handle: |request, gateway| Handler::call(ready, request, gateway),
        ..endpoint::open("/readyz")
    },
    Endpoint {
        summary: "Metrics as Prometheus text",
        answer: Answer::Text,
        handle: |request, gateway| Handler::call(metrics, request, gateway),
        ..endpoint::open("/metrics")
    },
];

/// `GET /healthz`: the process answers.
pub async fn alive() -> Json<Alive> {
    Json(Alive { status: AliveWord::Alive })
}

/// `GET /readyz`: the store can be read.
pub async fn ready(State(gateway): State<Arc<Gateway>>) -> Result<Json<Ready>, Problem> {
    gateway.store.head(&TenantId::platform()).await?;
    let ClockState { steady_since, ahead_ms, steps } = gateway.source.state();
    Ok(Json(Ready {
        status: ReadyWord::Ready,
        vehicles_connected: gateway.sessions.len(),
        log_alarms: gateway.heads.alarms(),
        clock: Clock { steady_since, ahead_ms, steps },
    }))
}

/// `GET /metrics`: Prometheus' text format 0.0.4. Nothing in it names a tenant, a person or a vehicle.
pub async fn metrics(State(gateway): State<Arc<Gateway>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (gateway.metrics)())
}
