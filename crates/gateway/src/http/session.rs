//! Sessions of people: signing in and out, and what one may do. A session is a cookie that no script reads; a request that
//! comes with it must come from this page (`auth`).

use std::sync::Arc;

use api_types::session as api;
use api_types::{List, Named};
use axum::Json;
use axum::extract::{Extension, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::{Account, Client, LIFETIME_MS, PasswordHash, check_password};
use kernel::ctx::About;
use kernel::{Code, Reject, Role, TenantId};
use keys::Secret;

use super::auth::{self, Caller};
use super::endpoint::{self, Access, Endpoint};
use super::endpoints;
use super::extract::{Body, Id};
use super::problem::Problem;
use crate::Gateway;
use crate::connections::Place;

/// What can be asked here.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        summary: "Sign in: the session is a cookie",
        body: endpoint::takes::<api::SignIn>(),
        answer: endpoint::json::<api::Session>(),
        handle: |request, gateway| Handler::call(sign_in, request, gateway),
        ..endpoint::endpoint("post", "/v1/session", Access::Anyone)
    },
    Endpoint {
        summary: "Choose a password with the one-time code of an invitation or a reset, and sign in",
        body: endpoint::takes::<api::Invitation>(),
        answer: endpoint::json::<api::Session>(),
        handle: |request, gateway| Handler::call(accept, request, gateway),
        ..endpoint::endpoint("post", "/v1/session/invitation", Access::Anyone)
    },
    Endpoint {
        summary: "Who I am and what I may do",
        answer: endpoint::json::<api::Session>(),
        handle: |request, gateway| Handler::call(show, request, gateway),
        ..endpoint::endpoint("get", "/v1/session", Access::Authenticated)
    },
    Endpoint {
        summary: "Sign out",
        answer: endpoint::json::<api::Ended>(),
        handle: |request, gateway| Handler::call(sign_out, request, gateway),
        ..endpoint::endpoint("delete", "/v1/session", Access::Authenticated)
    },
    Endpoint {
        summary: "Act in another of my roles",
        body: endpoint::takes::<api::WhichRole>(),
        answer: endpoint::json::<api::Session>(),
        handle: |request, gateway| Handler::call(switch_role, request, gateway),
        ..endpoint::endpoint("put", "/v1/session/role", Access::Authenticated)
    },
    Endpoint {
        summary: "Change my password; my other sessions end",
        body: endpoint::takes::<api::NewPassword>(),
        answer: endpoint::json::<api::Ended>(),
        handle: |request, gateway| Handler::call(change_password, request, gateway),
        ..endpoint::endpoint("post", "/v1/session/password", Access::Authenticated)
    },
    Endpoint {
        summary: "List my sessions, the oldest first",
        answer: endpoint::list::<api::MySession, String>(),
        handle: |request, gateway| Handler::call(list, request, gateway),
        ..endpoint::endpoint("get", "/v1/sessions", Access::Authenticated)
    },
    Endpoint {
        summary: "End all my sessions but this one",
        answer: endpoint::json::<api::Ended>(),
        handle: |request, gateway| Handler::call(end_others, request, gateway),
        ..endpoint::endpoint("delete", "/v1/sessions", Access::Authenticated)
    },
    Endpoint {
        summary: "End one of my sessions",
        answer: endpoint::json::<Named<String>>(),
        handle: |request, gateway| Handler::call(end_one, request, gateway),
        ..endpoint::endpoint("delete", "/v1/sessions/{session}", Access::Authenticated)
    },
];

/// The address of a client and what it calls itself. Behind a proxy on this machine the proxy says it.
struct From {
    address: String,
    user_agent: String,
    is_secure: bool,
}

impl From {
    /// # Errors
    /// `FORBIDDEN` for a client that is neither on this machine nor behind TLS: its password would travel in the clear.
    fn of(headers: &HeaderMap, place: Option<&Place>) -> Result<Self, Problem> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let peer = place.map(Place::address);
        let is_local = peer.is_none_or(|peer| peer.is_loopback());
        let forwarded = text("x-forwarded-for").split(',').next_back().map(str::trim).filter(|_| is_local);
        let forwarded = forwarded.filter(|address| !address.is_empty());
        let is_secure = is_local && text("x-forwarded-proto").eq_ignore_ascii_case("https");
        if !is_secure && (!is_local || forwarded.is_some()) {
            let text = "passwords are taken over TLS only: reach the server through its TLS proxy";
            return Err(Problem::new(Code::Forbidden, text));
        }
        let address = forwarded.map_or_else(|| peer.map(|peer| peer.to_string()).unwrap_or_default(), str::to_owned);
        Ok(Self { address, user_agent: text("user-agent").to_owned(), is_secure })
    }

    fn client(&self) -> Client<'_> {
        Client { address: &self.address, user_agent: &self.user_agent }
    }
}

