//! Tenants: made, listed and deleted by the platform's administrators.

use std::sync::Arc;

use api_types::approvals::Approval;
use api_types::principals::{NewAdministrator, PrincipalCreated};
use api_types::{List, ReasonGiven, tenants as api};
use approvals::NewApproval;
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use kernel::{Role, Subject, TenantId};
use serde_json::Value;
use tenancy::NewTenant;
use tenancy::actions::DELETE_TENANT;

use super::auth::Caller;
use super::endpoint::{self, Access, Endpoint};
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Make a tenant and its administrator, whose token is answered once",
        body: endpoint::takes::<api::NewTenant>(),
        status: 201,
        answer: endpoint::json::<api::TenantCreated>(),
        handle: |request, gateway| Handler::call(create, request, gateway),
        ..endpoint::endpoint("post", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "List tenants",
        answer: endpoint::list::<api::Tenant, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::endpoint("get", "/v1/tenants", Access::Platform)
    },
    Endpoint {
        summary: "Make another administrator for a tenant that lost its token",
        body: endpoint::takes::<NewAdministrator>(),
        status: 201,
        answer: endpoint::json::<PrincipalCreated>(),
        handle: |request, gateway| Handler::call(add_administrator, request, gateway),
        ..endpoint::endpoint("post", "/v1/tenants/{tenant}/administrators", Access::Platform)
    },
    Endpoint {
        summary: "Ask that a tenant be deleted; another administrator of the platform decides. Its log stays, what says who \
                  its people were does not",
        asks: Some(DELETE_TENANT),
        body: endpoint::takes::<ReasonGiven>(),
        status: 202,
        answer: endpoint::json::<Approval>(),
        handle: |request, gateway| Handler::call(delete, request, gateway),
        ..endpoint::endpoint("post", "/v1/tenants/{tenant}/delete", Access::Platform)
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

/// `POST /v1/tenants/{tenant}/delete`
pub async fn delete(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(tenant): Id<TenantId>,
    body: Body<ReasonGiven>,
) -> Result<(StatusCode, Json<Approval>), Problem> {
    let (ctx, reason) = (caller.ctx(), body.value.reason.0);
    gateway.deletions.ask(&ctx, &tenant, &reason).await?;
    let asked = NewApproval {
        command: DELETE_TENANT.as_str(),
        subject: Subject::new("tenant", &tenant),
        summary: format!("Delete the tenant {tenant}"),
        reason,
        arguments: Value::Null,
        deciding_roles: [Role::Administrator].into(),
    };
    let (id, approval) = gateway.approvals.ask(&ctx, asked).await?;
    Ok((StatusCode::ACCEPTED, Json(Approval::of(id, approval, &ctx.actor, ctx.now))))
}
