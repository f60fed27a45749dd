//! The one stream to the server, opened again whenever it ends, with growing pauses that differ between vehicles.

use std::sync::Arc;
use std::time::Duration;

use link::v1::link_client::LinkClient;
use link::v1::{FromVehicle, ToVehicle, to_vehicle};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use super::entropy::Jitter;
use super::tls::PinnedConnector;

/// The first pause after a lost session, and the longest, in milliseconds.
const PAUSE_MS: (u64, u64) = (200, 10_000);
/// How long opening a session may take, the handshakes included.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that may wait for the network: a whole catch-up of reports fits. When it is full the session ends.
const OUTBOUND_MAX: usize = 4_096;
/// Silence that ends a session until the server names its interval of signs of life.
const SILENCE: Duration = Duration::from_secs(15);
/// A session is dead after so many intervals of silence: each heartbeat is answered.
const INTERVALS_OF_SILENCE: u64 = 4;

/// Where to connect and as whom.
#[derive(Clone)]
pub(super) struct Identity {
    pub vehicle: String,
    pub secret: String,
    pub connector: PinnedConnector,
}

/// The sending half of a session.
#[derive(Debug)]
pub(super) struct Outbound {
    messages: mpsc::Sender<FromVehicle>,
    hang_up: Arc<Notify>,
}

impl Outbound {
    /// Sends, or ends the session where the network cannot keep up.
    pub fn send(&self, message: FromVehicle) {
        if self.messages.try_send(message).is_err() {
            self.hang_up.notify_one();
        }
    }
}

/// What the connection tells.
pub(super) enum LinkEvent {
    Connected(Outbound),
    Received(Box<ToVehicle>),
    Disconnected,
}

/// Keeps a session open until the receiver of its events is gone.
pub(super) async fn keep(identity: Identity, events: mpsc::Sender<LinkEvent>, mut jitter: Jitter) {
    let mut pause_ms = PAUSE_MS.0;
    while !events.is_closed() {
        match session(&identity, &events).await {
            Ok(Ended::Welcomed) => pause_ms = PAUSE_MS.0,
            Ok(Ended::Unwelcome) => tracing::warn!(vehicle = identity.vehicle, "the server closed the session"),
            Err(error) => {
                let error: &dyn std::error::Error = &*error;
                tracing::warn!(vehicle = identity.vehicle, error = chain(error), pause_ms, "no session");
            }
        }
        let pause = Duration::from_millis(pause_ms).mul_f64(jitter.factor());
        pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = events.closed() => return,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

enum Ended {
    Welcomed,
    Unwelcome,
}

type SessionError = Box<dyn std::error::Error + Send + Sync>;

async fn session(identity: &Identity, events: &mpsc::Sender<LinkEvent>) -> Result<Ended, SessionError> {
    let (messages, outbound) = mpsc::channel(OUTBOUND_MAX);
    let hang_up = Arc::new(Notify::new());
    // The server answers the call only after it has heard Hello, so the vehicle may speak before the stream is open.
    if events.send(LinkEvent::Connected(Outbound { messages, hang_up: Arc::clone(&hang_up) })).await.is_err() {
        return Ok(Ended::Welcomed);
    }
    let inbound = match timeout(OPEN_TIMEOUT, open(identity, outbound)).await {
        Ok(Ok(inbound)) => inbound,
        failed => {
            let _receiver_gone = events.send(LinkEvent::Disconnected).await;
            return Err(match failed {
                Ok(Err(error)) => error,
                _ => "the server did not answer in time".into(),
            });
        }
    };
    let result = listen(inbound, events, &hang_up).await;
    let _receiver_gone = events.send(LinkEvent::Disconnected).await;
    result
}

async fn open(
    identity: &Identity,
    outbound: mpsc::Receiver<FromVehicle>,
) -> Result<Streaming<ToVehicle>, SessionError> {
    // The connector does TLS by itself; to the channel above it the stream is plain.
    let endpoint = Endpoint::from_static("http://atlasmesh").connect_timeout(OPEN_TIMEOUT);
    let channel = endpoint.connect_with_connector(identity.connector.clone()).await?;
    let mut client = LinkClient::new(channel)
        .max_decoding_message_size(link::MESSAGE_BYTES_MAX)
        .max_encoding_message_size(link::MESSAGE_BYTES_MAX);
    let mut request = Request::new(ReceiverStream::new(outbound));
    let metadata = request.metadata_mut();
    metadata.insert(link::METADATA_VEHICLE, identity.vehicle.parse()?);
    let mut authorization: tonic::metadata::AsciiMetadataValue = format!("Bearer {}", identity.secret).parse()?;
    authorization.set_sensitive(true);
    metadata.insert(link::METADATA_AUTHORIZATION, authorization);
    Ok(client.session(request).await?.into_inner())
}

async fn listen(
    mut inbound: Streaming<ToVehicle>,
    events: &mpsc::Sender<LinkEvent>,
    hang_up: &Notify,
) -> Result<Ended, SessionError> {
    let (mut ended, mut silence) = (Ended::Unwelcome, SILENCE);
    loop {
        let message = tokio::select! {
            message = timeout(silence, inbound.message()) => message,
            () = hang_up.notified() => return Err("the network cannot keep up".into()),
            () = events.closed() => return Ok(ended),
        };
        let Ok(message) = message else { return Err("the server is silent".into()) };
        let Some(message) = message? else { return Ok(ended) };
        if let Some(to_vehicle::Message::Welcome(welcome)) = &message.message {
            ended = Ended::Welcomed;
            let interval_ms = welcome.heartbeat_interval_ms.clamp(500, 60_000);
            silence = Duration::from_millis(interval_ms * INTERVALS_OF_SILENCE).max(Duration::from_secs(5));
        }
        if events.send(LinkEvent::Received(Box::new(message))).await.is_err() {
            return Ok(ended);
        }
    }
}
