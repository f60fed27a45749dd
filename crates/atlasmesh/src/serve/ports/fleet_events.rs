//! What events of vehicles and sites mean for trips.

use std::error::Error;
use std::str::FromStr;

use fleet::site::SiteEvent;
use fleet::vehicle::VehicleEvent;
use fleet::{Site, Vehicle};
use kernel::envelope::DecisionRecord;
use kernel::{Aggregate, DomainEvent, Envelope, SiteId, VehicleId};
use store::Fault;
use trips::ports::FleetEvent;

/// What an entry of the journal means for trips; `None` where it means nothing to them.
pub(super) fn fleet_event(entry: &Envelope) -> Result<Option<FleetEvent>, Fault> {
    match entry.stream.kind() {
        _ if entry.r#type == DecisionRecord::EVENT_TYPE => Ok(None),
        Vehicle::KIND => read(entry).map(|(vehicle, event)| of_vehicle(vehicle, event)),
        Site::KIND => read(entry).map(|(site, event)| Some(of_site(site, &event))),
        _ => Ok(None),
    }
}

fn read<Id, E>(entry: &Envelope) -> Result<(Id, E), Fault>
where
    Id: FromStr<Err: Error + Send + Sync + 'static>,
    E: DomainEvent,
{
    let corrupt = |source: Box<dyn Error + Send + Sync>| Fault::Corrupt { what: entry.stream.to_string(), source };
    let id = entry.stream.id().parse().map_err(|error: Id::Err| corrupt(error.into()))?;
    let event = E::decode(&entry.r#type, entry.version, &entry.body).map_err(|error| corrupt(error.into()))?;
    Ok((id, event))
}

fn of_vehicle(vehicle: VehicleId, event: VehicleEvent) -> Option<FleetEvent> {
    let may_be_ready = event.may_make_ready().then_some(FleetEvent::VehicleMayBeReady(vehicle));
    match event {
        VehicleEvent::HoldPlaced(hold) if hold.timing.interrupts_trip() => {
            Some(FleetEvent::VehicleHeld { vehicle, kind: hold.kind.as_str().into(), reason: hold.reason })
        }
        VehicleEvent::WentOffline(_) => Some(FleetEvent::VehicleOffline(vehicle)),
        _ => may_be_ready,
    }
}

fn of_site(site: SiteId, event: &SiteEvent) -> FleetEvent {
    match event {
        SiteEvent::ZoneDrawn(_)
        | SiteEvent::RoadsClosed(_)
        | SiteEvent::SpeedLimited(_)
        | SiteEvent::RestrictionBegan(_) => FleetEvent::RoadsRestricted(site),
        SiteEvent::MapImported(_) | SiteEvent::RestrictionLifted(_) | SiteEvent::RestrictionEnded(_) => {
            FleetEvent::RoadsChanged(site)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use kernel::envelope::NewEvent;
    use kernel::id::TypedId;
    use kernel::{Actor, Ctx, Subject};
    use serde_json::{Value, json};

    use super::*;
    use crate::system_clock::SystemSource;

    fn translated(whom: Subject, event: &str, version: u32, body: Value) -> Result<Option<FleetEvent>, Fault> {
        let ctx = Ctx::new(&SystemSource::start(), "pit".parse().unwrap(), Actor::automation("test"));
        fleet_event(&NewEvent::new(&ctx, whom, event, version, body).sequenced(1))
    }

    fn fixture(kind: &str, event: &str, version: u32) -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet/tests/golden").join(kind);
        let text = std::fs::read_to_string(folder.join(format!("{event}-{version}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Every event of an aggregate as the fleet's own fixtures have it, and what trips are told.
    fn check<A: Aggregate>(id: &str, expected: &[(&str, u32, Option<FleetEvent>)]) {
        let types: BTreeSet<(&str, u32)> = A::Event::types().iter().copied().collect();
        let named: BTreeSet<(&str, u32)> = expected.iter().map(|(event, version, _)| (*event, *version)).collect();
        assert_eq!(named, types, "say what each event of {} means for trips", A::KIND);
        for (event, version, meaning) in expected {
            let body = fixture(A::KIND, event, *version);
            let found = translated(Subject::new(A::KIND, id), event, *version, body).unwrap();
            assert_eq!(&found, meaning, "{event} {version}");
        }
    }

    #[test]
    fn trips_hear_of_each_event_of_a_vehicle_what_concerns_them() {
        let vehicle = VehicleId::from_u128(7);
        let may_be_ready = Some(FleetEvent::VehicleMayBeReady(vehicle));
        let (kind, reason) = ("pre_start_check".to_owned(), "the check of the day is missing".to_owned());
        let held = FleetEvent::VehicleHeld { vehicle, kind, reason };
        check::<Vehicle>(
            &vehicle.to_string(),
            &[
                ("vehicle.registered", 1, may_be_ready.clone()),
                ("vehicle.came_online", 1, may_be_ready.clone()),
                ("vehicle.went_offline", 1, Some(FleetEvent::VehicleOffline(vehicle))),
                ("vehicle.mode_changed", 1, may_be_ready.clone()),
                ("vehicle.battery_crossed", 1, may_be_ready.clone()),
                ("vehicle.hold_placed", 1, Some(held)),
                ("vehicle.hold_released", 1, may_be_ready.clone()),
                ("vehicle.claim_taken", 1, None),
                ("vehicle.claim_released", 1, may_be_ready.clone()),
                ("vehicle.claim_withdrawn", 1, may_be_ready.clone()),
                ("vehicle.stop_ordered", 1, None),
                ("vehicle.stop_cleared", 1, may_be_ready.clone()),
                ("vehicle.stop_explained", 1, may_be_ready),
                ("vehicle.decommissioned", 1, None),
            ],
        );
        let mut after_trip = fixture(Vehicle::KIND, "vehicle.hold_placed", 1);
        after_trip["timing"] = json!("after_trip");
        let whom = Subject::new(Vehicle::KIND, vehicle);
        assert_eq!(translated(whom, "vehicle.hold_placed", 1, after_trip).unwrap(), None);
    }

    #[test]
    fn trips_hear_of_each_event_of_a_site_what_concerns_them() {
        let site: SiteId = "pit-1".parse().unwrap();
        let [restricted, changed] =
            [FleetEvent::RoadsRestricted(site.clone()), FleetEvent::RoadsChanged(site.clone())].map(Some);
        check::<Site>(
            site.as_str(),
            &[
                ("site.map_imported", 1, changed.clone()),
                ("site.zone_drawn", 1, restricted.clone()),
                ("site.roads_closed", 1, restricted.clone()),
                ("site.speed_limited", 1, restricted.clone()),
                ("site.restriction_began", 1, restricted),
                ("site.restriction_lifted", 1, changed.clone()),
                ("site.restriction_ended", 1, changed),
            ],
        );
    }

    #[test]
    fn an_event_that_cannot_be_read_is_not_stepped_over() {
        let vehicle = Subject::new(Vehicle::KIND, VehicleId::from_u128(7));
        for (event, version, body) in [("vehicle.hold_placed", 1, json!({})), ("vehicle.hold_placed", 9, json!({}))] {
            assert!(matches!(translated(vehicle.clone(), event, version, body), Err(Fault::Corrupt { .. })));
        }
        assert_eq!(translated(vehicle, DecisionRecord::EVENT_TYPE, 1, json!({})).unwrap(), None);
        assert_eq!(translated(Subject::new("trip", "trip_1"), "trip.created", 1, json!({})).unwrap(), None);
    }
}
