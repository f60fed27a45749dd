//! The listener that vehicles enrol at: EST (RFC 7030) over TLS 1.3, so that `curl` and `openssl` alone can do it. A join
//! token gives a device certificate; that one gives, as often as it is asked, an X509-SVID to work by.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Code, Reject, VehicleId};
use pki::request::REQUEST_BYTES_MAX;
use pki::{PeerCertificate, SubjectKey, est};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::problem::Problem;
use super::tls_listener::{self, Presented};
use crate::Gateway;
use crate::connections::Limits;
use crate::vehicles::tls::ListenerTls;

/// How long one connection may last: an enrolment takes a second.
const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// Listens until told to stop.
pub async fn listen(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: Arc<ListenerTls>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) {
    let settings = tls_listener::Settings { name: "enrolment", connection_max: CONNECTION_MAX };
    tls_listener::listen(settings, router(gateway), listener, tls, limits, stopping).await;
}

fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/.well-known/est/cacerts", get(device_authorities))
        .route("/.well-known/est/simpleenroll", post(enrol))
        .route("/.well-known/est/simplereenroll", post(reenrol))
        .route("/.well-known/est/svid/cacerts", get(svid_authorities))
        .route("/.well-known/est/svid/simpleenroll", post(issue_svid))
        .route("/.well-known/est/svid/simplereenroll", post(issue_svid))
        .route("/bundle", get(bundle))
        .fallback(|| async { Problem::new(Code::NotFound, "this listener enrols vehicles by EST (RFC 7030)") })
        .layer(DefaultBodyLimit::max(2 * REQUEST_BYTES_MAX))
        .with_state(gateway)
}

/// Certificates, as EST answers them.
fn certificates<'a>(all: impl IntoIterator<Item = &'a [u8]>) -> Response {
    let headers = [(header::CONTENT_TYPE.as_str(), est::CERTIFICATES_TYPE), ("content-transfer-encoding", "base64")];
    (headers, est::certificates(all)).into_response()
}

async fn device_authorities(State(gateway): State<Arc<Gateway>>) -> Result<Response, Problem> {
    let signing = gateway.identities.keyring().signing()?;
    Ok(certificates(signing.device_authorities.iter().map(Vec::as_slice)))
}

async fn svid_authorities(State(gateway): State<Arc<Gateway>>) -> Result<Response, Problem> {
    let signing = gateway.identities.keyring().signing()?;
    Ok(certificates(signing.bundle.authorities.iter().map(Vec::as_slice)))
}

async fn bundle(State(gateway): State<Arc<Gateway>>) -> Result<Response, Problem> {
    Ok(Json(gateway.identities.keyring().signing()?.bundle.jwks()).into_response())
}

/// The vehicle and the join token of HTTP Basic authentication (RFC 7030 §3.2.3).
fn invited(headers: &HeaderMap) -> Option<(VehicleId, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = text.split_once(' ')?;
    let credentials = STANDARD.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (vehicle, token) = std::str::from_utf8(&credentials).ok()?.split_once(':')?;
    Some((vehicle.parse().ok()?, token.to_owned()))
}

fn key_of(body: &Bytes) -> Result<SubjectKey, Problem> {
    SubjectKey::of_body(body).map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))
}

async fn enrol(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some((vehicle, token)) = invited(&headers) else {
        let text = "send the vehicle's id and its join token as HTTP Basic authentication";
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"enrolment\"")];
        return (StatusCode::UNAUTHORIZED, ask, Problem::new(Code::Unauthenticated, text)).into_response();
    };
    let enrolled = async {
        let key = key_of(&body)?;
        Ok::<_, Problem>(gateway.identities.enrol(vehicle, &token, &key).await?)
    };
    answer(enrolled.await, "enrol")
}

fn answer(issued: Result<Vec<u8>, Problem>, what: &'static str) -> Response {
    match issued {
        Ok(der) => certificates([der.as_slice()]),
        Err(problem) => {
            tracing::warn!(what, problem = ?problem, "an enrolment was refused");
            metrics::counter!("atlasmesh_enrolments_refused_total").increment(1);
            problem.into_response()
        }
    }
}

fn device(presented: &Presented) -> Result<&PeerCertificate, Problem> {
    let text = "present the device certificate of the vehicle (TLS client authentication)";
    let certificate = presented.0.as_deref().map(|client| &client.peer);
    certificate.ok_or_else(|| Reject::new(Code::Unauthenticated, text).into())
}

async fn reenrol(
    State(gateway): State<Arc<Gateway>>,
    Extension(presented): Extension<Presented>,
    body: Bytes,
) -> Response {
    let done = async { Ok::<_, Problem>(gateway.identities.reenrol(device(&presented)?, &key_of(&body)?).await?) };
    answer(done.await, "renew the device certificate")
}

async fn issue_svid(
    State(gateway): State<Arc<Gateway>>,
    Extension(presented): Extension<Presented>,
    body: Bytes,
) -> Response {
    let done = async { Ok::<_, Problem>(gateway.identities.issue_svid(device(&presented)?, &key_of(&body)?).await?) };
    answer(done.await, "issue an X509-SVID")
}