fn cookie(secret: &str, is_secure: bool, seconds: i64) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", auth::COOKIE);
    // A secret is letters, digits, lines and underscores.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn wrong() -> Problem {
    Problem::new(Code::Unauthenticated, "organisation, e-mail address or password is wrong")
}

/// Hashing a password takes a core for tens of milliseconds.
async fn hashing<T: Send + 'static>(
    gateway: &Gateway,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    gateway.hashing.run("too many people sign in at this moment: try again", work).await
}

async fn hash_of(gateway: &Gateway, password: String) -> Result<PasswordHash, Problem> {
    let hash = hashing(gateway, move || PasswordHash::of(&password)).await?;
    hash.ok_or_else(|| Problem::new(Code::Unavailable, "this machine gives no entropy"))
}

impl Gateway {
    async fn about(&self, tenant: &TenantId) -> Result<Option<About>, Problem> {
        let known = self.tenancy.tenant(tenant).await?;
        Ok(known.map(|known| About { sector: known.sector, simulated: known.simulated }))
    }

    /// The answer to somebody who just proved who they are, with the cookie of the session.
    async fn signed_in(self: &Arc<Self>, secret: &Secret, is_secure: bool) -> Result<Response, Problem> {
        let account = self.people.authenticate(secret.expose()).await?.ok_or_else(wrong)?;
        let caller = auth::caller_of(self, account, None).await?.ok_or_else(wrong)?;
        let set = cookie(secret.expose(), is_secure, LIFETIME_MS / 1_000);
        Ok(([(header::SET_COOKIE, set)], Json(self.session_of(&caller).await?)).into_response())
    }

    async fn session_of(&self, caller: &Caller) -> Result<api::Session, Problem> {
        let who = &caller.authenticated;
        let may = |endpoint: &&Endpoint| caller.may(endpoint.access).is_ok();
        let (name, email, roles, expires_at) = match &caller.account {
            Some(account) => {
                let profile = self.people.user(&who.tenant, account.id).await?;
                let email = profile.and_then(|profile| profile.email);
                let roles = account.user.roles.iter().copied().collect();
                (account.user.name.clone(), email, roles, Some(account.session.ends_at()))
            }
            None => {
                let principal = self.tenancy.principal(&who.tenant, who.principal).await?;
                let name = principal.and_then(|principal| principal.name);
                (name.unwrap_or_else(|| who.principal.to_string()), None, vec![who.role], None)
            }
        };
        Ok(api::Session {
            principal: who.principal,
            name,
            email,
            tenant: who.tenant.clone(),
            sector: who.sector,
            role: who.role,
            roles,
            kind: if caller.account.is_some() { api::Kind::Person } else { api::Kind::Program },
            may: endpoints().filter(may).map(Endpoint::operation_id).collect(),
            expires_at,
        })
    }
}

/// `POST /v1/session`
pub async fn sign_in(
    State(gateway): State<Arc<Gateway>>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    body: Body<api::SignIn>,
) -> Result<Response, Problem> {
    auth::check_same_origin(&headers)?;
    let from = From::of(&headers, place.as_deref())?;
    let api::SignIn { tenant, email, password } = body.value;
    let begun = gateway.people.begin_sign_in(&tenant, &email, &from.address).await?;
    let hash = begun.hash.clone();
    let is_right = hashing(&gateway, move || PasswordHash::verify_of(hash.as_ref(), &password)).await?;
    // An unknown organisation takes the same steps as a known one.
    let about = gateway.about(&tenant).await?;
    let known = about.unwrap_or(About { sector: None, simulated: false });
    let open = gateway.people.finish_sign_in(known, begun, is_right && about.is_some(), &from.user_agent).await?;
    metrics::counter!("atlasmesh_sign_ins_total", "outcome" => if open.is_some() { "signed_in" } else { "refused" })
        .increment(1);
    let Some(open) = open else {
        tracing::info!(%tenant, address = from.address, "sign-in refused");
        return Err(wrong());
    };
    tracing::info!(%tenant, user = %open.session.user, "signed in");
    gateway.signed_in(&open.secret, from.is_secure).await
}

