//! The updates listener as a client sees it: JSON questions, documents of limited length, and images by byte ranges.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pki::SpiffeId;
use pki::verifier::{Trust, client_config};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::process::bootstrap::Bootstrap;
use crate::process::identity::Held;
use crate::process::tls;

/// How long connecting and each answer may take, and how long the next bytes of an image.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest JSON answer, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers, or not in time: nothing is known, so that nothing is done.
    #[error("the updates listener at {address} does not answer: {cause}")]
    Unreachable { address: String, cause: String },
    /// An answer that says no.
    #[error("the server refuses: {detail} ({status}, {code})")]
    Refused { status: u16, code: String, detail: String },
    #[error("the server's answer cannot be used: {0}")]
    Answer(String),
}

impl ClientError {
    /// The server's own word, where it said no.
    pub fn refusal(&self) -> Option<(&str, &str)> {
        match self {
            Self::Refused { code, detail, .. } => Some((code, detail)),
            _ => None,
        }
    }
}

/// RFC 9457.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

/// One connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    address: String,
}

impl Client {
    /// Connects, presenting the vehicle's SVID.
    pub async fn open(bootstrap: &Bootstrap, held: &Arc<Held>) -> Result<Self, ClientError> {
        let address = bootstrap.updates.clone().unwrap_or_default();
        let unreachable = |cause: String| ClientError::Unreachable { address: address.clone(), cause };
        let server = SpiffeId::service(&bootstrap.trust_domain, "updates");
        let trust = match held.device_authorities.is_empty() {
            true => Trust::Pinned(bootstrap.device_authority_sha256.0),
            false => Trust::Authorities(held.device_authorities.clone()),
        };
        let config = client_config(&trust, server, Some(&held.svid.credential()), &[b"http/1.1"]);
        let config = config.map_err(|error| ClientError::Answer(error.to_string()))?;
        let open = async {
            let stream = tls::connect(&address, config).await.map_err(|error| error.to_string())?;
            let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            opened.map_err(|error| error.to_string())
        };
        let opened = timeout(PATIENCE, open).await.map_err(|_| unreachable("it took too long".into()))?;
        let (sender, connection) = opened.map_err(unreachable)?;
        Ok(Self { sender, driver: tokio::spawn(connection), address })
    }

    fn unreachable(&self, cause: impl std::fmt::Display) -> ClientError {
        ClientError::Unreachable { address: self.address.clone(), cause: cause.to_string() }
    }

    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let answer = timeout(PATIENCE, self.sender.send_request(request)).await;
        answer.map_err(|_| self.unreachable("it took too long"))?.map_err(|error| self.unreachable(error))
    }

    /// The whole body of an answer, no longer than `bytes_max`; the refusal where it is one.
    async fn body(&self, answer: Response<Incoming>, bytes_max: usize) -> Result<Bytes, ClientError> {
        let status = answer.status();
        let read = timeout(PATIENCE, Limited::new(answer.into_body(), bytes_max).collect()).await;
        let read = read.map_err(|_| self.unreachable("it took too long"))?;
        let body = read.map_err(|error| ClientError::Answer(error.to_string()))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let Problem { code, detail } = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(self.unreachable(detail)),
            _ => Err(ClientError::Refused { status: status.as_u16(), code, detail }),
        }
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, &self.address)
    }

    /// Asks with a JSON body.
    pub async fn post<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let unusable = |error: serde_json::Error| ClientError::Answer(error.to_string());
        let body = serde_json::to_vec(body).map_err(unusable)?;
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body.into())).map_err(|error| ClientError::Answer(error.to_string()))?;
        let answer = self.ask(request).await?;
        let body = self.body(answer, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&body).map_err(unusable)
    }

    /// A document of at most so many bytes.
    pub async fn document(&mut self, path: &str, bytes_max: u64) -> Result<Bytes, ClientError> {
        let request = self.request(Method::GET, path).body(Full::default());
        let answer = self.ask(request.map_err(|error| ClientError::Answer(error.to_string()))?).await?;
        self.body(answer, usize::try_from(bytes_max).unwrap_or(usize::MAX)).await
    }

    /// Bytes of an image from `from` on.
    pub async fn image(&mut self, path: &str, from: u64) -> Result<ImageBytes<'_>, ClientError> {
        let request = self.request(Method::GET, path).header(RANGE, format!("bytes={from}-")).body(Full::default());
        let answer = self.ask(request.map_err(|error| ClientError::Answer(error.to_string()))?).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => Ok(ImageBytes { client: self, body: answer.into_body() }),
            // From the beginning, where that was asked for.
            StatusCode::OK if from == 0 => Ok(ImageBytes { client: self, body: answer.into_body() }),
            StatusCode::OK => Err(ClientError::Answer("the server does not go on in the middle".into())),
            _ => Err(match self.body(answer, ANSWER_BYTES_MAX).await {
                Ok(_) => ClientError::Answer("an answer without bytes".into()),
                Err(error) => error,
            }),
        }
    }
}

/// The bytes of an image as they come.
pub struct ImageBytes<'a> {
    client: &'a mut Client,
    body: Incoming,
}

impl ImageBytes<'_> {
    /// The next bytes; `None`: no more come. Silence ends it, as it may be a server that gives a byte now and then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| self.client.unreachable("the image does not come any further"))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| self.client.unreachable(error))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
