//! Who asks. A handler that takes a [`Caller`] is reachable with a valid token only; one that names an operation is
//! reachable by the roles that may do it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use kernel::{Actor, Code, Ctx, SiteId};
use store::port::Fault;
use tenancy::{Authenticated, Operation};

use super::problem::Problem;
use crate::Gateway;

/// The principal behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is, for which tenant, in which role.
    pub authenticated: Authenticated,
    gateway: Arc<Gateway>,
}

impl FromRequestParts<Arc<Gateway>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        Self::of(bearer(parts), gateway).await
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The subprotocol of our WebSockets.
pub const SUBPROTOCOL: &str = "atlasmesh.v1";

/// The principal behind a WebSocket. Browsers cannot set its headers, so the token may come as a subprotocol
/// `bearer.<token>`; never in the address, which others write down.
pub struct SocketCaller(pub Caller);

impl FromRequestParts<Arc<Gateway>> for SocketCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let offered = parts.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let token = bearer(parts).or_else(|| offered.find_map(|protocol| protocol.trim().strip_prefix("bearer.")));
        Ok(Self(Caller::of(token, gateway).await?))
    }
}

impl Caller {
    async fn of(token: Option<&str>, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let refused = || Problem::new(Code::Unauthenticated, "send a valid token as `Authorization: Bearer <token>`");
        let authenticated = gateway.tenancy.authenticate(token.ok_or_else(refused)?).await?.ok_or_else(refused)?;
        tracing::Span::current().record("tenant", authenticated.tenant.as_str());
        Ok(Self { authenticated, gateway: Arc::clone(gateway) })
    }

    /// Whether the caller's access still stands, for answers that last.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn is_still_valid(&self) -> Result<bool, Fault> {
        let who = &self.authenticated;
        self.gateway.tenancy.is_active(&who.tenant, who.principal).await
    }

    /// The same caller, if its role may do this.
    ///
    /// # Errors
    /// `FORBIDDEN`, naming the role and the operation.
    pub fn may(&self, operation: Operation) -> Result<(), Problem> {
        if self.authenticated.role.may(operation) {
            return Ok(());
        }
        let text =
            format!("the role {} may not {operation}: ask an administrator of the tenant", self.authenticated.role);
        Err(Problem::new(Code::Forbidden, text))
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
