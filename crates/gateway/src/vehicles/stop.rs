//! Stops leave even if the store cannot commit (SAFE-2): the ordinary way first; failing that, from memory, with a record
//! on the disk that is reconciled into the journal later under the same id.

use fleet::FromRecord;
use fleet::vehicle::StopClass;
use kernel::envelope::{ClockSource, Known as Stated, OccurredAt};
use kernel::{Actor, CommandId, Ctx, VehicleId};
use link::issue;
use store::CommandError;
use store::port::Fault;

use super::emergency::EmergencyStop;
use super::outbox::stop_body;
use crate::Gateway;

/// What became of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordered {
    /// Its id.
    pub stop: CommandId,
    /// Whether the vehicle's session has it now, or it waits for the vehicle.
    pub sent: bool,
    /// Whether the journal has it, or only the emergency record.
    pub journaled: bool,
}

impl Gateway {
    /// Orders a stop.
    ///
    /// # Errors
    /// `NOT_FOUND` for a vehicle that is certainly not the tenant's. Nothing else ends it: a store that cannot answer
    /// is what this is made for.
    pub async fn order_stop(
        &self,
        ctx: &Ctx,
        vehicle: VehicleId,
        class: StopClass,
        reason: &str,
    ) -> Result<Ordered, CommandError> {
        let stop: CommandId = ctx.new_id();
        match self.fleet.order_stop(ctx, vehicle, stop, class, reason, FromRecord::No).await {
            Ok(stop) => {
                let sent = self.send_stop(ctx, vehicle, stop, class, reason);
                Ok(Ordered { stop, sent, journaled: true })
            }
            Err(CommandError::Fault(fault)) => {
                tracing::error!(tenant = %ctx.tenant, %vehicle, %stop, error = %fault, "a stop leaves from memory");
                let sent = self.send_stop(ctx, vehicle, stop, class, reason);
                self.keep_emergency(ctx, vehicle, stop, class, reason);
                Ok(Ordered { stop, sent, journaled: false })
            }
            Err(other) => Err(other),
        }
    }

    /// Sends at once, before the row that the journal implies is written: the vehicle takes the same id once.
    fn send_stop(&self, ctx: &Ctx, vehicle: VehicleId, stop: CommandId, class: StopClass, reason: &str) -> bool {
        let command = issue::command(stop, 0, ctx.now, stop_body(class, reason.to_owned()));
        let sent = self.sessions.send(&ctx.tenant, vehicle, issue::message(command));
        metrics::counter!("atlasmesh_stops_total", "sent" => if sent { "now" } else { "waits" }).increment(1);
        sent
    }

    fn keep_emergency(&self, ctx: &Ctx, vehicle: VehicleId, command: CommandId, class: StopClass, reason: &str) {
        let record = EmergencyStop {
            tenant: ctx.tenant.clone(),
            vehicle,
            command,
            class: class.as_str().into(),
            reason: reason.into(),
            by: (ctx.actor.id.clone(), ctx.actor.role.clone()),
            at: ctx.now,
        };
        if let Err(error) = self.emergency.keep(record) {
            tracing::error!(%command, %error, "a stop is kept in memory only until the store can commit");
        }
    }

    /// Brings stops that left from memory into the journal, oldest first.
    ///
    /// # Errors
    /// When the store still cannot commit: the rest waits.
    pub async fn reconcile_emergency_stops(&self) -> Result<(), CommandError> {
        while let Some(stop) = self.emergency.oldest() {
            let class = if stop.class == "now" { StopClass::Now } else { StopClass::NearestAdmissible };
            let mut actor = Actor::automation("stop.reconcile");
            (actor.id, actor.role) = stop.by.clone();
            let ctx = Ctx::new(&*self.source, stop.tenant.clone(), actor).occurred(OccurredAt {
                at: stop.at,
                clock: ClockSource::Server,
                offset_us: Stated::Known(0),
                uncertainty_us: Stated::unknown("the server's clock is not monitored yet"),
            });
            match self.fleet.order_stop(&ctx, stop.vehicle, stop.command, class, &stop.reason, FromRecord::Yes).await {
                Ok(_) => tracing::info!(stop = %stop.command, "a stop that left from memory is in the journal now"),
                Err(CommandError::Reject(reject)) => tracing::warn!(stop = %stop.command, %reject, "a stop is dropped"),
                Err(other) => return Err(other),
            }
            self.emergency.reconciled(stop.command).map_err(|source| Fault::Unavailable {
                what: "write the emergency record",
                source: Box::new(source),
            })?;
        }
        Ok(())
    }
}
