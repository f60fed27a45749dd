//! Principals of a tenant: people and programs, each with a role and a token of its own.

use std::sync::Arc;

use api_types::principals::{NewPrincipal, Principal, PrincipalCreated};
use api_types::{List, Named, Page};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::id::PrincipalId;
use tenancy::MAY_MANAGE_PRINCIPALS;

use super::auth::Caller;
use super::endpoint::{self, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Make a principal, whose token is answered once",
        body: endpoint::takes::<NewPrincipal>(),
        status: 201,
        answer: endpoint::json::<PrincipalCreated>(),
        handle: |request, gateway| Handler::call(create, request, gateway),
        ..endpoint::post("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "List principals",
        query: endpoint::takes::<Page>(),
        answer: endpoint::list::<Principal, PrincipalId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/principals", MAY_MANAGE_PRINCIPALS)
    },
    Endpoint {
        summary: "Revoke a principal's access, at once and for good",
        answer: endpoint::json::<Named<PrincipalId>>(),
        handle: |request, gateway| Handler::call(revoke, request, gateway),
        ..endpoint::delete("/v1/principals/{principal}", MAY_MANAGE_PRINCIPALS)
    },
];

/// `POST /v1/principals`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<NewPrincipal>,
) -> Result<(StatusCode, Json<PrincipalCreated>), Problem> {
    let made = gateway
        .tenancy
        .create_principal(&caller.ctx(), body.value.role, &body.value.name, body.value.expires_at)
        .await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// `GET /v1/principals`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<List<Principal, PrincipalId>>, Problem> {
    let query = page.query();
    let limit = query.limit;
    let tenant = &caller.authenticated.tenant;
    let mut principals = Vec::new();
    for (id, known) in gateway.tenancy.principals(tenant, query).await? {
        principals.push((id, known, gateway.tenancy.last_used(tenant, id).await?));
    }
    Ok(Json(List::page(principals, limit, |(id, ..)| *id)))
}

/// `DELETE /v1/principals/{principal}`
pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
) -> Result<Json<Named<PrincipalId>>, Problem> {
    gateway.tenancy.revoke(&caller.ctx(), id, "revoked by an administrator").await?;
    Ok(Json(Named { id }))
}
