//! SAFE-6 as rules over values.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

use kernel::id::TypedId;
use kernel::{CommandId, Timestamp, TripId};
use link::restrict::{Holding, Refusal, Restriction, Scope, Situation, permit};
use link::{Clearance, GroundWhen, Mode, StopClass};
use proptest::prelude::*;

fn id(n: u128) -> CommandId {
    CommandId::from_u128(n)
}

fn stop(class: StopClass, scope: Scope) -> Restriction {
    Restriction::Stop { class, place: None, scope }
}

#[test]
fn permission() {
    let (free, mut held) = (Holding::default(), Holding::default());
    held.take(id(1), stop(StopClass::Now, Scope::Vehicle));
    let at = |ms| Some(Timestamp::from_ms(ms));
    let check = |server_time, epoch: u64, mode, holding: &Holding, then: Result<(), Refusal>| {
        let situation = Situation { server_time, claim_epoch: 5, mode, trip: None, holding };
        assert_eq!(permit(Timestamp::from_ms(1_000), epoch, situation), then);
    };
    check(at(999), 5, Mode::Autonomous, &free, Ok(()));
    check(at(999), 6, Mode::Remote, &free, Ok(()));
    check(at(1_000), 5, Mode::Autonomous, &free, Err(Refusal::Expired));
    check(None, 5, Mode::Autonomous, &free, Err(Refusal::ClockUnknown));
    check(at(999), 4, Mode::Autonomous, &free, Err(Refusal::StaleClaim));
    check(at(999), 5, Mode::Autonomous, &held, Err(Refusal::Held));
    for mode in [Mode::Manual, Mode::Service, Mode::Estop] {
        check(at(999), 5, mode, &free, Err(Refusal::Mode));
    }
}

#[test]
fn each_restriction_holds_until_it_is_named_or_its_scope_ends() {
    let (trip, other) = (TripId::from_u128(1), TripId::from_u128(2));
    let mut holding = Holding::default();
    holding.take(id(1), stop(StopClass::NearestAdmissible, Scope::Trip(trip)));
    holding.take(id(2), stop(StopClass::Now, Scope::Vehicle));
    holding.take(id(3), Restriction::Ground { when: GroundWhen::AfterTrip });
    holding.take(id(4), Restriction::Slow { max_speed_mps: 3.0, scope: Scope::Trip(trip) });
    holding.take(id(5), Restriction::Cancel { trip: Some(trip) });
    assert_eq!(holding.commands().collect::<Vec<_>>(), [id(1), id(2), id(3), id(4)]);
    assert_eq!(holding.trip_ended(other), []);
    assert_eq!(holding.clear(Clearance::Command(id(9))), []);
    assert_eq!(holding.clear(Clearance::Command(id(2))), [id(2)]);
    assert_eq!(holding.strictest(Some(trip)).stop, Some((StopClass::NearestAdmissible, None)));
    assert_eq!(holding.strictest(Some(other)).stop, None, "what is meant for another trip");
    assert_eq!(holding.trip_ended(trip), [id(1), id(4)]);
    assert!(holding.strictest(Some(trip)).stop.is_none() && holding.strictest(None).no_new_trip);
    assert_eq!(holding.clear(Clearance::Scope(Scope::Vehicle)), [id(3)]);
    assert!(holding.is_empty());
}

fn any_restriction() -> impl Strategy<Value = Restriction> {
    let class = prop_oneof![Just(StopClass::AtPlace), Just(StopClass::NearestAdmissible), Just(StopClass::Now)];
    let scope = prop_oneof![Just(Scope::Vehicle), (0u128..3).prop_map(|n| Scope::Trip(TripId::from_u128(n)))];
    let when = prop_oneof![Just(GroundWhen::AfterTrip), Just(GroundWhen::NextAdmissible), Just(GroundWhen::Now)];
    prop_oneof![
        (class, scope.clone()).prop_map(|(class, scope)| stop(class, scope)),
        (0.0f64..30.0, scope).prop_map(|(max_speed_mps, scope)| Restriction::Slow { max_speed_mps, scope }),
        when.prop_map(|when| Restriction::Ground { when }),
        Just(Restriction::Quarantine),
    ]
}

proptest! {
    /// Restrictive commands win every race: the order of arrival never matters, and one more never loosens.
    #[test]
    fn order_never_matters_and_more_is_never_looser(restrictions in proptest::collection::vec(any_restriction(), 1..8)) {
        let hold = |order: Vec<usize>| {
            let mut holding = Holding::default();
            for n in order {
                holding.take(id(n as u128), restrictions[n]);
            }
            holding.strictest(Some(TripId::from_u128(1)))
        };
        let all = hold((0..restrictions.len()).collect());
        let reversed = hold((0..restrictions.len()).rev().collect());
        prop_assert_eq!(all, reversed);
        let fewer = hold((1..restrictions.len()).collect());
        prop_assert!(all.stop.map(|s| s.0) >= fewer.stop.map(|s| s.0));
        prop_assert!(all.no_new_trip >= fewer.no_new_trip);
        prop_assert!(all.max_speed_mps.unwrap_or(f64::MAX) <= fewer.max_speed_mps.unwrap_or(f64::MAX));
    }
}
