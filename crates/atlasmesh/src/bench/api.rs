//! The HTTP API under load: reads of a trip, and trips asked for and answered once they are durable, by many clients that
//! each keep their connection. Against an operation that does nothing, in the same run. Before that, [`streams`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::fill::fill;
use super::page::{serve, tenant};
use super::{Bar, bar, percentile_ms, streams};
use crate::cli::client::Client;
use crate::cli::output::{line, text};
use crate::demo::city::{self, City};
use crate::demo::setup::{self, SITE};

/// Clients at once.
const CLIENTS: usize = 64;
/// How long each part is measured.
const FOR: Duration = Duration::from_secs(6);

/// What every client of a part sends.
#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    bodies: Arc<Vec<Bytes>>,
    token: String,
    authority: String,
}

pub async fn run(count: usize, filled: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (gateway, url, _stop) = serve(folder.path()).await?;
    if filled {
        fill(&*gateway.store).await?;
    }
    let (_, token) = tenant(&gateway, "coquimbo-city").await?;
    let client = Client::new(&url, Some(token.clone()))?;
    let map = setup::map(&client, &city::FACTS).await?;
    line(format!(
        "api: {CLIENTS} clients, each with its own connection, {:.0} s a part, a map of {} nodes and {} edges, SQLite synchronous=FULL",
        FOR.as_secs_f64(),
        text(&map, "/nodes"),
        text(&map, "/edges")
    ));
    streams::measure(&gateway, &url).await?;
    let bodies = Arc::new(trip_requests(count)?);
    let authority = url.trim_start_matches("http://").to_owned();
    let made = client.post("/v1/trips", &serde_json::from_slice(&bodies[0])?).await?;
    let asked = |method: Method, path: String, bodies: Arc<Vec<Bytes>>| Asked {
        method,
        path,
        bodies,
        token: token.clone(),
        authority: authority.clone(),
    };
    let nothing = Arc::new(vec![Bytes::new()]);
    let idle = measure(&asked(Method::GET, "/healthz".into(), Arc::clone(&nothing)), None).await?;
    let reads = measure(&asked(Method::GET, format!("/v1/trips/{}", text(&made, "/id")), nothing), None).await?;
    let creations = asked(Method::POST, "/v1/trips".into(), bodies);
    let made = measure(&creations, None).await?;
    let half = measure(&creations, Some(made.per_second / 2.0)).await?;
    line(format!("an operation that does nothing  {:10.0} /s", idle.per_second));
    line(format!(
        "reads of a trip                 {:10.0} /s   {:.2} of it",
        reads.per_second,
        reads.per_second / idle.per_second
    ));
    line(format!(
        "trips asked for, durable        {:10.0} /s   {:.2} of it",
        made.per_second,
        made.per_second / idle.per_second
    ));
    line(format!("at half that                    {:10.0} /s   p99 {:.1} ms", half.per_second, half.p99_ms));
    bar("api.reads", reads.per_second, "/s", Bar::AtLeast(20_000.0));
    bar("api.creations", made.per_second, "/s", Bar::AtLeast(2_000.0));
    bar("api.creations_p99_at_half", half.p99_ms, "ms", Bar::AtMost(50.0));
    Ok(())
}

/// Trips between places of the city.
fn trip_requests(count: usize) -> Result<Vec<Bytes>> {
    let mut city = City::read()?;
    let wish = |_| {
        let (from, to) = city.pair();
        let body = json!({
            "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
            "requirements": { "passengers": 1 },
        });
        Ok(Bytes::from(serde_json::to_vec(&body)?))
    };
    (0..count.max(1)).map(wish).collect()
}

struct Measured {
    per_second: f64,
    p99_ms: f64,
}

/// All clients at once, as fast as they are answered, or together so many times a second.
async fn measure(asked: &Asked, per_second: Option<f64>) -> Result<Measured> {
    let (mut clients, next) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    for _ in 0..CLIENTS {
        let pause = per_second.map(|rate| Duration::from_secs_f64(CLIENTS as f64 / rate.max(1.0)));
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
    // Two places of the city may be one-way apart: that is an answer too.
    ensure!(status.is_success() || status.as_u16() == 422, "{status}: {}", String::from_utf8_lossy(&answer));
    Ok(())
}
