//! What policy must know of trips, as `policies/trips.cedarschema` declares it.

use std::collections::BTreeSet;

use kernel::{Sector, Timestamp};
use policy::{Fact, Facts, sector_names};

/// Facts of [`actions::REQUEST_TRIP`](crate::actions::REQUEST_TRIP).
#[derive(Debug, Clone, PartialEq)]
pub struct TripFacts {
    /// The kind of trip: passenger, delivery, haul, charge, depot, reposition, maintenance, recovery.
    pub kind: String,
    /// Closures and closed zones at the stops, by id or name; empty when all are open.
    pub closed_at_stops: BTreeSet<String>,
    /// The kinds of zone that the stops lie in: `avoided`, `blast`, `exclusive`, `no-stop`.
    pub zone_kinds_at_stops: BTreeSet<String>,
    /// Zones that are closed to motion now; they become the trip's avoided zones.
    pub avoided_zones: BTreeSet<String>,
    pub passengers: u32,
    /// Load to be carried, in kilograms.
    pub payload_kg: f64,
    /// Capabilities that the trip asks for.
    pub required_capabilities: BTreeSet<String>,
    /// Straight-line distance over all stops, in metres.
    pub distance_m: f64,
}

impl TripFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now)
            .with("kind", self.kind.as_str())
            .with("closed_at_stops", self.closed_at_stops.clone())
            .with("zone_kinds_at_stops", self.zone_kinds_at_stops.clone())
            .with("avoided_zones", self.avoided_zones.clone())
            .with("passengers", self.passengers)
            .with("payload_kg", self.payload_kg)
            .with("required_capabilities", self.required_capabilities.clone())
            .with("distance_m", self.distance_m)
            .collect()
    }
}

/// Facts of [`actions::ASSIGN_VEHICLE`](crate::actions::ASSIGN_VEHICLE): one pair of vehicle and trip.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentFacts {
    /// When the vehicle last told its mode, battery and connectivity.
    pub vehicle_seen_at: Timestamp,
    pub online: bool,
    /// Driving mode: AUTONOMOUS, REMOTE, MANUAL, SERVICE, ESTOP.
    pub mode: String,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Energy left after the trip and the reserve, in watt-hours; negative when it does not suffice.
    pub energy_margin_wh: f64,
    /// The kinds of the vehicle's holds; empty when it has none.
    pub holds: BTreeSet<String>,
    /// Whether the vehicle is claimed by another trip.
    pub claimed: bool,
    pub vehicle_simulated: bool,
    pub capabilities: BTreeSet<String>,
    /// What the trip asks for, its constraints included.
    pub required_capabilities: BTreeSet<String>,
    pub trip_kind: String,
    pub passengers: u32,
    pub seats: u32,
    /// Load to be carried, in kilograms.
    pub payload_kg: f64,
    /// The heaviest load that the vehicle may carry, in kilograms: the lesser of profile and constraints.
    pub payload_max_kg: f64,
    /// Sectors that the vehicle was admitted to at its registration.
    pub allowed_sectors: BTreeSet<Sector>,
    /// Zones that the trip's route or stops touch.
    pub trip_zones: BTreeSet<String>,
    /// Zones that the vehicle must stay out of.
    pub vehicle_avoided_zones: BTreeSet<String>,
    /// Whether the admission of the registration is still valid.
    pub admission_valid: bool,
    /// Whether the vehicle is on probation.
    pub on_probation: bool,
    /// The vehicle's own speed limit in metres per second, where it has one.
    pub vehicle_max_speed_mps: Option<f64>,
}

impl AssignmentFacts {
    /// The facts: what the vehicle told is as old as its last word, the rest is of `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(self.vehicle_seen_at)
            .with("online", self.online)
            .with("mode", self.mode.as_str())
            .with("battery_pct", self.battery_pct)
            .with("energy_margin_wh", self.energy_margin_wh)
            .observed(now)
            .with("holds", self.holds.clone())
            .with("claimed", self.claimed)
            .with("vehicle_simulated", self.vehicle_simulated)
            .with("capabilities", self.capabilities.clone())
            .with("required_capabilities", self.required_capabilities.clone())
            .with("trip_kind", self.trip_kind.as_str())
            .with("passengers", self.passengers)
            .with("seats", self.seats)
            .with("payload_kg", self.payload_kg)
            .with("payload_max_kg", self.payload_max_kg)
            .with("allowed_sectors", sector_names(&self.allowed_sectors))
            .with("trip_zones", self.trip_zones.clone())
            .with("vehicle_avoided_zones", self.vehicle_avoided_zones.clone())
            .with("admission_valid", self.admission_valid)
            .with("on_probation", self.on_probation)
            .with_known("vehicle_max_speed_mps", self.vehicle_max_speed_mps)
            .collect()
    }
}

/// Facts of [`actions::MONITOR_TRIP`](crate::actions::MONITOR_TRIP): one sample of a vehicle on a trip.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorFacts {
    /// When the vehicle took the sample.
    pub sampled_at: Timestamp,
    /// Speed, in metres per second.
    pub speed_mps: f64,
    /// The lowest limit that applies there, in metres per second.
    pub speed_limit_mps: f64,
    /// Avoided zones that the vehicle is in; empty when none.
    pub avoided_zones_entered: BTreeSet<String>,
    /// Distance from the route, in metres.
    pub off_route_m: f64,
    pub mode: String,
    /// Modes that the trip's constraints allow.
    pub allowed_modes: BTreeSet<String>,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Whether the vehicle's claim is the trip's and has not lapsed.
    pub claim_valid: bool,
    /// Whether people or load are aboard.
    pub occupied: bool,
}

impl MonitorFacts {
    /// The facts, observed when the sample was taken. `over_limit_mps` is derived: Cedar's decimals cannot subtract.
    pub fn facts(&self) -> Vec<Fact> {
        Facts::of(self.sampled_at)
            .with("speed_mps", self.speed_mps)
            .with("speed_limit_mps", self.speed_limit_mps)
            .with("over_limit_mps", self.speed_mps - self.speed_limit_mps)
            .with("avoided_zones_entered", self.avoided_zones_entered.clone())
            .with("off_route_m", self.off_route_m)
            .with("mode", self.mode.as_str())
            .with("allowed_modes", self.allowed_modes.clone())
            .with("battery_pct", self.battery_pct)
            .with("claim_valid", self.claim_valid)
            .with("occupied", self.occupied)
            .collect()
    }
}

/// Facts of [`actions::RESUME_TRIP`](crate::actions::RESUME_TRIP) (SAFE-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeFacts {
    /// The kinds of the vehicle's holds; empty when it has none.
    pub holds: BTreeSet<String>,
    /// The vehicle's driving mode.
    pub mode: String,
}

impl ResumeFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now).with("holds", self.holds.clone()).with("mode", self.mode.as_str()).collect()
    }
}
