//! A tenant's workshop: its bays and its technicians, and how much a vehicle works a day.

use kernel::{Aggregate, EventMeta, TenantId};
use prognostics::catalog::UsageUnit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What can happen to a workshop.
    pub enum WorkshopEvent {
        "workshop.set" 1 => Set(WorkshopSet),
    }
}

/// A place to work at a vehicle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bay {
    pub name: String,
    /// What it is equipped for, such as `pit` or `lift`; a bay serves work of its kinds.
    #[schemars(length(min = 1, max = 16))]
    pub kinds: Vec<String>,
}

/// Somebody who repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technician {
    pub name: String,
    #[schemars(length(min = 1, max = 16))]
    pub skills: Vec<String>,
    /// The minute of the day in UTC at which the shift begins.
    #[schemars(range(min = 0, max = 1439))]
    pub shift_from_minute: u32,
    /// And ends; before its begin: on the next day; the same: always there.
    #[schemars(range(min = 0, max = 1439))]
    pub shift_until_minute: u32,
}

/// How a fleet is planned to work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Utilisation {
    #[schemars(range(min = 1.0, max = 5000.0))]
    pub km_per_day: f64,
    #[schemars(range(min = 0.1, max = 24.0))]
    pub hours_per_day: f64,
    #[schemars(range(min = 0.1, max = 10000.0))]
    pub cycles_per_day: f64,
}

impl Utilisation {
    /// How much of a unit a vehicle does in an hour of the calendar.
    pub fn per_hour(self, unit: UsageUnit) -> f64 {
        let a_day = match unit {
            UsageUnit::Km => self.km_per_day,
            UsageUnit::Hours => self.hours_per_day,
            UsageUnit::Cycles => self.cycles_per_day,
        };
        (a_day / 24.0).max(f64::MIN_POSITIVE)
    }
}

impl Default for Utilisation {
    /// Two shifts of a haul truck.
    fn default() -> Self {
        Self { km_per_day: 300.0, hours_per_day: 16.0, cycles_per_day: 60.0 }
    }
}

/// A workshop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workshop {
    #[schemars(length(max = 200))]
    pub bays: Vec<Bay>,
    #[schemars(length(max = 500))]
    pub technicians: Vec<Technician>,
    pub utilisation: Utilisation,
    /// How many vehicles the operation needs on the road at any time.
    #[schemars(range(max = 1_000_000))]
    pub vehicles_needed: u32,
    /// The most cases that predictions open in a day; what grounds a vehicle is beyond it.
    #[schemars(range(min = 1, max = 10_000))]
    pub alerts_a_day: u32,
}

impl Default for Workshop {
    /// Before anybody said anything: nothing to repair with.
    fn default() -> Self {
        Self {
            bays: Vec::new(),
            technicians: Vec::new(),
            utilisation: Utilisation::default(),
            vehicles_needed: 0,
            alerts_a_day: 20,
        }
    }
}

/// Its equipment and people were said, all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkshopSet {
    pub workshop: Workshop,
}

impl Aggregate for Workshop {
    type Id = TenantId;
    type Event = WorkshopEvent;
    const KIND: &'static str = "workshop";
    const FOLD_VERSION: u32 = 1;

    fn evolve(_: Option<Self>, event: &WorkshopEvent, _: &EventMeta) -> Option<Self> {
        let WorkshopEvent::Set(set) = event;
        Some(set.workshop.clone())
    }
}
