//! Principals of a tenant: people and programs, each with a role and a token of its own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::Reject;
use kernel::id::PrincipalId;
use serde::Deserialize;
use serde_json::{Value, json};
use tenancy::{NewPrincipal, Role};

use super::auth::Caller;
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use super::sites::Page;
use crate::Gateway;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipalBody {
    role: Role,
    name: String,
}

/// A name as a person gives it. The journal keeps it for ever, so that it names a duty rather than a person.
pub fn name(text: &str) -> Result<&str, Reject> {
    let name = text.trim();
    if name.is_empty() || text.chars().count() > NAME_CHARS_MAX {
        return Err(Reject::invalid_field("/name", "must have 1 to 60 characters"));
    }
    Ok(name)
}

/// A principal that was just made, with its token.
pub fn made(new: &NewPrincipal) -> (StatusCode, Json<Value>) {
    let answer = json!({ "id": new.id, "role": new.role, "name": new.name, "token": new.token.expose() });
    (StatusCode::CREATED, Json(answer))
}

/// `POST /v1/principals`
pub async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<NewPrincipalBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let new = gateway.tenancy.create_principal(&caller.ctx(), body.value.role, name(&body.value.name)?).await?;
    Ok(made(&new))
}

/// `GET /v1/principals`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<Value>, Problem> {
    let query = page.query(Vec::new());
    let limit = query.limit;
    let principals = gateway.tenancy.principals(&caller.authenticated.tenant, query).await?;
    let next = principals.last().filter(|_| principals.len() == limit).map(|(id, _)| id);
    let shown = principals.iter().map(|(id, principal)| {
        json!({
            "id": id, "role": principal.role, "name": principal.name, "revoked": principal.revoked,
            "created_at": principal.created_at,
        })
    });
    Ok(Json(json!({ "items": shown.collect::<Vec<_>>(), "next": next })))
}

/// `DELETE /v1/principals/{principal}`
pub async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
) -> Result<Json<Value>, Problem> {
    gateway.tenancy.revoke(&caller.ctx(), id, "revoked by an administrator").await?;
    Ok(Json(json!({ "id": id })))
}
