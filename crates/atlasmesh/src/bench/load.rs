//! Many clients over HTTP, each with a connection that it keeps, as fast as they are answered or at a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::percentile_ms;

/// Clients at once.
pub(super) const CLIENTS: usize = 64;
/// How long each part is measured.
pub(super) const FOR: Duration = Duration::from_secs(6);

/// What every client of a part sends.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) bodies: Arc<Vec<Bytes>>,
    pub(super) token: String,
    pub(super) authority: String,
}

pub(super) struct Measured {
    pub(super) per_second: f64,
    pub(super) p99_ms: f64,
}

/// All clients at once, as fast as they are answered, or together so many times a second.
pub(super) async fn measure(asked: &Asked, per_second: Option<f64>) -> Result<Measured> {
    measure_by(CLIENTS, asked, per_second).await
}

/// The same by so many clients.
pub(super) async fn measure_by(count: usize, asked: &Asked, per_second: Option<f64>) -> Result<Measured> {
    let (mut clients, next) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    for _ in 0..count {
        let pause = per_second.map(|rate| Duration::from_secs_f64(count as f64 / rate.max(1.0)));
        clients.spawn(ask(asked.clone(), Arc::clone(&next), began + FOR, pause));
    }
    let mut took = Vec::new();
    while let Some(ended) = clients.join_next().await {
        took.extend(ended??);
    }
    ensure!(!took.is_empty(), "nothing was answered");
    let per_second = took.len() as f64 / began.elapsed().as_secs_f64();
    Ok(Measured { per_second, p99_ms: percentile_ms(&mut took, 0.99) })
}

/// One client until its time is over; how long each of its answers took.
async fn ask(asked: Asked, next: Arc<AtomicU64>, until: Instant, pause: Option<Duration>) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(&asked.authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut tick = pause.map(tokio::time::interval);
    if let Some(tick) = &mut tick {
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    }
    let mut took = Vec::new();
    while Instant::now() < until {
        if let Some(tick) = &mut tick {
            tick.tick().await;
        }
        let began = Instant::now();
        let which = next.fetch_add(1, Ordering::Relaxed) as usize % asked.bodies.len();
        exchange(&mut sender, &asked, asked.bodies[which].clone()).await?;
        took.push(began.elapsed());
    }
    driver.abort();
    Ok(took)
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, asked: &Asked, body: Bytes) -> Result<()> {
    sender.ready().await.context("the server closed the connection")?;
    let request = Request::builder()
        .method(asked.method.clone())
        .uri(&asked.path)
        .header("host", &asked.authority)
        .header("authorization", format!("Bearer {}", asked.token))
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    // Two places of the city may be one-way apart, and somebody may ask too fast: those are answers too.
    ensure!(
        status.is_success() || matches!(status.as_u16(), 422 | 429 | 503),
        "{status}: {}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}
