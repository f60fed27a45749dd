//! The journal to many who follow it at once, among them one who does not read. Against a single follower, in the same run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gateway::{Gateway, sockets};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::page::tenant;
use super::{Bar, bar, percentile_ms};
use crate::cli::client::Client;
use crate::cli::output::{line, text};
use crate::demo::city;
use crate::demo::setup;

/// Everybody who follows at once.
const FOLLOWERS: usize = 1_000;
/// Events per second that all of them see.
const EVENTS_PER_SECOND: f64 = 50.0;
/// How long the single one follows, and how long all do: longer than who does not read is waited for.
const ALONE_FOR: Duration = Duration::from_secs(5);
const ALL_FOR: Duration = Duration::from_secs(20);
/// How long the last event may be on its way.
const LAST_WITHIN: Duration = Duration::from_secs(10);
/// What the journal holds before: more than every buffer between the server and who does not read it.
const BEFORE: usize = 250;
const SERIAL_BYTES: usize = 45_000;
/// Series of the open streams in the process's metrics.
const OPEN: &str = "atlasmesh_streams ";

/// Which event arrived when.
type Arrived = Vec<(u64, Instant)>;

/// What followers saw of the events of a part.
struct Seen {
    events: usize,
    per_second: f64,
    missed: usize,
    p50_ms: f64,
    p99_ms: f64,
}

/// Measures on a tenant of its own.
pub async fn measure(gateway: &Arc<Gateway>, url: &str) -> Result<()> {
    sockets::raise_file_limit()?;
    let (_, token) = tenant(gateway, "followed-cars").await?;
    let client = Client::new(url, Some(token.clone()))?;
    setup::map(&client, &city::FACTS).await?;
    let vehicle = journal(&client).await?;
    let authority = url.trim_start_matches("http://").to_owned();
    let place = Place { client: &client, vehicle: &vehicle, authority: &authority, token: &token };
    let alone = follow(&place, 1, ALONE_FOR).await?;
    told("one follower", &alone);
    let idle = do_not_read(&authority, &token).await?;
    let cut = tokio::spawn(until_cut(Arc::clone(gateway), Instant::now()));
    let all = follow(&place, FOLLOWERS, ALL_FOR).await?;
    told(&format!("{FOLLOWERS} followers"), &all);
    let cut_after = tokio::time::timeout(LAST_WITHIN, cut).await.context("who does not read was never cut off")??;
    drop(idle);
    line(format!(
        "who does not read is cut off after {:.1} s; p99 of all {:.1} of one",
        cut_after.as_secs_f64(),
        all.p99_ms / alone.p99_ms
    ));
    bar("api.streams_missed", all.missed as f64, "events", Bar::AtMost(0.0));
    bar("api.streams_events", all.per_second, "/s", Bar::AtLeast(EVENTS_PER_SECOND * 0.98));
    bar("api.streams_p99", all.p99_ms, "ms", Bar::AtMost(1_000.0));
    Ok(())
}

fn told(who: &str, seen: &Seen) {
    line(format!(
        "{who:15} {:5} events at {:.1}/s, {} missed; from the request that makes it until read p50 {:.1} ms  p99 {:.1} ms",
        seen.events, seen.per_second, seen.missed, seen.p50_ms, seen.p99_ms
    ));
}

/// A journal of some length; the last vehicle of those that it tells of.
async fn journal(client: &Client) -> Result<String> {
    let mut vehicle = String::new();
    for n in 0..BEFORE {
        let mut profile = setup::profile(n);
        profile["components"] = json!([{ "name": "computer", "version": "1", "serial": "s".repeat(SERIAL_BYTES) }]);
        vehicle = text(&client.post("/v1/vehicles", &profile).await?, "/id").to_owned();
    }
    Ok(vehicle)
}

/// Where events are made and followed.
struct Place<'a> {
    client: &'a Client,
    vehicle: &'a str,
    authority: &'a str,
    token: &'a str,
}

