//! Who asks, and whether they may. Every operation but those for anybody passes [`admit`]: a valid token, a role that may
//! do it, not too fast. A handler finds whom it serves as [`Caller`].

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use identity::Account;
use kernel::{Actor, Code, Ctx, SiteId};
use store::port::Fault;
use tenancy::{Authenticated, Role};

use super::endpoint::{Access, Answer, Endpoint};
use super::problem::{Problem, Told, told};
use crate::Gateway;
use crate::connections::{Held, Place};

/// The subprotocol of our WebSockets.
pub const SUBPROTOCOL: &str = "atlasmesh.v1";

/// The name of the cookie that a session is.
pub const COOKIE: &str = "atlasmesh_session";

/// The principal behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person, where one signed in; `None` for a program with a token.
    pub account: Option<Arc<Account>>,
    /// Who it is, for which tenant, in which role.
    pub authenticated: Authenticated,
    gateway: Arc<Gateway>,
    /// Its connection ends for no other while anybody has this.
    _held: Option<Arc<Held>>,
}

/// Lets a request through to what carries it out, as its operation says.
pub async fn admit(
    State((gateway, endpoint)): State<(Arc<Gateway>, &'static Endpoint)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if endpoint.access != Access::Anyone {
        let is_socket = matches!(endpoint.answer, Answer::Socket);
        let place = request.extensions().get();
        let caller = match token(request.headers(), is_socket) {
            Some(token) => gateway.caller(token, place).await?,
            None => {
                let secret = session_secret(request.headers()).ok_or_else(unauthenticated)?;
                // A socket is opened by a GET, and is no safe request for all that.
                if is_socket || endpoint.method != "get" {
                    check_same_origin(request.headers())?;
                }
                let account = gateway.people.authenticate(secret).await?.ok_or_else(unauthenticated)?;
                caller_of(&gateway, account, place).await?.ok_or_else(unauthenticated)?
            }
        };
        caller.may(endpoint.access)?;
        if endpoint.counted {
            let who = &caller.authenticated;
            gateway.rates.count(&who.tenant, who.principal, Instant::now())?;
        }
        request.extensions_mut().insert(caller.clone());
        return Ok(in_sector(&gateway, &caller, next.run(request).await).await);
    }
    Ok(next.run(request).await)
}

/// The sector in which the caller was answered, and which generation of it: who keeps what is in force asks again when it
/// is another.
const SECTOR: HeaderName = HeaderName::from_static("atlasmesh-sector");

/// An answer with its sector; a refusal also in the sector's words, with the sector's rules and the alternatives (SECTOR-6).
async fn in_sector(gateway: &Gateway, caller: &Caller, mut response: Response) -> Response {
    let who = &caller.authenticated;
    let Some(sector) = who.sector else { return response };
    if let Some(Told(reject)) = response.extensions_mut().remove() {
        match gateway.sectors.spoken(&who.tenant).await {
            Ok(spoken) => response = told(*reject, spoken),
            Err(error) => tracing::warn!(%error, "a refusal is told without the words of its sector"),
        }
    }
    // A sector's name is letters and a line.
    let value = HeaderValue::from_str(&format!("{sector};generation={}", who.generation));
    response.headers_mut().extend(value.ok().map(|value| (SECTOR, value)));
    response
}

/// The token that came along. Browsers cannot set the headers of a WebSocket, so there it may come as a subprotocol
/// `bearer.<token>`; never in the address, which others write down.
fn token(headers: &HeaderMap, is_socket: bool) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| is_socket);
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    bearer.or_else(|| offered.find_map(|protocol| protocol.trim().strip_prefix("bearer.")))
}

/// The secret of the session that came along as a cookie (RFC 6265 §4.2).
pub fn session_secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)
}

