//! Images and releases.

use std::sync::Arc;

use api_types::List;
use api_types::updates as api;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use ota::ReleaseId;
use ota::actions::{MAY_PUBLISH_RELEASE, MAY_READ_UPDATES, PUBLISH_RELEASE};
use schemars::JsonSchema;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;

/// The largest part of an image in one request: 4 MiB in base 64.
const PART_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "How much of an image is here, by its SHA-256",
        answer: endpoint::json::<api::ImageState>(),
        handle: |request, gateway| Handler::call(image, request, gateway),
        ..endpoint::get("/v1/images/{sha256}", MAY_PUBLISH_RELEASE)
    },
    Endpoint {
        summary: "Upload the next part of an image; with the last one it is checked against its SHA-256",
        body: endpoint::takes::<api::ImagePart>(),
        answer: endpoint::json::<api::ImageState>(),
        body_bytes_max: PART_BYTES_MAX,
        handle: |request, gateway| Handler::call(upload, request, gateway),
        ..endpoint::put("/v1/images/{sha256}", MAY_PUBLISH_RELEASE)
    },
    Endpoint {
        summary: "Publish a release of an image that was uploaded: it is signed into the list that vehicles trust",
        body: endpoint::takes::<api::NewRelease>(),
        status: 201,
        answer: endpoint::json::<api::ReleaseView>(),
        asks: Some(PUBLISH_RELEASE),
        handle: |request, gateway| Handler::call(publish, request, gateway),
        ..endpoint::post("/v1/releases", MAY_PUBLISH_RELEASE)
    },
    Endpoint {
        summary: "List releases, the newest first",
        answer: endpoint::list::<api::ReleaseView, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/releases", MAY_READ_UPDATES)
    },
    Endpoint {
        summary: "Show a release",
        answer: endpoint::json::<api::ReleaseView>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/releases/{release}", MAY_READ_UPDATES)
    },
];

/// A SHA-256 in the path.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct Digest(#[schemars(regex(pattern = r"^[0-9a-f]{64}$"))] pub String);

impl std::str::FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned())).ok_or(())
    }
}

/// `GET /v1/images/{sha256}`
pub async fn image(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(Digest(sha256)): Id<Digest>,
) -> Result<Json<api::ImageState>, Problem> {
    Ok(Json(gateway.ota.images().state(&caller.authenticated.tenant, &sha256).await?.into()))
}

/// `PUT /v1/images/{sha256}`
pub async fn upload(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(Digest(sha256)): Id<Digest>,
    body: Body<api::ImagePart>,
) -> Result<Json<api::ImageState>, Problem> {
    let api::ImagePart { length, at, data } = body.value;
    let tenant = &caller.authenticated.tenant;
    let upload = gateway.ota.images().append(tenant, &sha256, length.0, at.0, data.0).await??;
    Ok(Json(upload.into()))
}

/// `POST /v1/releases`
pub async fn publish(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewRelease>,
) -> Result<(StatusCode, Json<api::ReleaseView>), Problem> {
    let published = gateway.ota.publish(&caller.ctx(), body.value.into()).await?;
    Ok((StatusCode::CREATED, Json(published.into())))
}

/// `GET /v1/releases`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<api::ReleaseView>>, Problem> {
    let repository = gateway.ota.repository(&caller.authenticated.tenant).await?;
    let mut releases: Vec<_> = repository.releases.into_iter().collect();
    releases.sort_by_key(|(_, release)| std::cmp::Reverse(release.published_at));
    Ok(Json(List::whole(releases)))
}

/// `GET /v1/releases/{release}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<ReleaseId>,
) -> Result<Json<api::ReleaseView>, Problem> {
    let repository = gateway.ota.repository(&caller.authenticated.tenant).await?;
    let release = repository.releases.get(&id).cloned().ok_or_else(|| Problem::not_found("release", id))?;
    Ok(Json((id, release).into()))
}
