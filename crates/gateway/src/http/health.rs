//! Whether the process lives, whether it can serve, and what it counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use kernel::TenantId;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::Gateway;

/// `GET /healthz`: the process answers.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// `GET /readyz`: the store can be read.
pub async fn ready(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Problem> {
    gateway.store.head(&TenantId::platform()).await?;
    let clock = gateway.source.state();
    Ok(Json(json!({
        "status": "ready",
        "vehicles_connected": gateway.sessions.len(),
        "log_alarms": gateway.heads.alarms(),
        "clock": { "steady_since": clock.steady_since, "ahead_ms": clock.ahead_ms, "steps": clock.steps },
    })))
}

/// `GET /metrics`: Prometheus' text format 0.0.4. Nothing in it names a tenant, a person or a vehicle.
pub async fn metrics(State(gateway): State<Arc<Gateway>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (gateway.metrics)())
}
