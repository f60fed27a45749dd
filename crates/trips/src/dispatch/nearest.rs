//! Which vehicles a batch looks at: of those that fit its trips the nearest to each, in turn, until the batch is full.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;

use super::choice::SetAside;
use super::pairs;
use crate::ports::VehicleFacts;
use crate::trip::Trip;

/// The vehicles of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shortlist {
    /// Their places in the list that was chosen from, rising.
    pub(super) vehicles: BTreeSet<usize>,
    /// Of each trip why the vehicles that do not fit it do not: stable code and how many.
    pub(super) filtered: Vec<BTreeMap<String, u64>>,
    /// Of each trip how many vehicles fit it, were not tried yet, and are not looked at in this batch.
    pub(super) beyond: Vec<usize>,
}

/// A vehicle that fits a trip: those that were tried in vain go behind all others, then the nearest by straight line
/// go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    is_tried: bool,
    distance_mm: u64,
    vehicle: usize,
}

/// Chooses the vehicles of a batch, at most `max`, from those that are ready.
pub(super) fn shortlist(
    trips: &[Trip],
    ready: &[VehicleFacts],
    tried: &SetAside,
    max: usize,
    now: Timestamp,
) -> Shortlist {
    let mut list = Shortlist::default();
    let mut by_trip: Vec<Vec<Fit>> = Vec::with_capacity(trips.len());
    for trip in trips {
        let (mut fits, filtered) = fitting(trip, ready, tried, now);
        list.beyond.push(fits.iter().filter(|fit| !fit.is_tried).count());
        list.filtered.push(filtered);
        if fits.len() > max {
            fits.select_nth_unstable(max);
            fits.truncate(max);
        }
        fits.sort_unstable();
        by_trip.push(fits);
    }
    let deepest = by_trip.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..deepest).flat_map(|rank| by_trip.iter().filter_map(move |fits| fits.get(rank)));
    for fit in in_turn {
        if list.vehicles.len() == max {
            break;
        }
        list.vehicles.insert(fit.vehicle);
    }
    for (beyond, fits) in list.beyond.iter_mut().zip(&by_trip) {
        let listed = fits.iter().filter(|fit| !fit.is_tried && list.vehicles.contains(&fit.vehicle));
        *beyond -= listed.count();
    }
    list
}

fn fitting(trip: &Trip, ready: &[VehicleFacts], tried: &SetAside, now: Timestamp) -> (Vec<Fit>, BTreeMap<String, u64>) {
    let mut filtered: BTreeMap<String, u64> = BTreeMap::new();
    let mut fits = Vec::new();
    for (vehicle, facts) in ready.iter().enumerate() {
        match pairs::fitness(trip, facts, now) {
            Ok(distance_m) => fits.push(Fit {
                is_tried: tried.contains_key(&(trip.id, facts.vehicle)),
                distance_mm: (distance_m * 1_000.0) as u64,
                vehicle,
            }),
            Err(unfit) => *filtered.entry(unfit.code().into()).or_default() += 1,
        }
    }
    (fits, filtered)
}
