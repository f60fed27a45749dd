//! Images as bytes: by addresses that end and are one vehicle's, with byte ranges (RFC 9110 §14), so that a download that broke
//! goes on where it stopped. What an address names never changes: its digest is in it.

use data_encoding::HEXLOWER;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use interop::multipart::Multipart;
use interop::ranges::{self, Served};
use kernel::{Code, TenantId, Timestamp, VehicleId};
use ota::ports::Upload;
use serde::Deserialize;

use super::Vehicle;
use crate::Gateway;
use crate::http::problem::Problem;

/// Bytes that are read at once: many downloads at a time stay within a few megabytes.
const BLOCK_BYTES: u64 = 256 * 1024;

/// Signs addresses. The key lives as long as the process: an address of the one before is asked for again.
pub struct Addresses {
    key: hmac::Key,
}

impl Addresses {
    /// With a key of 128 random bits.
    pub fn new(random: u128) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &random.to_be_bytes()) }
    }

    fn tag(&self, tenant: &str, vehicle: &str, sha256: &str, expires: i64) -> String {
        let text = format!("{tenant}\n{vehicle}\n{sha256}\n{expires}");
        HEXLOWER.encode(hmac::sign(&self.key, text.as_bytes()).as_ref())
    }

    /// The query of an address.
    pub fn sign(&self, vehicle: &Vehicle, sha256: &str, expires_at: Timestamp) -> String {
        let (tenant, id) = (vehicle.tenant.to_string(), vehicle.id.to_string());
        let expires = expires_at.as_ms();
        let signature = self.tag(&tenant, &id, sha256, expires);
        format!("tenant={tenant}&vehicle={id}&expires={expires}&signature={signature}")
    }

    fn admits(&self, query: &Signed, sha256: &str, now: Timestamp) -> bool {
        let tag = self.tag(&query.tenant.to_string(), &query.vehicle.to_string(), sha256, query.expires);
        let is_same = constant_time::verify_slices_are_equal(tag.as_bytes(), query.signature.as_bytes()).is_ok();
        is_same && now.as_ms() < query.expires
    }
}

/// The query of an address.
#[derive(Deserialize)]
pub struct Signed {
    tenant: TenantId,
    vehicle: VehicleId,
    expires: i64,
    signature: String,
}

impl Gateway {
    /// Checks that the address is this vehicle's and has not ended.
    fn check_address(&self, vehicle: &Vehicle, query: &Signed, sha256: &str) -> Result<(), Problem> {
        let is_theirs = query.vehicle == vehicle.id && query.tenant == vehicle.tenant;
        match is_theirs && self.downloads.admits(query, sha256, self.source.now()) {
            true => Ok(()),
            false => {
                Err(Problem::new(Code::Forbidden, "this address has ended or is another vehicle's: ask for a new one"))
            }
        }
    }

