//! What the fleet tells vehicles: to stop, that they are held, and that either is over.

use std::collections::BTreeSet;

use commands::{CLEARANCE, CommandSource, NewCommand, clearance, id_of_event};
use kernel::id::{HoldId, TypedId};
use kernel::{Aggregate, BoxFuture, CommandId, DomainEvent, Envelope, TenantId, VehicleId};
use link::v1::{self, command::Body};
use store::port::Fault;

use crate::vehicle::{HoldTiming, RequestedStop, StopClass, VehicleEvent};
use crate::{Fleet, Site, Vehicle};

impl CommandSource for Fleet {
    fn command_for<'a>(&'a self, event: &'a Envelope) -> BoxFuture<'a, Result<Option<NewCommand>, Fault>> {
        Box::pin(async move {
            if event.stream.kind() != Vehicle::KIND {
                return Ok(None);
            }
            let body = VehicleEvent::decode(&event.r#type, event.version, &event.body);
            let vehicle = event.stream.id().parse();
            Ok(vehicle.ok().zip(body.ok()).and_then(|(vehicle, body)| of_vehicle(id_of_event(event.id), vehicle, body)))
        })
    }

    fn concerns_all(&self, event: &Envelope) -> bool {
        event.stream.kind() == Site::KIND
    }

    fn in_force<'a>(
        &'a self,
        tenant: &'a TenantId,
        vehicle: VehicleId,
    ) -> BoxFuture<'a, Result<BTreeSet<CommandId>, Fault>> {
        Box::pin(self.restrictions_of(tenant, vehicle))
    }
}

fn of_vehicle(id: CommandId, vehicle: VehicleId, event: VehicleEvent) -> Option<NewCommand> {
    match event {
        VehicleEvent::StopOrdered(ordered) => {
            let body = stop_body(ordered.requested, ordered.reason);
            Some(NewCommand { id: ordered.stop, vehicle, kind: "stop", claim_epoch: 0, body })
        }
        VehicleEvent::StopCleared(cleared) => {
            Some(NewCommand { id, vehicle, kind: CLEARANCE, claim_epoch: 0, body: clearance(cleared.stop) })
        }
        VehicleEvent::HoldPlaced(placed) => {
            // The command has the hold's own id, so that the release can name it.
            let id = CommandId::from_u128(placed.hold.as_u128());
            let body = ground_body(id, placed.timing, placed.reason);
            Some(NewCommand { id, vehicle, kind: "ground", claim_epoch: 0, body })
        }
        VehicleEvent::HoldReleased(released) => {
            let body = clearance(CommandId::from_u128(released.hold.as_u128()));
            Some(NewCommand { id, vehicle, kind: CLEARANCE, claim_epoch: 0, body })
        }
        _ => None,
    }
}

/// A hold, as it goes over the wire: the command has the hold's own id.
pub fn ground_body(id: CommandId, timing: HoldTiming, reason: String) -> Body {
    let when = match timing {
        HoldTiming::AfterTrip => v1::GroundWhen::AfterTrip,
        HoldTiming::NextAdmissible => v1::GroundWhen::NextAdmissible,
        HoldTiming::Now => v1::GroundWhen::Now,
    };
    let hold_id = HoldId::from_u128(id.as_u128()).to_string();
    Body::Ground(v1::Ground { when: when.into(), hold_id, reason })
}

/// A stop of the whole vehicle, as it goes over the wire.
pub fn stop_body(requested: RequestedStop, reason: String) -> Body {
    let class = match requested.class() {
        StopClass::Now => v1::StopClass::Now,
        StopClass::NearestAdmissible => v1::StopClass::NearestAdmissible,
        StopClass::AtPlace => v1::StopClass::AtPlace,
    };
    Body::Stop(v1::Stop {
        class: class.into(),
        reason,
        scope: v1::Scope::Vehicle.into(),
        trip_id: String::new(),
        place: requested.place().map(|at| v1::Point { lat: at.lat(), lon: at.lon() }),
    })
}
