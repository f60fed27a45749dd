//! Whether the process lives, and whether it can serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
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
    Ok(Json(json!({ "status": "ready", "vehicles_connected": gateway.sessions.len() })))
}
