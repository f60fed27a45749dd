//! The HTTP API: one file per resource, one table of routes, one place for limits, traces and metrics.

pub mod auth;
pub mod extract;
pub mod problem;

mod events;
mod health;
mod journal;
mod positions;
mod sites;
mod tenants;
mod trips;
mod vehicles;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use kernel::Code;
use tracing::Instrument;

use crate::Gateway;
use crate::http::problem::Problem;

/// The largest JSON body in bytes: a trip with a thousand stops stays far below.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest map in bytes: an extract of a large city; a graph is per site.
pub const MAP_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Every operation of the API.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/v1/events", get(events::follow))
        .route("/v1/positions", get(positions::watch))
        .route("/v1/tenants", post(tenants::create).get(tenants::list))
        .route("/v1/sites", get(sites::list))
        .route("/v1/sites/{site}", get(sites::show))
        .route("/v1/sites/{site}/map", put(sites::import).layer(DefaultBodyLimit::max(MAP_BYTES_MAX)))
        .route("/v1/sites/{site}/closures", post(sites::close))
        .route("/v1/sites/{site}/zones", post(sites::draw_zone))
        .route("/v1/sites/{site}/restrictions/{restriction}", delete(sites::lift))
        .route("/v1/vehicles", post(vehicles::register).get(vehicles::list))
        .route("/v1/vehicles/{vehicle}", get(vehicles::show))
        .route("/v1/vehicles/{vehicle}/stop", post(vehicles::stop))
        .route("/v1/vehicles/{vehicle}/clear", post(vehicles::clear))
        .route("/v1/vehicles/{vehicle}/holds", post(vehicles::hold))
        .route("/v1/vehicles/{vehicle}/holds/{hold}", delete(vehicles::release))
        .route("/v1/vehicles/{vehicle}/telemetry", get(vehicles::telemetry))
        .route("/v1/vehicles/{vehicle}/commands", get(vehicles::commands))
        .route("/v1/trips", post(trips::create).get(trips::list))
        .route("/v1/trips/{trip}", get(trips::show))
        .route("/v1/trips/{trip}/route", get(trips::route))
        .route("/v1/trips/{trip}/history", get(trips::history))
        .route("/v1/trips/{trip}/why", get(trips::why))
        .route("/v1/trips/{trip}/cancel", post(trips::cancel))
        .route("/v1/journal", get(journal::list))
        .route("/v1/journal/head", get(journal::head))
        .route("/v1/journal/verify", post(journal::check))
        .route("/v1/journal/{event}/proof", get(journal::prove))
        .fallback(|| async { Problem::new(Code::NotFound, "no such operation: see the API guide") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::InvalidRequest, "this address takes another method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(observe))
        .with_state(gateway)
}

/// A span, a metric and a line for each request, by its route and not by its address: ids are not metric labels.
async fn observe(request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("http", %method, %route, tenant = tracing::field::Empty);
    async move {
        let began = Instant::now();
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let elapsed = began.elapsed();
        let labels = [("method", method), ("route", route), ("status", status.to_string())];
        metrics::histogram!("atlasmesh_http_seconds", &labels).record(elapsed.as_secs_f64());
        tracing::info!(path, status, elapsed_ms = elapsed.as_millis() as u64, "request");
        response
    }
    .instrument(span)
    .await
}
