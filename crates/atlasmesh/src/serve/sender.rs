//! Messages of incidents to pagers and webhooks that the tenant named.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::{Response, StatusCode, header};
use kernel::{BoxFuture, CtxSource, Timestamp};
use security::ports::{Delivery, Outgoing, Sender, Signed};

use super::outside::{Message, Outside};

/// How long a message may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What a secret of Standard Webhooks begins with; the rest is base 64.
const SECRET_PREFIX: &str = "whsec_";

/// Sends over HTTP.
pub struct HttpSender {
    outside: Outside,
    source: Arc<dyn CtxSource>,
}

impl HttpSender {
    pub fn new(outside: Outside, source: Arc<dyn CtxSource>) -> Self {
        Self { outside, source }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<Response<Bytes>> {
        let body = serde_json::to_vec(&outgoing.body)?;
        let signed = outgoing.signed.as_ref().map(|signed| signature(signed, &body, self.source.now()));
        let mut message = Message::post(&outgoing.url, "application/json", body);
        message.headers.extend(signed.into_iter().flatten());
        self.outside.send(message, ANSWER_BYTES_MAX, LIMIT).await
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
            match self.post(&message).await {
                Ok(answer) => delivery(&answer),
                Err(error) => Delivery::Later { reason: error.to_string(), after_s: None },
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
