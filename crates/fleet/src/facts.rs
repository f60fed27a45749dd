//! What policy must know of vehicles and sites, as `policies/fleet.cedarschema` declares it.

use std::collections::BTreeSet;

use kernel::{Sector, Timestamp};
use policy::{Fact, Facts, sector_names};

/// Facts of [`actions::REGISTER_VEHICLE`](crate::actions::REGISTER_VEHICLE): the profile that a technician presents.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationFacts {
    /// Whether the vehicle is simulated; must equal the tenant's (SAFE-15).
    pub vehicle_simulated: bool,
    /// Whether a vehicle identification number (ISO 3779) was given.
    pub vin_present: bool,
    /// The sectors that the vehicle is built for.
    pub sectors: BTreeSet<Sector>,
    /// What it can do, e.g. `haul`, `passenger`, `wheelchair`.
    pub capabilities: BTreeSet<String>,
    /// The kinds of component that the profile lists with a version, e.g. `ads`, `brake`.
    pub components: BTreeSet<String>,
    /// The fastest that it can drive, in metres per second.
    pub max_speed_mps: f64,
    /// The heaviest load that it can carry, in kilograms.
    pub payload_max_kg: f64,
    pub seats: u32,
    /// Usable energy when full, in watt-hours.
    pub energy_capacity_wh: f64,
}

impl RegistrationFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now)
            .with("vehicle_simulated", self.vehicle_simulated)
            .with("vin_present", self.vin_present)
            .with("sectors", sector_names(&self.sectors))
            .with("capabilities", self.capabilities.clone())
            .with("components", self.components.clone())
            .with("max_speed_mps", self.max_speed_mps)
            .with("payload_max_kg", self.payload_max_kg)
            .with("seats", self.seats)
            .with("energy_capacity_wh", self.energy_capacity_wh)
            .collect()
    }
}

/// Facts of [`actions::CLEAR_STOP`](crate::actions::CLEAR_STOP) (SAFE-13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopClearFacts {
    /// The kinds of the vehicle's holds; empty when it has none.
    pub holds: BTreeSet<String>,
    /// Whether another person or program ordered the stop.
    pub ordered_by_another: bool,
    /// Whether a second person approved it.
    pub second_person: bool,
}

impl StopClearFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now)
            .with("holds", self.holds.clone())
            .with("ordered_by_another", self.ordered_by_another)
            .with("second_person", self.second_person)
            .collect()
    }
}

/// Facts of [`actions::RELEASE_HOLD`](crate::actions::RELEASE_HOLD) (SAFE-17).
#[derive(Debug, Clone, PartialEq)]
pub struct HoldReleaseFacts {
    /// The kind of hold: grounded, lockout, pre-start check, update, quarantine, cleaning.
    pub hold_kind: String,
    /// Whether the caller is the hold's owner.
    pub caller_is_owner: bool,
    /// Whether a second person approved it.
    pub second_person: bool,
    /// Whether the caller is beside the vehicle rather than at a distance.
    pub caller_at_vehicle: bool,
}

impl HoldReleaseFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now)
            .with("hold_kind", self.hold_kind.as_str())
            .with("caller_is_owner", self.caller_is_owner)
            .with("second_person", self.second_person)
            .with("caller_at_vehicle", self.caller_at_vehicle)
            .collect()
    }
}

/// Facts of [`actions::IMPORT_SITE`](crate::actions::IMPORT_SITE).
#[derive(Debug, Clone, PartialEq)]
pub struct SiteImportFacts {
    /// Trips of the site that have not ended; their routes name the old map.
    pub trips_open: u32,
}

impl SiteImportFacts {
    /// The facts, observed at `now`.
    pub fn facts(&self, now: Timestamp) -> Vec<Fact> {
        Facts::of(now).with("trips_open", self.trips_open).collect()
    }
}
