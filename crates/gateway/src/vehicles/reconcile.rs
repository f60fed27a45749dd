//! What holds a vehicle is state, and so is its end: at the beginning of each session the orders that the vehicle says it
//! holds are compared with those that hold by the server's state. What is over is cleared anew, however long ago its
//! clearance expired; what the server does not know is taken over, so that a person sees it and can end it.

use fleet::FromRecord;
use fleet::vehicle::RequestedStop;
use kernel::{Actor, CommandId};
use store::CommandError;
use store::port::Fault;

use super::backend::Known;
use crate::Gateway;

/// Why a vehicle stands by an order that no row explains.
const UNKNOWN_ORDER: &str = "the vehicle is held by an order that this server does not know";

impl Gateway {
    /// Ends what the vehicle holds and nobody wants any more; takes over what it holds and nobody here knows.
    ///
    /// # Errors
    /// A fault of the store: it is tried again, and a vehicle that stands too long is safe.
    pub(super) async fn reconcile_held(&self, vehicle: &Known, held: &[CommandId]) -> Result<(), Fault> {
        if held.is_empty() {
            return Ok(());
        }
        let Known { tenant, id, .. } = vehicle;
        let in_force = self.commands.in_force(tenant, *id).await?;
        let waiting = self.emergency.of_vehicle(tenant, *id);
        let mut over = Vec::new();
        for &command in held {
            if in_force.contains(&command) || waiting.iter().any(|order| order.command == command) {
                continue;
            }
            match commands::get(&*self.store, tenant, *id, command).await? {
                None => self.take_over(vehicle, command).await?,
                Some(known) if known.ends_with_its_trip()? => {
                    if commands::was_cleared(&*self.store, tenant, *id, command).await? {
                        over.push(command);
                    }
                }
                Some(_) => over.push(command),
            }
        }
        let ctx = vehicle.ctx(self);
        commands::clear(&*self.store, tenant, *id, &over, || ctx.new_id(), ctx.now).await
    }

    async fn take_over(&self, vehicle: &Known, command: CommandId) -> Result<(), Fault> {
        let Known { tenant, id, .. } = vehicle;
        tracing::error!(%tenant, vehicle = %id, %command, "{UNKNOWN_ORDER}: it is taken over as a stop");
        let mut ctx = vehicle.ctx(self);
        ctx.actor = Actor::automation("order.take-over");
        let nearest = RequestedStop::NEAREST_ADMISSIBLE;
        match self.fleet.order_stop(&ctx, *id, command, nearest, UNKNOWN_ORDER, FromRecord::Yes).await {
            Ok(_) => Ok(()),
            Err(CommandError::Fault(fault)) => Err(fault),
            Err(refused) => {
                tracing::warn!(%tenant, vehicle = %id, %command, error = %refused, "an unknown order is not taken over");
                Ok(())
            }
        }
    }
}
