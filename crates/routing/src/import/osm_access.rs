//! Whom the tags of OpenStreetMap let through, on ways and at nodes, and what holds them up there: what the car profiles of OSRM (`car.lua`) and
//! Valhalla (`graph.lua`) both keep a car from. `private` is closed as well, which they only discourage, and so is `hov`:
//! a vehicle without passengers must not be where these are.

use super::osm_tags::Tags;

/// The keys of OpenStreetMap's access hierarchy for a car, the most specific first.
const ACCESS_KEYS: [&str; 4] = ["motorcar", "motor_vehicle", "vehicle", "access"];

/// Values that let others through, but no car.
const CLOSED_TO: [&str; 17] = [
    "no",
    "private",
    "agricultural",
    "forestry",
    "emergency",
    "emergency_vehicle",
    "military",
    "official",
    "restricted",
    "psv",
    "bus",
    "minibus",
    "taxi",
    "share_taxi",
    "hov",
    "foot",
    "bicycle",
];

/// Barriers that do not stop a car, with the seconds that they take: those of Valhalla's `gate_cost` and
/// `toll_booth_cost`.
const PASSABLE_BARRIERS: [(&str, f64); 12] = [
    ("no", 0.0),
    ("entrance", 0.0),
    ("cattle_grid", 0.0),
    ("border_control", 0.0),
    ("sally_port", 0.0),
    ("height_restrictor", 0.0),
    ("arch", 0.0),
    ("toll_booth", 15.0),
    ("gate", GATE_S),
    ("lift_gate", GATE_S),
    ("swing_gate", GATE_S),
    ("sliding_gate", GATE_S),
];

/// What a gate takes to open, in seconds.
const GATE_S: f64 = 30.0;

/// What the key `highway` of a node makes a car wait for, in seconds: as OSRM's car profile has it.
const SIGNALS: [(&str, f64); 3] = [("traffic_signals", 2.0), ("stop", 2.0), ("give_way", 1.0)];

