//! Tenants: made and listed by the platform's administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::TenantId;
use tenancy::NewTenant;

use super::auth::Caller;
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;
use crate::api::List;
use crate::api::principals::{NewAdministrator, PrincipalCreated};
use crate::api::tenants as api;

/// `POST /v1/tenants`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewTenant>,
) -> Result<(StatusCode, Json<api::TenantCreated>), Problem> {
    let api::NewTenant { name, sector, simulated } = body.value;
    let (tenant, token) = gateway.tenancy.create_tenant(&caller.ctx(), NewTenant { name, sector, simulated }).await?;
    let made = api::TenantCreated { tenant: tenant.into(), token: token.expose().into() };
    Ok((StatusCode::CREATED, Json(made)))
}

/// `GET /v1/tenants`
pub async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<List<api::Tenant>>, Problem> {
    Ok(Json(List::whole(gateway.tenancy.tenants().await?)))
}

/// `POST /v1/tenants/{tenant}/administrators`
pub async fn add_administrator(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(tenant): Id<TenantId>,
    body: Body<NewAdministrator>,
) -> Result<(StatusCode, Json<PrincipalCreated>), Problem> {
    let made = gateway.tenancy.add_administrator(&caller.ctx(), &tenant, &body.value.name).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
