//! The SPIFFE Workload API: programs on this vehicle get its identity from a Unix socket, by the standard and without a
//! secret of their own. Whoever may open the socket may have the identity.

use std::collections::{BTreeMap, HashMap};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use link::v1::TokenRequest;
use link::v1::link_client::LinkClient;
use pki::SpiffeId;
use pki::bundle::Bundle;
use prost_types::{ListValue, Struct, Value, value::Kind};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

use super::clock;
use super::identity::{Held, Holds, chain};
use api::spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer};

/// The generated messages, client and server.
#[allow(clippy::all, clippy::too_many_lines, reason = "generated")]
pub mod api {
    tonic::include_proto!("_");
}

/// What every request must carry, so that no browser or proxy can be made to ask (SPIFFE Workload Endpoint §5.1).
const METADATA: &str = "workload.spiffe.io";
/// States that may wait for a slow reader.
const STATES_MAX: usize = 2;
/// How long a token waits for the session that is being opened.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Who may open the socket: its owner and group.
const SOCKET_MODE: u32 = 0o660;

/// Answers for one vehicle.
#[derive(Clone)]
pub(super) struct Workload {
    id: SpiffeId,
    holds: Holds,
    link: watch::Receiver<Option<LinkClient<Channel>>>,
}

/// The open socket; its file goes with it.
pub(super) struct Socket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

/// Takes away the file of a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens on this socket")),
        Err(_) => std::fs::remove_file(path),
    }
}

/// Opens the socket and answers on it.
///
/// # Errors
/// The socket cannot be opened, or another program listens on it.
pub(super) fn serve(path: &Path, workload: Workload) -> io::Result<Socket> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    let service = InterceptedService::new(SpiffeWorkloadApiServer::new(workload), meant_for_us);
    let server = Server::builder().add_service(service);
    let task = tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming(UnixListenerStream::new(listener)).await {
            tracing::error!(error = chain(&error), "the Workload API ended");
        }
    });
    Ok(Socket { path: path.to_path_buf(), task })
}

fn meant_for_us(request: Request<()>) -> Result<Request<()>, Status> {
    let marked = request.metadata().get(METADATA).is_some_and(|value| value == "true");
    if marked { Ok(request) } else { Err(Status::invalid_argument(format!("metadata {METADATA}: true is missing"))) }
}

type Answers<T> = ReceiverStream<Result<T, Status>>;

fn nobody() -> Status {
    Status::permission_denied("this vehicle has no identity yet")
}

impl Workload {
    pub fn new(id: SpiffeId, holds: Holds, link: watch::Receiver<Option<LinkClient<Channel>>>) -> Self {
        Self { id, holds, link }
    }

    fn domain(&self) -> String {
        SpiffeId::domain(&self.id.trust_domain).to_string()
    }

    fn held(&self) -> Result<Arc<Held>, Status> {
        let held = self.holds.borrow().clone();
        held.filter(|held| held.svid.term.not_after > clock::now()).ok_or_else(nobody)
    }

