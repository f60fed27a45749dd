//! The listener that vehicles connect to: gRPC over TLS 1.3. Whoever does not present a vehicle's secret gets no
//! session.

use std::sync::Arc;
use std::time::Duration;

use link::v1::link_server::{Link, LinkServer};
use link::v1::{FromVehicle, ToVehicle};
use link::{MESSAGE_BYTES_MAX, METADATA_AUTHORIZATION, METADATA_VEHICLE};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::session;
use super::sessions::OUTBOUND_MAX;
use crate::{Gateway, sockets};

/// How long a TLS handshake may take: a vehicle at the edge of coverage needs a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at once: after a power cut a whole fleet comes back, and each handshake costs a signature.
const HANDSHAKES_MAX: usize = 256;
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
    stopping: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let (accepted, connections) = mpsc::channel(CONNECTIONS_WAITING_MAX);
    let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), accepted));
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
    listener: TcpListener,
    tls: TlsAcceptor,
    accepted: mpsc::Sender<std::io::Result<TlsStream<TcpStream>>>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others must end before one more fits.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::task::yield_now().await;
                continue;
            }
        };
        if let Err(error) = sockets::prepare(&stream) {
            tracing::debug!(%peer, %error, "a connection was gone before it began");
            continue;
        }
        let (tls, accepted) = (tls.clone(), accepted.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // The server that would take it is gone: so is this connection.
                    let _ = accepted.send(Ok(stream)).await;
                }
                Ok(Err(error)) => tracing::info!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::info!(%peer, "a TLS handshake took too long"),
            }
        });
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
        let (outbound, messages) = mpsc::channel(OUTBOUND_MAX);
        let handle = self.gateway.sessions.open(&known.tenant, known.id, outbound);
        tokio::spawn(session::run(
            Arc::clone(&self.gateway),
            known,
            request.into_inner(),
            handle,
            self.stopping.clone(),
        ));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages).map(Ok))))
    }
}
