//! Facts for a question from outside. What the server knows itself goes before what the client says; what the client says is
//! taken where the action declares a fact of that name, and as the declared type.

use std::collections::{BTreeMap, BTreeSet};

use authzen::{Evaluation, Properties};
use fleet::KnownVehicle;
use fleet::vehicle::Status;
use kernel::{SiteId, Timestamp};
use policy::{Fact, FactValue, FactWords, Facts, sector_names};
use serde_json::Value;
use trips::Trip;

/// What is known of a thing.
#[derive(Debug, Clone)]
pub struct Thing {
    pub site: SiteId,
    pub facts: Vec<Fact>,
}

/// What is known of a vehicle: what it told is as old as its last word.
pub fn of_vehicle(known: &KnownVehicle, now: Timestamp) -> Thing {
    let KnownVehicle { vehicle, seen, .. } = known;
    let (profile, limits) = (&vehicle.profile, &vehicle.constraints);
    let payload_max_kg =
        limits.max_payload_kg.map_or(profile.payload_max_kg, |limit| limit.min(profile.payload_max_kg));
    let facts = Facts::of(seen.as_ref().map_or(now, |seen| seen.at))
        .with("online", vehicle.status == Status::Online)
        .with("mode", vehicle.mode.as_str())
        .with_known("battery_pct", seen.as_ref().map(|seen| seen.battery_pct))
        .with_known("parked", seen.as_ref().map(|seen| seen.parked))
        .observed(now)
        .with("holds", holds(known))
        .with("claimed", vehicle.claim.is_some())
        .with("on_trip", vehicle.claim.is_some())
        .with("vehicle_simulated", profile.simulated)
        .with("vin_present", profile.vin_commitment.is_some())
        .with("sectors", sector_names(&profile.sectors))
        .with_known("allowed_sectors", limits.allowed_sectors.as_ref().map(sector_names))
        .with("capabilities", vehicle.capabilities.clone())
        .with("seats", profile.seats)
        .with("payload_max_kg", payload_max_kg)
        .with("max_speed_mps", profile.max_speed_mps)
        .with("energy_capacity_wh", profile.energy_capacity_wh)
        .with("vehicle_avoided_zones", limits.avoided_zones.clone())
        .with_known("vehicle_max_speed_mps", limits.max_speed_mps);
    Thing { site: vehicle.site.clone(), facts: facts.collect() }
}

fn holds(known: &KnownVehicle) -> BTreeSet<String> {
    known.vehicle.holds.iter().map(|hold| hold.kind.as_str().to_owned()).collect()
}

/// What is known of a trip, and of its vehicle's holds.
pub fn of_trip(trip: &Trip, vehicle: Option<&KnownVehicle>, now: Timestamp) -> Thing {
    let facts = Facts::of(now)
        .with("kind", trip.kind.as_str())
        .with("occupied", trip.occupied)
        .with("passengers", trip.requirements.passengers)
        .with("payload_kg", trip.requirements.payload_kg)
        .with("required_capabilities", trip.requirements.capabilities.clone())
        .with_known("allowed_modes", trip.constraints.allowed_modes.clone())
        .with_known("holds", vehicle.map(holds));
    Thing { site: trip.site.clone(), facts: facts.collect() }
}

/// What is known of a site.
pub fn of_site(id: &SiteId, trips_open: u32, now: Timestamp) -> Thing {
    Thing { site: id.clone(), facts: Facts::of(now).with("trips_open", trips_open).collect() }
}

/// The facts of a question, and whether any of them is only the client's word.
pub fn of_question(
    declared: &[FactWords],
    thing: Option<&Thing>,
    asked: &Evaluation,
    now: Timestamp,
) -> (Vec<Fact>, bool) {
    let known: BTreeMap<&str, &Fact> =
        thing.into_iter().flat_map(|thing| &thing.facts).map(|fact| (fact.name.as_str(), fact)).collect();
    let said = |name: &str| {
        let of = |properties: &'_ Properties| properties.get(name).cloned();
        of(&asked.resource.properties).or_else(|| of(&asked.context)).or_else(|| of(&asked.action.properties))
    };
    let (mut facts, mut is_said) = (Vec::new(), false);
    for fact in declared {
        if let Some(known) = known.get(fact.name.as_str()) {
            facts.push((*known).clone());
        } else if let Some(value) = said(&fact.name).and_then(|value| value_of(&fact.type_name, &value)) {
            facts.push(Fact::new(&fact.name, value, now));
            is_said = true;
        }
    }
    (facts, is_said)
}

/// A value as a declared type; `None` for what is none. A whole number is a decimal too.
fn value_of(type_name: &str, value: &Value) -> Option<FactValue> {
    match type_name {
        "Bool" => value.as_bool().map(FactValue::Bool),
        "Long" => value.as_i64().map(FactValue::Long),
        "decimal" => value.as_f64().map(FactValue::Decimal),
        "String" => value.as_str().map(FactValue::from),
        "Set<String>" => {
            let words = value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
            words.collect::<Option<BTreeSet<_>>>().map(FactValue::Set)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_client_says_is_of_the_declared_type_or_nothing() {
        for (type_name, value, expected) in [
            ("Bool", json!(true), Some(FactValue::Bool(true))),
            ("Bool", json!(1), None),
            ("Long", json!(3), Some(FactValue::Long(3))),
            ("Long", json!(3.5), None),
            ("decimal", json!(3), Some(FactValue::Decimal(3.0))),
            ("decimal", json!("3"), None),
            ("String", json!("haul"), Some(FactValue::from("haul"))),
            ("Set<String>", json!(["a", "b", "a"]), Some(FactValue::Set(["a", "b"].map(str::to_owned).into()))),
            ("Set<String>", json!(["a", 1]), None),
            ("Set<String>", json!("a"), None),
            ("datetime", json!("2025-06-27T18:03-07:00"), None),
        ] {
            assert_eq!(value_of(type_name, &value), expected, "{type_name} {value}");
        }
    }
}
