//! Merging limits can only tighten, in any order and any number of times.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use kernel::Sector;
use policy::Constraints;
use proptest::prelude::*;

fn words() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned), 0..4)
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop::option::of((0..400u32).prop_map(|tenths| f64::from(tenths) / 10.0))
}

prop_compose! {
    fn limits()(
        max_speed_mps in number(), max_payload_kg in number(), max_trip_distance_m in number(), min_battery_pct in number(),
        max_passengers in prop::option::of(0..9u32), probation_trips in prop::option::of(0..9u32),
        valid_for_s in prop::option::of(0..9u64),
        sets in (words(), words(), prop::option::of(words()), prop::option::of(words())),
        sectors in prop::option::of(prop::collection::btree_set(prop::sample::select(Sector::ALL.to_vec()), 0..4)),
    ) -> Constraints {
        Constraints {
            max_speed_mps, max_payload_kg, max_passengers, max_trip_distance_m, valid_for_s, min_battery_pct, probation_trips,
            avoided_zones: sets.0, required_capabilities: sets.1, allowed_modes: sets.2, allowed_zones: sets.3,
            allowed_sectors: sectors,
        }
    }
}

proptest! {
    #[test]
    fn merging_is_a_semilattice(a in limits(), b in limits(), c in limits()) {
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.meet(&a), a.clone());
        prop_assert_eq!(a.meet(&Constraints::default()), a.clone());
        prop_assert_eq!(a.meet(&b).meet(&b), a.meet(&b));
        // What nothing can satisfy stays so.
        prop_assert!(a.check().is_ok() || a.meet(&b).check().is_err());
    }

    #[test]
    fn json_round_trips_and_equal_limits_have_equal_digests(a in limits(), b in limits()) {
        let again: Constraints = serde_json::from_str(&serde_json::to_string(&a).unwrap()).unwrap();
        prop_assert_eq!(&again, &a);
        prop_assert_eq!(a.digest() == b.digest(), a == b);
    }
}

#[test]
fn limits_that_nothing_can_keep_are_named() {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let slow = Constraints { max_speed_mps: Some(0.2), ..Constraints::default() };
    assert_eq!(slow.check().unwrap_err().limit, "max_speed_mps");
    let one = Constraints { allowed_modes: Some(set(&["AUTONOMOUS"])), ..Constraints::default() };
    let other = Constraints { allowed_modes: Some(set(&["REMOTE"])), ..Constraints::default() };
    assert_eq!(one.meet(&other).check().unwrap_err().limit, "allowed_modes");
    let zone = Constraints { allowed_zones: Some(set(&["z"])), avoided_zones: set(&["z"]), ..Constraints::default() };
    assert_eq!(zone.check().unwrap_err().limit, "allowed_zones");
    let text = zone.check().unwrap_err().to_string();
    assert_eq!(text, "allowed_zones: no zone is left");
    assert!(Constraints::default().check().is_ok());
}
