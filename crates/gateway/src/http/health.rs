//! Whether the process lives, whether it can serve, and what it counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use kernel::TenantId;
use kernel::time::ClockState;

use super::problem::Problem;
use crate::Gateway;
use crate::api::health::{Alive, AliveWord, Clock, Ready, ReadyWord};

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
