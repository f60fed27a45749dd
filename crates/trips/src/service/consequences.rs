//! What follows from entries of the journal, behind durable cursors: a claim ends when its trip has left the vehicle, and a trip
//! leaves a vehicle on which a hold took effect.

use kernel::{Aggregate, Ctx, Envelope, TripId, VehicleId};
use store::CommandError;

use super::{Trips, safety_extras};
use crate::ports::FleetEvent;
use crate::trip::decide::VehicleLoss;
use crate::trip::due::VEHICLE_HELD;
use crate::trip::{Command, Trip, TripEvent};

/// The end of a claim, as an event of its trip implies it.
struct ClaimEnd {
    trip: TripId,
    vehicle: VehicleId,
    claim_epoch: u64,
    how: HowEnds,
}

/// What is left of a claim at its end.
enum HowEnds {
    /// Nothing: the vehicle is free.
    Released,
    /// The vehicle may still drive by it, so it is not free; the claim lapses.
    Withdrawn,
}

impl ClaimEnd {
    fn of(entry: &Envelope) -> Option<Self> {
        let (trip, event) = Trip::event_in(entry)?;
        let (vehicle, claim_epoch, how) = match event {
            TripEvent::Withdrawn(body) => (body.vehicle, body.claim_epoch, HowEnds::Withdrawn),
            TripEvent::Unassigned(body) => (body.vehicle, body.claim_epoch, HowEnds::Released),
            TripEvent::Completed(body) => (body.vehicle, body.claim_epoch, HowEnds::Released),
            TripEvent::Cancelled(body) => (body.vehicle?, body.claim_epoch?, HowEnds::Released),
            TripEvent::Failed(body) => (body.vehicle?, body.claim_epoch?, HowEnds::Released),
            _ => return None,
        };
        Some(Self { trip, vehicle, claim_epoch, how })
    }
}

impl Trips {
    /// The context of what follows from an entry of the journal, by a named rule.
    pub(crate) async fn consequence(&self, event: &Envelope, rule: &str) -> Result<Ctx, CommandError> {
        let (ctx, _) = self.automation(&event.tenant, event.site.as_option(), rule).await?;
        Ok(ctx.caused_by(event.id))
    }

    /// Ends the claim of a trip that has left its vehicle.
    pub(crate) async fn end_claim(&self, entry: &Envelope) -> Result<(), CommandError> {
        let Some(ClaimEnd { trip, vehicle, claim_epoch, how }) = ClaimEnd::of(entry) else { return Ok(()) };
        let ctx = self.consequence(entry, "trip.release-claim").await?;
        match how {
            HowEnds::Released => self.ports.fleet.release_claim(&ctx, trip, vehicle, Some(claim_epoch)).await,
            HowEnds::Withdrawn => self.ports.fleet.withdraw_claim(&ctx, trip, vehicle, claim_epoch).await,
        }
    }

    /// Takes a trip from a vehicle that may not drive it any more, and notes that its vehicle went silent.
    pub(crate) async fn on_vehicle_event(&self, entry: &Envelope) -> Result<(), CommandError> {
        let Some(event) = self.ports.fleet.event(entry)? else { return Ok(()) };
        let (FleetEvent::VehicleOffline(vehicle) | FleetEvent::VehicleHeld { vehicle, .. }) = event else {
            return Ok(());
        };
        let Some(trip) = self.open_trip_of(&entry.tenant, vehicle).await? else { return Ok(()) };
        let ctx = &self.consequence(entry, "trip.vehicle-news").await?;
        match event {
            FleetEvent::VehicleHeld { kind, reason, .. } => {
                let (code, reason) = (VEHICLE_HELD.to_owned(), format!("the vehicle is held ({kind}): {reason}"));
                let loss = |facts| VehicleLoss { vehicle, code: code.clone(), reason: reason.clone(), facts };
                self.with_due_facts(ctx, trip.id, safety_extras(), |facts| Command::LoseVehicle(loss(facts))).await
            }
            _ => self.command(ctx, trip.id, &Command::VehicleOffline(vehicle), &[], safety_extras()).await.map(drop),
        }
    }
}
