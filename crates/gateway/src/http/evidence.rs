//! Bundles of evidence, and entries by the clauses that they speak to (EVD-1 … EVD-4).

use std::sync::Arc;

use api_types::evidence as api;
use api_types::{List, Page, Within};
use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use evidence::actions::{MAY_COLLECT, MAY_READ_EVIDENCE};
use evidence::bundle::Wanted;
use evidence::{Classified, EvidenceBundle};
use futures_util::stream;
use kernel::id::{BundleId, EventId};
use kernel::{TenantId, Timestamp};
use store::port::Fault;

use super::auth::Caller;
use super::endpoint::{self, Answer, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// Things of one answer where the caller says nothing.
pub(super) const PAGE_DEFAULT: usize = 50;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "An entry of the journal with the clauses that it speaks to, signed",
        answer: endpoint::json::<Classified>(),
        handle: |request, gateway| Handler::call(classified, request, gateway),
        ..endpoint::get("/v1/evidence/entries/{event}", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "List bundles, the newest first",
        query: endpoint::takes::<Page<BundleId>>(),
        answer: endpoint::list::<api::BundleView, BundleId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/evidence/bundles", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Ask for a bundle: it is collected, assessed, signed and checked, and then archived",
        body: endpoint::takes::<api::BundleRequest>(),
        status: 202,
        answer: endpoint::json::<api::BundleView>(),
        handle: |incoming, gateway| Handler::call(request, incoming, gateway),
        ..endpoint::post("/v1/evidence/bundles", MAY_COLLECT)
    },
    Endpoint {
        summary: "Show a bundle: how far it is, what it says, and who took it",
        answer: endpoint::json::<api::BundleView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/evidence/bundles/{bundle}", MAY_READ_EVIDENCE)
    },
    Endpoint {
        summary: "Take a bundle's archive (tar in zstd); its VERIFY.md says how to check it without us. It is noted who did",
        answer: Answer::Bytes,
        handle: |request, gateway| Handler::call(archive, request, gateway),
        ..endpoint::get("/v1/evidence/bundles/{bundle}/archive", MAY_READ_EVIDENCE)
    },
];

impl Gateway {
    async fn shown_bundle(&self, tenant: &TenantId, id: BundleId) -> Result<api::BundleView, Problem> {
        let bundle = self.evidence.one::<EvidenceBundle>(tenant, &id).await?;
        Ok((id, bundle.ok_or_else(|| Problem::not_found("bundle", id))?).into())
    }

    /// A kept file, read block by block as the client takes it.
    pub(super) fn kept_file(self: &Arc<Self>, tenant: &TenantId, file: &KeptFile<'_>) -> Response {
        let reading = (Arc::clone(self), tenant.clone(), file.sha256.to_owned(), 0_u64);
        let blocks = stream::try_unfold(reading, |(gateway, tenant, sha256, at)| async move {
            let block = gateway.evidence.read_archive(&tenant, &sha256, at)?;
            let next = at + block.len() as u64;
            let is_over = block.is_empty();
            Ok::<_, Fault>((!is_over).then_some((block, (gateway, tenant, sha256, next))))
        });
        let mut response = Stream::from_stream(blocks).into_response();
        let disposition = format!("attachment; filename=\"{}\"", file.name);
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, file.bytes.to_string()),
            (header::ETAG, format!("\"{}\"", file.sha256)),
            (header::CONTENT_DISPOSITION, disposition),
        ];
        for (name, value) in headers {
            response.headers_mut().extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
        }
        response
    }
}

/// A file that is kept under its digest.
pub(super) struct KeptFile<'a> {
    pub sha256: &'a str,
    pub bytes: u64,
    pub name: &'a str,
}

/// `GET /v1/evidence/entries/{event}`
pub async fn classified(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(event): Id<EventId>,
) -> Result<Json<Classified>, Problem> {
    let classified = gateway.evidence.classified(&caller.authenticated.tenant, event).await?;
    Ok(Json(classified.ok_or_else(|| Problem::not_found("event", event))?))
}

/// `GET /v1/evidence/bundles`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page<BundleId>>,
) -> Result<Json<List<api::BundleView, BundleId>>, Problem> {
    let limit = page.limit.map_or(PAGE_DEFAULT, Within::as_usize);
    let found = gateway.evidence.page::<EvidenceBundle>(&caller.authenticated.tenant, page.after, limit).await?;
    Ok(Json(List::page(found, limit, |(id, _)| *id)))
}

/// `POST /v1/evidence/bundles`
pub async fn request(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::BundleRequest>,
) -> Result<(StatusCode, Json<api::BundleView>), Problem> {
    let ctx = caller.ctx();
    let asked = body.value;
    let wanted = Wanted {
        frameworks: asked.frameworks.into_iter().collect(),
        about: asked.about,
        from: asked.from.unwrap_or(Timestamp::from_ms(ctx.now.as_ms() - WHOLE_MS)),
        until: asked.until.unwrap_or(ctx.now),
        purpose: asked.purpose.0,
        disclose: asked.disclose,
    };
    let id = ctx.new_id();
    gateway.evidence.request_bundle(&ctx, id, &wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(gateway.shown_bundle(&ctx.tenant, id).await?)))
}

/// How far back a bundle reaches where nothing is said: ten years, in milliseconds.
const WHOLE_MS: i64 = 3_650 * 86_400_000;

/// `GET /v1/evidence/bundles/{bundle}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BundleId>,
) -> Result<Json<api::BundleView>, Problem> {
    Ok(Json(gateway.shown_bundle(&caller.authenticated.tenant, id).await?))
}

/// `GET /v1/evidence/bundles/{bundle}/archive`
pub async fn archive(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<BundleId>,
) -> Result<Response, Problem> {
    let ctx = caller.ctx();
    let archive = gateway.evidence.disclose(&ctx, id).await?;
    let name = format!("{id}.tar.zst");
    let file = KeptFile { sha256: &archive.sha256, bytes: archive.bytes, name: &name };
    Ok(gateway.kept_file(&ctx.tenant, &file))
}
