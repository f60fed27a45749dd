//! TCP and TLS to one listener, which is known by its id and not by the name under which it is reached.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why a stream broke, which those above it do not always hand on: a server that refuses a certificate says so only
/// after the handshake, while the first request is on its way.
pub(super) type Seen = Arc<OnceLock<String>>;

/// A stream that remembers why it broke.
#[derive(Debug)]
pub(super) struct Stream {
    tls: TlsStream<TcpStream>,
    pub seen: Seen,
}

/// Connects to `host:port`.
///
/// # Errors
/// The address is none, nobody answers, or the handshake fails.
pub(super) async fn connect(address: &str, config: ClientConfig) -> io::Result<Stream> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let host = host.filter(|host| !host.is_empty()).ok_or_else(|| invalid(format!("{address} is not host:port")))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid(format!("{host} is no host name")))?;
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    Ok(Stream { tls, seen: Seen::default() })
}

impl Stream {
    /// Whoever cannot write any more finds the reason among what can still be read.
    fn reason<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &written {
            let mut bytes = [0; 1_024];
            let read = Pin::new(&mut self.tls).poll_read(context, &mut ReadBuf::new(&mut bytes));
            let reason = if let Poll::Ready(Err(reason)) = read { reason.to_string() } else { error.to_string() };
            self.seen.get_or_init(|| reason);
        }
        written
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.tls).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.seen.get_or_init(|| error.to_string());
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tls).poll_write(context, bytes);
        self.reason(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.tls).poll_flush(context);
        self.reason(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }
}
