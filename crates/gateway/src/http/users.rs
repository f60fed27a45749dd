//! People of a tenant, managed by its administrators.

use std::sync::Arc;

use api_types::users::{Invited, NameOf, NewUser, Roles, User};
use api_types::{List, Named, Page};
use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use identity::MAY_MANAGE_USERS;
use kernel::TenantId;
use kernel::id::PrincipalId;

use super::auth::Caller;
use super::endpoint::{self, Access, Endpoint};
use super::extract::{Body, Id, Parameters};
use super::problem::Problem;
use crate::Gateway;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Invite a person; the one-time link is answered once, for the administrator to hand over",
        body: endpoint::takes::<NewUser>(),
        status: 201,
        answer: endpoint::json::<Invited>(),
        handle: |request, gateway| Handler::call(invite, request, gateway),
        ..endpoint::post("/v1/users", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "List users",
        query: endpoint::takes::<Page>(),
        answer: endpoint::list::<User, PrincipalId>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::get("/v1/users", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "Show a user",
        answer: endpoint::json::<User>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::get("/v1/users/{user}", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "Give a user other roles, from the next request on",
        body: endpoint::takes::<Roles>(),
        answer: endpoint::json::<User>(),
        handle: |request, gateway| Handler::call(change_roles, request, gateway),
        ..endpoint::put("/v1/users/{user}/roles", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "Give out a one-time link for another password; the one before and all sessions end",
        answer: endpoint::json::<Invited>(),
        handle: |request, gateway| Handler::call(reset, request, gateway),
        ..endpoint::post("/v1/users/{user}/reset", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "End a user's access, at once and for good",
        answer: endpoint::json::<Named<PrincipalId>>(),
        handle: |request, gateway| Handler::call(disable, request, gateway),
        ..endpoint::delete("/v1/users/{user}", MAY_MANAGE_USERS)
    },
    Endpoint {
        summary: "The names of people and programs, by the ids that the journal has of them",
        query: endpoint::takes::<Page>(),
        answer: endpoint::list::<NameOf, PrincipalId>(),
        handle: |request, gateway| Handler::call(names, request, gateway),
        ..endpoint::endpoint("get", "/v1/people", Access::Authenticated)
    },
];

/// Where the page takes a one-time code. The code stands behind `#`, which no server and no proxy is told.
fn link(tenant: &TenantId, code: &str) -> String {
    format!("/welcome#{tenant}/{code}")
}

/// `POST /v1/users`
pub async fn invite(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<NewUser>,
) -> Result<(StatusCode, Json<Invited>), Problem> {
    let NewUser { name, email, roles } = body.value;
    let ctx = caller.ctx();
    let (id, code) = gateway.people.invite(&ctx, &name, &email, roles).await?;
    tracing::info!(tenant = %ctx.tenant, user = %id, "user invited");
    Ok((StatusCode::CREATED, Json(Invited { id, invitation: link(&ctx.tenant, code.expose()) })))
}

/// `GET /v1/users`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<List<User, PrincipalId>>, Problem> {
    let query = page.query();
    let limit = query.limit;
    let users = gateway.people.users(&caller.authenticated.tenant, query).await?;
    Ok(Json(List::page(users, limit, |profile| profile.id)))
}

impl Gateway {
    async fn user(&self, caller: &Caller, id: PrincipalId) -> Result<User, Problem> {
        let profile = self.people.user(&caller.authenticated.tenant, id).await?;
        profile.map(User::from).ok_or_else(|| Problem::not_found("user", id))
    }

    /// Whether somebody else than users administers the tenant: a program with a token.
    async fn has_program_administrator(&self, tenant: &TenantId) -> Result<bool, Problem> {
        let filters = vec![("role", kernel::Role::Administrator.as_str().to_owned())];
        let programs = self.tenancy.principals(tenant, store::ListQuery { filters, ..store::ListQuery::all() }).await?;
        Ok(programs.iter().any(|(_, principal)| !principal.revoked))
    }
}

/// `GET /v1/users/{user}`
pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
) -> Result<Json<User>, Problem> {
    Ok(Json(gateway.user(&caller, id).await?))
}

/// `PUT /v1/users/{user}/roles`
pub async fn change_roles(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
    body: Body<Roles>,
) -> Result<Json<User>, Problem> {
    let ctx = caller.ctx();
    let has_program = gateway.has_program_administrator(&ctx.tenant).await?;
    gateway.people.change_roles(&ctx, id, &body.value.roles, has_program).await?;
    Ok(Json(gateway.user(&caller, id).await?))
}

/// `POST /v1/users/{user}/reset`
pub async fn reset(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
) -> Result<Json<Invited>, Problem> {
    let ctx = caller.ctx();
    let code = gateway.people.reset(&ctx, id).await?;
    Ok(Json(Invited { id, invitation: link(&ctx.tenant, code.expose()) }))
}

/// `DELETE /v1/users/{user}`
pub async fn disable(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(id): Id<PrincipalId>,
) -> Result<Json<Named<PrincipalId>>, Problem> {
    let ctx = caller.ctx();
    let has_program = gateway.has_program_administrator(&ctx.tenant).await?;
    gateway.people.disable(&ctx, id, has_program, "disabled by an administrator").await?;
    Ok(Json(Named { id }))
}

/// `GET /v1/people`
pub async fn names(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Json<List<NameOf, PrincipalId>>, Problem> {
    let tenant = &caller.authenticated.tenant;
    let query = page.query();
    let limit = query.limit;
    let programs = gateway.tenancy.principals(tenant, query.clone()).await?;
    let users = gateway.people.users(tenant, query).await?;
    let named = programs.into_iter().filter_map(|(id, principal)| Some(NameOf { id, name: principal.name? }));
    let mut names: Vec<NameOf> =
        named.chain(users.into_iter().map(|one| NameOf { id: one.id, name: one.user.name })).collect();
    names.sort_by_key(|one| one.id);
    names.truncate(limit);
    Ok(Json(List::page(names, limit, |one| one.id)))
}
