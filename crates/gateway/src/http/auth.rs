//! Who asks, and whether they may. Every operation but those for anybody passes [`admit`]: a valid token, a role that may
//! do it, not too fast. A handler finds whom it serves as [`Caller`].

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use kernel::{Actor, Code, Ctx, SiteId};
use store::port::Fault;
use tenancy::{Authenticated, Role};

use super::endpoint::{Access, Answer, Endpoint};
use super::problem::Problem;
use crate::Gateway;
use crate::connections::{Held, Place};

/// The subprotocol of our WebSockets.
pub const SUBPROTOCOL: &str = "atlasmesh.v1";

/// The principal behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
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
        let token = token(request.headers(), matches!(endpoint.answer, Answer::Socket));
        let caller = gateway.caller(token, request.extensions().get()).await?;
        caller.may(endpoint.access)?;
        if endpoint.counted {
            let who = &caller.authenticated;
            gateway.rates.count(&who.tenant, who.principal, Instant::now())?;
        }
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// The token that came along. Browsers cannot set the headers of a WebSocket, so there it may come as a subprotocol
/// `bearer.<token>`; never in the address, which others write down.
fn token(headers: &HeaderMap, is_socket: bool) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| is_socket);
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    bearer.or_else(|| offered.find_map(|protocol| protocol.trim().strip_prefix("bearer.")))
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "send a valid token as `Authorization: Bearer <token>`")
}

impl Gateway {
    async fn caller(self: &Arc<Self>, token: Option<&str>, place: Option<&Place>) -> Result<Caller, Problem> {
        let token = token.ok_or_else(unauthenticated)?;
        let authenticated = self.tenancy.authenticate(token).await?.ok_or_else(unauthenticated)?;
        tracing::Span::current().record("tenant", authenticated.tenant.as_str());
        let held = place.map(Place::hold).map(Arc::new);
        Ok(Caller { authenticated, gateway: Arc::clone(self), _held: held })
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
    fn may(&self, access: Access) -> Result<(), Problem> {
        let who = &self.authenticated;
        let text = match access {
            Access::Anyone => return Ok(()),
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
        self.gateway.tenancy.is_active(&who.tenant, who.principal).await
    }

    /// The context of a command of this caller.
    pub fn ctx(&self) -> Ctx {
        let who = &self.authenticated;
        let actor = Actor::principal(who.principal, who.role.as_str());
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
