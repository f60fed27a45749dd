//! The rest of a body that was answered before it was read, as a refusal is. What stays unread on a kept connection would
//! be taken for the next request, so that the connection must end; a client that is not told sends its next request,
//! which may be a stop, into a connection that is gone. So a short rest is read, and where it is long the answer says
//! that the connection closes (RFC 9112 §9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};

/// The longest rest that is read, in bytes: an everyday request, which costs less than a new connection.
const REST_BYTES_MAX: u64 = 64 * 1024;
/// How long the answer waits for the rest: a request that is on its way is here by then.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// Answers a request such that the connection serves the next one or says that it does not.
pub async fn read(request: Request, next: Next) -> Response {
    // Whoever asks before it sends the body does not send one that is refused.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let rest = Arc::new(Mutex::new(Rest::None));
    let request = request.map(|body| Body::new(Lent { body, is_broken: false, rest: Arc::clone(&rest) }));
    let mut response = next.run(request).await;
    let rest = std::mem::replace(&mut *rest.lock().unwrap_or_else(PoisonError::into_inner), Rest::None);
    let is_kept = match rest {
        Rest::None => true,
        Rest::Broken => false,
        Rest::Of(body) => !asks_first && is_read(body).await,
    };
    if !is_kept {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads a body to its end, if that is near.
async fn is_read(rest: Body) -> bool {
    if rest.size_hint().lower() > REST_BYTES_MAX {
        return false;
    }
    let read = async {
        let (mut rest, mut bytes) = (rest.into_data_stream(), 0);
        while let Some(data) = rest.next().await {
            bytes += data.map_or(u64::MAX, |data| data.len() as u64);
            if bytes > REST_BYTES_MAX {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(REST_TIMEOUT, read).await.unwrap_or(false)
}

/// What is left of a body.
enum Rest {
    None,
    Of(Body),
    Broken,
}

/// A body that comes back when nobody reads it any more before its end.
struct Lent {
    body: Body,
    is_broken: bool,
    rest: Arc<Mutex<Rest>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.is_broken |= matches!(polled, Poll::Ready(Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = match (self.is_broken, self.body.is_end_stream()) {
            (true, _) => Rest::Broken,
            (false, true) => Rest::None,
            (false, false) => Rest::Of(std::mem::take(&mut self.body)),
        };
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}
