//! Tenants: made and listed by the platform's administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::{Sector, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};
use tenancy::{NewTenant, Tenant};

use super::auth::Caller;
use super::extract::{Body, Id};
use super::principals;
use super::problem::Problem;
use crate::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenantBody {
    name: TenantId,
    sector: Sector,
    simulated: bool,
}

fn shown(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "sector": tenant.sector, "simulated": tenant.simulated, "created_at": tenant.created_at })
}

/// `POST /v1/tenants`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<NewTenantBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let NewTenantBody { name, sector, simulated } = body.value;
    let (tenant, token) = gateway.tenancy.create_tenant(&caller.ctx(), NewTenant { name, sector, simulated }).await?;
    let mut answer = shown(&tenant);
    answer["token"] = token.expose().into();
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /v1/tenants`
pub async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Problem> {
    let tenants = gateway.tenancy.tenants().await?;
    Ok(Json(json!({ "items": tenants.iter().map(shown).collect::<Vec<_>>(), "next": null })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdministratorBody {
    name: String,
}

/// `POST /v1/tenants/{tenant}/administrators`
pub async fn add_administrator(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(tenant): Id<TenantId>,
    body: Body<AdministratorBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let name = principals::name(&body.value.name)?;
    Ok(principals::made(&gateway.tenancy.add_administrator(&caller.ctx(), &tenant, name).await?))
}
