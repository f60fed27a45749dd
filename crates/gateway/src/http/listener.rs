//! The listener that people and programs connect to: HTTP/1.1 with limits of time and number, before anybody has said
//! who it is.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Gateway;
use crate::acceptor::Acceptor;
use crate::connections::{Admitted, Limits};

/// How long the head of a request may take, from when one is waited for: a slow phone needs a second, and a connection
/// that is kept for later is opened again at little cost.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens until told to stop; returns when every request that was begun has its answer.
pub async fn listen(gateway: Arc<Gateway>, listener: TcpListener, limits: Limits, stopping: watch::Receiver<bool>) {
    listen_with("http", super::router(gateway), listener, limits, stopping).await;
}

/// The same for other routes, by the name that the listener has in the log and in metrics.
pub async fn listen_with(
    name: &'static str,
    router: Router,
    listener: TcpListener,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let mut acceptor = Acceptor::new(name, listener, limits);
    let mut open = JoinSet::new();
    let until = stopping.clone();
    loop {
        let stream = tokio::select! {
            biased;
            () = until_stopped(&mut stopping) => break,
            Some(_) = open.join_next() => continue,
            stream = acceptor.next() => stream,
        };
        open.spawn(serve(stream, service.clone(), until.clone()));
    }
    drop(acceptor);
    while open.join_next().await.is_some() {}
}

async fn serve(stream: Admitted<TcpStream>, router: TowerToHyperService<Router>, mut stopping: watch::Receiver<bool>) {
    let place = stream.place();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        router.call(request)
    });
    let mut server = http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = until_stopped(&mut stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn until_stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means the process is ending anyway.
    let _ = stopping.wait_for(|stop| *stop).await;
}
