//! Principals of a tenant: people and programs, each with a role and a token of its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::id::PrincipalId;

use super::auth::Caller;
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;
use crate::api::principals::{NewPrincipal, Principal, PrincipalCreated};
use crate::api::{List, Named, Page};

/// `POST /v1/principals`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<NewPrincipal>,
) -> Result<(StatusCode, Json<PrincipalCreated>), Problem> {
    let made = gateway.tenancy.create_principal(&caller.ctx(), body.value.role, &body.value.name).await?;
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
    let principals = gateway.tenancy.principals(&caller.authenticated.tenant, query).await?;
    Ok(Json(List::page(principals, limit, |(id, _)| *id)))
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
