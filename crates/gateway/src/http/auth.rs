//! Who asks. A handler that takes a [`Caller`] is reachable with a valid token only; one that names an operation is
//! reachable by the roles that may do it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use kernel::{Actor, Code, Ctx, SiteId};
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
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let refused = || Problem::new(Code::Unauthenticated, "send a valid token as `Authorization: Bearer <token>`");
        let token = token.ok_or_else(refused)?;
        let authenticated = gateway.tenancy.authenticate(token).await?.ok_or_else(refused)?;
        tracing::Span::current().record("tenant", authenticated.tenant.as_str());
        Ok(Self { authenticated, gateway: Arc::clone(gateway) })
    }
}

impl Caller {
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
