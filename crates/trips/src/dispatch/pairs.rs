//! Which vehicle could take which trip, and what the pair costs. What is impossible is filtered here, cheapest test
//! first, with a stable code, so that a waiting trip can say what it waits for.

use std::collections::BTreeMap;

use kernel::{Coordinate, Timestamp, VehicleId};

use crate::facts::AssignmentFacts;
use crate::ports::{DriveEstimate, VehicleFacts};
use crate::trip::Trip;
use crate::trip::types::{Cost, RouteSummary};

/// What one step of priority is worth in driving time: a vehicle may come ten minutes later for the most urgent.
const PRIORITY_STEP_MS: i64 = 60_000;
/// What waiting is worth in driving time, one for one, up to this: older trips win, but never against any distance.
const WAIT_CREDIT_MAX_MS: i64 = 10 * 60_000;
/// How old a position may be to plan an approach from it, in milliseconds: a vehicle that stands tells it every few
/// seconds.
const POSITION_AGE_MAX_MS: i64 = 120_000;

/// Why a vehicle cannot take a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Unfit {
    NotReady,
    /// It refused this trip a moment ago, or did not answer.
    Excluded,
    Capability,
    Seats,
    /// The load is too heavy for it.
    Payload,
    NoPosition,
    /// It stands farther from a road than a route may begin from a vehicle.
    OffRoad,
    /// No route leads from it to the pickup.
    #[strum(serialize = "NO_WAY")]
    NoRoute,
    Energy,
    /// A part is likely to fail before the trip ends.
    Wear,
}

impl Unfit {
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// For a person, as it completes "n vehicles …".
    pub fn text(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Excluded => "refused or did not answer a moment ago",
            Self::Capability => "without a needed capability",
            Self::Seats => "with too few seats",
            Self::Payload => "too small for the load",
            Self::NoPosition => "of unknown position",
            Self::OffRoad => "more than 50 m from any road",
            Self::NoRoute => "without a way to the pickup",
            Self::Energy => "short of energy",
            Self::Wear => "with a part that may fail before the trip ends",
        }
    }
}

/// Where an approach of the vehicle may be planned from.
pub fn place(vehicle: &VehicleFacts, now: Timestamp) -> Option<Coordinate> {
    vehicle.position.filter(|seen| now.since_ms(seen.seen_at) <= POSITION_AGE_MAX_MS).map(|seen| seen.at)
}

/// What can be told before any route is looked for: how far the pickup is by straight line, in metres, if the vehicle
/// fits the trip.
pub fn fitness(trip: &Trip, vehicle: &VehicleFacts, now: Timestamp) -> Result<f64, Unfit> {
    if !vehicle.is_ready() {
        return Err(Unfit::NotReady);
    }
    is_able(trip, vehicle, now)?;
    let from = place(vehicle, now).ok_or(Unfit::NoPosition)?;
    let distance_m = trip.origin().ok_or(Unfit::NoRoute)?.distance_m(from);
    lasts(trip, vehicle, distance_m).map(|()| distance_m)
}

/// Whether the vehicle can do what the trip needs, ready now or not.
pub fn is_able(trip: &Trip, vehicle: &VehicleFacts, now: Timestamp) -> Result<(), Unfit> {
    let needs = trip.requirements.capabilities.union(&trip.request_constraints.required_capabilities);
    let lacks = needs.into_iter().any(|name| !vehicle.capabilities.contains(name));
    match () {
        () if trip.excludes(vehicle.vehicle, now) => Err(Unfit::Excluded),
        () if lacks => Err(Unfit::Capability),
        () if trip.requirements.passengers > vehicle.seats => Err(Unfit::Seats),
        () if trip.requirements.payload_kg > vehicle.payload_max_kg => Err(Unfit::Payload),
        () => Ok(()),
    }
}