    /// What there is now, and again whenever it was replaced.
    fn each<T: Send + 'static>(
        &self,
        answer: impl Fn(&Self, &Held) -> Option<T> + Send + 'static,
    ) -> Result<Response<Answers<T>>, Status> {
        self.held()?;
        let (sender, answers) = mpsc::channel(STATES_MAX);
        let mut me = self.clone();
        tokio::spawn(async move {
            loop {
                let held = me.holds.borrow_and_update().clone();
                if let Some(next) = held.and_then(|held| answer(&me, &held))
                    && sender.send(Ok(next)).await.is_err()
                {
                    return;
                }
                tokio::select! {
                    changed = me.holds.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

#[tonic::async_trait]
impl SpiffeWorkloadApi for Workload {
    type FetchX509SVIDStream = Answers<api::X509svidResponse>;
    type FetchX509BundlesStream = Answers<api::X509BundlesResponse>;
    type FetchJWTBundlesStream = Answers<api::JwtBundlesResponse>;

    async fn fetch_x509svid(
        &self,
        _: Request<api::X509svidRequest>,
    ) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        self.each(|me, held| {
            let svid = api::X509svid {
                spiffe_id: me.id.to_string(),
                x509_svid: held.svid.certificate.clone(),
                x509_svid_key: held.svid.key_der()?,
                bundle: held.bundle.authorities.concat(),
                hint: String::new(),
            };
            Some(api::X509svidResponse { svids: vec![svid], ..Default::default() })
        })
    }

    async fn fetch_x509_bundles(
        &self,
        _: Request<api::X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        self.each(|me, held| {
            let bundles = HashMap::from([(me.domain(), held.bundle.authorities.concat())]);
            Some(api::X509BundlesResponse { bundles, ..Default::default() })
        })
    }

    async fn fetch_jwtsvid(
        &self,
        request: Request<api::JwtsvidRequest>,
    ) -> Result<Response<api::JwtsvidResponse>, Status> {
        let asked = request.into_inner();
        if asked.audience.is_empty() || asked.audience.iter().any(String::is_empty) {
            return Err(Status::invalid_argument("name an audience"));
        }
        self.held()?;
        let spiffe_id = self.id.to_string();
        if !asked.spiffe_id.is_empty() && asked.spiffe_id != spiffe_id {
            return Err(Status::permission_denied("this vehicle has another id"));
        }
        let mut link = self.link.clone();
        let client = timeout(CONNECTED_WITHIN, link.wait_for(Option::is_some)).await;
        let client = client.ok().and_then(Result::ok).and_then(|client| client.clone());
        let mut client = client.ok_or_else(|| Status::unavailable("the vehicle is not connected"))?;
        let token = client.issue_token(TokenRequest { audience: asked.audience }).await;
        let token = token.map_err(|status| Status::new(status.code(), status.message()))?.into_inner();
        let svid = api::Jwtsvid { spiffe_id, svid: token.token, hint: String::new() };
        Ok(Response::new(api::JwtsvidResponse { svids: vec![svid] }))
    }

    async fn fetch_jwt_bundles(
        &self,
        _: Request<api::JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        self.each(|me, held| {
            let tokens = Bundle { authorities: Vec::new(), ..held.bundle.clone() };
            let bundles = HashMap::from([(me.domain(), tokens.jwks().to_string().into_bytes())]);
            Some(api::JwtBundlesResponse { bundles })
        })
    }

    async fn validate_jwtsvid(
        &self,
        request: Request<api::ValidateJwtsvidRequest>,
    ) -> Result<Response<api::ValidateJwtsvidResponse>, Status> {
        let asked = request.into_inner();
        if asked.audience.is_empty() || asked.svid.is_empty() {
            return Err(Status::invalid_argument("name an audience and a token"));
        }
        let held = self.held()?;
        let key_of = |kid: &str| {
            let found = held.bundle.token_keys.iter().find(|(id, _)| id == kid);
            found.and_then(|(_, point)| STANDARD.encode(point).parse().ok())
        };
        let refused = |error: pki::jwt::TokenError| Status::invalid_argument(error.to_string());
        let claims = pki::jwt::verify(&asked.svid, &asked.audience, key_of, clock::now()).map_err(refused)?;
        if claims.sub.trust_domain != self.id.trust_domain {
            return Err(refused(pki::jwt::TokenError::Subject));
        }
        let spiffe_id = claims.sub.to_string();
        let claims = match serde_json::to_value(claims).map(value) {
            Ok(Value { kind: Some(Kind::StructValue(claims)) }) => Some(claims),
            _ => None,
        };
        Ok(Response::new(api::ValidateJwtsvidResponse { spiffe_id, claims }))
    }
}

fn value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(flag),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(all) => Kind::ListValue(ListValue { values: all.into_iter().map(value).collect() }),
        serde_json::Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, field)| (name, value(field))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    Value { kind: Some(kind) }
}
