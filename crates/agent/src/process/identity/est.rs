//! The enrolment listener as a client sees it: EST (RFC 7030), and the trust bundle.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use pki::SpiffeId;
use pki::verifier::{Credential, Trust, client_config};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::failure::Failure;
use crate::process::bootstrap::Bootstrap;
use crate::process::clock;
use crate::process::tls::{self, Seen};

/// How long connecting and each answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes: a bundle of many authorities.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// One connection to the enrolment listener.
pub struct Exchange {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    address: String,
    seen: Seen,
}

/// RFC 9457.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

/// A certificate request of a key; what else it says counts for nothing.
pub fn request_of(key: &KeyPair) -> Result<String, Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    Ok(STANDARD.encode(params.serialize_request(key)?.der()))
}

impl Exchange {
    /// Connects; `credential` where the listener must know who asks.
    pub async fn open(at: &Bootstrap, trust: &Trust, credential: Option<&Credential>) -> Result<Self, Failure> {
        let server = SpiffeId::service(&at.trust_domain, "enrolment");
        let config = client_config(trust, server, credential, &[b"http/1.1"])?;
        let address = at.enrol.clone();
        let open = async {
            let stream = tls::connect(&address, config).await;
            let stream = stream.map_err(|error| Failure::of(&error, &address, clock::now()))?;
            let seen = Arc::clone(&stream.seen);
            let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let opened = opened.map_err(|error| Failure::of(&error, &address, clock::now()))?;
            Ok::<_, Failure>((opened, seen))
        };
        let ((sender, connection), seen) = timeout(PATIENCE, open).await.map_err(|_| silent(&address))??;
        Ok(Self { sender, driver: tokio::spawn(connection), address, seen })
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        authorization: Option<HeaderValue>,
        body: String,
    ) -> Result<String, Failure> {
        let unusable = |what: &str| Failure::Answer(what.to_owned());
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.address);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, pki::est::REQUEST_TYPE);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| Failure::Answer(error.to_string()))?;
        let answer = async {
            let answer = match self.sender.send_request(request).await {
                Ok(answer) => answer,
                Err(error) => return Err(self.broken(&error)),
            };
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Failure::of(&*error, &self.address, clock::now()))?;
            Ok((status, body.to_bytes()))
        };
        let (status, body) = timeout(PATIENCE, answer).await.map_err(|_| silent(&self.address))??;
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
            let Problem { code, detail } = problem;
            return Err(Failure::Refused { status: status.as_u16(), code, detail });
        }
        String::from_utf8(body.to_vec()).map_err(|_| unusable("it is no text"))
    }

    fn broken(&self, error: &hyper::Error) -> Failure {
        let alert = self.seen.get().and_then(|seen| Failure::of_alert(seen, clock::now()));
        alert.unwrap_or_else(|| Failure::of(error, &self.address, clock::now()))
    }

    async fn certificates(
        &mut self,
        method: Method,
        path: &str,
        authorization: Option<HeaderValue>,
        body: String,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let answer = self.ask(method, path, authorization, body).await?;
        let certificates = pki::est::read_certificates(&answer).map_err(|error| Failure::Answer(error.to_string()))?;
        if certificates.is_empty() {
            return Err(Failure::Answer("it holds no certificate".into()));
        }
        Ok(certificates)
    }

    async fn signed(
        &mut self,
        path: &str,
        authorization: Option<HeaderValue>,
        key: &KeyPair,
    ) -> Result<Vec<u8>, Failure> {
        let certificates = self.certificates(Method::POST, path, authorization, request_of(key)?).await?;
        Ok(certificates.into_iter().next().unwrap_or_default())
    }

    /// A device certificate for the token.
    pub async fn enrol(&mut self, at: &Bootstrap, key: &KeyPair) -> Result<Vec<u8>, Failure> {
        let who = STANDARD.encode(format!("{}:{}", at.vehicle, at.join_token.expose()));
        let mut authorization = HeaderValue::try_from(format!("Basic {who}"))
            .map_err(|_| Failure::Answer("the join token is none that can be sent".into()))?;
        authorization.set_sensitive(true);
        self.signed("/.well-known/est/simpleenroll", Some(authorization), key).await
    }

    /// The successor of the device certificate that this connection presents.
    pub async fn enrol_again(&mut self, key: &KeyPair) -> Result<Vec<u8>, Failure> {
        self.signed("/.well-known/est/simplereenroll", None, key).await
    }

    /// An X509-SVID.
    pub async fn svid(&mut self, key: &KeyPair) -> Result<Vec<u8>, Failure> {
        self.signed("/.well-known/est/svid/simpleenroll", None, key).await
    }

    pub async fn device_authorities(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        self.certificates(Method::GET, "/.well-known/est/cacerts", None, String::new()).await
    }

    /// The trust bundle as it is served.
    pub async fn bundle(&mut self) -> Result<String, Failure> {
        self.ask(Method::GET, "/bundle", None, String::new()).await
    }
}

fn silent(address: &str) -> Failure {
    let cause = format!("nothing was heard for {} s", PATIENCE.as_secs());
    Failure::Unreachable { address: address.to_owned(), cause }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
