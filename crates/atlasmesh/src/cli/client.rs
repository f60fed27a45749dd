//! The command line as a client of the HTTP API: one connection per request, JSON in and out, problems as errors.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::response::Parts;
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::exchange::exchange;

/// What the secret of a person's session begins with; it travels as a cookie.
const SESSION_PREFIX: &str = "ams_";
/// The name of that cookie.
const COOKIE: &str = "atlasmesh_session";
/// The largest answer that the command line reads: a page of the journal stays far below.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What to do where the server does not know who asks.
const NOT_SIGNED_IN: &str =
    "sign in with `atlasmesh login`, or give a program's token in --token or the environment variable ATLASMESH_TOKEN";
/// How long a connection may take: the server is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take: an import of a large map is the slowest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// A client of one server with one token.
#[derive(Debug, Clone)]
pub struct Client {
    authority: String,
    token: Option<String>,
}

/// A refusal of the server, as it was told.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    pub status: u16,
    pub code: String,
    /// What went wrong and what to do.
    pub detail: String,
    pub problem: Value,
    /// What to do on the command line.
    pub hint: Option<&'static str>,
}

/// A request as the API describes it.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub body: Option<Vec<u8>>,
    pub headers: Vec<(String, String)>,
}

fn json_of(bytes: &[u8]) -> Result<Value> {
    match bytes.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice(bytes).context("the server's answer is not JSON"),
    }
}

fn refused(status: StatusCode, problem: &Value) -> Refused {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let hint = (status == StatusCode::UNAUTHORIZED).then_some(NOT_SIGNED_IN);
    // Whoever types has typed a parameter, and not a text to deserialize.
    let detail = text("detail").replace("/query Failed to deserialize query string: ", "");
    Refused { status: status.as_u16(), code: text("code"), detail, problem: problem.clone(), hint }
}

impl Client {
    /// A client of the server at `url` (`http://host:port`).
    pub fn new(url: &str, token: Option<String>) -> Result<Self> {
        let authority = url.trim_end_matches('/').strip_prefix("http://");
        let authority = authority.with_context(|| format!("the server's address {url} must begin with http://"))?;
        Ok(Self { authority: authority.to_owned(), token })
    }

    /// Signs in; the answer, and the secret of the session.
    pub async fn sign_in(&self, body: &Value) -> Result<(Value, String)> {
        let request = self.request(Method::POST, "/v1/session", Some(serde_json::to_vec(body)?), &[])?;
        let (head, bytes) = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange_whole(request)).await??;
        let answer = json_of(&bytes)?;
        if !head.status.is_success() {
            return Err(Refused { hint: None, ..refused(head.status, &answer) }.into());
        }
        let cookie = head.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        let secret =
            cookie.and_then(|cookie| cookie.split([';', '=']).nth(1)).context("the server opened no session")?;
        Ok((answer, secret.to_owned()))
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(serde_json::to_vec(body)?), &[]).await
    }

    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Result<Value> {
        self.send(Method::POST, path, Some(serde_json::to_vec(body)?), &[("idempotency-key", key)]).await
    }

    pub async fn put(&self, path: &str, body: Vec<u8>, content_type: &str) -> Result<Value> {
        self.send(Method::PUT, path, Some(body), &[("content-type", content_type)]).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Calls an operation; its answer as it came.
    pub async fn call(&self, call: Call) -> Result<Bytes> {
        let headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let method = Method::from_bytes(call.method.as_bytes())?;
        let (status, bytes) = self.answered(self.request(method, &call.path, call.body, &headers)?).await?;
        if status.is_success() { Ok(bytes) } else { Err(refused(status, &json_of(&bytes)?).into()) }
    }

    async fn answered(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(request))
            .await
            .map_err(|_| anyhow!("the server at {} did not answer in time", self.authority))?
    }

    async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Result<Value> {
        let request = self.request(method, path, body, headers)?;
        let (status, bytes) = self.answered(request).await?;
        let answer = json_of(&bytes)?;
        if status.is_success() { Ok(answer) } else { Err(refused(status, &answer).into()) }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.authority);
        match self.token.as_deref() {
            Some(secret) if secret.starts_with(SESSION_PREFIX) => {
                request = request.header("cookie", format!("{COOKIE}={secret}"));
            }
            Some(token) => request = request.header("authorization", format!("Bearer {token}")),
            None => {}
        }
        if body.is_some() && headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .with_context(|| format!("the address {path} is wrong"))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let (head, bytes) = self.exchange_whole(request).await?;
        Ok((head.status, bytes))
    }

    async fn exchange_whole(&self, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes)> {
        let no_server =
            || format!("no server at {}: start one with `atlasmesh serve`, or set ATLASMESH_URL", self.authority);
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.authority)).await {
            Ok(stream) => stream.with_context(no_server)?,
            Err(_) => bail!(no_server()),
        };
        Ok(exchange(stream, request, ANSWER_BYTES_MAX).await?.into_parts())
    }
}
