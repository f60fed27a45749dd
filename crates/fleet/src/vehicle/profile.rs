//! What a vehicle is, as a technician registers it (ONB-1), and what of it enters the journal.

use std::collections::BTreeSet;

use kernel::text::WORD;
use kernel::{FieldError, Reject, Sector, SiteId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest name of a vehicle, in characters.
const NAME_CHARS_MAX: usize = 60;
/// The longest version of a component, in characters.
const VERSION_CHARS_MAX: usize = 100;
/// The most capabilities or components of one vehicle.
const LIST_MAX: usize = 64;
/// The heaviest load, in kilograms: above the largest haul truck.
const PAYLOAD_KG_MAX: f64 = 1e6;
/// The most seats.
const SEATS_MAX: u32 = 500;
/// The fastest vehicle, in metres per second.
const SPEED_MPS_MAX: f64 = 60.0;
/// The largest battery, in watt-hours.
const ENERGY_WH_MAX: f64 = 1e8;

/// What a vehicle is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["name", "version"]))]
pub struct Component {
    /// What it is, e.g. `ads`, `brake`.
    #[schemars(regex(pattern = WORD))]
    pub name: String,
    #[schemars(length(min = 1, max = VERSION_CHARS_MAX), regex(pattern = r"\S"))]
    pub version: String,
    #[serde(default)]
    pub serial: String,
}

/// What a technician presents.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub site: SiteId,
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = r"\S"))]
    pub name: String,
    /// Vehicle identification number (ISO 3779); not needed for a simulated vehicle.
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-HJ-NPR-Z0-9]{17}$"))]
    pub vin: Option<String>,
    #[serde(default)]
    #[schemars(length(max = LIST_MAX), inner(regex(pattern = WORD)))]
    pub capabilities: BTreeSet<String>,
    /// The sectors that it is built for; all of them if none is named.
    #[serde(default)]
    pub sectors: BTreeSet<Sector>,
    /// The heaviest load, in kilograms.
    #[serde(default)]
    #[schemars(range(min = 0, max = PAYLOAD_KG_MAX))]
    pub payload_max_kg: f64,
    #[serde(default)]
    #[schemars(range(max = SEATS_MAX))]
    pub seats: u32,
    /// The fastest that it can drive, in metres per second.
    #[schemars(range(max = SPEED_MPS_MAX), extend("exclusiveMinimum" = 0))]
    pub max_speed_mps: f64,
    /// Usable energy when full, in watt-hours.
    #[schemars(range(max = ENERGY_WH_MAX), extend("exclusiveMinimum" = 0))]
    pub energy_capacity_wh: f64,
    #[serde(default)]
    pub simulated: bool,
    #[serde(default)]
    #[schemars(length(max = LIST_MAX))]
    pub components: Vec<Component>,
}

/// What a vehicle is, without what is personal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    pub name: String,
    /// Commitment to the vehicle identification number, if there is one.
    pub vin_commitment: Option<String>,
    pub capabilities: BTreeSet<String>,
    /// The sectors that it is built for.
    pub sectors: BTreeSet<Sector>,
    /// The heaviest load, in kilograms.
    pub payload_max_kg: f64,
    pub seats: u32,
    /// The fastest that it can drive, in metres per second.
    pub max_speed_mps: f64,
    /// Usable energy when full, in watt-hours.
    pub energy_capacity_wh: f64,
    pub simulated: bool,
}

impl Registration {
    /// Checks every field; each that is wrong is named.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with one entry per wrong field.
    pub fn validate(&self) -> Result<(), Reject> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, field: &str, message: &str| {
            if !holds {
                wrong.push(FieldError { field: field.into(), message: message.into() });
            }
        };
        let name = self.name.trim();
        let short = self.name.chars().count() <= NAME_CHARS_MAX;
        check(!name.is_empty() && short, "/name", "must have 1 to 60 characters");
        check(
            self.max_speed_mps > 0.0 && self.max_speed_mps <= SPEED_MPS_MAX,
            "/max_speed_mps",
            "must be above 0 and at most 60",
        );
        check(
            self.payload_max_kg >= 0.0 && self.payload_max_kg <= PAYLOAD_KG_MAX,
            "/payload_max_kg",
            "must be from 0 to 1000000",
        );
        check(
            self.energy_capacity_wh > 0.0 && self.energy_capacity_wh <= ENERGY_WH_MAX,
            "/energy_capacity_wh",
            "must be above 0 and at most 100000000",
        );
        check(self.seats <= SEATS_MAX, "/seats", "must be at most 500");
        check(self.capabilities.len() <= LIST_MAX, "/capabilities", "must be at most 64");
        check(
            self.capabilities.iter().all(|name| is_word(name)),
            "/capabilities",
            "must be words of a to z, 0 to 9, - and _",
        );
        check(self.components.len() <= LIST_MAX, "/components", "must be at most 64");
        for (place, component) in self.components.iter().enumerate() {
            let version = &component.version;
            let is_told = !version.trim().is_empty() && version.chars().count() <= VERSION_CHARS_MAX;
            let named = is_word(&component.name) && is_told;
            check(named, &format!("/components/{place}"), "must have a name (a word) and a version");
        }
        let vin = self.vin.as_deref().is_none_or(is_vin);
        check(vin, "/vin", "must be 17 characters of A to Z and 0 to 9 without I, O and Q (ISO 3779)");
        if wrong.is_empty() { Ok(()) } else { Err(Reject::invalid(wrong)) }
    }

    /// The profile that enters the journal.
    pub fn profile(&self, vin_commitment: Option<String>) -> Profile {
        Profile {
            name: self.name.trim().to_owned(),
            vin_commitment,
            capabilities: self.capabilities.clone(),
            sectors: if self.sectors.is_empty() { Sector::ALL.iter().copied().collect() } else { self.sectors.clone() },
            payload_max_kg: self.payload_max_kg + 0.0,
            seats: self.seats,
            max_speed_mps: self.max_speed_mps,
            energy_capacity_wh: self.energy_capacity_wh,
            simulated: self.simulated,
        }
    }
}

fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn is_vin(text: &str) -> bool {
    text.len() == 17
        && text.bytes().all(|b| (b.is_ascii_uppercase() || b.is_ascii_digit()) && !matches!(b, b'I' | b'O' | b'Q'))
}
