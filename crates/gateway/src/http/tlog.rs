//! The journal in the formats of transparency logs, for readers that are not ours: the checkpoint, tiles of hashes and
//! bundles of entries (C2SP tlog-tiles), the proof of one event as a text (C2SP tlog-proof), and the proof that one tree is
//! a beginning of another (RFC 6962 §2.1.2).

use std::sync::Arc;

use api_types::Within;
use api_types::journal::{Consistency, Sizes, WhichCheckpoint};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use journal::receipt::InclusionReceipt;
use journal::tile::{Content, Tile};
use kernel::{Code, EventId, TenantId};
use store::cosigned::newest_cosigned;
use store::port::Head;
use store::tiles;
use tenancy::MAY_READ_JOURNAL;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint};
use super::extract::{Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The same proof as a text that verifiers of transparency logs read (C2SP tlog-proof)",
        answer: Answer::Text,
        handle: |request, gateway| Handler::call(prove, request, gateway),
        ..endpoint::get("/v1/journal/{event}/tlog-proof", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The newest signed head as a checkpoint (C2SP tlog-checkpoint); with `witnessed=true` the newest that witnesses cosigned",
        query: endpoint::takes::<WhichCheckpoint>(),
        answer: Answer::Text,
        handle: |request, gateway| Handler::call(checkpoint, request, gateway),
        ..endpoint::get("/v1/journal/checkpoint", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "Hashes or entries of the journal by the name of their tile, as 0/x001/234.p/5 or entries/000 (C2SP tlog-tiles)",
        answer: Answer::Bytes,
        handle: |request, gateway| Handler::call(tile, request, gateway),
        ..endpoint::get("/v1/journal/tile/{tile}", MAY_READ_JOURNAL)
    },
    Endpoint {
        summary: "The proof that the journal of `from` entries is a beginning of that of `to`, which is the newest where it is not said (RFC 6962)",
        query: endpoint::takes::<Sizes>(),
        answer: endpoint::json::<Consistency>(),
        handle: |request, gateway| Handler::call(consistency, request, gateway),
        ..endpoint::get("/v1/journal/consistency", MAY_READ_JOURNAL)
    },
];

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// A checkpoint is the newest one, a tile never changes: for a year in the reader's own cache.
const NEWEST: HeaderValue = HeaderValue::from_static("no-store");
const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NEWEST)], text).into_response()
}

impl Gateway {
    /// The newest signed head of a log.
    ///
    /// # Errors
    /// `NOT_FOUND` before its first entry.
    pub async fn head_of(&self, tenant: &TenantId) -> Result<Head, Problem> {
        self.store.head(tenant).await?.ok_or_else(|| Problem::not_found("log of", tenant))
    }

    /// An event with the path that proves it under the newest head.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn receipt(&self, tenant: &TenantId, event: EventId) -> Result<InclusionReceipt, Problem> {
        let entry = self.store.entry(tenant, event).await?.ok_or_else(|| Problem::not_found("event", event))?;
        let head = self.head_of(tenant).await?;
        let path = tiles::inclusion(&*self.store, tenant, entry.index, head.size).await?;
        // An entry and the head over it are committed as one.
        let path = path.ok_or_else(|| Problem::not_found("event", event))?;
        Ok(InclusionReceipt::provable(entry, path, head.note))
    }
}

/// `GET /v1/journal/checkpoint`
pub async fn checkpoint(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(which): Parameters<WhichCheckpoint>,
) -> Result<Response, Problem> {
    let tenant = &caller.authenticated.tenant;
    if !which.witnessed {
        return Ok(text(gateway.head_of(tenant).await?.note));
    }
    let nobody = || {
        let what = "no witness has cosigned a head of this journal: the server is started with --witness for each, and each \
                    witness with the journal's vkey";
        Problem::new(Code::NotFound, what)
    };
    Ok(text(newest_cosigned(&*gateway.store, tenant).await?.ok_or_else(nobody)?.note))
}

/// `GET /v1/journal/{event}/tlog-proof`
pub async fn prove(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(event): Id<EventId>,
) -> Result<Response, Problem> {
    Ok(text(gateway.receipt(&caller.authenticated.tenant, event).await?.to_tlog_proof()))
}

/// `GET /v1/journal/tile/{tile}`
pub async fn tile(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(path): Id<String>,
) -> Result<Response, Problem> {
    let tenant = &caller.authenticated.tenant;
    let size = gateway.head_of(tenant).await?.size;
    let tile = Tile::parse(&path).filter(|tile| tile.is_in(size));
    let found = tile.and_then(|tile| Some((tile.content, tile.positions()?)));
    let (content, positions) = found.ok_or_else(|| Problem::not_found("tile", path))?;
    let bytes = match content {
        Content::Hashes { level } => {
            let hashes = tiles::hashes(&*gateway.store, tenant, level, positions).await?;
            hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
        }
        Content::Entries => {
            let width = usize::try_from(positions.end - positions.start).unwrap_or(usize::MAX);
            let entries = gateway.store.entries(tenant, positions.start, width).await?;
            let mut bundle = Vec::new();
            for entry in entries {
                entry.append_to_bundle(&mut bundle);
            }
            bundle
        }
    };
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, FOR_EVER)], bytes).into_response())
}

/// `GET /v1/journal/consistency`
pub async fn consistency(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(sizes): Parameters<Sizes>,
) -> Result<Json<Consistency>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let size = gateway.head_of(tenant).await?.size;
    let Within(to) = sizes.to.unwrap_or(Within(size));
    let Within(from) = sizes.from.unwrap_or(Within(to));
    let nothing =
        || Problem::new(Code::NotFound, format!("the journal has {size} entries: ask for `from` up to `to`, up to it"));
    let path = match to <= size {
        true => tiles::consistency(&*gateway.store, tenant, from, to).await?,
        false => None,
    };
    Ok(Json(Consistency { from, to, path: path.ok_or_else(nothing)? }))
}
