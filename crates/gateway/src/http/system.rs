//! How this installation is doing, for its administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use identity::MAY_MANAGE_USERS;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[Endpoint {
    summary: "Version, store, disk, journal and links of this installation",
    answer: endpoint::json::<System>(),
    handle: |request, gateway| Handler::call(show, request, gateway),
    ..endpoint::get("/v1/system", MAY_MANAGE_USERS)
}];

#[derive(Serialize, JsonSchema)]
pub struct System {
    version: &'static str,
    /// Seconds since the server began to listen.
    uptime_s: i64,
    /// Bytes that the server's folder takes.
    store_bytes: u64,
    /// Bytes that are free on its disk.
    disk_free_bytes: u64,
    /// Entries of the tenant's journal.
    log_size: u64,
    /// The root of its Merkle tree.
    log_root: String,
    vehicles_connected: usize,
}

/// `GET /v1/system`
pub async fn show(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<System>, Problem> {
    let head = gateway.head_of(&caller.authenticated.tenant).await?;
    let disk = tokio::task::block_in_place(|| (gateway.disk)());
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: gateway.source.now().since_ms(gateway.started_at) / 1_000,
        store_bytes: disk.used,
        disk_free_bytes: disk.free,
        log_size: head.size,
        log_root: head.root.to_string(),
        vehicles_connected: gateway.sessions.len(),
    }))
}
