//! What a handler takes from a request: a JSON body whose wrong field is named, an id that is an id, an idempotency key,
//! the version that the client saw.

use data_encoding::HEXLOWER;
use std::convert::Infallible;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Code, Reject, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::json;
use super::problem::Problem;

/// The longest idempotency key: room for a UUID, a URN or a hash.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A JSON body, with the digest of its bytes.
pub struct Body<T> {
    pub value: T,
    /// Hex SHA-256 of the bytes, for idempotency.
    pub digest: String,
}

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema + 'static> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_is_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        let value = json::read(&bytes)?;
        let digest = HEXLOWER.encode(&Sha256::digest(&bytes));
        Ok(Self { value, digest })
    }
}

/// Refuses a body that says that it is something else; one that says nothing is looked at.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`.
pub fn check_is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let named = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = named == "application/json" || named.starts_with("application/") && named.ends_with("+json");
    let text = "this operation reads JSON: send it as `Content-Type: application/json`";
    if is_json { Ok(()) } else { Err(Problem::new(Code::UnsupportedMediaType, text)) }
}

pub fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Code::PayloadTooLarge, "the body is larger than this operation takes")
        }
        _ => Problem::new(Code::InvalidRequest, "the body could not be read to its end"),
    }
}

/// A value from the path that is parsed as its type; a text that is not one names nothing.
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::NotFound, "the address names nothing"))?;
        text.parse().map(Self).map_err(|_| Problem::not_found("thing", text))
    }
}

/// Two values from the path.
pub struct Ids<A, B>(pub A, pub B);

impl<S: Send + Sync, A: std::str::FromStr, B: std::str::FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Code::NotFound, "the address names nothing"))?;
        let a = first.parse().map_err(|_| Problem::not_found("thing", first))?;
        let b = second.parse().map_err(|_| Problem::not_found("thing", second))?;
        Ok(Self(a, b))
    }
}

/// The parameters of a query, whose wrong one is named.
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Reject::invalid_field("/query", rejection.body_text()).into()),
        }
    }
}

/// The client's `Idempotency-Key`, if it sent one.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        match value.to_str() {
            Ok(text) if (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len()) => Ok(Self(Some(text.to_owned()))),
            _ => {
                Err(Reject::invalid_field("/headers/Idempotency-Key", "must have 1 to 255 printable characters").into())
            }
        }
    }
}

/// The version that `If-Match` names, if it names one. What is no version of ours is none that anything has.
pub struct IfMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        let version = tag.split('.').next().and_then(|version| version.parse().ok());
        Ok(Self((text != "*").then(|| version.unwrap_or(0))))
    }
}

/// The version that the client has, by `If-None-Match`.
pub struct IfNoneMatch(String);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        Ok(Self(value.unwrap_or_default().to_owned()))
    }
}

impl IfNoneMatch {
    /// An answer with its tag, or that it has not changed.
    pub fn tagged(&self, tag: &str, answer: Response) -> Response {
        let tag = format!("\"{tag}\"");
        let is_known = flags::ofrep::none_match(&self.0, &tag) && !self.0.is_empty();
        let headers = [(header::ETAG, tag)];
        if is_known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, answer).into_response() }
    }

    /// The thing with its version, or that it has not changed. `seen` tells apart what is shown beside the version: it
    /// changes the tag and not what `If-Match` asks for.
    pub fn answer(&self, version: u64, seen: Option<Timestamp>, shown: impl Serialize) -> Response {
        let seen = seen.map(|seen| format!(".{}", seen.as_us())).unwrap_or_default();
        let tag = format!("\"{version}{seen}\"");
        // Our tags have no comma; a proxy may have made one weak.
        let is_known = self.0.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
        let headers = [(header::ETAG, tag)];
        if is_known {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, Json(shown)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_types::{Page, Within};

    #[test]
    fn what_is_not_within_its_limits_is_refused_with_them() {
        let read = |query: &str| -> Result<Option<u64>, String> {
            let uri = format!("/?{query}").parse().unwrap();
            let read = Query::<Page<String>>::try_from_uri(&uri).map_err(|rejection| rejection.body_text())?;
            Ok(read.0.limit.map(|Within(limit)| limit))
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!((read("limit=1"), read("limit=1000")), (Ok(Some(1)), Ok(Some(1000))));
        for wrong in ["limit=0", "limit=1001"] {
            let told = read(wrong).unwrap_err();
            assert!(told.contains("limit: must be 1 to 1000"), "{told}");
        }
    }
}
