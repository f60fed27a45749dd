//! What follows from events, behind durable cursors: a claim ends when its trip has left the vehicle, and a trip
//! leaves a vehicle on which a hold took effect.

use std::sync::Arc;

use kernel::envelope::RetentionClass;
use kernel::{Aggregate, BoxFuture, Ctx, DomainEvent, Envelope, TripId, VehicleId};
use serde_json::Value;
use store::subscribe::Subscriber;
use store::{CommandError, Extras, Fault, RowWrite};

use super::{Gathered, Trips};
use crate::trip::decide::Loss;
use crate::trip::due::{DueFacts, VEHICLE_HELD};
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
            if let Some((vehicle, news)) = VehicleNews::read(event) {
                settle("what follows from a vehicle's event", self.0.hear_of(event, vehicle, news).await)?;
            }
            Ok(Vec::new())
        })
    }
}

/// What trips must know of a vehicle's own events. Read by name from a neighbour's events, leniently: fields that are
/// not known do not disturb.
#[derive(Debug, Clone, PartialEq, Eq)]
enum VehicleNews {
    /// A hold takes effect before the trip's end.
    Held { code: String, reason: String },
    /// The connection ended.
    Offline,
}

impl VehicleNews {
    fn read(event: &Envelope) -> Option<(VehicleId, Self)> {
        if event.stream.kind() != "vehicle" {
            return None;
        }
        let vehicle = event.stream.id().parse().ok()?;
        let text = |pointer: &str| event.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let field = |name: &str| text(&format!("/{name}")).or_else(|| text(&format!("/hold/{name}")));
        let news = match event.r#type.as_str() {
            "vehicle.hold_placed" if field("timing").as_deref() == Some("after_trip") => return None,
            "vehicle.hold_placed" => {
                let kind = field("kind").unwrap_or_else(|| "held".into());
                let why = field("reason").map(|why| format!(": {why}")).unwrap_or_default();
                Self::Held { code: VEHICLE_HELD.into(), reason: format!("the vehicle is held ({kind}){why}") }
            }
            "vehicle.went_offline" => Self::Offline,
            _ => return None,
        };
        Some((vehicle, news))
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

    async fn hear_of(&self, event: &Envelope, vehicle: VehicleId, news: VehicleNews) -> Result<(), CommandError> {
        let Some(trip) = self.trip_of(&event.tenant, vehicle).await? else { return Ok(()) };
        let ctx = &self.consequence(event, "trip.vehicle-news").await?;
        let extras = Extras { retention: Some(RetentionClass::Safety), ..Extras::default() };
        let news = &news;
        let gather = |state: Option<Arc<Trip>>| async move {
            let command = match news {
                VehicleNews::Offline => Command::VehicleOffline(vehicle),
                VehicleNews::Held { code, reason } => {
                    let facts = match &state {
                        Some(trip) => self.due_facts(ctx, trip).await?,
                        None => DueFacts::default(),
                    };
                    Command::LoseVehicle(Loss { vehicle, code: code.clone(), reason: reason.clone(), facts })
                }
            };
            Ok(Gathered::new(command, Vec::new()))
        };
        self.execute(ctx, trip.id, extras, gather).await.map(drop)
    }
}
