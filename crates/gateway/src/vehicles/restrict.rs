//! What takes motion away leaves whatever the store does (SAFE-2). A stop is sent from memory at once; a hold and a
//! cancellation, which may be refused, once they are committed, and from memory where that takes too long. What left
//! from memory is kept in the emergency record and reconciled into the journal later.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api_types::vehicles::{Recorded, StopDelivery, StopOrdered};
use fleet::FromRecord;
use fleet::vehicle::{HoldKind, HoldTiming, RequestedStop};
use kernel::envelope::{ClockSource, Known as Stated, OccurredAt};
use kernel::id::{HoldId, TypedId};
use kernel::{Actor, CommandId, Ctx, VehicleId};
use store::CommandError;
use store::port::Fault;
use tokio::time::timeout;
use tracing::Instrument;
use trips::Trip;

use super::emergency::{EmergencyOrder, Restriction};
use crate::Gateway;

/// How long the store may take before an order leaves from memory: with the record's own wait it is well below the
/// second in which it must reach a connected vehicle.
const COMMIT_WAIT: Duration = Duration::from_millis(400);

/// How long the emergency record's disk may take before the answer says that only memory has the order.
const RECORD_WAIT: Duration = Duration::from_millis(300);

/// Carries out a command of a domain as a task of its own, so that a store that hangs holds up neither the caller nor, once
/// it is well again, the commit.
async fn in_time<T: Send + 'static>(
    command: impl Future<Output = Result<T, CommandError>> + Send + 'static,
) -> Result<T, CommandError> {
    match timeout(COMMIT_WAIT, tokio::spawn(command.in_current_span())).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => Err(Fault::Unavailable { what: "carry out a command", source: Box::new(panicked) }.into()),
        Err(_) => Err(Fault::Overloaded.into()),
    }
}

impl Gateway {
    /// Orders a stop.
    ///
    /// # Errors
    /// `NOT_FOUND` for a vehicle that is certainly not the tenant's. Nothing else ends it: a store that cannot answer
    /// is what this is made for.
    pub async fn order_stop(
        &self,
        ctx: Ctx,
        vehicle: VehicleId,
        requested: RequestedStop,
        reason: &str,
    ) -> Result<StopOrdered, CommandError> {
        let order = order(&ctx, vehicle, ctx.new_id(), Restriction::Stop(requested), reason);
        // Before the row that the journal implies is written: the vehicle takes the same id once.
        let sent = self.send(&order);
        metrics::counter!("atlasmesh_stops_total", "sent" => if sent { "now" } else { "waits" }).increment(1);
        let delivery = if sent { StopDelivery::Sent } else { StopDelivery::Waiting };
        let (fleet, why) = (Arc::clone(&self.fleet), reason.to_owned());
        let stop = order.command;
        let ordered =
            in_time(async move { fleet.order_stop(&ctx, vehicle, stop, requested, &why, FromRecord::No).await });
        match ordered.await {
            Ok(stop) => Ok(StopOrdered { stop, delivery, recorded: Recorded::Journal }),
            Err(CommandError::Fault(fault)) => {
                let recorded = self.keep_emergency(order, &fault).await;
                Ok(StopOrdered { stop, delivery, recorded })
            }
            Err(other) => Err(other),
        }
    }

    /// Places a hold (SAFE-17).
    ///
    /// # Errors
    /// As [`fleet::Fleet::place_hold`], without faults of the store.
    pub async fn place_hold(
        &self,
        ctx: Ctx,
        vehicle: VehicleId,
        kind: HoldKind,
        timing: HoldTiming,
        reason: &str,
    ) -> Result<(HoldId, Recorded), CommandError> {
        let hold: HoldId = ctx.new_id();
        let ctx = Arc::new(ctx);
        let (fleet, context, why) = (Arc::clone(&self.fleet), Arc::clone(&ctx), reason.to_owned());
        let placed = in_time(async move { fleet.place_hold(&context, vehicle, hold, kind, timing, &why).await });
        let unrecorded = match placed.await {
            Ok(_) => None,
            Err(CommandError::Fault(fault)) => Some(fault),
            Err(other) => return Err(other),
        };
        // The command has the hold's own id, so that the release can name it.
        let id = CommandId::from_u128(hold.as_u128());
        let order = order(&ctx, vehicle, id, Restriction::Hold { hold: kind, timing }, reason);
        self.send(&order);
        let recorded = match unrecorded {
            None => Recorded::Journal,
            Some(fault) => self.keep_emergency(order, &fault).await,
        };
        Ok((hold, recorded))
    }

