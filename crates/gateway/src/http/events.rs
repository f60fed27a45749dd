//! The journal as it grows, as Server-Sent Events. A subscriber's place is a position of the journal, so nothing is kept
//! for it here: whoever is cut off comes back with the last id that it saw.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api_types::Within;
use api_types::journal::EventsAfter;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use futures_util::StreamExt;
use kernel::Reject;
use store::port::Fault;
use tenancy::MAY_READ_JOURNAL;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint};
use super::extract::Parameters;
use super::problem::Problem;
use crate::Gateway;
use crate::streams::{SLOW_READER, Slot};
use crate::tail::{Line, PAGE};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[Endpoint {
    summary: "The journal as it grows, as Server-Sent Events",
    query: endpoint::takes::<EventsAfter>(),
    headers: &["Last-Event-ID"],
    answer: Answer::Events,
    handle: |request, gateway| Handler::call(follow, request, gateway),
    ..endpoint::get("/v1/events", MAY_READ_JOURNAL)
}];

/// Events that wait for one subscriber's socket: a page. The journal has the rest, so that a burst waits there and not
/// here.
const BUFFER_EVENTS_MAX: usize = PAGE;
/// How often a silent stream says that it lives: below what proxies cut off.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A comment, which says nothing but that the stream lives (HTML §9.2.6).
const BEAT: Bytes = Bytes::from_static(b":\n\n");
/// Prefixes of one filter: more than there are domains.
const PREFIXES_MAX: usize = 32;

/// `GET /v1/events`
pub async fn follow(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Parameters(query): Parameters<EventsAfter>,
) -> Result<impl IntoResponse, Problem> {
    let filter = Filter::parse(query.types.as_deref())?;
    let from = gateway.first(&caller, last_seen(&headers)?.or(query.after.map(|Within(after)| after))).await?;
    let slot = gateway.streams.open(&caller.authenticated.tenant)?;
    let (sender, receiver) = mpsc::channel(BUFFER_EVENTS_MAX);
    tokio::spawn(serve(gateway, caller, filter, from, slot, sender));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver).map(Ok::<_, Infallible>))))
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Reject> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let index = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Reject::invalid_field("/headers/Last-Event-ID", "must be the id of an event of this stream");
    index.map(Some).ok_or_else(wrong)
}

impl Gateway {
    /// The position of the first event for somebody who saw the journal up to here; of the next one without a place.
    async fn first(&self, caller: &Caller, after: Option<u64>) -> Result<u64, Problem> {
        let size = self.store.head(&caller.authenticated.tenant).await?.map_or(0, |head| head.size);
        match after {
            None => Ok(size),
            Some(after) if after < size => Ok(after + 1),
            Some(_) => {
                let text = format!("is not in the journal, which has {size} entries: begin without it");
                Err(Reject::invalid_field("/query/after", text).into())
            }
        }
    }
}

/// Types of events by how they begin; every type if it is empty.
struct Filter(Vec<String>);

impl Filter {
    fn parse(types: Option<&str>) -> Result<Self, Reject> {
        let prefixes: Vec<String> = types.into_iter().flat_map(|types| types.split(',')).map(str::to_owned).collect();
        if prefixes.len() > PREFIXES_MAX || prefixes.iter().any(String::is_empty) {
            let text =
                format!("must be 1 to {PREFIXES_MAX} beginnings of types with commas between, e.g. trip.,vehicle.");
            return Err(Reject::invalid_field("/query/types", text));
        }
        Ok(Self(prefixes))
    }

    fn lets_through(&self, line: &Line) -> bool {
        self.0.is_empty() || self.0.iter().any(|prefix| line.event_type.starts_with(prefix.as_str()))
    }
}

/// Why a stream ends while its reader still listens.
enum End {
    Slow,
    Revoked,
    Fault(Fault),
}

/// Runs one stream until its reader, its principal or the process is gone.
async fn serve(
    gateway: Arc<Gateway>,
    caller: Caller,
    filter: Filter,
    from: u64,
    slot: Slot,
    sender: mpsc::Sender<Bytes>,
) {
    let Err(ended) = tokio::select! {
        biased;
        () = slot.stopped() => return,
        () = sender.closed() => return,
        ended = send(&gateway, &caller, &filter, from, &sender) => ended,
    };
    let tenant = &caller.authenticated.tenant;
    match ended {
        End::Slow => tracing::info!(%tenant, "a subscriber that does not read is cut off"),
        End::Revoked => tracing::info!(%tenant, "a subscriber's access was revoked"),
        End::Fault(fault) => tracing::warn!(%tenant, error = %fault, "a stream of events ends"),
    }
}

async fn send(
    gateway: &Gateway,
    caller: &Caller,
    filter: &Filter,
    mut from: u64,
    to: &mpsc::Sender<Bytes>,
) -> Result<Infallible, End> {
    let tail = gateway.tails.of(&gateway.store, &caller.authenticated.tenant);
    let mut news = tail.news();
    let (mut access, mut quiet_until) = (None, Instant::now() + HEARTBEAT);
    loop {
        news.mark_unchanged();
        let page = tail.page(&*gateway.store, from).await.map_err(End::Fault)?;
        if access != Some(page.access_changes) {
            if !caller.is_still_valid().await.map_err(End::Fault)? {
                return Err(End::Revoked);
            }
            access = Some(page.access_changes);
        }
        for line in page.lines.iter().filter(|line| filter.lets_through(line)) {
            deliver(to, line.frame.clone()).await?;
            quiet_until = Instant::now() + HEARTBEAT;
        }
        if let Some(last) = page.lines.last() {
            from = last.index + 1;
            continue;
        }
        tokio::select! {
            // Its sender lives as long as the tail.
            _ = news.changed() => {}
            () = tokio::time::sleep_until(quiet_until) => {
                // Access also ends by time, which no entry tells of.
                access = None;
                deliver(to, BEAT).await?;
                quiet_until = Instant::now() + HEARTBEAT;
            }
        }
    }
}

async fn deliver(to: &mpsc::Sender<Bytes>, frame: Bytes) -> Result<(), End> {
    match tokio::time::timeout(SLOW_READER, to.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        // Whoever listened is gone, which ends the stream elsewhere.
        Ok(Err(_)) | Err(_) => Err(End::Slow),
    }
}