/// So many follow while events are made.
async fn follow(place: &Place<'_>, followers: usize, how_long: Duration) -> Result<Seen> {
    let (last, until) = watch::channel(u64::MAX);
    let mut following = JoinSet::new();
    for _ in 0..followers {
        let body = open(place.authority, place.token).await?;
        following.spawn(read(body, until.clone()));
    }
    let began = Instant::now();
    let made = make_events(place, how_long).await?;
    let per_second = made.len() as f64 / began.elapsed().as_secs_f64();
    let newest = *made.keys().next_back().context("no event was made")?;
    last.send_replace(newest);
    let (mut took, mut missed) = (Vec::new(), 0);
    while let Some(arrived) =
        tokio::time::timeout(LAST_WITHIN, following.join_next()).await.context("not all events arrived")?
    {
        let arrived = arrived??;
        missed += made.len().saturating_sub(arrived.len());
        took.extend(arrived.iter().filter_map(|(index, at)| Some(at.duration_since(*made.get(index)?))));
    }
    let (p50_ms, p99_ms) = (percentile_ms(&mut took, 0.5), percentile_ms(&mut took, 0.99));
    Ok(Seen { events: made.len(), per_second, missed, p50_ms, p99_ms })
}

/// Makes events at the pace of the bench: for each when it was asked for.
async fn make_events(place: &Place<'_>, how_long: Duration) -> Result<BTreeMap<u64, Instant>> {
    let (mut made, began) = (BTreeMap::new(), Instant::now());
    let mut size = size(place.client).await?;
    let path = format!("/v1/vehicles/{}/holds", place.vehicle);
    let hold = json!({ "kind": "cleaning", "timing": "after_trip", "reason": "bench" });
    while began.elapsed() < how_long {
        let due = began + Duration::from_secs_f64(made.len() as f64 / EVENTS_PER_SECOND);
        tokio::time::sleep_until(due.into()).await;
        let asked = Instant::now();
        let placed = place.client.post(&path, &hold).await?;
        size = count(place.client, size, asked, &mut made).await?;
        let asked = Instant::now();
        place.client.delete(&format!("{path}/{}", text(&placed, "/id"))).await?;
        size = count(place.client, size, asked, &mut made).await?;
    }
    Ok(made)
}

async fn size(client: &Client) -> Result<u64> {
    client.get("/v1/journal/head").await?["size"].as_u64().context("the journal has no size")
}

/// Notes what the journal has more than before.
async fn count(client: &Client, before: u64, asked: Instant, made: &mut BTreeMap<u64, Instant>) -> Result<u64> {
    let now = size(client).await?;
    made.extend((before..now).map(|index| (index, asked)));
    Ok(now)
}

/// A stream of events from the journal's end.
async fn open(authority: &str, token: &str) -> Result<Incoming> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .uri("/v1/events")
        .header("host", authority)
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    ensure!(response.status().is_success(), "a stream was refused with {}", response.status());
    Ok(response.into_body())
}

/// Reads until it has seen the last event.
async fn read(mut body: Incoming, mut last: watch::Receiver<u64>) -> Result<Arrived> {
    let (mut arrived, mut pending) = (Arrived::new(), Vec::new());
    loop {
        if arrived.last().is_some_and(|(index, _)| *index >= *last.borrow()) {
            return Ok(arrived);
        }
        let frame = tokio::select! {
            frame = body.frame() => frame.context("a stream ended")??,
            changed = last.changed() => { changed?; continue }
        };
        pending.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        let at = Instant::now();
        while let Some(end) = pending.windows(2).position(|two| two == b"\n\n") {
            let id = pending[..end].strip_prefix(b"id: ").and_then(|rest| rest.split(|byte| *byte == b'\n').next());
            if let Some(index) = id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok()) {
                arrived.push((index, at));
            }
            pending.drain(..end + 2);
        }
    }
}

/// Asks for the whole journal and takes nothing of it.
async fn do_not_read(authority: &str, token: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let mut stream = socket.connect(authority.parse()?).await?;
    let request =
        format!("GET /v1/events?after=0 HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Looks how many streams are open, until there is one less than there were.
async fn until_cut(gateway: Arc<Gateway>, since: Instant) -> Duration {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut most = 0.0;
    loop {
        tick.tick().await;
        let metrics = (gateway.metrics)();
        let open = metrics.lines().find_map(|line| line.strip_prefix(OPEN)?.parse::<f64>().ok()).unwrap_or(0.0);
        if most > FOLLOWERS as f64 && open < most {
            return since.elapsed();
        }
        most = open.max(most);
    }
}
