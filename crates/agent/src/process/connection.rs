//! The one stream to the server, opened again whenever it ends, with growing pauses that differ between vehicles.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use kernel::VehicleId;
use link::v1::link_client::LinkClient;
use link::v1::{FromVehicle, ToVehicle, from_vehicle, to_vehicle};
use pki::SpiffeId;
use pki::verifier::{Trust, client_config};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use super::clock;
use super::entropy::Jitter;
use super::identity::{Ask, Failure, Held, Holds, chain};
use super::tls::{self, Seen, Stream};

/// The first pause after a lost session, and the longest, in milliseconds.
const PAUSE_MS: (u64, u64) = (200, 10_000);
/// The pause after a certificate was refused, unless it is replaced meanwhile: each attempt is an alarm to the server.
const REFUSED_PAUSE_MS: u64 = 30_000;
/// A server that hangs up so often in a row, without a word, may refuse the certificate.
const HUNG_UP_MAX: u32 = 3;
/// How long opening a session may take, the handshakes included.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that may wait for the network: a whole catch-up of reports fits. When it is full the session ends.
const OUTBOUND_MAX: usize = 4_096;
/// Silence that ends a session until the server names its interval of signs of life.
const SILENCE: Duration = Duration::from_secs(15);
/// A session is dead after so many intervals of silence: each heartbeat is answered.
const INTERVALS_OF_SILENCE: u64 = 4;

/// Where to connect and as whom.
pub(super) struct LinkTo {
    pub vehicle: VehicleId,
    /// The vehicle listener, as `host:port`.
    pub address: String,
    pub server: SpiffeId,
    pub holds: Holds,
    pub asks: mpsc::Sender<Ask>,
    /// The client of the session that is open.
    pub client: watch::Sender<Option<LinkClient<Channel>>>,
}

/// The sending half of a session.
#[derive(Debug)]
pub(super) struct Outbound {
    messages: mpsc::Sender<FromVehicle>,
    hang_up: Arc<Notify>,
    holds: Holds,
}

impl Outbound {
    /// Sends, or ends the session where the network cannot keep up.
    pub fn send(&self, mut message: FromVehicle) {
        if let Some(from_vehicle::Message::Heartbeat(heartbeat)) = &mut message.message {
            heartbeat.trust_bundle_sequence = kept_sequence(&self.holds);
        }
        if self.messages.try_send(message).is_err() {
            self.hang_up.notify_one();
        }
    }
}

fn kept_sequence(holds: &Holds) -> u64 {
    holds.borrow().as_ref().map_or(0, |held| held.bundle.sequence)
}

/// What the connection tells.
pub(super) enum LinkEvent {
    Connected(Outbound),
    Received(Box<ToVehicle>),
    Disconnected,
}

/// Keeps a session open until the receiver of its events is gone.
pub(super) async fn keep(mut link: LinkTo, events: mpsc::Sender<LinkEvent>, mut jitter: Jitter) {
    let (mut pause_ms, mut hung_up) = (PAUSE_MS.0, 0);
    loop {
        let held = tokio::select! {
            held = link.holds.wait_for(Option::is_some) => held.ok().and_then(|held| held.clone()),
            () = events.closed() => return,
        };
        let Some(held) = held else { return };
        let ended = session(&link, &held, &events).await;
        link.client.send_replace(None);
        hung_up = if matches!(ended, Err(Failure::HungUp { .. })) { hung_up + 1 } else { 0 };
        match ended {
            Ok(Ended::Renewed) => {
                tracing::info!(vehicle = %link.vehicle, "the session is opened again with the new SVID");
                pause_ms = PAUSE_MS.0;
                continue;
            }
            Ok(Ended::Welcomed) => pause_ms = PAUSE_MS.0,
            Ok(Ended::Unwelcome) => tracing::warn!(vehicle = %link.vehicle, "the server closed the session"),
            Err(failure) => {
                if failure.refuses_certificate() {
                    pause_ms = REFUSED_PAUSE_MS;
                }
                link.report(&failure, pause_ms);
                link.ask(&failure, &held, hung_up);
            }
        }
        let pause = Duration::from_millis(pause_ms).mul_f64(jitter.factor());
        pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = link.until(|now| !std::ptr::eq(now, &*held)) => pause_ms = PAUSE_MS.0,
            () = events.closed() => return,
        }
    }
}

enum Ended {
    Welcomed,
    Unwelcome,
    /// The certificate of the session has a successor.
    Renewed,
}