/// Refuses what another page made a browser send. Browsers say where a request comes from, by `Sec-Fetch-Site` (W3C Fetch
/// Metadata) and by `Origin`; the cookie itself is `SameSite=Strict` beside that. A program that sends neither has no
/// browser's cookies to abuse.
///
/// # Errors
/// `FORBIDDEN`.
pub fn check_same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) == text("host"),
        (None, None) => true,
    };
    let text = "this request comes from another page: open the Control Center itself";
    if is_ours { Ok(()) } else { Err(Problem::new(Code::Forbidden, text)) }
}

/// The caller that a session stands for; `None` where its tenant is gone.
///
/// # Errors
/// A fault of the store.
pub async fn caller_of(
    gateway: &Arc<Gateway>,
    account: Account,
    place: Option<&Place>,
) -> Result<Option<Caller>, Problem> {
    let known = gateway.tenancy.tenant(&account.tenant).await?;
    let Some(known) = known.filter(|known| known.deleted.is_none()) else { return Ok(None) };
    tracing::Span::current().record("tenant", account.tenant.as_str());
    let authenticated = Authenticated {
        tenant: account.tenant.clone(),
        principal: account.id,
        role: account.session.role,
        sector: known.sector,
        simulated: known.simulated,
        entitlements: known.entitlements,
        generation: known.generation,
    };
    let held = place.map(Place::hold).map(Arc::new);
    Ok(Some(Caller { authenticated, account: Some(Arc::new(account)), gateway: Arc::clone(gateway), _held: held }))
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "sign in, or send a valid token as `Authorization: Bearer <token>`")
}

impl Gateway {
    async fn caller(self: &Arc<Self>, token: &str, place: Option<&Place>) -> Result<Caller, Problem> {
        let authenticated = self.tenancy.authenticate(token).await?.ok_or_else(unauthenticated)?;
        tracing::Span::current().record("tenant", authenticated.tenant.as_str());
        if self.tenancy.is_new_use(&authenticated) {
            let (tenancy, who) = (Arc::clone(&self.tenancy), authenticated.clone());
            tokio::spawn(async move { tenancy.note_use(&who).await });
        }
        let held = place.map(Place::hold).map(Arc::new);
        Ok(Caller { authenticated, account: None, gateway: Arc::clone(self), _held: held })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthenticated)
    }
}

impl Caller {
    /// Fails with `FORBIDDEN` for whoever may not, naming the role and the operation.
    pub fn may(&self, access: Access) -> Result<(), Problem> {
        let who = &self.authenticated;
        let text = match access {
            Access::Anyone | Access::Authenticated => return Ok(()),
            Access::Tenant(operation) if operation.permits(who.role) => return Ok(()),
            Access::Platform if who.tenant.is_platform() && who.role == Role::Administrator => return Ok(()),
            Access::Tenant(operation) => {
                format!("the role {} may not {operation}: ask an administrator of the tenant", who.role)
            }
            Access::Platform => "only the platform's administrator manages tenants".into(),
        };
        Err(Problem::new(Code::Forbidden, text))
    }

    /// Whether the caller's access still stands, for answers that last.
    pub async fn is_still_valid(&self) -> Result<bool, Fault> {
        let who = &self.authenticated;
        match &self.account {
            Some(account) => self.gateway.people.is_active(account, self.gateway.source.now()).await,
            None => self.gateway.tenancy.is_active(&who.tenant, who.principal).await,
        }
    }

    /// The context of a command of this caller.
    pub fn ctx(&self) -> Ctx {
        let who = &self.authenticated;
        let actor = match self.account {
            Some(_) => Actor::person(who.principal, who.role.as_str()),
            None => Actor::principal(who.principal, who.role.as_str()),
        };
        let mut ctx = Ctx::new(&*self.gateway.source, who.tenant.clone(), actor);
        if let Some(sector) = who.sector {
            ctx = ctx.in_sector(sector);
        }
        ctx.simulated = who.simulated;
        ctx
    }

    /// The context of a command of this caller at a site.
    pub fn ctx_at(&self, site: SiteId) -> Ctx {
        self.ctx().at_site(site)
    }
}
