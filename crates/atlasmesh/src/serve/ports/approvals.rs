//! Commands that two people decide, in the words of the domain that carries each out.

use std::sync::Arc;

use approvals::{ApprovedCommand, Person};
use fleet::actions::{CLEAR_STOP, RELEASE_HOLD};
use kernel::ctx::About;
use kernel::id::HoldId;
use kernel::{BoxFuture, Code, CommandId, Ctx, Reject, Subject, TenantId, VehicleId};
use serde::Deserialize;
use serde_json::Value;
use store::CommandError;
use store::port::Fault;

/// Whose word an approval is.
pub struct PeopleOf {
    pub tenancy: Arc<tenancy::Tenancy>,
    pub people: Arc<identity::People>,
}

impl approvals::Tenants for PeopleOf {
    fn about<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<About, Fault>> {
        Box::pin(super::about(&self.tenancy, tenant))
    }

    fn may_act<'a>(&'a self, tenant: &'a TenantId, person: &'a Person) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let Ok(id) = person.id.parse() else { return Ok(false) };
            if self.people.acts_as(tenant, id, &person.role).await? {
                return Ok(true);
            }
            let program = self.tenancy.principal(tenant, id).await?;
            let is_it = |known: tenancy::Principal| known.role.as_str() == person.role;
            Ok(self.tenancy.is_active(tenant, id).await? && program.is_some_and(is_it))
        })
    }
}

/// Releases a hold that another placed.
pub struct ReleaseHold(pub Arc<fleet::Fleet>);

/// Clears a stop that another ordered.
pub struct ClearStop(pub Arc<fleet::Fleet>);

#[derive(Deserialize)]
struct WhichHold {
    hold: HoldId,
}

#[derive(Deserialize)]
struct WhichStop {
    stop: CommandId,
}

/// The vehicle that a command is about, and what else it names.
fn read<T: for<'de> Deserialize<'de>>(subject: &Subject, arguments: &Value) -> Result<(VehicleId, T), Reject> {
    let unreadable = || Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
    let vehicle = subject.id().parse().map_err(|_| unreadable())?;
    Ok((vehicle, T::deserialize(arguments).map_err(|_| unreadable())?))
}

impl ApprovedCommand for ReleaseHold {
    fn command(&self) -> &'static str {
        RELEASE_HOLD.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        arguments: &'a Value,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (vehicle, WhichHold { hold }) = read(subject, arguments)?;
            match self.0.release_hold(ctx, vehicle, hold, reason).await {
                // Carried out before, or released by its owner meanwhile.
                Err(CommandError::Reject(reject)) if reject.code == Code::NotFound => Ok(()),
                released => released,
            }
        })
    }
}

impl ApprovedCommand for ClearStop {
    fn command(&self) -> &'static str {
        CLEAR_STOP.as_str()
    }

    fn carry_out<'a>(
        &'a self,
        ctx: &'a Ctx,
        subject: &'a Subject,
        arguments: &'a Value,
        _: &'a str,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            let (vehicle, WhichStop { stop }) = read(subject, arguments)?;
            match self.0.clear_stop(ctx, vehicle, stop).await {
                // Carried out before, or cleared by who ordered it meanwhile.
                Err(CommandError::Reject(reject)) if reject.code == Code::NotFound => Ok(()),
                cleared => cleared,
            }
        })
    }
}
