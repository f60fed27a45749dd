//! Given a vehicle's history, when something is decided, then this happens: a row for every rule and every refusal.

mod movement;
mod properties;
mod service;

use std::collections::BTreeSet;

use kernel::id::{BootId, HoldId, TypedId};
use kernel::testing::START;
use kernel::{Actor, Code, CommandId, Coordinate, Reject, Sector, SiteId, TripId, VehicleId};

use policy::PolicyAnswer;

use super::decide;
use super::events::{
    VehicleBatteryCrossed, VehicleCameOnline, VehicleClaimReleased, VehicleClaimTaken, VehicleDecommissioned,
    VehicleHoldPlaced, VehicleHoldReleased, VehicleModeChanged, VehicleRegistered, VehicleStopCleared,
    VehicleStopExplained, VehicleStopOrdered, VehicleWentOffline,
};
use super::{Component, HoldKind, HoldTiming, Mode, Profile, RequestedStop, StopClass, VehicleEvent};

const OWNER: &str = "prin_owner";
const VALID_FOR_S: u64 = 120;

fn vehicle() -> VehicleId {
    VehicleId::from_u128(1)
}

fn site() -> SiteId {
    "pit-1".parse().unwrap()
}

fn trip(n: u128) -> TripId {
    TripId::from_u128(n)
}

fn hold(n: u128) -> HoldId {
    HoldId::from_u128(n)
}

fn stop(n: u128) -> CommandId {
    CommandId::from_u128(n)
}

fn boot(n: u128) -> BootId {
    BootId::from_u128(n)
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn brakes(version: &str) -> Vec<Component> {
    vec![Component { name: "brake".into(), version: version.into(), serial: String::new() }]
}

fn profile() -> Profile {
    Profile {
        name: "Truck 7".into(),
        vin_commitment: None,
        capabilities: words(&["haul"]),
        sectors: [Sector::Mining].into(),
        payload_max_kg: 90_000.0,
        seats: 2,
        max_speed_mps: 16.5,
        energy_capacity_wh: 1_800_000.0,
        simulated: true,
    }
}

fn limits() -> policy::Constraints {
    policy::Constraints { max_speed_mps: Some(10.0), ..policy::Constraints::default() }
}

fn actor(id: &str) -> Actor {
    Actor { id: id.into(), ..Actor::automation("test") }
}

fn allowed() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: limits() }
}

fn denied() -> PolicyAnswer {
    PolicyAnswer { refusal: Some(Reject::new(Code::PolicyViolation, "policy forbids it")), ..allowed() }
}

fn registered() -> VehicleEvent {
    VehicleRegistered { site: site(), profile: profile(), components: brakes("1"), constraints: limits() }.into()
}

fn online_in(mode: Mode) -> VehicleEvent {
    VehicleCameOnline { boot: boot(1), capabilities: words(&["haul"]), components: brakes("1"), mode }.into()
}

fn online() -> VehicleEvent {
    online_in(Mode::Autonomous)
}

fn offline(claimed: Option<TripId>) -> VehicleEvent {
    VehicleWentOffline { last_seen_at: START, trip: claimed }.into()
}

fn drives(from: Mode, to: Mode) -> VehicleEvent {
    VehicleModeChanged { from, to }.into()
}

fn battery(low: bool, battery_pct: f64) -> VehicleEvent {
    VehicleBatteryCrossed { low, battery_pct }.into()
}

fn held(n: u128, kind: HoldKind, timing: HoldTiming, claimed: Option<TripId>, claim_epoch: u64) -> VehicleEvent {
    let (owner, reason) = (OWNER.into(), "why".into());
    VehicleHoldPlaced { hold: hold(n), kind, owner, reason, timing, trip: claimed, claim_epoch }.into()
}

fn grounded(n: u128) -> VehicleEvent {
    held(n, HoldKind::Grounded, HoldTiming::AfterTrip, None, 0)
}

fn released(n: u128) -> VehicleEvent {
    VehicleHoldReleased { hold: hold(n), reason: "why".into() }.into()
}

fn claimed(n: u128, claim_epoch: u64) -> VehicleEvent {
    VehicleClaimTaken { trip: trip(n), claim_epoch, valid_for_s: VALID_FOR_S }.into()
}

fn unclaimed(n: u128, claim_epoch: u64) -> VehicleEvent {
    VehicleClaimReleased { trip: trip(n), claim_epoch }.into()
}

fn order(n: u128, class: StopClass, from_memory: bool) -> VehicleStopOrdered {
    let place = (class == StopClass::AtPlace).then(|| Coordinate::new(0.5, 0.5).unwrap());
    decide::stop_of(stop(n), RequestedStop::new(class, place).unwrap(), &actor(OWNER), "why", from_memory)
}

fn stopped(n: u128) -> VehicleEvent {
    order(n, StopClass::NearestAdmissible, false).into()
}

fn explained(n: u128, reason: &str) -> VehicleEvent {
    VehicleStopExplained { stop: stop(n), reason: reason.into() }.into()
}

fn cleared(n: u128) -> VehicleEvent {
    VehicleStopCleared { stop: stop(n) }.into()
}

fn decommissioned() -> VehicleEvent {
    VehicleDecommissioned { reason: "sold".into() }.into()
}