    /// Calls a trip off. `known` is the trip as it was read; it is answered where the store cannot take the change.
    ///
    /// # Errors
    /// As [`trips::Trips::cancel`]. A fault of the store only where no vehicle has to be told, or where people or load are
    /// aboard: those are brought to a drop-off, for which a way must be found.
    pub async fn cancel_trip(&self, ctx: Ctx, known: Trip, reason: &str) -> Result<(Trip, Recorded), CommandError> {
        let (ctx, trip) = (Arc::new(ctx), known.id);
        let (trips, context, why) = (Arc::clone(&self.trips), Arc::clone(&ctx), reason.to_owned());
        match in_time(async move { trips.cancel(&context, trip, &why).await }).await {
            Ok(trip) => Ok((trip, Recorded::Journal)),
            Err(CommandError::Fault(fault)) => {
                let held = known.assignment.as_ref().filter(|_| known.status.has_vehicle() && !known.occupied);
                let Some(held) = held else { return Err(fault.into()) };
                let restriction = Restriction::Cancel { trip, claim_epoch: held.claim_epoch };
                let order = order(&ctx, held.vehicle, ctx.new_id(), restriction, reason);
                self.send(&order);
                let recorded = self.keep_emergency(order, &fault).await;
                Ok((known, recorded))
            }
            Err(other) => Err(other),
        }
    }

    /// Sends an order from memory. Answers whether a session took it.
    fn send(&self, order: &EmergencyOrder) -> bool {
        self.sessions.send(&order.tenant, order.vehicle, order.message())
    }

    /// Keeps an order that the store did not take: for the vehicle's next session, for the journal, for after a crash.
    async fn keep_emergency(&self, order: EmergencyOrder, fault: &Fault) -> Recorded {
        let EmergencyOrder { tenant, vehicle, command, .. } = &order;
        tracing::error!(%tenant, %vehicle, %command, error = %fault, "an order that takes motion away leaves from memory");
        metrics::counter!("atlasmesh_emergency_orders_total").increment(1);
        self.emergency.keep(order.clone());
        self.sessions.notify(tenant, *vehicle);
        let (command, record) = (*command, Arc::clone(&self.emergency));
        let written = tokio::task::spawn_blocking(move || record.write(&order));
        match timeout(RECORD_WAIT, written).await {
            Ok(Ok(Ok(()))) => Recorded::Emergency,
            not_written => {
                let error = match not_written {
                    Ok(Ok(Err(error))) => error.to_string(),
                    Ok(Err(panicked)) => panicked.to_string(),
                    _ => "the disk does not answer".to_owned(),
                };
                tracing::error!(%command, error, "an order is kept in memory only until the store can commit");
                Recorded::Memory
            }
        }
    }

    /// Brings orders that left from memory into the journal, oldest first.
    ///
    /// # Errors
    /// When the store still cannot commit: the rest waits.
    pub async fn reconcile_emergency(&self) -> Result<(), CommandError> {
        while let Some(order) = self.emergency.oldest() {
            let ctx = self.ctx_of_order(&order).await?;
            let EmergencyOrder { vehicle, command, reason, .. } = &order;
            let journaled = match order.restriction {
                Restriction::Stop(requested) => {
                    self.fleet.order_stop(&ctx, *vehicle, *command, requested, reason, FromRecord::Yes).await.map(drop)
                }
                Restriction::Hold { hold, timing } => {
                    let id = HoldId::from_u128(command.as_u128());
                    self.fleet.place_hold(&ctx, *vehicle, id, hold, timing, reason).await.map(drop)
                }
                Restriction::Cancel { trip, .. } => self.trips.cancel(&ctx, trip, reason).await.map(drop),
            };
            match journaled {
                Ok(()) => tracing::info!(%command, "an order that left from memory is in the journal now"),
                Err(CommandError::Reject(reject)) => tracing::warn!(%command, %reject, "an order is dropped"),
                Err(other) => return Err(other),
            }
            let reconciled = tokio::task::block_in_place(|| self.emergency.reconciled(*command));
            reconciled.map_err(|source| Fault::Unavailable {
                what: "write the emergency record",
                source: Box::new(source),
            })?;
        }
        Ok(())
    }

    async fn ctx_of_order(&self, order: &EmergencyOrder) -> Result<Ctx, CommandError> {
        let mut actor = Actor::automation("order.reconcile");
        (actor.id, actor.role) = order.by.clone();
        let mut ctx = Ctx::new(&*self.source, order.tenant.clone(), actor).occurred(OccurredAt {
            at: order.at,
            clock: ClockSource::Server,
            offset_us: Stated::Known(0),
            uncertainty_us: Stated::unknown("the server's clock is not monitored yet"),
        });
        if let Some(tenant) = self.tenancy.tenant(&order.tenant).await? {
            ctx = ctx.of(tenant.about());
        }
        Ok(ctx)
    }
}

fn order(ctx: &Ctx, vehicle: VehicleId, command: CommandId, restriction: Restriction, reason: &str) -> EmergencyOrder {
    EmergencyOrder {
        tenant: ctx.tenant.clone(),
        vehicle,
        command,
        restriction,
        reason: reason.into(),
        by: (ctx.actor.id.clone(), ctx.actor.role.clone()),
        at: ctx.now,
    }
}
