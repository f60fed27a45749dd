//! Tenants: made and listed by the platform's administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::on;
use kernel::TenantId;
use tenancy::NewTenant;

use super::auth::Caller;
use super::endpoint::{self, Access, Endpoint};
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;
use crate::api::principals::{NewAdministrator, PrincipalCreated};
use crate::api::{List, tenants as api};

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Make a tenant and its administrator, whose token is answered once",
        body: endpoint::takes::<api::NewTenant>(),
        status: 201,
        answer: endpoint::json::<api::TenantCreated>(),
        route: |m| on(m, create),
        ..endpoint::endpoint("post", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "List tenants",
        answer: endpoint::list::<api::Tenant, String>(),
        route: |m| on(m, list),
        ..endpoint::endpoint("get", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "Make another administrator for a tenant that lost its token",
        body: endpoint::takes::<NewAdministrator>(),
        status: 201,
        answer: endpoint::json::<PrincipalCreated>(),
        route: |m| on(m, add_administrator),
        ..endpoint::endpoint("post", "/v1/tenants/{tenant}/administrators", Access::Platform)
    },
];

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
