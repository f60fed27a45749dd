//! What follows from events, behind durable cursors: a claim ends when its trip has left the vehicle, and a trip
//! leaves a vehicle on which a hold took effect.

use std::sync::Arc;

use kernel::{Aggregate, BoxFuture, Ctx, DomainEvent, Envelope, TripId, VehicleId};
use store::subscribe::Subscriber;
use store::{CommandError, Fault, RowWrite};

use super::Trips;
use super::reroute::safety;
use crate::ports::FleetEvent;
use crate::trip::decide::Loss;
use crate::trip::due::VEHICLE_HELD;
use crate::trip::{Command, Trip, TripEvent};

/// Ends the claims of trips that have left their vehicle.
pub(crate) struct ClaimReleaser(pub(crate) Arc<Trips>);

/// Takes trips from vehicles that may not drive them any more.
pub(crate) struct VehicleWatcher(pub(crate) Arc<Trips>);

/// A refusal is an answer: sending the same again would be refused again. Only a failed neighbour is asked again.
pub(super) fn settle<T>(what: &str, result: Result<T, CommandError>) -> Result<(), Fault> {
    match result {
        Ok(_) => Ok(()),
        Err(CommandError::Fault(fault)) => Err(fault),
        Err(error) => {
            tracing::info!(%error, "{what} was refused");
            Ok(())
        }
    }
}

impl Subscriber for ClaimReleaser {
    fn name(&self) -> &'static str {
        "trips.claims"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if let Some(end) = ClaimEnd::of(event) {
                settle("the end of a claim", self.0.end_claim(event, end).await)?;
            }
            Ok(Vec::new())
        })
    }
}

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
    fn of(event: &Envelope) -> Option<Self> {
        if event.stream.kind() != Trip::KIND {
            return None;
        }
        let trip = event.stream.id().parse().ok()?;
        let (vehicle, claim_epoch, how) = match TripEvent::decode(&event.r#type, event.version, &event.body).ok()? {
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

impl Subscriber for VehicleWatcher {
    fn name(&self) -> &'static str {
        "trips.vehicles"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if let Some(meaning) = self.0.ports.fleet.event(event)? {
                settle("what follows from a vehicle's event", self.0.on_fleet_event(event, meaning).await)?;
            }
            Ok(Vec::new())
        })
    }
}

impl Trips {
    pub(super) async fn consequence(&self, event: &Envelope, rule: &str) -> Result<Ctx, CommandError> {
        let (ctx, _) = self.automation(&event.tenant, event.site.as_option(), rule).await?;
        Ok(ctx.caused_by(event.id))
    }

    async fn end_claim(&self, event: &Envelope, end: ClaimEnd) -> Result<(), CommandError> {
        let ctx = self.consequence(event, "trip.release-claim").await?;
        let ClaimEnd { trip, vehicle, claim_epoch, how } = end;
        match how {
            HowEnds::Released => self.ports.fleet.release_claim(&ctx, trip, vehicle, Some(claim_epoch)).await,
            HowEnds::Withdrawn => self.ports.fleet.withdraw_claim(&ctx, trip, vehicle, claim_epoch).await,
        }
    }

    async fn on_fleet_event(&self, entry: &Envelope, event: FleetEvent) -> Result<(), CommandError> {
        let (FleetEvent::VehicleOffline(vehicle) | FleetEvent::VehicleHeld { vehicle, .. }) = event else {
            return Ok(());
        };
        let Some(trip) = self.trip_of(&entry.tenant, vehicle).await? else { return Ok(()) };
        let ctx = &self.consequence(entry, "trip.vehicle-news").await?;
        match event {
            FleetEvent::VehicleHeld { kind, reason, .. } => {
                let (code, reason) = (VEHICLE_HELD.to_owned(), format!("the vehicle is held ({kind}): {reason}"));
                let loss = |facts| Loss { vehicle, code: code.clone(), reason: reason.clone(), facts };
                self.with_due_facts(ctx, trip.id, safety(), |facts| Command::LoseVehicle(loss(facts))).await
            }
            _ => self.command(ctx, trip.id, &Command::VehicleOffline(vehicle), &[], safety()).await.map(drop),
        }
    }
}
