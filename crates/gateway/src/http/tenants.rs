//! Tenants: made and listed by the platform's administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::{Code, Sector, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};
use tenancy::{NewTenant, Operation, Tenant};

use super::auth::Caller;
use super::extract::Body;
use super::problem::Problem;
use crate::Gateway;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenantBody {
    name: TenantId,
    sector: Sector,
    simulated: bool,
}

fn platform_only(caller: &Caller) -> Result<(), Problem> {
    caller.may(Operation::ManageTenants)?;
    if caller.authenticated.tenant.is_platform() {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "only the platform's administrator manages tenants"))
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
    platform_only(&caller)?;
    let NewTenantBody { name, sector, simulated } = body.value;
    let (tenant, token) = gateway.tenancy.create_tenant(&caller.ctx(), NewTenant { name, sector, simulated }).await?;
    let mut answer = shown(&tenant);
    answer["token"] = token.expose().into();
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /v1/tenants`
pub async fn list(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<Value>, Problem> {
    platform_only(&caller)?;
    let tenants = gateway.tenancy.tenants().await?;
    Ok(Json(json!({ "items": tenants.iter().map(shown).collect::<Vec<_>>(), "next": null })))
}
