//! The listener that vehicles connect to: gRPC over mutual TLS 1.3. Whoever does not present an X509-SVID of a vehicle that
//! is in force gets no connection.

use std::sync::Arc;
use std::time::Duration;

use identity::vehicles::Standing;
use link::MESSAGE_BYTES_MAX;
use link::v1::link_server::{Link, LinkServer};
use link::v1::{FromVehicle, ToVehicle, Token, TokenRequest};
use pki::PeerCertificate;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TlsConnectInfo};
use tonic::{Request, Response, Status, Streaming};

use super::session;
use super::sessions::OUTBOUND_MAX;
use super::tls::ListenerTls;
use crate::Gateway;
use crate::acceptor::Acceptor;
use crate::connections::{Admitted, Limits, Place};

/// How long a TLS handshake may take: a vehicle at the edge of coverage needs a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be without a vehicle that has proved who it is: the handshake and a request.
const UNAUTHENTICATED_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for connections that are longer without one.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Audiences that one token may have.
const AUDIENCES_MAX: usize = 10;
/// Connections that wait to be taken over by the protocol server.
const CONNECTIONS_WAITING_MAX: usize = 256;

/// Listens until told to stop.
///
/// # Errors
/// When the protocol server fails as a whole; single connections fail alone.
pub async fn listen(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: Arc<ListenerTls>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let (accepted, connections) = mpsc::channel(CONNECTIONS_WAITING_MAX);
    let acceptor = Acceptor::new("link", listener, limits);
    let accepting = tokio::spawn(accept(acceptor, tls, accepted));
    let service = LinkServer::new(Vehicles { gateway, stopping: stopping.clone() })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let mut until = stopping;
    let served = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(15)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .add_service(service)
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), async move {
            // A sender that is gone means the process is ending anyway.
            let _ = until.wait_for(|stop| *stop).await;
        })
        .await;
    accepting.abort();
    served
}

async fn accept(
    mut acceptor: Acceptor,
    tls: Arc<ListenerTls>,
    accepted: mpsc::Sender<std::io::Result<TlsStream<Admitted<TcpStream>>>>,
) {
    let connections = acceptor.connections().clone();
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        let stream = tokio::select! {
            stream = acceptor.next() => stream,
            _ = tick.tick() => {
                connections.end_waiting_for(UNAUTHENTICATED_MAX);
                continue;
            }
        };
        let config = match tls.config() {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(%error, "no vehicle can connect: the listener has no certificate");
                continue;
            }
        };
        let (tls, accepted) = (TlsAcceptor::from(config), accepted.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // The server that would take it is gone: so is this connection.
                    let _ = accepted.send(Ok(stream)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        });
    }
}

impl Connected for Admitted<TcpStream> {
    type ConnectInfo = Place;

    fn connect_info(&self) -> Place {
        self.place()
    }
}

struct Vehicles {
    gateway: Arc<Gateway>,
    stopping: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl Link for Vehicles {
    type SessionStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<ToVehicle, Status>> + Send>>;

    async fn session(&self, request: Request<Streaming<FromVehicle>>) -> Result<Response<Self::SessionStream>, Status> {
        let connection = request.extensions().get::<TlsConnectInfo<Place>>();
        let peer = peer_of(connection)?;
        let known = self.gateway.authenticate_vehicle(&peer).await.map_err(|error| {
            tracing::error!(id = %peer.id, %error, "a vehicle could not be authenticated");
            Status::unavailable("the server cannot look the vehicle up now: try again")
        })?;
        let Some(known) = known else {
            return Err(Status::unauthenticated("this certificate is not in force"));
        };
        let connection = connection.map(|info| info.get_ref().hold());
        let (outbound, messages) = mpsc::channel(OUTBOUND_MAX);
        let handle = self.gateway.sessions.open(&known.tenant, known.id, outbound);
        let session =
            session::run(Arc::clone(&self.gateway), known, request.into_inner(), handle, self.stopping.clone());
        tokio::spawn(async move {
            let _connection = connection;
            session.await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(messages).map(Ok))))
    }

    async fn issue_token(&self, request: Request<TokenRequest>) -> Result<Response<Token>, Status> {
        let peer = peer_of(request.extensions().get::<TlsConnectInfo<Place>>())?;
        if self.gateway.identities.of_svid(&peer).is_none_or(|known| known.standing != Standing::InForce) {
            return Err(Status::unauthenticated("this certificate is not in force"));
        }
        let audience = request.into_inner().audience;
        if audience.is_empty() || audience.len() > AUDIENCES_MAX || audience.iter().any(|one| one.len() > 500) {
            return Err(Status::invalid_argument("audience: one to ten names of at most 500 bytes"));
        }
        let (token, expires_at) = self.gateway.identities.issue_token(&peer, audience).map_err(|error| {
            tracing::error!(id = %peer.id, %error, "a token cannot be signed");
            Status::unavailable("the server cannot sign now: try again")
        })?;
        Ok(Response::new(Token { token, expires_at_us: expires_at.as_us() }))
    }
}

/// Whom the certificate of a connection names; it was checked in the handshake.
fn peer_of(connection: Option<&TlsConnectInfo<Place>>) -> Result<PeerCertificate, Status> {
    let presented = connection.and_then(TlsConnectInfo::peer_certs);
    let first = presented.as_ref().and_then(|chain| chain.first());
    let peer = first.and_then(|der| PeerCertificate::read(der).ok());
    peer.ok_or_else(|| Status::unauthenticated("present an X509-SVID"))
}
