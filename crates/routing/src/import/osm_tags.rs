//! What the tags of OpenStreetMap say about a road: how fast it may be driven, which way, and how large one may be.

use std::collections::BTreeMap;

use super::{Direction, osm_access};
use crate::graph::NoStop;
use crate::road::{RoadClass, SizeLimits};

/// Kilometres and miles per hour above this are mistakes of whoever mapped them.
const SPEED_MAX: f64 = 200.0;
/// The speed of `maxspeed=walk`, in metres per second.
const WALK_MPS: f64 = 7.0 / 3.6;

pub(super) type Tags<'a> = BTreeMap<&'a str, &'a str>;

/// A road as its tags describe it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Road {
    pub class: RoadClass,
    pub direction: Direction,
    pub forward_mps: f64,
    pub backward_mps: f64,
    pub lanes: [u8; 2],
    pub limits: SizeLimits,
    pub no_stop: Option<NoStop>,
}

/// The road that a vehicle may drive on, if it is one.
pub(super) fn road(tags: &Tags<'_>) -> Option<Road> {
    let class = RoadClass::parse(tags.get("highway")?)?;
    let direction = open_direction(direction(tags, class), osm_access::way(tags))?;
    let speed = |key: &str| tags.get(key).and_then(|text| speed_mps(text));
    let both = speed("maxspeed").unwrap_or(class.default_speed_mps());
    Some(Road {
        class,
        direction,
        forward_mps: speed("maxspeed:forward").unwrap_or(both),
        backward_mps: speed("maxspeed:backward").unwrap_or(both),
        lanes: lanes(tags, direction),
        limits: SizeLimits {
            max_mass_kg: tags.get("maxweight").and_then(|text| mass_kg(text)),
            max_width_m: tags.get("maxwidth").and_then(|text| metres(text)),
            max_height_m: tags.get("maxheight").and_then(|text| metres(text)),
        },
        no_stop: no_stop(tags),
    })
}

/// The direction in which a road may be driven of what its tags close in one direction or both.
fn open_direction(direction: Direction, open: [bool; 2]) -> Option<Direction> {
    match (direction, open) {
        (Direction::Both | Direction::Forward, [true, false]) => Some(Direction::Forward),
        (Direction::Both | Direction::Backward, [false, true]) => Some(Direction::Backward),
        (direction, [true, true]) => Some(direction),
        _ => None,
    }
}

fn direction(tags: &Tags<'_>, class: RoadClass) -> Direction {
    let is_loop = matches!(tags.get("junction"), Some(&"roundabout" | &"circular"));
    // OSRM reads the same keys: one that is meant for motor vehicles goes before the general one.
    let keys = ["oneway:motorcar", "oneway:motor_vehicle", "oneway:vehicle", "oneway"];
    match keys.iter().find_map(|key| tags.get(key)) {
        Some(&"yes" | &"1" | &"true") => Direction::Forward,
        Some(&"-1" | &"reverse") => Direction::Backward,
        Some(&"no" | &"0" | &"false") => Direction::Both,
        _ if is_loop || class == RoadClass::Motorway => Direction::Forward,
        _ => Direction::Both,
    }
}

/// Lanes in each direction; where only their sum is known it is halved, and a single one belongs to both.
fn lanes(tags: &Tags<'_>, direction: Direction) -> [u8; 2] {
    let count = |key: &str| tags.get(key).and_then(|text| text.parse::<u8>().ok());
    let sum = count("lanes").unwrap_or(0);
    let share = if direction == Direction::Both { sum.div_ceil(2) } else { sum };
    [count("lanes:forward").unwrap_or(share), count("lanes:backward").unwrap_or(share)]
}

/// A speed as OpenStreetMap writes it: a number in km/h, or with `mph` or `knots`.
fn speed_mps(text: &str) -> Option<f64> {
    if text == "walk" {
        return Some(WALK_MPS);
    }
    let (number, per_unit) = if let Some(number) = text.strip_suffix("mph") {
        (number, 0.447_04)
    } else if let Some(number) = text.strip_suffix("knots") {
        (number, 0.514_444)
    } else {
        (text.strip_suffix("km/h").unwrap_or(text), 1.0 / 3.6)
    };
    let value: f64 = number.trim().parse().ok()?;
    (value > 0.0 && value <= SPEED_MAX).then_some(value * per_unit)
}

/// A mass as OpenStreetMap writes it: a number in metric tonnes, or with a unit.
fn mass_kg(text: &str) -> Option<f64> {
    let units = [("kg", 1.0), ("lbs", 0.453_592_37), ("st", 907.184_74), ("t", 1_000.0)];
    let unit = units.into_iter().find_map(|(unit, kg)| Some((text.strip_suffix(unit)?, kg)));
    let (number, kg) = unit.unwrap_or((text, 1_000.0));
    positive(number).map(|value| value * kg)
}

/// A length as OpenStreetMap writes it: a number in metres, with `m`, or feet and inches (`12'6"`).
fn metres(text: &str) -> Option<f64> {
    if let Some((feet, inches)) = text.split_once('\'') {
        let inches = inches.trim().trim_end_matches('"');
        let inches: f64 = if inches.is_empty() { 0.0 } else { inches.parse().ok()? };
        return positive(feet).map(|feet| feet * 0.3048 + inches * 0.0254);
    }
    positive(text.strip_suffix('m').unwrap_or(text))
}

