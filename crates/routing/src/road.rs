//! What a road is: its class as OpenStreetMap names it, and how large a vehicle may be on it.

use serde::{Deserialize, Serialize};

use crate::bytes::milli;

/// The class of a road: the values of OpenStreetMap's key `highway` that vehicles drive on, and `haul` of mines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoadClass {
    Motorway,
    MotorwayLink,
    Trunk,
    /// A ramp of a trunk road.
    TrunkLink,
    Primary,
    /// A ramp of a primary road.
    PrimaryLink,
    Secondary,
    /// A ramp of a secondary road.
    SecondaryLink,
    Tertiary,
    /// A ramp of a tertiary road.
    TertiaryLink,
    Unclassified,
    Residential,
    /// A street shared with people on foot.
    LivingStreet,
    /// An access to a building, a yard or a car park.
    Service,
    /// A road of fields and forests.
    Track,
    Road,
    /// A haul road of a mine or quarry.
    Haul,
}

impl RoadClass {
    /// Every class with its name and the speed, in km/h, where nobody wrote one down. A class's place here is its number
    /// in a graph's bytes.
    const TABLE: [(RoadClass, &'static str, f64); 17] = [
        (RoadClass::Motorway, "motorway", 100.0),
        (RoadClass::MotorwayLink, "motorway_link", 60.0),
        (RoadClass::Trunk, "trunk", 80.0),
        (RoadClass::TrunkLink, "trunk_link", 60.0),
        (RoadClass::Primary, "primary", 60.0),
        (RoadClass::PrimaryLink, "primary_link", 50.0),
        (RoadClass::Secondary, "secondary", 50.0),
        (RoadClass::SecondaryLink, "secondary_link", 50.0),
        (RoadClass::Tertiary, "tertiary", 50.0),
        (RoadClass::TertiaryLink, "tertiary_link", 50.0),
        (RoadClass::Unclassified, "unclassified", 50.0),
        (RoadClass::Residential, "residential", 30.0),
        (RoadClass::LivingStreet, "living_street", 10.0),
        (RoadClass::Service, "service", 20.0),
        (RoadClass::Track, "track", 20.0),
        (RoadClass::Road, "road", 30.0),
        (RoadClass::Haul, "haul", 50.0),
    ];

    /// Reads the name; `None` for what vehicles do not drive on.
    pub fn parse(text: &str) -> Option<Self> {
        Self::TABLE.into_iter().find(|(_, name, _)| *name == text).map(|(class, ..)| class)
    }

    /// The name in files and messages.
    pub fn as_str(self) -> &'static str {
        Self::TABLE[self.number() as usize].1
    }

    /// The speed in metres per second where nobody wrote one down.
    pub fn default_speed_mps(self) -> f64 {
        Self::TABLE[self.number() as usize].2 / 3.6
    }

    pub(crate) fn number(self) -> u32 {
        self as u32
    }

    pub(crate) fn of_number(number: u32) -> Option<Self> {
        Self::TABLE.get(number as usize).map(|(class, ..)| *class)
    }
}

/// How large a vehicle may be; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SizeLimits {
    /// The greatest mass, in kilograms.
    pub max_mass_kg: Option<f64>,
    /// The greatest width, in metres.
    pub max_width_m: Option<f64>,
    /// The greatest height, in metres.
    pub max_height_m: Option<f64>,
}

/// How large a vehicle is; `None` where it is not known, and then no limit of that kind applies.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VehicleShape {
    /// Its mass with load, in kilograms.
    pub mass_kg: Option<f64>,
    /// Its width, in metres.
    pub width_m: Option<f64>,
    /// Its height, in metres.
    pub height_m: Option<f64>,
}

impl SizeLimits {
    pub fn admit(&self, vehicle: &VehicleShape) -> bool {
        let fits =
            |limit: Option<f64>, size: Option<f64>| !matches!((limit, size), (Some(limit), Some(size)) if size > limit);
        fits(self.max_mass_kg, vehicle.mass_kg)
            && fits(self.max_width_m, vehicle.width_m)
            && fits(self.max_height_m, vehicle.height_m)
    }

    /// In thousandths, as the bytes hold them; 0 for none.
    pub(crate) fn to_milli(self) -> [u32; 3] {
        [self.max_mass_kg, self.max_width_m, self.max_height_m]
            .map(|limit| limit.map_or(0, |limit| milli(limit).max(1)))
    }

    pub(crate) fn of_milli(limits: [u32; 3]) -> Self {
        let [max_mass_kg, max_width_m, max_height_m] =
            limits.map(|limit| (limit > 0).then_some(f64::from(limit) / 1e3));
        Self { max_mass_kg, max_width_m, max_height_m }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_where_its_number_says() {
        for (number, (class, name, kmh)) in RoadClass::TABLE.into_iter().enumerate() {
            assert_eq!(class.number() as usize, number);
            assert_eq!((RoadClass::parse(name), class.as_str()), (Some(class), name));
            assert!((class.default_speed_mps() * 3.6 - kmh).abs() < 1e-9);
        }
        assert_eq!(RoadClass::parse("footway"), None);
    }

    #[test]
    fn what_is_not_known_is_not_limited() {
        let bridge = SizeLimits { max_mass_kg: Some(3_500.0), ..SizeLimits::default() };
        assert!(bridge.admit(&VehicleShape::default()));
        assert!(bridge.admit(&VehicleShape { mass_kg: Some(3_500.0), width_m: Some(9.0), height_m: None }));
        assert!(!bridge.admit(&VehicleShape { mass_kg: Some(3_500.1), ..VehicleShape::default() }));
    }
}
