//! Positions for a map, over a WebSocket: a text frame that numbers the vehicles, then binary frames of records.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::handler::Handler;
use axum::response::Response;
use fleet::actions::MAY_READ_FLEET;
use kernel::Code;
use tokio::sync::watch;

use super::auth::{Caller, SUBPROTOCOL};
use super::endpoint::{self, Answer, Endpoint};
use super::problem::Problem;
use crate::Gateway;
use crate::positions::Snapshot;
use crate::streams::{SLOW_READER, Slot};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[Endpoint {
    summary: "Positions of the vehicles, over a WebSocket",
    status: 101,
    answer: Answer::Socket,
    handle: |request, gateway| Handler::call(watch, request, gateway),
    ..endpoint::get("/v1/positions", MAY_READ_FLEET)
}];

/// What a client may send, in bytes: it has nothing to say but pings and a close.
const INBOUND_BYTES_MAX: usize = 1024;

/// `GET /v1/positions`
pub async fn watch(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::new(Code::InvalidRequest, "open this address as a WebSocket"))?;
    let slot = gateway.streams.open(&caller.authenticated.tenant)?;
    // Without a buffer of its own a frame is either on its way or not begun.
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(INBOUND_BYTES_MAX).write_buffer_size(0);
    Ok(upgrade.on_upgrade(async move |socket| serve(gateway, caller, slot, socket).await))
}

async fn serve(gateway: Arc<Gateway>, caller: Caller, slot: Slot, mut socket: WebSocket) {
    let tenant = &caller.authenticated.tenant;
    let mut snapshots = gateway.watch_positions(tenant);
    let mut reader = Reader::default();
    let close = loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        match tokio::time::timeout(SLOW_READER, reader.send(&mut socket, &snapshot)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tracing::info!(%tenant, "a watcher that does not read is cut off");
                return;
            }
        }
        if let Some(close) = until_next(&mut snapshots, &mut socket, &slot).await {
            break close;
        }
        if !matches!(caller.is_still_valid().await, Ok(true)) {
            break (close_code::POLICY, "the token is not valid any more");
        }
    };
    let frame = CloseFrame { code: close.0, reason: close.1.into() };
    // Whoever does not take the farewell is gone all the same.
    let _ = tokio::time::timeout(SLOW_READER, socket.send(Message::Close(Some(frame)))).await;
}

/// Waits for the next snapshot; answers why the socket must close if that comes first.
async fn until_next(
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
    socket: &mut WebSocket,
    slot: &Slot,
) -> Option<(u16, &'static str)> {
    loop {
        tokio::select! {
            biased;
            () = slot.stopped() => return Some((close_code::AWAY, "the server stops")),
            message = socket.recv() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    return Some((close_code::UNSUPPORTED, "nothing is expected here"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Some((close_code::NORMAL, "")),
            },
            news = snapshots.changed() => {
                // A feed that is gone means the process is ending.
                return news.err().map(|_| (close_code::AWAY, "the server stops"));
            }
        }
    }
}

/// What one watcher has.
#[derive(Default)]
struct Reader {
    round: u64,
    set: u64,
}

impl Reader {
    /// Sends what it does not have. Whoever missed a round gets all.
    async fn send(&mut self, socket: &mut WebSocket, snapshot: &Snapshot) -> Result<(), axum::Error> {
        if snapshot.round == self.round {
            return Ok(());
        }
        if snapshot.set != self.set {
            socket.send(Message::Text(snapshot.vehicles.as_str().into())).await?;
        }
        let has_all_before = self.set == snapshot.set && self.round + 1 == snapshot.round;
        let records = if has_all_before { &snapshot.news } else { &snapshot.all };
        if !records.is_empty() {
            socket.send(Message::Binary(records.clone())).await?;
        }
        (self.round, self.set) = (snapshot.round, snapshot.set);
        Ok(())
    }
}