fn positive(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

fn no_stop(tags: &Tags<'_>) -> Option<NoStop> {
    let is = |key: &str| tags.get(key).is_some_and(|value| *value != "no");
    if is("tunnel") {
        Some(NoStop::Tunnel)
    } else if is("bridge") {
        Some(NoStop::Bridge)
    } else if is("junction") {
        Some(NoStop::Junction)
    } else if matches!(tags.get("emergency"), Some(&"yes" | &"designated")) {
        Some(NoStop::EmergencyAccess)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&str, &str)], then: impl FnOnce(Option<Road>) -> bool) {
        let road = road(&given.iter().copied().collect());
        assert!(then(road), "{given:?} -> {road:?}");
    }

    fn is(direction: Direction) -> impl FnOnce(Option<Road>) -> bool {
        move |road| road.is_some_and(|road| road.direction == direction)
    }

    #[test]
    fn what_may_be_driven_and_which_way() {
        check(&[("highway", "footway")], |road| road.is_none());
        check(&[("building", "yes")], |road| road.is_none());
        check(&[("highway", "primary"), ("access", "no")], |road| road.is_none());
        check(&[("highway", "primary"), ("motor_vehicle", "private")], |road| road.is_none());
        check(&[("highway", "primary"), ("access", "no"), ("motor_vehicle", "yes")], is(Direction::Both));
        check(&[("highway", "service"), ("area", "yes")], |road| road.is_none());
        for closed in
            [("highway", "busway"), ("highway", "bus_guideway"), ("access", "bus"), ("smoothness", "impassable")]
        {
            check(&[("highway", "primary"), closed], |road| road.is_none());
        }
        check(&[("highway", "primary")], is(Direction::Both));
        check(&[("highway", "primary"), ("oneway", "yes"), ("oneway:motor_vehicle", "no")], is(Direction::Both));
        check(&[("highway", "primary"), ("motor_vehicle:backward", "no")], is(Direction::Forward));
        check(&[("highway", "primary"), ("oneway", "yes"), ("vehicle:forward", "no")], |road| road.is_none());
        check(&[("highway", "primary"), ("oneway", "yes")], is(Direction::Forward));
        check(&[("highway", "primary"), ("oneway", "-1")], is(Direction::Backward));
        check(&[("highway", "motorway")], is(Direction::Forward));
        check(&[("highway", "motorway"), ("oneway", "no")], is(Direction::Both));
        check(&[("highway", "primary"), ("junction", "roundabout")], is(Direction::Forward));
    }

    #[test]
    fn speeds_have_units_and_defaults() {
        let drives =
            |kmh: f64| move |road: Option<Road>| road.is_some_and(|road| (road.forward_mps * 3.6 - kmh).abs() < 0.01);
        check(&[("highway", "residential")], drives(30.0));
        check(&[("highway", "residential"), ("maxspeed", "20")], drives(20.0));
        check(&[("highway", "residential"), ("maxspeed", "20 mph")], drives(32.187));
        check(&[("highway", "residential"), ("maxspeed", "10 knots")], drives(18.52));
        check(&[("highway", "residential"), ("maxspeed", "walk")], drives(7.0));
        for unbelievable in ["none", "-5", "0", "NaN", "1e9", "RU:urban", ""] {
            check(&[("highway", "residential"), ("maxspeed", unbelievable)], drives(30.0));
        }
        check(&[("highway", "primary"), ("maxspeed", "50"), ("maxspeed:backward", "30")], |road| {
            road.is_some_and(|road| road.forward_mps > road.backward_mps)
        });
    }

    #[test]
    fn where_no_vehicle_stops_and_which_one_does_not_fit() {
        let because = |reason| move |road: Option<Road>| road.is_some_and(|road| road.no_stop == reason);
        check(&[("highway", "primary"), ("tunnel", "yes"), ("bridge", "yes")], because(Some(NoStop::Tunnel)));
        check(&[("highway", "primary"), ("bridge", "viaduct")], because(Some(NoStop::Bridge)));
        check(&[("highway", "primary"), ("bridge", "no")], because(None));
        check(&[("highway", "primary"), ("junction", "roundabout")], because(Some(NoStop::Junction)));
        check(&[("highway", "service"), ("emergency", "designated")], because(Some(NoStop::EmergencyAccess)));
        let size = [("highway", "primary"), ("maxweight", "7.5 t"), ("maxheight", "12'6\""), ("maxwidth", "2.5 m")];
        check(&size, |road| {
            let limits = road.map(|road| road.limits).unwrap_or_default();
            limits.max_mass_kg == Some(7_500.0)
                && limits.max_width_m == Some(2.5)
                && limits.max_height_m.is_some_and(|height| (height - 3.81).abs() < 1e-6)
        });
        check(&[("highway", "primary"), ("maxweight", "3.5"), ("maxheight", "default")], |road| {
            road.is_some_and(|road| road.limits == SizeLimits { max_mass_kg: Some(3_500.0), ..SizeLimits::default() })
        });
        check(&[("highway", "primary"), ("lanes", "3")], |road| road.is_some_and(|road| road.lanes == [2, 2]));
    }
}
