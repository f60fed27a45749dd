//! HTTP to somebody outside, one connection a message: pagers, webhooks, witnesses, timestamping authorities. TLS trusts what
//! the system trusts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, Uri, header};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::exchange::exchange;

/// Who is asked, by what.
#[derive(Debug)]
pub struct Message<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl<'a> Message<'a> {
    pub fn get(url: &'a str) -> Self {
        Self { method: Method::GET, url, headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(url: &'a str, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![(header::CONTENT_TYPE.as_str(), content_type.to_owned())];
        Self { method: Method::POST, url, headers, body }
    }
}

/// Sends messages and reads the answers.
#[derive(Clone)]
pub struct Outside {
    tls: TlsConnector,
}

impl Outside {
    /// With the certificates that the system trusts.
    pub fn new() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends a message and reads the answer whole, up to a size in bytes and within a time.
    ///
    /// # Errors
    /// Whatever went wrong on the way; an answer of any status is one.
    pub async fn send(
        &self,
        message: Message<'_>,
        answer_bytes_max: usize,
        limit: Duration,
    ) -> Result<Response<Bytes>> {
        let answered = tokio::time::timeout(limit, self.exchange(message, answer_bytes_max)).await;
        answered.map_err(|_| anyhow!("no answer within {} seconds", limit.as_secs()))?
    }

    async fn exchange(&self, message: Message<'_>, answer_bytes_max: usize) -> Result<Response<Bytes>> {
        let url: Uri = message.url.parse().context("the address is none")?;
        let host = url.host().context("the address names no host")?.to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(message.method)
            .uri(path)
            .header(header::HOST, format!("{host}:{port}"))
            .header(header::USER_AGENT, concat!("atlasmesh/", env!("CARGO_PKG_VERSION")));
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(message.body)))?;
        let stream = TcpStream::connect((host.as_str(), port)).await.context("nobody listens there")?;
        if !is_tls {
            return exchange(stream, request, answer_bytes_max).await;
        }
        let name = ServerName::try_from(host).map_err(|_| anyhow!("the address names no host"))?;
        let stream = self.tls.connect(name, stream).await.context("no TLS with the receiver")?;
        exchange(stream, request, answer_bytes_max).await
    }
}
