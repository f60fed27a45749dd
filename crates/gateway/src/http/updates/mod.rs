//! The listener that vehicles fetch updates from, and tell how their components are: our agent by its X509-SVID, clients of others (hawkBit's DDI) by a token.
//! Both see the same assignments.

mod ddi;
mod diagnostics;
mod downloads;
mod forensics;
mod native;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use identity::vehicles::{IdentityStatus, Standing};
use interop::auth::Credential;
use kernel::{Actor, Code, Ctx, TenantId, VehicleId};
use store::port::Fault;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use downloads::Addresses;

use super::problem::Problem;
use super::tls_listener::{self, ClientCertificate, Keeper, Presented};
use crate::Gateway;
use crate::connections::Limits;
use crate::vehicles::tls::ListenerTls;

/// How long one connection may last: a download that takes longer goes on with the next one.
const CONNECTION_MAX: Duration = Duration::from_secs(3_600);
/// The largest body: a report, or an assignment to be verified.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Listens until told to stop.
pub async fn listen(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: Arc<ListenerTls>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) {
    let settings = tls_listener::Settings { name: "updates", connection_max: CONNECTION_MAX };
    tls_listener::listen(settings, router(gateway), listener, tls, limits, stopping).await;
}

fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/poll", post(native::poll))
        .route("/v1/updates/{number}/verify", post(native::verify))
        .route("/v1/updates/{number}/download", post(native::download))
        .route("/v1/updates/{number}/install", post(native::install))
        .route("/v1/updates/{number}/switch", post(native::switch))
        .route("/v1/diagnostics", post(diagnostics::receive))
        .route("/v1/groundings/{hold}", post(diagnostics::confirm))
        .route("/v1/forensics/{incident}", post(forensics::receive))
        .route("/v1/director/{file}", get(native::director_root))
        .route("/v1/images/{file}", get(native::image_document))
        .route("/v1/images/targets/{file}", get(downloads::target))
        .route("/v1/downloads/{sha256}", get(downloads::signed))
        .route("/v1/downloads/{sha256}/chunks", get(downloads::chunks))
        .route("/{tenant}/controller/v1/{controller}", get(ddi::poll))
        .route("/{tenant}/controller/v1/{controller}/configData", put(ddi::config_data))
        .route("/{tenant}/controller/v1/{controller}/deploymentBase/{action}", get(ddi::deployment))
        .route("/{tenant}/controller/v1/{controller}/deploymentBase/{action}/feedback", post(ddi::feedback))
        .route("/{tenant}/controller/v1/{controller}/cancelAction/{action}", get(ddi::cancel))
        .route("/{tenant}/controller/v1/{controller}/cancelAction/{action}/feedback", post(ddi::cancel_feedback))
        .route("/{tenant}/controller/v1/{controller}/softwaremodules/{module}/artifacts/{file}", get(ddi::artifact))
        .fallback(|| async { Problem::new(Code::NotFound, "this listener gives vehicles their updates") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gateway)
}

/// A vehicle that has proved who it is.
#[derive(Debug, Clone)]
pub struct Vehicle {
    pub tenant: TenantId,
    pub id: VehicleId,
    /// Its certificate; none for a client with a token.
    pub certificate: Option<Arc<ClientCertificate>>,
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "present the vehicle's certificate, or the token of its update client")
}

/// A download may take longer than a stranger may stay.
fn keep(parts: &Parts) {
    if let Some(keeper) = parts.extensions.get::<Keeper>() {
        keeper.keep();
    }
}

impl Gateway {
    /// The vehicle behind a certificate. One in quarantine gets no updates.
    fn vehicle_of(&self, presented: &Presented) -> Option<Vehicle> {
        let client = presented.0.as_deref()?;
        let admitted = self.identities.of_svid(&client.peer)?;
        let Standing::InForce = admitted.standing else { return None };
        Some(Vehicle { tenant: admitted.tenant, id: admitted.vehicle, certificate: presented.0.clone() })
    }

    /// The vehicle behind a token, as `amu_tenant_secret`, which names no vehicle by itself.
    async fn vehicle_by_token(&self, vehicle: VehicleId, tenant: &TenantId, parts: &Parts) -> Result<Vehicle, Problem> {
        let text = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credential = text.and_then(|text| Credential::read(text).ok()).ok_or_else(unauthenticated)?;
        let Credential::Target(token) = credential else { return Err(unauthenticated()) };
        match self.ota.knows_token(tenant, vehicle, token).await? {
            true => {
                // What a certificate would not open, a token does not open either.
                let known = self.fleet.vehicle(tenant, vehicle).await?;
                let left = known.is_none_or(|known| known.vehicle.status == fleet::vehicle::Status::Decommissioned);
                let identity = self.identities.get(tenant, vehicle).await?;
                use IdentityStatus::{Quarantined, Retired, Revoked};
                let is_taken_away = |status| matches!(status, Quarantined | Revoked | Retired);
                if left || identity.is_some_and(|identity| is_taken_away(identity.status)) {
                    return Err(unauthenticated());
                }
                keep(parts);
                Ok(Vehicle { tenant: tenant.clone(), id: vehicle, certificate: None })
            }
            false => Err(unauthenticated()),
        }
    }

    /// The context of something that a vehicle asks for.
    pub(super) async fn vehicle_ctx(&self, vehicle: &Vehicle) -> Result<Ctx, Fault> {
        let ctx = Ctx::new(&*self.source, vehicle.tenant.clone(), Actor::vehicle(vehicle.id));
        let tenant = self.tenancy.tenant(&vehicle.tenant).await?;
        Ok(match tenant {
            Some(tenant) => ctx.of(tenant.about()),
            None => ctx,
        })
    }
}

impl FromRequestParts<Arc<Gateway>> for Vehicle {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let Extension(presented) =
            Extension::<Presented>::from_request_parts(parts, gateway).await.map_err(|_| unauthenticated())?;
        let vehicle = gateway.vehicle_of(&presented).ok_or_else(unauthenticated)?;
        keep(parts);
        Ok(vehicle)
    }
}

/// A JSON document that is a text already.
fn document(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn no_document() -> Response {
    (StatusCode::NOT_FOUND, Problem::new(Code::NotFound, "there is no such document")).into_response()
}