/// Whether battery and parts last for the approach, the trip and the reserve.
pub fn lasts(trip: &Trip, vehicle: &VehicleFacts, approach_m: f64) -> Result<(), Unfit> {
    let Some(route) = &trip.route else { return Ok(()) };
    if energy_margin_wh(trip, route, vehicle, approach_m) < 0.0 {
        return Err(Unfit::Energy);
    }
    match vehicle.safe_range_m {
        Some(range_m) if approach_m + route.distance_m > range_m => Err(Unfit::Wear),
        _ => Ok(()),
    }
}

/// Energy left after approach, trip and reserve, in watt-hours; negative when it does not suffice.
pub fn energy_margin_wh(trip: &Trip, route: &RouteSummary, vehicle: &VehicleFacts, approach_m: f64) -> f64 {
    let reserve_pct = trip.request_constraints.min_battery_pct.unwrap_or(0.0);
    let usable_wh = (vehicle.battery_pct - reserve_pct) / 100.0 * vehicle.energy_capacity_wh;
    usable_wh - (approach_m + route.distance_m) * vehicle.consumption_wh_per_m
}

pub fn cost(trip: &Trip, reach: DriveEstimate, now: Timestamp) -> Cost {
    Cost {
        approach_ms: i64::try_from(reach.duration_ms).unwrap_or(i64::MAX / 4),
        priority_credit_ms: i64::from(trip.priority) * PRIORITY_STEP_MS,
        wait_credit_ms: now.since_ms(trip.created_at).clamp(0, WAIT_CREDIT_MAX_MS),
    }
}

/// The facts of the question whether policy allows the pair.
pub fn assignment_facts(trip: &Trip, route: &RouteSummary, vehicle: &VehicleFacts, approach_m: f64) -> AssignmentFacts {
    let required = trip.requirements.capabilities.union(&trip.request_constraints.required_capabilities);
    AssignmentFacts {
        vehicle_seen_at: vehicle.seen_at,
        online: vehicle.online,
        mode: vehicle.mode.clone(),
        battery_pct: vehicle.battery_pct,
        energy_margin_wh: energy_margin_wh(trip, route, vehicle, approach_m),
        holds: vehicle.holds.clone(),
        claimed: vehicle.claimed,
        vehicle_simulated: vehicle.simulated,
        capabilities: vehicle.capabilities.clone(),
        required_capabilities: required.cloned().collect(),
        trip_kind: trip.kind.as_str().into(),
        passengers: trip.requirements.passengers,
        seats: vehicle.seats,
        payload_kg: trip.requirements.payload_kg,
        payload_max_kg: vehicle.payload_max_kg,
        allowed_sectors: vehicle.allowed_sectors.clone(),
        trip_zones: route.zones.clone(),
        vehicle_avoided_zones: vehicle.avoided_zones.clone(),
        admission_valid: vehicle.admission_valid,
        on_probation: vehicle.on_probation,
        vehicle_max_speed_mps: vehicle.max_speed_mps,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub reach: DriveEstimate,
    pub cost: Cost,
}

/// What was found of one trip: its possible pairs by vehicle, and why the other vehicles are none.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Possible pairs, by the vehicle's place among the candidates.
    pub pairs: BTreeMap<usize, Pair>,
    /// Candidates that fit the trip and cannot come: no route leads to it, or the battery does not last for the route.
    pub cut_off: Vec<usize>,
    /// Why the others are not: stable code and how many.
    pub filtered: BTreeMap<String, u64>,
}

impl Options {
    /// Counts a vehicle that cannot take the trip.
    pub fn count(&mut self, unfit: Unfit) {
        *self.filtered.entry(unfit.code().into()).or_default() += 1;
    }

    /// The cheapest pair besides one, as vehicle and driving time.
    pub fn runner_up(&self, besides: usize, candidates: &[VehicleFacts]) -> Option<(VehicleId, usize, i64)> {
        let others = self.pairs.iter().filter(|(place, _)| **place != besides);
        let best = others.min_by_key(|(place, pair)| (pair.cost.total_ms(), **place))?;
        let vehicle = candidates.get(*best.0)?.vehicle;
        Some((vehicle, *best.0, best.1.cost.approach_ms))
    }
}
