//! `atlasmesh serve`: opens what the data folder holds, wires the parts, runs until it is told to stop.

mod archives;
pub mod backup;
pub mod folder;
mod follower;
mod images;
pub mod loops;
pub mod maps;
pub mod outside;
pub mod policies;
pub mod ports;
mod seen;
mod segments;
mod sender;
pub mod signer;
pub mod traces;
pub mod verify;
pub mod wiring;
mod witness_client;
pub mod witnesses;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use gateway::connections::Limits;
use gateway::{Gateway, http, sockets, vehicles};
use kernel::Timestamp;
use serde_json::json;
use store::port::{Fault, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::args::ServeOptions;
use crate::cli::output;
use crate::serve::folder::DataFolder;
use crate::serve::traces::Observed;

/// How long open requests get to end after the server is told to stop.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Runs the server until SIGTERM or SIGINT.
pub async fn run(options: ServeOptions) -> Result<()> {
    let mut signals = StopSignals::watch()?;
    let observed = Observed::start()?;
    if let Err(error) = sockets::raise_file_limit() {
        tracing::warn!(%error, "the limit of open files stays where it was: connections may be refused under load");
    }
    let limits = Limits::for_files(sockets::file_limit());
    let folder = DataFolder::open(&options.data)?;
    let http_listener = listen(&options.http, "--http").await?;
    let link_listener = listen(&options.link, "--link").await?;
    let enrolment_listener = listen(&options.enrol, "--enrol").await?;
    let updates_listener = listen(&options.updates, "--updates").await?;
    let listeners = wiring::Listeners {
        link: link_listener.local_addr()?,
        enrolment: enrolment_listener.local_addr()?,
        updates: updates_listener.local_addr()?,
    };
    let (stop, stopping) = watch::channel(false);
    let parts = wiring::wire(&options, &folder, listeners, stopping.clone())?;
    parts.clock.not_before(newest_written(&*parts.store).await?);
    if let Some(token) =
        parts.gateway.tenancy.ensure_platform().await.context("the platform's administrator cannot be made")?
    {
        output::line(format!("platform administrator's token, shown this once: {}", token.expose()));
    }
    seen::check_at_start(&parts).await?;
    parts.gateway.governance.start().await.context("the rules of tenants cannot be read")?;
    parts.gateway.identities.start().await.context("the identities of vehicles cannot be read")?;
    let loops = loops::start(&parts, &stopping);
    let link = tokio::spawn(vehicles::listen(
        Arc::clone(&parts.gateway),
        link_listener,
        Arc::clone(&parts.link_tls),
        limits,
        stopping.clone(),
    ));
    let enrolment = tokio::spawn(http::enrolment::listen(
        Arc::clone(&parts.gateway),
        enrolment_listener,
        Arc::clone(&parts.enrolment_tls),
        limits.for_short(),
        stopping.clone(),
    ));
    let updates = tokio::spawn(http::updates::listen(
        Arc::clone(&parts.gateway),
        updates_listener,
        Arc::clone(&parts.updates_tls),
        limits,
        stopping.clone(),
    ));
    announce(&folder, &parts.gateway, http_listener.local_addr()?)?;
    let server = tokio::spawn(http::listen(Arc::clone(&parts.gateway), http_listener, limits, stopping.clone()));
    signals.received().await;
    tracing::info!("stopping: no new requests, open ones get five seconds");
    stop.send_replace(true);
    folder.withdraw();
    let (streams, verifications) = (parts.gateway.streams.ended(), parts.gateway.verifications.ended());
    let all = async { tokio::join!(server, link, enrolment, updates, loops.ended(), streams, verifications) };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off; nothing acknowledged is lost");
    }
    observed.flush();
    Ok(())
}

/// When the newest entry of all logs was written.
async fn newest_written(store: &dyn Store) -> Result<Timestamp, Fault> {
    let mut newest = Timestamp::from_us(0);
    for tenant in store.logs().await? {
        let size = store.head(&tenant).await?.map_or(0, |head| head.size);
        for entry in store.entries(&tenant, size.saturating_sub(1), 1).await? {
            newest = newest.max(store::sequence::envelope(&entry)?.recorded_at);
        }
    }
    Ok(newest)
}

async fn listen(address: &str, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{option} {address} cannot be listened on: is another server running there? choose another port")
    })
}

/// Says where the server is, to programs in a file and to people in the log.
fn announce(folder: &DataFolder, gateway: &Gateway, http: SocketAddr) -> Result<()> {
    let endpoints = json!({
        "http": format!("http://{http}"),
        "link": gateway.link.address,
        "enrol": gateway.link.enrolment,
        "updates": gateway.link.updates,
        "pid": std::process::id(),
    });
    folder.publish_endpoints(&endpoints)?;
    tracing::info!(%http, link = gateway.link.address, "ready");
    Ok(())
}

/// What tells the server to stop; from here on a signal is not lost, however early it comes.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub fn watch() -> Result<Self> {
        let watch = |kind| signal(kind).context("signals cannot be watched");
        Ok(Self { terminate: watch(SignalKind::terminate())?, interrupt: watch(SignalKind::interrupt())? })
    }

    pub async fn received(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