/// Whether a car may pass; `None` where nothing is said. Of several values (`bus;destination`) one that lets it pass is
/// enough.
fn allowed<'a>(value: Option<&&'a str>) -> Option<bool> {
    value.map(|values| values.split(';').any(|value: &'a str| !CLOSED_TO.contains(&value.trim())))
}

fn by_hierarchy(tags: &Tags<'_>, suffix: &str) -> Option<bool> {
    ACCESS_KEYS.iter().find_map(|key| allowed(tags.get(format!("{key}{suffix}").as_str())))
}

/// Whether a way may be driven, forward and backward.
pub(super) fn way(tags: &Tags<'_>) -> [bool; 2] {
    let is = |key: &str, value: &str| tags.get(key) == Some(&value);
    let impassable = is("impassable", "yes") || is("status", "impassable") || is("smoothness", "impassable");
    // Which way a reversible road leads depends on the hour.
    if impassable || is("area", "yes") || is("service", "emergency_access") || is("oneway", "reversible") {
        return [false; 2];
    }
    let both = by_hierarchy(tags, "").unwrap_or(!is("hov", "designated"));
    [":forward", ":backward"].map(|suffix| by_hierarchy(tags, suffix).unwrap_or(both))
}

/// What passing a node along its way and against it takes beside driving, in seconds; `None` where it is closed.
pub(super) fn node(tags: &Tags<'_>) -> Option<[f64; 2]> {
    let barrier_s = barrier(tags)?;
    let kind = tags.get("highway").and_then(|kind| SIGNALS.iter().find(|(name, _)| name == kind));
    let signal_s = kind.map_or(0.0, |(_, seconds)| *seconds);
    let [along, against] = match tags.get("traffic_signals:direction").or_else(|| tags.get("direction")) {
        Some(&"forward") => [signal_s, 0.0],
        Some(&"backward") => [0.0, signal_s],
        _ => [signal_s; 2],
    };
    Some([barrier_s + along, barrier_s + against])
}

/// What a barrier takes to pass, in seconds; `None` where a car must not.
fn barrier(tags: &Tags<'_>) -> Option<f64> {
    let Some(barrier) = tags.get("barrier") else {
        return by_hierarchy(tags, "").unwrap_or(true).then_some(0.0);
    };
    let passable = PASSABLE_BARRIERS.iter().find(|(name, _)| name == barrier).map(|(_, seconds)| *seconds);
    match by_hierarchy(tags, "") {
        Some(false) => None,
        Some(true) => Some(passable.unwrap_or(0.0)),
        None if tags.get("bollard") == Some(&"rising") => Some(GATE_S),
        None if *barrier == "kerb" && is_flat(tags) => Some(0.0),
        None => passable,
    }
}

/// Whether a kerb is one that wheels roll over: lowered, or where people on foot cross the road.
fn is_flat(tags: &Tags<'_>) -> bool {
    matches!(tags.get("kerb"), Some(&"lowered" | &"flush")) || tags.get("highway") == Some(&"crossing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_closed_to_a_car() {
        let check = |given: &[(&str, &str)], then: [bool; 2]| {
            assert_eq!(way(&given.iter().copied().collect()), then, "{given:?}");
        };
        for value in ["bus", "psv", "taxi", "hov", "military", "official", "emergency", "no", "private", "bus;taxi"] {
            check(&[("access", value)], [false; 2]);
            check(&[("access", value), ("motor_vehicle", "yes")], [true; 2]);
        }
        for value in ["yes", "destination", "delivery", "customers", "permissive", "unknown", "bus;destination"] {
            check(&[("motor_vehicle", value)], [true; 2]);
        }
        check(&[("hov", "designated")], [false; 2]);
        check(&[("hov", "designated"), ("motorcar", "yes")], [true; 2]);
        check(&[("smoothness", "impassable")], [false; 2]);
        check(&[("smoothness", "horrible")], [true; 2]);
        check(&[("impassable", "yes")], [false; 2]);
        check(&[("status", "impassable")], [false; 2]);
        check(&[("service", "emergency_access")], [false; 2]);
        check(&[("service", "alley")], [true; 2]);
        check(&[("oneway", "reversible")], [false; 2]);
        check(&[("oneway", "alternating")], [true; 2]);
        check(&[("vehicle:backward", "no")], [true, false]);
        check(&[("motor_vehicle", "no"), ("motor_vehicle:forward", "yes")], [true, false]);
    }

    #[test]
    fn nodes_are_closed_unless_a_car_gets_through() {
        let check = |given: &[(&str, &str)], then: Option<f64>| {
            assert_eq!(barrier(&given.iter().copied().collect()), then, "{given:?}");
        };
        for barrier in ["bollard", "block", "chain", "jersey_barrier", "debris", "cycle_barrier", "yes", "kerb"] {
            check(&[("barrier", barrier)], None);
            check(&[("barrier", barrier), ("access", "no"), ("motor_vehicle", "yes")], Some(0.0));
            check(&[("barrier", barrier), ("access", "yes")], Some(0.0));
        }
        check(&[("barrier", "gate")], Some(30.0));
        check(&[("barrier", "gate"), ("access", "yes")], Some(30.0));
        check(&[("barrier", "gate"), ("access", "private")], None);
        check(&[("barrier", "gate"), ("motorcar", "no")], None);
        check(&[("barrier", "bollard"), ("bollard", "rising")], Some(30.0));
        check(&[("barrier", "bollard"), ("bollard", "removable")], None);
        check(&[("barrier", "cattle_grid")], Some(0.0));
        check(&[("barrier", "toll_booth")], Some(15.0));
        check(&[("barrier", "kerb"), ("kerb", "lowered")], Some(0.0));
        check(&[("barrier", "kerb"), ("highway", "crossing")], Some(0.0));
        check(&[("motor_vehicle", "no")], None);
        check(&[("highway", "crossing")], Some(0.0));
    }

    #[test]
    fn signals_and_signs_hold_up_in_the_direction_they_are_for() {
        let check = |given: &[(&str, &str)], then: Option<[f64; 2]>| {
            assert_eq!(node(&given.iter().copied().collect()), then, "{given:?}");
        };
        let signals = ("highway", "traffic_signals");
        check(&[signals], Some([2.0, 2.0]));
        check(&[signals, ("traffic_signals:direction", "forward")], Some([2.0, 0.0]));
        check(&[("highway", "stop"), ("direction", "backward")], Some([0.0, 2.0]));
        check(&[("highway", "give_way")], Some([1.0, 1.0]));
        check(&[signals, ("barrier", "gate")], Some([32.0, 32.0]));
        check(&[signals, ("access", "no")], None);
    }
}
