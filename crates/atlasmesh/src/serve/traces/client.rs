//! How spans reach the collector: one plain HTTP request per batch, on the server's own runtime. The batch waits for it on
//! a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::exchange::exchange;

/// How long one batch may take: a collector is near, and the next batch waits.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// What a collector answers is a few words.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends batches.
#[derive(Debug)]
pub struct Client {
    runtime: Handle,
    /// Whether the last batch arrived: only a change is told.
    arrives: AtomicBool,
}

impl Client {
    /// A client that works on a runtime.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, arrives: AtomicBool::new(true) }
    }

    fn note(&self, sent: &Result<Response<Bytes>>) {
        let problem = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(format!("{error:#}")),
        };
        let arrived = self.arrives.swap(problem.is_none(), Ordering::Relaxed);
        match problem {
            Some(problem) if arrived => tracing::warn!(problem, "the collector takes no spans: they are dropped"),
            None if !arrived => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.runtime.spawn(async { tokio::time::timeout(SEND_LIMIT, send(request)).await });
        let sent = match sending.await? {
            Ok(sent) => sent,
            Err(_) => Err(anyhow::anyhow!("it takes longer than {} s", SEND_LIMIT.as_secs())),
        };
        self.note(&sent);
        sent.map_err(Into::into)
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().context("the collector's address has no host")?.clone();
    let port = authority.port_u16().unwrap_or(80);
    head.headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
    // As a server wants it: the path alone.
    head.uri = head.uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    let stream = TcpStream::connect((authority.host(), port)).await.context("nobody listens there")?;
    let answer = exchange(stream, Request::from_parts(head, Full::new(body)), ANSWER_BYTES_MAX).await?;
    Ok(answer)
}
