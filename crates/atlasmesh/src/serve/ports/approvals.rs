//! Commands that two people decide, in the words of the domain that carries each out.

use std::sync::Arc;

use approvals::ApprovedCommand;
use fleet::actions::RELEASE_HOLD;
use kernel::id::HoldId;
use kernel::{BoxFuture, Code, Ctx, Reject, Subject, VehicleId};
use serde::Deserialize;
use serde_json::Value;
use store::CommandError;

/// Releases a hold that another placed.
pub struct ReleaseHold(pub Arc<fleet::Fleet>);

#[derive(Deserialize)]
struct Arguments {
    hold: HoldId,
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
            let unreadable = || Reject::new(Code::IllegalTransition, "this approval is of another version: ask again");
            let vehicle: VehicleId = subject.id().parse().map_err(|_| unreadable())?;
            let Arguments { hold } = Arguments::deserialize(arguments).map_err(|_| unreadable())?;
            let known = self.0.vehicle(&ctx.tenant, vehicle).await?.ok_or_else(unreadable)?;
            if !known.vehicle.holds.iter().any(|other| other.id == hold) {
                // Carried out before, or released by its owner meanwhile.
                return Ok(());
            }
            self.0.release_hold(ctx, vehicle, hold, reason).await
        })
    }
}
