//! A listener for vehicles and their clients: HTTP/1.1 over TLS 1.3, with the certificate that a client presents beside each
//! of its requests.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pki::{PeerCertificate, Term};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::acceptor::Acceptor;
use crate::connections::{Admitted, Held, Limits, Place};
use crate::vehicles::tls::ListenerTls;

/// How long the handshake, and the head of each request, may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked for connections that last too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What differs between listeners.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The name in metrics.
    pub name: &'static str,
    /// How long one connection may last.
    pub connection_max: Duration,
}

/// The certificate of a client, whose path was checked.
#[derive(Debug)]
pub struct ClientCertificate {
    pub der: Vec<u8>,
    pub peer: PeerCertificate,
    /// The uncompressed point of its key.
    pub public_key: Vec<u8>,
}

/// What the client of a connection presented.
#[derive(Debug, Clone)]
pub struct Presented(pub Option<Arc<ClientCertificate>>);

/// Keeps a connection on which somebody has proved who it is from ending for another, until it ends by itself.
#[derive(Debug, Clone)]
pub struct Keeper {
    place: Place,
    held: Arc<OnceLock<Held>>,
}

impl Keeper {
    /// Whoever asks here has proved who it is.
    pub fn keep(&self) {
        self.held.get_or_init(|| self.place.hold());
    }
}

/// Listens until told to stop.
pub async fn listen(
    settings: Settings,
    router: Router,
    listener: TcpListener,
    tls: Arc<ListenerTls>,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let mut acceptor = Acceptor::new(settings.name, listener, limits);
    let connections = acceptor.connections().clone();
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        let stream = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            stream = acceptor.next() => stream,
            _ = tick.tick() => {
                connections.end_waiting_for(HEAD_TIMEOUT);
                continue;
            }
        };
        let (tls, router) = (Arc::clone(&tls), router.clone());
        tokio::spawn(async move {
            if tokio::time::timeout(settings.connection_max, serve(stream, &tls, router)).await.is_err() {
                tracing::debug!(listener = settings.name, "a connection lasted too long");
            }
        });
    }
}

async fn serve(stream: Admitted<TcpStream>, tls: &ListenerTls, router: TowerToHyperService<Router>) {
    let config = match tls.config() {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "nobody can connect: the listener has no certificate");
            return;
        }
    };
    let keeper = Keeper { place: stream.place(), held: Arc::default() };
    let stream = match tokio::time::timeout(HEAD_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let der = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let client = der.and_then(|der| {
        let (peer, public_key) = (PeerCertificate::read(der).ok()?, Term::read(der)?.public_key);
        Some(ClientCertificate { der: der.to_vec(), peer, public_key })
    });
    let presented = Presented(client.map(Arc::new));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(presented.clone());
        request.extensions_mut().insert(keeper.clone());
        router.call(request)
    });
    let mut server = http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
