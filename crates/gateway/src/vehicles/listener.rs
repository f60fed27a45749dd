//! The listener that vehicles connect to: gRPC over TLS 1.3. Whoever does not present a vehicle's secret gets no
//! session.

use std::sync::Arc;
use std::time::Duration;

use link::v1::link_server::{Link, LinkServer};
use link::v1::{FromVehicle, ToVehicle};
use link::{MESSAGE_BYTES_MAX, METADATA_AUTHORIZATION, METADATA_VEHICLE};
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
use crate::Gateway;
use crate::acceptor::Acceptor;
use crate::connections::{Admitted, Limits, Place};

/// How long a TLS handshake may take: a vehicle at the edge of coverage needs a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be without a vehicle that has proved who it is: the handshake and a request.
const UNAUTHENTICATED_MAX: Duration = Duration::from_secs(10);
/// How often it is looked for connections that are longer without one.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Connections that wait to be taken over by the protocol server.
const CONNECTIONS_WAITING_MAX: usize = 256;

/// Listens until told to stop.
///
/// # Errors
/// When the protocol server fails as a whole; single connections fail alone.
pub async fn listen(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: rustls::ServerConfig,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let (accepted, connections) = mpsc::channel(CONNECTIONS_WAITING_MAX);
    let acceptor = Acceptor::new("link", listener, limits);
    let accepting = tokio::spawn(accept(acceptor, TlsAcceptor::from(Arc::new(tls)), accepted));
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
    tls: TlsAcceptor,
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
        let (tls, accepted) = (tls.clone(), accepted.clone());
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
        let text = |key: &str| request.metadata().get(key).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let vehicle = text(METADATA_VEHICLE).and_then(|text| text.parse().ok());
        let secret = text(METADATA_AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer ").map(str::to_owned));
        let (Some(vehicle), Some(secret)) = (vehicle, secret) else {
            return Err(Status::unauthenticated("name the vehicle and present its secret"));
        };
        let known = self.gateway.authenticate_vehicle(vehicle, &secret).await.map_err(|error| {
            tracing::error!(%vehicle, %error, "a vehicle could not be authenticated");
            Status::unavailable("the server cannot check the secret now: try again")
        })?;
        let Some(known) = known else {
            tracing::warn!(%vehicle, "a vehicle's secret was refused");
            metrics::counter!("atlasmesh_link_unauthenticated_total").increment(1);
            return Err(Status::unauthenticated("no vehicle has this id and secret"));
        };
        let connection = request.extensions().get::<TlsConnectInfo<Place>>().map(|info| info.get_ref().hold());
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

    async fn issue_token(&self, _: Request<link::v1::TokenRequest>) -> Result<Response<link::v1::Token>, Status> {
        Err(Status::unauthenticated("a token is given to whoever presents an X509-SVID"))
    }
}
