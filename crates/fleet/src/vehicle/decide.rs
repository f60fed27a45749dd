//! The rules of a vehicle, each a pure function of its state and of facts.

use std::collections::BTreeSet;

use kernel::id::{BootId, HoldId};
use kernel::{Actor, ActorKind, Code, CommandId, Decided, Reject, SiteId, Timestamp, TripId, VehicleId};
use policy::PolicyAnswer;

use super::events::{
    VehicleBatteryCrossed, VehicleCameOnline, VehicleClaimReleased, VehicleClaimTaken, VehicleClaimWithdrawn,
    VehicleDecommissioned, VehicleHoldPlaced, VehicleHoldReleased, VehicleModeChanged, VehicleRegistered,
    VehicleStopCleared, VehicleStopExplained, VehicleStopOrdered, VehicleWentOffline,
};
use super::{
    Component, HoldKind, HoldTiming, Mode, Profile, RequestedStop, Status, Stop, StopClass, Vehicle, VehicleEvent,
};

/// Below this state of charge the battery is low, and above [`BATTERY_OK_PCT`] it is not any more: the gap keeps a
/// battery at the edge from telling it again and again.
pub const BATTERY_LOW_PCT: f64 = 15.0;
/// See [`BATTERY_LOW_PCT`].
pub const BATTERY_OK_PCT: f64 = 20.0;

/// The most holds on one vehicle: beyond it somebody's program runs wild.
pub const HOLDS_MAX: usize = 32;
/// The most stops in force on one vehicle that ask the same.
pub const STOPS_MAX: usize = 32;

type Answer<R> = Decided<VehicleEvent, R>;

fn missing(vehicle: VehicleId) -> Reject {
    Reject::new(Code::NotFound, format!("there is no vehicle {vehicle}"))
}

fn in_service(state: Option<&Vehicle>, id: VehicleId) -> Result<&Vehicle, Reject> {
    match state {
        None => Err(missing(id)),
        Some(vehicle) if vehicle.status == Status::Decommissioned => {
            Err(Reject::new(Code::IllegalTransition, format!("vehicle {id} is DECOMMISSIONED: register it anew")))
        }
        Some(vehicle) => Ok(vehicle),
    }
}

/// Registers a vehicle (ONB-1, ONB-2, ONB-5).
pub fn register(
    state: Option<&Vehicle>,
    asked: &PolicyAnswer,
    site: SiteId,
    profile: Profile,
    components: Vec<Component>,
) -> Answer<policy::Constraints> {
    if state.is_some() {
        return Decided::reject(Reject::new(Code::Conflict, "this vehicle is registered already"));
    }
    if let Some(refusal) = &asked.refusal {
        return Decided::reject(refusal.clone());
    }
    let constraints = asked.constraints.clone();
    let registered = VehicleRegistered { site, profile, components, constraints: constraints.clone() };
    Decided::accept([registered.into()], constraints)
}

/// Takes a vehicle out of the fleet for good (ONB-10); never under a trip.
pub fn decommission(state: Option<&Vehicle>, id: VehicleId, reason: &str) -> Answer<()> {
    match state {
        None => Decided::reject(missing(id)),
        Some(vehicle) if vehicle.status == Status::Decommissioned => Decided::unchanged(()),
        Some(vehicle) if vehicle.claim.is_some() => {
            let text = format!("vehicle {id} serves a trip: wait for its end, or cancel it");
            Decided::reject(Reject::new(Code::IllegalTransition, text))
        }
        Some(_) => Decided::accept([VehicleDecommissioned { reason: reason.into() }.into()], ()),
    }
}