/// `POST /v1/session/invitation`
pub async fn accept(
    State(gateway): State<Arc<Gateway>>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    body: Body<api::Invitation>,
) -> Result<Response, Problem> {
    auth::check_same_origin(&headers)?;
    let from = From::of(&headers, place.as_deref())?;
    let api::Invitation { tenant, code, password } = body.value;
    let profile = gateway.people.invited(&tenant, &code).await?;
    check_password(&password, &[&profile.user.name, profile.email.as_deref().unwrap_or_default()])?;
    let about = gateway.about(&tenant).await?.ok_or_else(wrong)?;
    let hash = hash_of(&gateway, password).await?;
    let who = gateway.people.accept(&tenant, about, &code, &hash).await?;
    let open = gateway.people.open_session(&tenant, about, who, from.client()).await?;
    gateway.signed_in(&open.secret, from.is_secure).await
}

/// `GET /v1/session`
pub async fn show(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<api::Session>, Problem> {
    Ok(Json(gateway.session_of(&caller).await?))
}

fn person(caller: &Caller) -> Result<&Account, Problem> {
    let text = "a program's token has no session: this is for people who signed in";
    caller.account.as_deref().ok_or_else(|| Problem::new(Code::IllegalTransition, text))
}

/// `DELETE /v1/session`
pub async fn sign_out(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Response, Problem> {
    let account = person(&caller)?;
    let ended =
        gateway.people.end_sessions(&caller.ctx(), account.id, &account.session_name, false, "signed_out").await?;
    Ok(([(header::SET_COOKIE, cookie("", false, 0))], Json(api::Ended { ended })).into_response())
}

/// `PUT /v1/session/role`
pub async fn switch_role(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<api::WhichRole>,
) -> Result<Json<api::Session>, Problem> {
    let account = person(&caller)?;
    let secret = auth::session_secret(&headers).unwrap_or_default();
    let role: Role = body.value.role;
    gateway.people.switch_role(account, secret, role).await?;
    let account = gateway.people.authenticate(secret).await?.ok_or_else(wrong)?;
    let caller = auth::caller_of(&gateway, account, None).await?.ok_or_else(wrong)?;
    Ok(Json(gateway.session_of(&caller).await?))
}

/// `POST /v1/session/password`
pub async fn change_password(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    body: Body<api::NewPassword>,
) -> Result<(StatusCode, Json<api::Ended>), Problem> {
    let account = person(&caller)?;
    let api::NewPassword { current, password } = body.value;
    let email = gateway.people.user(&account.tenant, account.id).await?.and_then(|profile| profile.email);
    check_password(&password, &[&account.user.name, email.as_deref().unwrap_or_default()])?;
    let hash = gateway.people.password(&account.tenant, account.id).await?;
    let is_right = hashing(&gateway, move || PasswordHash::verify_of(hash.as_ref(), &current)).await?;
    if !is_right {
        return Err(Reject::invalid_field("/current", "is not your password").into());
    }
    let hash = hash_of(&gateway, password).await?;
    let before = gateway.people.sessions(&account.tenant, account.id).await?.len();
    gateway.people.change_password(&caller.ctx(), account, &hash).await?;
    Ok((StatusCode::OK, Json(api::Ended { ended: before.saturating_sub(1) })))
}

/// `GET /v1/sessions`
pub async fn list(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<Json<List<api::MySession, String>>, Problem> {
    let account = person(&caller)?;
    let sessions = gateway.people.sessions(&account.tenant, account.id).await?;
    let mine = sessions.into_iter().map(|(id, session)| api::MySession::of(id, session, &account.session_name));
    Ok(Json(List::whole(mine)))
}

/// `DELETE /v1/sessions`
pub async fn end_others(State(gateway): State<Arc<Gateway>>, caller: Caller) -> Result<Json<api::Ended>, Problem> {
    let account = person(&caller)?;
    let ended =
        gateway.people.end_sessions(&caller.ctx(), account.id, &account.session_name, true, "ended_by_user").await?;
    Ok(Json(api::Ended { ended }))
}

/// `DELETE /v1/sessions/{session}`
pub async fn end_one(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Id(session): Id<String>,
) -> Result<Json<Named<String>>, Problem> {
    let account = person(&caller)?;
    gateway.people.end_sessions(&caller.ctx(), account.id, &session, false, "ended_by_user").await?;
    Ok(Json(Named { id: session }))
}
