//! Takes connections from a listener: one at a time, each with its place, and with pauses while the system has none to
//! give.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connections::{Admitted, Connections, Limits};
use crate::sockets;

/// The first pause after a connection could not be accepted.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest: who waits in the system's queue is let in so much later once there are files again.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Connections that must end and have not yet, beyond which no other is accepted: each still has its file.
const ENDING_MAX: usize = 8;

/// A listener and its connections.
#[derive(Debug)]
pub struct Acceptor {
    name: &'static str,
    listener: TcpListener,
    connections: Connections,
    ending: watch::Receiver<usize>,
    failing: Option<Failing>,
}

/// What is known while connections cannot be accepted.
#[derive(Debug, Clone, Copy)]
struct Failing {
    pause: Duration,
    until: Instant,
}

impl Failing {
    fn after(before: Option<Self>, now: Instant) -> Self {
        let pause = before.map_or(PAUSE_MIN, |before| (before.pause * 2).min(PAUSE_MAX));
        Self { pause, until: now + pause }
    }
}

impl Acceptor {
    /// Of a listener, by the name that it has in the log and in metrics.
    pub fn new(name: &'static str, listener: TcpListener, limits: Limits) -> Self {
        let connections = Connections::new(limits);
        Self { name, listener, ending: connections.ending(), connections, failing: None }
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The next connection. Nothing is lost when this is dropped before it answers.
    pub async fn next(&mut self) -> Admitted<TcpStream> {
        loop {
            // The sender lives as long as the connections.
            let _ = self.ending.wait_for(|ending| *ending < ENDING_MAX).await;
            if let Some(failing) = self.failing {
                tokio::time::sleep_until(failing.until).await;
            }
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    self.failed(&error);
                    continue;
                }
            };
            if self.failing.take().is_some() {
                tracing::info!(listener = self.name, "connections are accepted again");
            }
            if let Err(error) = sockets::prepare(&stream) {
                tracing::debug!(%peer, %error, "a connection was gone before it began");
                continue;
            }
            match self.connections.admit(stream, peer.ip()) {
                Some(admitted) => return admitted,
                None => {
                    tracing::debug!(%peer, listener = self.name, "a connection is refused: all others are in use");
                    metrics::counter!("atlasmesh_connections_refused_total", "listener" => self.name).increment(1);
                }
            }
        }
    }

    /// Out of file descriptors, most likely: others must end before one more fits.
    fn failed(&mut self, error: &io::Error) {
        if self.failing.is_none() {
            tracing::warn!(listener = self.name, %error, "no connection can be accepted: tried again until one can");
        }
        metrics::counter!("atlasmesh_accept_failures_total", "listener" => self.name).increment(1);
        self.failing = Some(Failing::after(self.failing, Instant::now()));
    }
}

/// Whether only the connection that would have been accepted failed, and not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let now = Instant::now();
        let mut failing = None;
        let pauses: Vec<u128> =
            (0..10).map(|_| failing.insert(Failing::after(failing, now)).pause.as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    }
}