/// The vehicle connected and says what it can do (ONB-8). Saying the same again changes nothing.
pub fn come_online(
    state: Option<&Vehicle>,
    id: VehicleId,
    boot: BootId,
    capabilities: BTreeSet<String>,
    components: Vec<Component>,
    mode: Mode,
) -> Answer<()> {
    match in_service(state, id) {
        Err(reject) => Decided::reject(reject),
        Ok(vehicle) => {
            let same = vehicle.status == Status::Online
                && vehicle.mode == mode
                && vehicle.capabilities == capabilities
                && (components.is_empty() || vehicle.components == components);
            if same {
                return Decided::unchanged(());
            }
            Decided::accept([VehicleCameOnline { boot, capabilities, components, mode }.into()], ())
        }
    }
}

/// The vehicle was silent for too long (ONB-9).
pub fn go_offline(state: Option<&Vehicle>, last_seen_at: Timestamp) -> Answer<()> {
    match state {
        Some(vehicle) if vehicle.status == Status::Online => {
            let trip = vehicle.claim.map(|claim| claim.trip);
            Decided::accept([VehicleWentOffline { last_seen_at, trip }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// What a heartbeat says about thresholds: that the vehicle is back, who drives, and whether the battery is low.
pub fn observe(state: Option<&Vehicle>, id: VehicleId, boot: BootId, mode: Mode, battery_pct: f64) -> Answer<()> {
    let vehicle = match in_service(state, id) {
        Ok(vehicle) => vehicle,
        Err(reject) => return Decided::reject(reject),
    };
    let mut events: Vec<VehicleEvent> = Vec::new();
    if vehicle.status == Status::Offline {
        // It was silent for too long, but its session goes on: what it said when that began still holds.
        let capabilities = vehicle.capabilities.clone();
        events.push(VehicleCameOnline { boot, capabilities, components: Vec::new(), mode }.into());
    } else if vehicle.mode != mode {
        events.push(VehicleModeChanged { from: vehicle.mode, to: mode }.into());
    }
    let low = if vehicle.battery_low { battery_pct < BATTERY_OK_PCT } else { battery_pct < BATTERY_LOW_PCT };
    if low != vehicle.battery_low {
        events.push(VehicleBatteryCrossed { low, battery_pct }.into());
    }
    Decided::accept(events, ())
}

/// Places a hold, once by its id. Needs no decision of policy (SAFE-1). NOW and NEXT_ADMISSIBLE end the claim's epoch at
/// once.
pub fn place_hold(
    state: Option<&Vehicle>,
    id: VehicleId,
    hold: HoldId,
    kind: HoldKind,
    timing: HoldTiming,
    owner: &str,
    reason: &str,
) -> Answer<HoldId> {
    let vehicle = match in_service(state, id) {
        Ok(vehicle) => vehicle,
        Err(reject) => return Decided::reject(reject),
    };
    if vehicle.holds.iter().any(|other| other.id == hold) {
        return Decided::unchanged(hold);
    }
    if vehicle.holds.len() >= HOLDS_MAX {
        return Decided::reject(Reject::new(Code::Conflict, "this vehicle has 32 holds: release some first"));
    }
    let claim_epoch = match timing {
        HoldTiming::AfterTrip => vehicle.claim_epoch,
        HoldTiming::NextAdmissible | HoldTiming::Now => vehicle.claim_epoch + 1,
    };
    let placed = VehicleHoldPlaced {
        hold,
        kind,
        owner: owner.into(),
        reason: reason.into(),
        timing,
        trip: vehicle.claim.map(|claim| claim.trip),
        claim_epoch,
    };
    Decided::accept([placed.into()], hold)
}

/// Releases a hold: its owner alone, a lockout never at a distance; policy is asked too (SAFE-17).
pub fn release_hold(
    state: Option<&Vehicle>,
    id: VehicleId,
    hold: HoldId,
    by: &Actor,
    asked: &PolicyAnswer,
    reason: &str,
) -> Answer<()> {
    let vehicle = match in_service(state, id) {
        Ok(vehicle) => vehicle,
        Err(reject) => return Decided::reject(reject),
    };
    let Some(held) = vehicle.holds.iter().find(|other| other.id == hold) else {
        return Decided::reject(Reject::new(Code::NotFound, format!("vehicle {id} has no hold {hold}")));
    };
    if let Some(refusal) = &asked.refusal {
        return Decided::reject(refusal.clone());
    }
    // Whatever policy says: these two are not for rules to loosen.
    if held.kind == HoldKind::Lockout {
        let text = "a technician's lockout is released at the vehicle by the technician, never at a distance";
        return Decided::reject(Reject::new(Code::IllegalTransition, text));
    }
    if held.owner != by.id && by.second_approver.is_none() {
        let text = format!("hold {hold} belongs to {}: its owner releases it, or two people do", held.owner);
        return Decided::reject(Reject::new(Code::Forbidden, text));
    }
    Decided::accept([VehicleHoldReleased { hold, reason: reason.into() }.into()], ())
}

/// Claims the vehicle for a trip, once however often it is asked (the last gate before a trip is ASSIGNED).
pub fn take_claim(state: Option<&Vehicle>, id: VehicleId, trip: TripId, valid_for_s: u64) -> Answer<u64> {
    let vehicle = match in_service(state, id) {
        Ok(vehicle) => vehicle,
        Err(reject) => return Decided::reject(reject),
    };
    match vehicle.claim {
        Some(claim) if claim.trip == trip && claim.epoch == vehicle.claim_epoch => {
            return Decided::unchanged(claim.epoch);
        }
        Some(claim) => {
            let text = format!("vehicle {id} is claimed for trip {}", claim.trip);
            return Decided::reject(Reject::new(Code::VehicleUnavailable, text));
        }
        None => {}
    }
    if !vehicle.is_ready() {
        let text = format!("vehicle {id} is not ready: {}", not_ready(vehicle));
        return Decided::reject(Reject::new(Code::VehicleUnavailable, text));
    }
    let claim_epoch = vehicle.claim_epoch + 1;
    Decided::accept([VehicleClaimTaken { trip, claim_epoch, valid_for_s }.into()], claim_epoch)
}

/// Why a vehicle is not ready, in a few words.
pub fn not_ready(vehicle: &Vehicle) -> String {
    let mut why: Vec<String> = Vec::new();
    if vehicle.status != Status::Online {
        why.push(format!("it is {}", vehicle.status.as_str()));
    }
    if vehicle.mode != Mode::Autonomous {
        why.push(format!("its mode is {}", vehicle.mode.as_str()));
    }
    why.extend(vehicle.holds.iter().map(|hold| format!("it is held ({})", hold.kind.as_str())));
    why.extend(vehicle.stops.iter().map(|stop| format!("stop {} is in force", stop.id)));
    if let Some(claim) = vehicle.claim {
        why.push(format!("it is claimed for trip {}", claim.trip));
    }
    why.join(", ")
}

/// Ends a claim and its epoch, once however often it is asked. Another trip's claim is left alone, and so is a newer one
/// of the same trip when `epoch` names the one that ends. A hold that waited for
/// the end of the trip takes effect with the new epoch.
pub fn release_claim(state: Option<&Vehicle>, trip: TripId, epoch: Option<u64>) -> Answer<()> {
    let Some((vehicle, claim)) = state.and_then(|vehicle| vehicle.claim.map(|claim| (vehicle, claim))) else {
        return Decided::unchanged(());
    };
    if claim.trip != trip || epoch.is_some_and(|epoch| epoch != claim.epoch) {
        return Decided::unchanged(());
    }
    Decided::accept([VehicleClaimReleased { trip, claim_epoch: vehicle.claim_epoch + 1 }.into()], ())
}

/// Ends the epoch of a trip's claim, once however often it is asked, and leaves the vehicle to that trip: it may still
/// drive by the claim, which is renewed no more.
pub fn withdraw_claim(state: Option<&Vehicle>, trip: TripId, epoch: u64) -> Answer<()> {
    let Some(vehicle) = state else { return Decided::unchanged(()) };
    match vehicle.claim {
        Some(claim) if claim.trip == trip && claim.epoch == epoch && vehicle.claim_epoch == epoch => {
            Decided::accept([VehicleClaimWithdrawn { trip, claim_epoch: epoch + 1 }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// Orders a stop. Asks nobody, refuses nothing that can be stopped, and repeats nothing (SAFE-1, SAFE-2).
pub fn order_stop(state: Option<&Vehicle>, id: VehicleId, ordered: VehicleStopOrdered) -> Answer<CommandId> {
    let Some(vehicle) = state else { return Decided::reject(missing(id)) };
    let stop = ordered.stop;
    if vehicle.stops.iter().any(|other| other.id == stop) {
        return Decided::unchanged(stop);
    }
    // Told to stop thirty-two times over, the vehicle is held by an order that asks as much. Never passed over is one
    // that asks more, or one that left from memory: the vehicle has it, and only a clearance that names it ends it.
    let (class, place) = (ordered.requested.class(), ordered.requested.place());
    let as_strict = |other: &&Stop| match other.class {
        StopClass::Now => true,
        StopClass::NearestAdmissible => class != StopClass::Now,
        StopClass::AtPlace => (class, place) == (other.class, other.place),
    };
    if vehicle.stops.len() >= STOPS_MAX
        && !ordered.from_emergency_record
        && let Some(held) = vehicle.stops.iter().find(as_strict)
    {
        return Decided::unchanged(held.id);
    }
    Decided::accept([ordered.into()], stop)
}

fn stop_in_force(state: Option<&Vehicle>, id: VehicleId, stop: CommandId) -> Result<&Stop, Reject> {
    let vehicle = state.ok_or_else(|| missing(id))?;
    let none = || Reject::new(Code::NotFound, format!("vehicle {id} has no stop {stop} in force"));
    vehicle.stops.iter().find(|other| other.id == stop).ok_or_else(none)
}

/// Says why a stop in force was ordered, in place of what was said with it. Moves nothing, and so asks nobody.
pub fn explain_stop(state: Option<&Vehicle>, id: VehicleId, stop: CommandId, reason: &str) -> Answer<()> {
    match stop_in_force(state, id, stop) {
        Err(reject) => Decided::reject(reject),
        Ok(known) if known.reason == reason => Decided::unchanged(()),
        Ok(_) => Decided::accept([VehicleStopExplained { stop, reason: reason.into() }.into()], ()),
    }
}

/// Whether a stop was ordered by another person or program than this one.
pub fn is_of_another(stop: &Stop, by: &Actor) -> bool {
    stop.owner.as_ref().is_some_and(|owner| *owner != by.id)
}

/// Clears a stop by its id (SAFE-6): who ordered it alone, or two people.
pub fn clear_stop(
    state: Option<&Vehicle>,
    id: VehicleId,
    stop: CommandId,
    by: &Actor,
    asked: &PolicyAnswer,
) -> Answer<()> {
    let ordered = match stop_in_force(state, id, stop) {
        Ok(ordered) => ordered,
        Err(reject) => return Decided::reject(reject),
    };
    if let Some(refusal) = &asked.refusal {
        return Decided::reject(refusal.clone());
    }
    // Whatever policy says: this is not for rules to loosen.
    if is_of_another(ordered, by) && by.second_approver.is_none() {
        let text = format!("stop {stop} was ordered by another: they clear it, or two people do");
        return Decided::reject(Reject::new(Code::Forbidden, text));
    }
    Decided::accept([VehicleStopCleared { stop }.into()], ())
}

/// A stop's order as an event.
pub fn stop_of(
    stop: CommandId,
    requested: RequestedStop,
    by: &Actor,
    reason: &str,
    from_emergency_record: bool,
) -> VehicleStopOrdered {
    let owner = (by.kind == ActorKind::Principal).then(|| by.id.clone());
    VehicleStopOrdered { stop, requested, reason: reason.into(), from_emergency_record, owner }
}
