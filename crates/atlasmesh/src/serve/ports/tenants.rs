//! What is left of a tenant that is to be deleted, and its deletion once two people want it.

use std::sync::Arc;

use approvals::ApprovedCommand;
use evidence::LegalHold;
use kernel::{BoxFuture, Code, Ctx, Reject, Subject, TenantId};
use serde_json::Value;
use store::port::{Fault, ListQuery, Store};
use store::{CommandError, TableSpec};
use tenancy::actions::DELETE_TENANT;
use tenancy::deletion::{Obstacles, Remains};

/// Tables that say who people are, or let them in.
pub const PERSONAL_TABLES: [TableSpec; 10] = [
    store::personal::PERSONAL,
    store::IDEMPOTENCY,
    tenancy::TOKENS,
    tenancy::TOKEN_USES,
    identity::PASSWORDS,
    identity::SESSIONS,
    identity::ONE_TIME_CODES,
    identity::USER_EMAILS,
    identity::SIGN_IN_FAILURES,
    security::CHANNEL_SECRETS,
];

/// What the fleet and the evidence know of a tenant.
pub struct RemainsOf {
    pub store: Arc<dyn Store>,
    pub fleet: Arc<::fleet::Fleet>,
}

impl Remains for RemainsOf {
    fn obstacles<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Obstacles, Fault>> {
        Box::pin(async move {
            let vehicles = self.fleet.serving(tenant).await?.len();
            let held = self.store.list(TableSpec::of::<LegalHold>(), tenant, ListQuery::of("in_force", "yes")).await?;
            let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
            Ok(Obstacles { vehicles: count(vehicles), legal_holds: count(held.len()) })
        })
    }
}

/// Deletes a tenant.
pub struct DeleteTenant(pub Arc<tenancy::Deletions>);

impl ApprovedCommand for DeleteTenant {
    fn command(&self) -> &'static str {
        DELETE_TENANT.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        _: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let unreadable = |_| Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
            let tenant: TenantId = subject.id().parse().map_err(unreadable)?;
            self.0.delete(ctx, &tenant, reason).await
        })
    }
}
