//! The fold: a vehicle's state after each event. Total; holds no rule.

use kernel::decided::Aggregate;
use kernel::{EventMeta, Subject, Timestamp, VehicleId};

use super::{Claim, Hold, Mode, Status, Stop, Vehicle, VehicleEvent};

impl Aggregate for Vehicle {
    type Id = VehicleId;
    type Event = VehicleEvent;
    const KIND: &'static str = "vehicle";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["status", "site", "name"];
    const READ_BY: &'static [&'static [&'static str]] = &[&["site"], &["status"], &["status", "site"], &["name"]];

    fn evolve(state: Option<Self>, event: &VehicleEvent, meta: &EventMeta) -> Option<Self> {
        let Some(mut vehicle) = state else {
            let VehicleEvent::Registered(registered) = event else { return None };
            return Some(Self {
                site: registered.site.clone(),
                capabilities: registered.profile.capabilities.clone(),
                profile: registered.profile.clone(),
                components: registered.components.clone(),
                constraints: registered.constraints.clone(),
                status: Status::Registered,
                mode: Mode::Autonomous,
                holds: Vec::new(),
                claim: None,
                last_claim: None,
                claim_epoch: 0,
                stops: Vec::new(),
                battery_low: false,
                registered_at: meta.recorded_at,
            });
        };
        vehicle.apply(event, meta.recorded_at);
        Some(vehicle)
    }

    fn index_values(&self) -> Vec<String> {
        vec![self.status.as_str().into(), self.site.to_string(), self.profile.name.clone()]
    }

    fn about(event: &VehicleEvent, state: Option<&Self>) -> Vec<Subject> {
        let trip = match event {
            VehicleEvent::ClaimTaken(taken) => Some(taken.trip),
            VehicleEvent::ClaimReleased(released) => Some(released.trip),
            VehicleEvent::ClaimWithdrawn(withdrawn) => Some(withdrawn.trip),
            VehicleEvent::HoldPlaced(placed) => placed.trip,
            VehicleEvent::WentOffline(offline) => offline.trip,
            VehicleEvent::StopOrdered(_)
            | VehicleEvent::StopExplained(_)
            | VehicleEvent::StopCleared(_)
            | VehicleEvent::ModeChanged(_) => state.and_then(|vehicle| vehicle.claim).map(|claim| claim.trip),
            _ => None,
        };
        trip.into_iter().map(|trip| Subject::new("trip", trip)).collect()
    }
}

impl Vehicle {
    fn apply(&mut self, event: &VehicleEvent, at: Timestamp) {
        match event {
            VehicleEvent::Registered(_) => {}
            VehicleEvent::CameOnline(online) => {
                self.status = Status::Online;
                self.mode = online.mode;
                self.capabilities.clone_from(&online.capabilities);
                if !online.components.is_empty() {
                    self.components.clone_from(&online.components);
                }
            }
            VehicleEvent::WentOffline(_) => self.status = Status::Offline,
            VehicleEvent::ModeChanged(changed) => self.mode = changed.to,
            VehicleEvent::BatteryCrossed(crossed) => self.battery_low = crossed.low,
            VehicleEvent::HoldPlaced(placed) => {
                self.holds.push(Hold {
                    id: placed.hold,
                    kind: placed.kind,
                    owner: placed.owner.clone(),
                    reason: placed.reason.clone(),
                    timing: placed.timing,
                    placed_at: at,
                });
                self.claim_epoch = placed.claim_epoch;
            }
            VehicleEvent::HoldReleased(released) => self.holds.retain(|hold| hold.id != released.hold),
            VehicleEvent::ClaimTaken(taken) => {
                self.claim_epoch = taken.claim_epoch;
                self.claim = Some(Claim {
                    trip: taken.trip,
                    epoch: taken.claim_epoch,
                    valid_for_s: taken.valid_for_s,
                    taken_at: at,
                });
                self.last_claim = self.claim;
            }
            VehicleEvent::ClaimReleased(released) => {
                self.claim_epoch = released.claim_epoch;
                self.claim = None;
            }
            VehicleEvent::ClaimWithdrawn(withdrawn) => self.claim_epoch = withdrawn.claim_epoch,
            VehicleEvent::StopOrdered(ordered) => self.stops.push(Stop {
                id: ordered.stop,
                class: ordered.requested.class(),
                place: ordered.requested.place(),
                reason: ordered.reason.clone(),
                ordered_at: at,
                owner: ordered.owner.clone(),
            }),
            VehicleEvent::StopExplained(explained) => {
                let explains = |stop: &&mut Stop| stop.id == explained.stop;
                self.stops.iter_mut().filter(explains).for_each(|stop| stop.reason.clone_from(&explained.reason));
            }
            VehicleEvent::StopCleared(cleared) => self.stops.retain(|stop| stop.id != cleared.stop),
            VehicleEvent::Decommissioned(_) => {
                self.status = Status::Decommissioned;
                self.claim = None;
                self.claim_epoch += 1;
            }
        }
    }
}
