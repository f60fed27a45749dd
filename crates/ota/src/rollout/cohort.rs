//! Which vehicles a stage admits: a hash under the rollout's own key puts every vehicle at a place between 0 and 1 000 000,
//! and a stage admits those below its share. So stages are nested, nothing is kept per vehicle, a vehicle that joins later
//! is admitted by the same rule, and who has the salt can prove afterwards who was chosen and why.

use std::hash::Hasher;

use kernel::VehicleId;
use kernel::id::TypedId;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::Plan;

/// The whole fleet, in parts per million.
pub const WHOLE: u32 = 1_000_000;

/// A vehicle's place, in parts per million, by SipHash-2-4-128 of its id under the salt.
pub fn place(salt: u128, vehicle: VehicleId) -> u32 {
    let mut hasher = SipHasher24::new_with_key(&salt.to_be_bytes());
    hasher.write(&vehicle.as_u128().to_be_bytes());
    // The upper 64 bits as a fraction of 2^64: uniform, and without a float.
    let fraction = u128::from(hasher.finish128().h1);
    u32::try_from((fraction * u128::from(WHOLE)) >> 64).unwrap_or(WHOLE - 1)
}

/// The first stage that admits the vehicle; `None`: no stage does.
pub fn first_stage(plan: &Plan, salt: u128, vehicle: VehicleId) -> Option<usize> {
    if plan.excluded.contains(&vehicle) {
        return None;
    }
    let place = place(salt, vehicle);
    // Held back as a control, at the upper end, so that a control vehicle is in no earlier stage.
    let is_control = place >= WHOLE.saturating_sub(plan.control_ppm);
    plan.stages.iter().position(|stage| match stage.share_ppm {
        None => plan.first_vehicles.contains(&vehicle),
        Some(share) if stage.with_control => place < share,
        Some(share) => place < share && !is_control,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rollout::{Advance, Stage};

    fn plan(shares: &[u32]) -> Plan {
        let stage = |share: &u32| Stage {
            share_ppm: Some(*share),
            with_control: *share == WHOLE,
            soak_s: 0,
            advance: Advance::Automatic,
        };
        Plan { stages: shares.iter().map(stage).collect(), control_ppm: 20_000, ..Plan::example() }
    }

    proptest! {
        #[test]
        fn stages_are_nested_and_the_last_has_everybody(salt in any::<u128>(), vehicle in any::<u128>()) {
            let vehicle = VehicleId::from_u128(vehicle);
            let first = first_stage(&plan(&[1_000, 50_000, WHOLE]), salt, vehicle);
            let fewer = first_stage(&plan(&[50_000, WHOLE]), salt, vehicle);
            prop_assert!(first.is_some());
            // Whoever is in the smallest stage is in the next one too.
            prop_assert!(first != Some(0) || fewer == Some(0));
        }
    }

    #[test]
    fn shares_are_kept_over_a_fleet_and_the_control_is_last() {
        let plan = plan(&[100_000, 980_000, WHOLE]);
        let count = |stage| {
            let vehicles = (0..20_000).map(|n| VehicleId::from_u128(n * 7_919));
            vehicles.filter(|vehicle| first_stage(&plan, 42, *vehicle) == Some(stage)).count()
        };
        let (first, second, last) = (count(0), count(1), count(2));
        assert!((1_800..2_200).contains(&first), "{first} of 2000");
        assert!((320..480).contains(&last), "{last} of 400 are held back");
        assert_eq!(first + second + last, 20_000);
    }

    #[test]
    fn a_named_vehicle_is_first_and_an_excluded_one_never() {
        let (named, excluded) = (VehicleId::from_u128(1), VehicleId::from_u128(2));
        let mut plan = plan(&[WHOLE]);
        plan.stages.insert(0, Stage { share_ppm: None, with_control: false, soak_s: 0, advance: Advance::Person });
        plan.first_vehicles.insert(named);
        plan.excluded.insert(excluded);
        assert_eq!((first_stage(&plan, 1, named), first_stage(&plan, 1, excluded)), (Some(0), None));
    }
}