    /// The bytes of an image, as the request wants them.
    pub(super) async fn image_response(
        self: &Arc<Self>,
        tenant: &TenantId,
        sha256: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let Upload::Whole(image) = self.ota.images().state(tenant, sha256).await? else {
            return Err(Problem::new(Code::NotFound, "there is no such image"));
        };
        let etag = format!("\"{sha256}\"");
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let length = image.length;
        let served = match *method == Method::HEAD {
            true => Served::Full,
            false => ranges::serve(text(header::RANGE), text(header::IF_RANGE), &etag, length),
        };
        let mut response = match served {
            Served::NotSatisfiable => {
                let range = [(header::CONTENT_RANGE, ranges::unsatisfied(length))];
                (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
            }
            Served::Full => self.bytes(tenant, sha256, [Part::Bytes(0..length)].into(), length),
            Served::Partial(range) => {
                let bytes = range.first()..range.last() + 1;
                let mut response = self.bytes(tenant, sha256, [Part::Bytes(bytes)].into(), range.bytes());
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                insert(&mut response, header::CONTENT_RANGE, &range.content_range(length));
                response
            }
            Served::Multiple(wanted) => self.multipart(tenant, sha256, length, &wanted)?,
        };
        insert(&mut response, header::ETAG, &etag);
        insert(&mut response, header::ACCEPT_RANGES, "bytes");
        Ok(response)
    }

    fn multipart(
        self: &Arc<Self>,
        tenant: &TenantId,
        sha256: &str,
        length: u64,
        wanted: &[ranges::ByteRange],
    ) -> Result<Response, Problem> {
        let boundary = format!("{:032x}", self.source.entropy());
        let unusable =
            |error: interop::multipart::MultipartError| Problem::new(Code::InvalidRequest, error.to_string());
        let multipart = Multipart::new(&boundary, "application/octet-stream", length, wanted).map_err(unusable)?;
        let total = multipart.content_length().map_err(unusable)?;
        let mut parts = VecDeque::new();
        for (head, range) in multipart.parts() {
            parts.push_back(Part::Text(head));
            parts.push_back(Part::Bytes(range.first()..range.last() + 1));
        }
        parts.push_back(Part::Text(multipart.tail()));
        let mut response = self.bytes(tenant, sha256, parts, total);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        insert(&mut response, header::CONTENT_TYPE, &multipart.content_type());
        Ok(response)
    }

    /// A body that is read block by block as the client takes it.
    fn bytes(self: &Arc<Self>, tenant: &TenantId, sha256: &str, parts: VecDeque<Part>, total: u64) -> Response {
        let reading = Reading { gateway: Arc::clone(self), tenant: tenant.clone(), sha256: sha256.to_owned(), parts };
        let blocks = stream::try_unfold(reading, |mut reading| async move {
            let Some(block) = reading.next().await? else { return Ok::<_, store::port::Fault>(None) };
            metrics::counter!("atlasmesh_update_bytes_sent_total").increment(block.len() as u64);
            Ok(Some((block, reading)))
        });
        let mut response = Body::from_stream(blocks).into_response();
        insert(&mut response, header::CONTENT_LENGTH, &total.to_string());
        insert(&mut response, header::CONTENT_TYPE, "application/octet-stream");
        response
    }
}

fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

enum Part {
    Text(String),
    Bytes(Range<u64>),
}

struct Reading {
    gateway: Arc<Gateway>,
    tenant: TenantId,
    sha256: String,
    parts: VecDeque<Part>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, store::port::Fault> {
        match self.parts.pop_front() {
            None => Ok(None),
            Some(Part::Text(text)) => Ok(Some(text.into())),
            Some(Part::Bytes(range)) => {
                let until = range.end.min(range.start.saturating_add(BLOCK_BYTES));
                if until < range.end {
                    self.parts.push_front(Part::Bytes(until..range.end));
                }
                let block = self.gateway.ota.images().read(&self.tenant, &self.sha256, range.start..until).await?;
                Ok(Some(block.into()))
            }
        }
    }
}

/// `GET /v1/downloads/{sha256}`
pub async fn signed(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(sha256): Path<String>,
    Query(query): Query<Signed>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.check_address(&vehicle, &query, &sha256)?;
    gateway.image_response(&vehicle.tenant, &sha256, &method, &headers).await
}

/// `GET /v1/downloads/{sha256}/chunks`: the digests of its chunks.
pub async fn chunks(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(sha256): Path<String>,
    Query(query): Query<Signed>,
) -> Result<Response, Problem> {
    gateway.check_address(&vehicle, &query, &sha256)?;
    let chunks = gateway.ota.images().chunks(&vehicle.tenant, &sha256).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], chunks).into_response())
}

/// `GET /v1/images/targets/{digest}.{name}`: as generic TUF clients ask for it.
pub async fn target(
    State(gateway): State<Arc<Gateway>>,
    vehicle: Vehicle,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let none = || Problem::new(Code::NotFound, "there is no such image");
    let (sha256, name) = file.split_once('.').ok_or_else(none)?;
    let repository = gateway.ota.repository(&vehicle.tenant).await?;
    let known = repository.releases.values().map(|release| &release.content);
    let listed = known.into_iter().any(|content| content.image.sha256 == sha256 && content.file == name);
    if !listed {
        return Err(none());
    }
    gateway.image_response(&vehicle.tenant, sha256, &method, &headers).await
}