/// Why an open session ended.
enum Broken {
    Status(Box<Status>),
    Otherwise(&'static str),
}

impl LinkTo {
    /// Until what is held is another than before.
    async fn until(&self, is_other: impl Fn(&Held) -> bool) {
        let mut holds = self.holds.clone();
        if holds.wait_for(|now| now.as_deref().is_some_and(&is_other)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn report(&self, failure: &Failure, pause_ms: u64) {
        let (vehicle, error) = (self.vehicle, chain(failure));
        if matches!(failure, Failure::Clock { .. }) {
            tracing::error!(%vehicle, error, "no session");
        } else {
            tracing::warn!(%vehicle, error, pause_ms, "no session");
        }
    }

    /// Lets the identity do something about it.
    fn ask(&self, failure: &Failure, held: &Held, hung_up: u32) {
        let ask = match failure {
            Failure::Untrusted(_) => Ask::Untrusted,
            // What a server says of a certificate that it refuses may get lost with the connection.
            failure if failure.refuses_certificate() || hung_up >= HUNG_UP_MAX => {
                Ask::Refused { certificate: held.svid.certificate.clone() }
            }
            _ => return,
        };
        // Where too many wait, the next failure asks again.
        let _too_many = self.asks.try_send(ask);
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::of(error, &self.address, clock::now())
    }

    fn refused(&self, status: &Status, seen: &Seen) -> Failure {
        if status.code() == Code::Unauthenticated {
            return Failure::CertificateRefused(status.message().to_owned());
        }
        self.broke(status, seen)
    }

    fn broke(&self, error: &(dyn std::error::Error + 'static), seen: &Seen) -> Failure {
        let alert = seen.get().and_then(|seen| Failure::of_alert(seen, clock::now()));
        match alert.unwrap_or_else(|| self.failed(error)) {
            Failure::Unreachable { address, cause } => Failure::HungUp { address, cause },
            failure => failure,
        }
    }

    fn broken(&self, cause: &str) -> Failure {
        Failure::Unreachable { address: self.address.clone(), cause: cause.to_owned() }
    }

    /// The server says which trust bundle is the newest.
    fn hear_of_bundle(&self, sequence: u64) {
        if sequence > kept_sequence(&self.holds) {
            // It is named again with the next sign of life.
            let _too_many = self.asks.try_send(Ask::Bundle { sequence });
        }
    }
}

async fn session(link: &LinkTo, held: &Held, events: &mpsc::Sender<LinkEvent>) -> Result<Ended, Failure> {
    let (messages, outbound) = mpsc::channel(OUTBOUND_MAX);
    let hang_up = Arc::new(Notify::new());
    // The server answers the call only after it has heard Hello, so the vehicle may speak before the stream is open.
    let sending = Outbound { messages, hang_up: Arc::clone(&hang_up), holds: link.holds.clone() };
    if events.send(LinkEvent::Connected(sending)).await.is_err() {
        return Ok(Ended::Welcomed);
    }
    let opened = tokio::select! {
        opened = timeout(OPEN_TIMEOUT, open(link, held, outbound)) => opened,
        () = events.closed() => return Ok(Ended::Welcomed),
    };
    let result = match opened {
        Ok(Ok((inbound, seen))) => match listen(link, held, inbound, events, &hang_up).await {
            Err(Broken::Status(status)) => Err(link.refused(&status, &seen)),
            Err(Broken::Otherwise(why)) => Err(link.broken(why)),
            Ok(ended) => Ok(ended),
        },
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(link.broken("the server did not answer in time")),
    };
    let _receiver_gone = events.send(LinkEvent::Disconnected).await;
    result
}

/// Hands one connection to the channel above it, which is told when that is over instead of opening another.
struct Once(Option<Stream>);

impl Service<Uri> for Once {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        std::future::ready(self.0.take().map(TokioIo::new).ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

async fn open(
    link: &LinkTo,
    held: &Held,
    outbound: mpsc::Receiver<FromVehicle>,
) -> Result<(Streaming<ToVehicle>, Seen), Failure> {
    let trust = Trust::Authorities(held.bundle.authorities.clone());
    let config = client_config(&trust, link.server.clone(), Some(&held.svid.credential()), &[b"h2"])?;
    let stream = tls::connect(&link.address, config).await.map_err(|error| link.failed(&error))?;
    let seen = Arc::clone(&stream.seen);
    // To the channel above it the stream is plain.
    let endpoint = Endpoint::from_static("http://atlasmesh").connect_timeout(OPEN_TIMEOUT);
    let channel = endpoint.connect_with_connector(Once(Some(stream))).await;
    let channel = channel.map_err(|error| link.broke(&error, &seen))?;
    let mut client = LinkClient::new(channel)
        .max_decoding_message_size(link::MESSAGE_BYTES_MAX)
        .max_encoding_message_size(link::MESSAGE_BYTES_MAX);
    let opened = client.session(Request::new(ReceiverStream::new(outbound))).await;
    let inbound = opened.map_err(|status| link.refused(&status, &seen))?.into_inner();
    link.client.send_replace(Some(client));
    Ok((inbound, seen))
}

async fn listen(
    link: &LinkTo,
    held: &Held,
    mut inbound: Streaming<ToVehicle>,
    events: &mpsc::Sender<LinkEvent>,
    hang_up: &Notify,
) -> Result<Ended, Broken> {
    let (mut ended, mut silence) = (Ended::Unwelcome, SILENCE);
    let renewed = link.until(|now| now.svid.certificate != held.svid.certificate);
    tokio::pin!(renewed);
    loop {
        let message = tokio::select! {
            message = timeout(silence, inbound.message()) => message,
            () = hang_up.notified() => return Err(Broken::Otherwise("the network cannot keep up")),
            () = &mut renewed => return Ok(Ended::Renewed),
            () = events.closed() => return Ok(ended),
        };
        let Ok(message) = message else { return Err(Broken::Otherwise("the server is silent")) };
        let Some(message) = message.map_err(|status| Broken::Status(Box::new(status)))? else { return Ok(ended) };
        match &message.message {
            Some(to_vehicle::Message::Welcome(welcome)) => {
                ended = Ended::Welcomed;
                let interval_ms = welcome.heartbeat_interval_ms.clamp(500, 60_000);
                silence = Duration::from_millis(interval_ms * INTERVALS_OF_SILENCE).max(Duration::from_secs(5));
                link.hear_of_bundle(welcome.trust_bundle_sequence);
            }
            Some(to_vehicle::Message::HeartbeatAck(ack)) => link.hear_of_bundle(ack.trust_bundle_sequence),
            _ => {}
        }
        if events.send(LinkEvent::Received(Box::new(message))).await.is_err() {
            return Ok(ended);
        }
    }
}
