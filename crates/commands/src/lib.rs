//! Commands to vehicles. Each domain says which command an event of its own implies, which of them hold a vehicle by the
//! domain's state, and what follows from a vehicle's answer; rows, delivery, expiry and clearances are the same for all,
//! and live here. Sessions only carry.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic"))]

mod clearance;
mod delivery;
mod outbox;
mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{BoxFuture, CommandId, Ctx, Envelope, TenantId, VehicleId};
use link::delivery::Delivery;
use link::{CommandReport, v1};
use store::CommandError;
use store::port::{Fault, Store};

pub use clearance::{CLEARANCE, clear, clearance, was_cleared};
pub use delivery::{Outgoing, advance, to_deliver};
pub use outbox::{Outbox, Touched};
pub use rows::{Retirement, StoredCommand, VEHICLE_COMMANDS, forget, get, id_of_event, list};

/// A command that an event implies.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCommand {
    /// Its id, which follows from the event: performing the effect twice sends nothing new.
    pub id: CommandId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What it is, for people: dispatch, stop, cancel, …
    pub kind: &'static str,
    /// The claim epoch under which it acts; 0 where none is needed.
    pub claim_epoch: u64,
    /// What it orders.
    pub body: v1::command::Body,
}

/// What a vehicle said to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How far the command has come.
    pub state: Delivery,
    /// Code and reason, where the vehicle refused it or it came too late.
    pub refused: Option<(String, String)>,
}

impl Outcome {
    /// The outcome that a report tells; `None` while the vehicle has not decided.
    fn of(report: &CommandReport) -> Option<Self> {
        let refused = match report.state {
            // What holds the vehicle until its trip ends is accepted for as long.
            Delivery::Done | Delivery::Accepted => None,
            Delivery::Rejected | Delivery::Expired => Some((report.code.clone(), report.reason.clone())),
            Delivery::Issued | Delivery::Delivered => return None,
        };
        Some(Self { state: report.state, refused })
    }
}

/// What a domain tells vehicles, and hears of it.
pub trait CommandSource: Send + Sync {
    /// The command that an event implies, if it is an event of the domain and implies one. The same event always gives the
    /// same command.
    fn command_for<'a>(&'a self, event: &'a Envelope) -> BoxFuture<'a, Result<Option<NewCommand>, Fault>>;

    /// Whether an event changes what holds for every vehicle of the tenant, such as the rules of a site.
    fn concerns_all(&self, _event: &Envelope) -> bool {
        false
    }

    /// The commands that hold a vehicle by the domain's own state: until they are over they are sent again.
    fn in_force<'a>(
        &'a self,
        _tenant: &'a TenantId,
        _vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<BTreeSet<CommandId>, Fault>> {
        Box::pin(async { Ok(BTreeSet::new()) })
    }

    /// Takes what the vehicle that `ctx` acts for said to a command; of another domain's command nothing follows.
    fn answered<'a>(
        &'a self,
        _ctx: &'a Ctx,
        _command: &'a v1::Command,
        _outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Every domain that tells vehicles something.
#[derive(Clone)]
pub struct Sources(Arc<[Arc<dyn CommandSource>]>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sources({})", self.0.len())
    }
}

impl Sources {
    /// These domains.
    pub fn new(sources: Vec<Arc<dyn CommandSource>>) -> Self {
        Self(sources.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn CommandSource>> {
        self.0.iter()
    }

    /// The commands that hold a vehicle.
    pub async fn in_force(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<BTreeSet<CommandId>, Fault> {
        let mut all = BTreeSet::new();
        for source in self.iter() {
            all.append(&mut source.in_force(tenant, vehicle).await?);
        }
        Ok(all)
    }

    /// Tells the domains what the vehicle that `ctx` acts for said to a command.
    ///
    /// # Errors
    /// A fault of the store. A domain that has no use for the answer any more says so in the log.
    pub async fn answered(
        &self,
        store: &dyn Store,
        ctx: &Ctx,
        vehicle: VehicleId,
        report: &CommandReport,
    ) -> Result<(), CommandError> {
        let Some(outcome) = Outcome::of(report) else { return Ok(()) };
        let Some(stored) = get(store, &ctx.tenant, vehicle, report.command).await? else { return Ok(()) };
        let Some(v1::to_vehicle::Message::Command(command)) = stored.message()?.message else { return Ok(()) };
        for source in self.iter() {
            match source.answered(ctx, &command, &outcome).await {
                Ok(()) => {}
                Err(CommandError::Reject(reject)) => {
                    tracing::info!(command = %report.command, kind = stored.kind, %reject, "an answer is of no use any more");
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}
