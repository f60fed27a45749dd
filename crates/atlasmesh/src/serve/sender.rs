//! Messages to somebody outside, over HTTP: to pagers and webhooks that the tenant named. TLS trusts what the system trusts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};
use kernel::{BoxFuture, CtxSource, Timestamp};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use security::ports::{Delivery, Outgoing, Sender, Signed};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::exchange::exchange;

/// How long a message may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What a secret of Standard Webhooks begins with; the rest is base 64.
const SECRET_PREFIX: &str = "whsec_";

/// Sends over HTTP, one connection a message.
pub struct HttpSender {
    tls: TlsConnector,
    source: Arc<dyn CtxSource>,
}

impl HttpSender {
    /// With the certificates that the system trusts.
    pub fn new(source: Arc<dyn CtxSource>) -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), source }
    }

    async fn post(&self, message: &Outgoing) -> Result<Response<Bytes>> {
        let url: hyper::Uri = message.url.parse().context("the address is none")?;
        let host = url.host().context("the address names no host")?.to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let body = serde_json::to_vec(&message.body)?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, format!("{host}:{port}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("atlasmesh/", env!("CARGO_PKG_VERSION")));
        if let Some(signed) = &message.signed {
            for (name, value) in signature(signed, &body, self.source.now()) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let stream = TcpStream::connect((host.as_str(), port)).await.context("nobody listens there")?;
        if !is_tls {
            return exchange(stream, request, ANSWER_BYTES_MAX).await;
        }
        let name = ServerName::try_from(host).map_err(|_| anyhow!("the address names no host"))?;
        let stream = self.tls.connect(name, stream).await.context("no TLS with the receiver")?;
        exchange(stream, request, ANSWER_BYTES_MAX).await
    }
}

/// The headers of Standard Webhooks 1.0: the id and time, and an HMAC over id, time and body.
fn signature(signed: &Signed, body: &[u8], now: Timestamp) -> [(&'static str, String); 3] {
    let secret = signed.secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let secret = secret.unwrap_or_else(|| signed.secret.clone().into_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let now_s = now.as_ms() / 1_000;
    let mut content = format!("{}.{now_s}.", signed.id).into_bytes();
    content.extend_from_slice(body);
    let tag = STANDARD.encode(hmac::sign(&key, &content).as_ref());
    [
        ("webhook-id", signed.id.clone()),
        ("webhook-timestamp", now_s.to_string()),
        ("webhook-signature", format!("v1,{tag}")),
    ]
}

fn delivery(answer: &Response<Bytes>) -> Delivery {
    let status = answer.status();
    let reason = format!("the receiver answered {}", status.as_u16());
    if status.is_success() {
        return Delivery::Accepted;
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        return Delivery::Later { reason, after_s: after.and_then(|text| text.parse().ok()) };
    }
    Delivery::Refused { reason }
}

impl Sender for HttpSender {
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Delivery> {
        Box::pin(async move {
            match tokio::time::timeout(LIMIT, self.post(&message)).await {
                Ok(Ok(answer)) => delivery(&answer),
                Ok(Err(error)) => Delivery::Later { reason: error.to_string(), after_s: None },
                Err(_) => Delivery::Later { reason: "no answer within ten seconds".into(), after_s: None },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_webhook_is_signed_as_the_specification_has_it() {
        let signed = Signed {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        };
        let [_, _, (_, value)] = signature(&signed, br#"{"test": 2432232314}"#, Timestamp::from_ms(1_614_265_330_000));
        assert_eq!(value, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_a_receiver_answers_says_whether_it_is_told_again() {
        let answered = |status: u16, after: Option<&str>| {
            let mut answer = Response::builder().status(status);
            if let Some(after) = after {
                answer = answer.header(header::RETRY_AFTER, after);
            }
            delivery(&answer.body(Bytes::new()).unwrap())
        };
        assert_eq!(answered(202, None), Delivery::Accepted);
        assert!(matches!(answered(429, Some("7")), Delivery::Later { after_s: Some(7), .. }));
        assert!(matches!(answered(503, None), Delivery::Later { after_s: None, .. }));
        assert!(matches!(answered(400, None), Delivery::Refused { .. }));
    }
}
