//! TCP and TLS to one listener, which is known by its id and not by the name under which it is reached.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to `host:port`.
///
/// # Errors
/// The address is none, nobody answers, or the handshake fails.
pub(super) async fn connect(address: &str, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let host = host.filter(|host| !host.is_empty()).ok_or_else(|| invalid(format!("{address} is not host:port")))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid(format!("{host} is no host name")))?;
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}
