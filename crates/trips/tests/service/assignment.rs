//! The assignment of a whole batch, through the service: no assignment is better, none is impossible, and who is left
//! without a vehicle is told why.

use std::collections::BTreeSet;

use proptest::prelude::*;
use trips::Status;
use trips::trip::types::Requirements;

use crate::world::{World, able};

/// Driving times by vehicle and trip, in milliseconds, and the trips' priorities.
#[derive(Debug, Clone)]
struct Batch {
    reach_ms: Vec<Vec<Option<u64>>>,
    priorities: Vec<u8>,
}

fn batches() -> impl Strategy<Value = Batch> {
    (0usize..=5, 1usize..=5).prop_flat_map(|(vehicles, trips)| {
        // Few different numbers, so that there are equals.
        let cell = prop_oneof![1 => Just(None), 3 => (0u64..6).prop_map(|n| Some(n * 50_000))];
        let reach_ms = proptest::collection::vec(proptest::collection::vec(cell, trips), vehicles);
        let priorities = proptest::collection::vec(0u8..4, trips);
        (reach_ms, priorities).prop_map(|(reach_ms, priorities)| Batch { reach_ms, priorities })
    })
}

/// What the service does with a batch whose vehicles the fleet lists in this order: by trip its vehicle.
fn assigned(batch: &Batch, order: &[usize]) -> Vec<Option<usize>> {
    let world = World::with(order.iter().map(|&n| able(n)).collect());
    for (vehicle, row) in batch.reach_ms.iter().enumerate() {
        world.told().reach_ms.extend(row.iter().enumerate().map(|(trip, ms)| ((vehicle, trip), *ms)));
    }
    let asks = |(n, &priority): (usize, &u8)| world.asks(n, priority, Requirements::default());
    let trips: Vec<_> = batch.priorities.iter().enumerate().map(asks).collect();
    world.dispatches();
    for &trip in &trips {
        let trip = world.trip(trip);
        let waits = trip.wait.as_ref().is_some_and(|wait| !wait.code.is_empty() && !wait.reason.is_empty());
        assert_eq!((trip.status == Status::Waiting, trip.status == Status::Assigned), (waits, !waits), "{trip:?}");
    }
    trips.into_iter().map(|trip| world.vehicle_of(trip)).collect()
}

/// How many trips have a vehicle, and what that costs.
fn value(batch: &Batch, vehicles: &[Option<usize>]) -> (usize, i64) {
    let costs = vehicles.iter().enumerate().filter_map(|(trip, vehicle)| {
        let approach_ms = batch.reach_ms[(*vehicle)?][trip].expect("an impossible pair");
        Some(approach_ms as i64 - 60_000 * i64::from(batch.priorities[trip]))
    });
    costs.fold((0, 0), |(count, sum), cost| (count + 1, sum + cost))
}

/// The best value of all assignments, tried one by one.
fn best(batch: &Batch, chosen: &mut Vec<Option<usize>>) -> (usize, i64) {
    if chosen.len() == batch.priorities.len() {
        return value(batch, chosen);
    }
    let trip = chosen.len();
    let free = |vehicle: &usize| !chosen.contains(&Some(*vehicle)) && batch.reach_ms[*vehicle][trip].is_some();
    let options: Vec<Option<usize>> = (0..batch.reach_ms.len()).filter(free).map(Some).chain([None]).collect();
    let mut values = options.into_iter().map(|option| {
        chosen.push(option);
        let value = best(batch, chosen);
        chosen.pop();
        value
    });
    let first = values.next().expect("nobody is always an option");
    values.fold(first, |best, value| if (value.0, -value.1) > (best.0, -best.1) { value } else { best })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_assignment_is_better_and_the_order_of_the_list_changes_nothing(
        (batch, order) in batches().prop_flat_map(|batch| {
            let order: Vec<usize> = (0..batch.reach_ms.len()).collect();
            (Just(batch), Just(order).prop_shuffle())
        })
    ) {
        let found = assigned(&batch, &order);
        let taken: Vec<usize> = found.iter().copied().flatten().collect();
        prop_assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), taken.len(), "a vehicle has one trip");
        prop_assert_eq!(value(&batch, &found), best(&batch, &mut Vec::new()));
        let in_order: Vec<usize> = (0..batch.reach_ms.len()).collect();
        prop_assert_eq!(assigned(&batch, &in_order), found);
    }
}
