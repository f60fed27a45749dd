//! The sector of a tenant: what is in force, what could be, and what the subscription allows (SECTOR-1 to SECTOR-4).

use std::sync::Arc;

use api_types::{List, ReasonGiven, sectors as api};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::{Sector, TenantId};
use tenancy::actions::{ACTIVATE_SECTOR, ROLL_BACK_SECTOR};
use tenancy::sectors as domain;
use tenancy::{MAY_ACTIVATE_SECTOR, MAY_READ_SECTOR, MAY_READ_SUBSCRIPTION};

use super::auth::Caller;
use super::endpoint::{self, Access, Endpoint};
use super::extract::{Body, Id, IfNoneMatch};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "The sector in force: words, colours, modules, features, flags, limits",
        headers: endpoint::TAGGED,
        answer: endpoint::json::<domain::SectorInForce>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/sector", MAY_READ_SECTOR)
    },
    Endpoint {
        summary: "Every feature, and which of installed, entitled, flag and policy says no",
        answer: endpoint::list::<domain::EffectiveFeature, String>(),
        handle: |request, gateway| Handler::call(features, request, gateway),
        ..endpoint::get("/v1/sector/features", MAY_READ_SUBSCRIPTION)
    },
    Endpoint {
        summary: "Put what was in force before in force again, in one step",
        asks: Some(ROLL_BACK_SECTOR),
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<domain::SectorInForce>(),
        handle: |request, gateway| Handler::call(roll_back, request, gateway),
        ..endpoint::post("/v1/sector/rollback", MAY_ACTIVATE_SECTOR)
    },
    Endpoint {
        summary: "The sectors that are installed, with what the subscription lacks for each",
        answer: endpoint::list::<domain::SectorOffer, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/sectors", MAY_READ_SUBSCRIPTION)
    },
    Endpoint {
        summary: "What putting a sector in force would change, and which trips would lose what",
        answer: endpoint::json::<domain::SectorPreview>(),
        handle: |request, gateway| Handler::call(preview, request, gateway),
        ..endpoint::post("/v1/sectors/{sector}/preview", MAY_ACTIVATE_SECTOR)
    },
    Endpoint {
        summary: "Put a sector in force: rules, flags, words and colours together, or none",
        asks: Some(ACTIVATE_SECTOR),
        body: endpoint::takes::<ReasonGiven>(),
        answer: endpoint::json::<domain::SectorInForce>(),
        handle: |request, gateway| Handler::call(activate, request, gateway),
        ..endpoint::post("/v1/sectors/{sector}/activate", MAY_ACTIVATE_SECTOR)
    },
    Endpoint {
        summary: "What the tenant subscribed to, with what it comes to",
        answer: endpoint::json::<domain::SubscriptionState>(),
        handle: |request, gateway| Handler::call(subscription, request, gateway),
        ..endpoint::get("/v1/subscription", MAY_READ_SUBSCRIPTION)
    },
    Endpoint {
        summary: "Change what a tenant subscribed to",
        body: endpoint::takes::<api::NewSubscription>(),
        answer: endpoint::json::<domain::SubscriptionState>(),
        handle: |request, gateway| Handler::call(subscribe, request, gateway),
        ..endpoint::endpoint("put", "/v1/tenants/{tenant}/subscription", Access::Platform)
    },
    Endpoint {
        summary: "Whether a feature may be used, and so much of it; if not, what would help",
        body: endpoint::takes::<api::EntitlementAsked>(),
        answer: endpoint::json::<domain::EntitlementAnswer>(),
        handle: |request, gateway| Handler::call(check, request, gateway),
        ..endpoint::endpoint("post", "/v1/entitlements/check", Access::Authenticated)
    },
];

/// `GET /v1/sector`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let in_force = gateway.sectors.in_force_for(&caller.ctx()).await?;
    // Features and flags also change with the time and the subscription, which no version counts.
    let body = serde_json::to_vec(&in_force).map_err(|_| Problem::not_found("sector", ""))?;
    let tag = journal::Hash::of_bytes(&body).to_string();
    Ok(known.tagged(&tag, ([(header::CONTENT_TYPE, "application/json")], body).into_response()))
}

/// `GET /v1/sector/features`
pub async fn features(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<domain::EffectiveFeature>>, Problem> {
    Ok(Json(List::whole(gateway.sectors.features(&caller.ctx()).await?)))
}

/// `POST /v1/sector/rollback`
pub async fn roll_back(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<ReasonGiven>,
) -> Result<Json<domain::SectorInForce>, Problem> {
    Ok(Json(gateway.sectors.roll_back(&caller.ctx(), &body.value.reason).await?))
}

/// `GET /v1/sectors`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<domain::SectorOffer>>, Problem> {
    Ok(Json(List::whole(gateway.sectors.offers(&caller.ctx()).await?)))
}

/// `POST /v1/sectors/{sector}/preview`
pub async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(sector): Id<Sector>,
) -> Result<Json<domain::SectorPreview>, Problem> {
    Ok(Json(gateway.sectors.preview(&caller.ctx(), sector).await?))
}

/// `POST /v1/sectors/{sector}/activate`
pub async fn activate(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(sector): Id<Sector>,
    body: Body<ReasonGiven>,
) -> Result<Json<domain::SectorInForce>, Problem> {
    Ok(Json(gateway.sectors.activate(&caller.ctx(), sector, &body.value.reason).await?))
}

/// `GET /v1/subscription`
pub async fn subscription(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<domain::SubscriptionState>, Problem> {
    Ok(Json(gateway.sectors.subscription(&caller.authenticated.tenant).await?))
}

/// `PUT /v1/tenants/{tenant}/subscription`
pub async fn subscribe(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(tenant): Id<TenantId>,
    body: Body<api::NewSubscription>,
) -> Result<Json<domain::SubscriptionState>, Problem> {
    let (subscribed, reason) = body.value.split();
    Ok(Json(gateway.sectors.subscribe(&caller.ctx(), &tenant, &subscribed, &reason).await?))
}

/// `POST /v1/entitlements/check`
pub async fn check(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::EntitlementAsked>,
) -> Result<Json<domain::EntitlementAnswer>, Problem> {
    let api::EntitlementAsked { feature, sector, requested } = body.value;
    let tenant = &caller.authenticated.tenant;
    Ok(Json(gateway.sectors.check_entitlement(tenant, &feature, sector, requested).await?))
}
