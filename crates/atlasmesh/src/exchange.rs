//! One HTTP request and its answer over a connection that serves nothing else: what the command line and the exporter of
//! spans both need.

use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Sends a request and reads the answer whole, up to a size in bytes.
///
/// # Errors
/// A connection that breaks, and an answer that is larger.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    answer_bytes_max: usize,
) -> Result<Response<Bytes>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.context("the server closed the connection")?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, answer_bytes_max).collect().await;
    let bytes = body.map_err(|error| anyhow!("the answer could not be read: {error}"))?.to_bytes();
    drop(sender);
    driver.abort();
    Ok(Response::from_parts(head, bytes))
}
