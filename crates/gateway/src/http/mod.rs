//! The HTTP API: one file per resource with its operations and what carries them out, one place for limits, traces and metrics.

mod access;
mod approvals;
mod assistance;
pub mod auth;
mod blasts;
mod compliance;
pub mod extract;
pub mod openapi;
pub mod problem;

mod detections;
pub mod endpoint;
pub mod enrolment;
mod events;
mod evidence;
pub mod flags;
mod health;
mod identities;
mod incidents;
mod jobs;
mod journal;
mod json;
mod listener;
mod maintenance;
mod models;
mod page;
mod places;
pub mod policies;
mod positions;
mod principals;
mod releases;
mod reports;
mod rest;
mod rollouts;
mod sectors;
mod session;
mod sites;
mod software;
mod standing;
mod submissions;
mod system;
mod tenants;
pub mod tiles;
mod tlog;
mod tls_listener;
mod trips;
pub mod turns;
mod units;
pub mod updates;
mod users;
mod vehicles;
mod work_orders;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use kernel::Code;
use kernel::id::{RequestId, TypedId, uuid_v7};
use tracing::Instrument;
use tracing::field::Empty;

use crate::Gateway;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;

pub use listener::{listen, listen_with};

/// The largest JSON body in bytes: a trip with a thousand stops stays far below.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest map in bytes: an extract of a large city; a graph is per site.
pub const MAP_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The operations of each resource.
const RESOURCES: &[&[Endpoint]] = &[
    tenants::ENDPOINTS,
    sectors::ENDPOINTS,
    flags::ENDPOINTS,
    policies::ENDPOINTS,
    principals::ENDPOINTS,
    session::ENDPOINTS,
    users::ENDPOINTS,
    approvals::ENDPOINTS,
    system::ENDPOINTS,
    sites::ENDPOINTS,
    tiles::ENDPOINTS,
    trips::ENDPOINTS,
    vehicles::ENDPOINTS,
    identities::ENDPOINTS,
    standing::ENDPOINTS,
    assistance::ENDPOINTS,
    releases::ENDPOINTS,
    rollouts::ENDPOINTS,
    maintenance::ENDPOINTS,
    work_orders::ENDPOINTS,
    models::ENDPOINTS,
    software::ENDPOINTS,
    incidents::ENDPOINTS,
    detections::ENDPOINTS,
    evidence::ENDPOINTS,
    compliance::ENDPOINTS,
    reports::ENDPOINTS,
    submissions::ENDPOINTS,
    places::ENDPOINTS,
    blasts::ENDPOINTS,
    jobs::ENDPOINTS,
    units::ENDPOINTS,
    journal::ENDPOINTS,
    tlog::ENDPOINTS,
    events::ENDPOINTS,
    positions::ENDPOINTS,
    openapi::ENDPOINTS,
    access::ENDPOINTS,
    problem::ENDPOINTS,
    health::ENDPOINTS,
];

/// Every operation of the API. The router, the OpenAPI document and the table of the guide are made from this.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    RESOURCES.iter().copied().flatten()
}

/// The routes of the API and the page.
pub fn router(gateway: Arc<Gateway>) -> Router {
    json::prepare();
    let route = |router: Router<Arc<Gateway>>, endpoint: &'static Endpoint| {
        let admit = middleware::from_fn_with_state((Arc::clone(&gateway), endpoint), auth::admit);
        router.route(&endpoint.route_path(), endpoint.route().route_layer(admit))
    };
    endpoints()
        .fold(Router::new(), route)
        .fallback(page::serve)
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "this address takes another method: `Allow` names those that it does")
        })
        .layer(middleware::from_fn(rest::read))
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), observe))
        .with_state(gateway)
}

/// What names a request in its answer, in the log and in its span.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A span, a metric and a line for each request, by its route and not by its address: ids are not metric labels. What
/// the client sent as `traceparent` (W3C Trace Context) goes into the span, for whoever follows it.
async fn observe(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let id = RequestId::from_u128(uuid_v7(gateway.source.now().as_ms().unsigned_abs(), gateway.source.entropy()));
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    // AuthZEN wants back what the client called its request.
    let own = request.headers().get(REQUEST_ID).filter(|_| path.starts_with(access::ADDRESS)).cloned();
    let span = tracing::info_span!(
        "http",
        %method, %route, request = %id, traceparent,
        tenant = Empty, trip = Empty, vehicle = Empty, status = Empty
    );
    async move {
        let began = Instant::now();
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        let elapsed = began.elapsed();
        tracing::Span::current().record("status", status);
        // Ids are letters and digits.
        let named = own.or_else(|| HeaderValue::from_str(&id.to_string()).ok());
        response.headers_mut().extend(named.map(|id| (REQUEST_ID, id)));
        let labels = [("method", method), ("route", route), ("status", status.to_string())];
        metrics::histogram!("atlasmesh_http_seconds", &labels).record(elapsed.as_secs_f64());
        tracing::info!(path, status, elapsed_ms = elapsed.as_millis() as u64, "request");
        response
    }
    .instrument(span)
    .await
}
