//! When each waiting trip is looked at again. A trip that could not be served is left out for longer each time, so that
//! the next batch looks at others; it is looked at at once when something that concerns it changed.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kernel::{Timestamp, TripId};

use crate::trip::Trip;

/// How long a trip steps aside after the first look at it, in milliseconds; doubled each time up to the longest. What
/// changes without an event, such as a position or the end of an exclusion, is noticed within the longest.
const BACKOFF_MIN_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 8_000;

/// When a trip is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Retry {
    at: Timestamp,
    backoff_ms: i64,
}

/// The next looks at the trips that wait at a site; a trip that was never looked at has none, and is due now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RetrySchedule {
    by_trip: BTreeMap<TripId, Retry>,
}

impl RetrySchedule {
    /// Forgets trips that do not wait any more.
    pub(super) fn keep(&mut self, is_waiting: impl Fn(TripId) -> bool) {
        self.by_trip.retain(|trip, _| is_waiting(*trip));
    }

    /// Something that concerns the trip changed: it is due now, unless it was before.
    pub(super) fn wake(&mut self, trip: TripId, now: Timestamp) {
        if let Some(retry) = self.by_trip.get_mut(&trip) {
            retry.at = retry.at.min(now);
        }
    }

    /// The trip began to wait anew.
    pub(super) fn forget(&mut self, trip: TripId) {
        self.by_trip.remove(&trip);
    }

    /// The trip was looked at and could not be served.
    pub(super) fn back_off(&mut self, trip: TripId, now: Timestamp) {
        let last = self.by_trip.get(&trip).map_or(0, |retry| retry.backoff_ms);
        let backoff_ms = (last * 2).clamp(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
        self.by_trip.insert(trip, Retry { at: now.plus_ms(backoff_ms), backoff_ms });
    }

    /// The trip was looked at, and there is more to look at for it: it goes behind those that were due before.
    pub(super) fn requeue(&mut self, trip: TripId, now: Timestamp) {
        let backoff_ms = self.by_trip.get(&trip).map_or(0, |retry| retry.backoff_ms);
        self.by_trip.insert(trip, Retry { at: now, backoff_ms });
    }

    /// The trips that are due: the most urgent first, then by when they became due, then the oldest. With them, how many
    /// others are due too, beyond `max`.
    pub(super) fn take(&self, waiting: Vec<Trip>, max: usize, now: Timestamp) -> (Vec<Trip>, usize) {
        let retry_of = |trip: &Trip| self.by_trip.get(&trip.id).map_or(trip.created_at, |retry| retry.at);
        let mut due: Vec<Trip> = waiting.into_iter().filter(|trip| retry_of(trip) <= now).collect();
        due.sort_by_cached_key(|trip| (Reverse(trip.priority), retry_of(trip), trip.created_at, trip.id));
        let beyond = due.len().saturating_sub(max);
        due.truncate(max);
        (due, beyond)
    }

    /// When the next trip that was looked at is due again; `None` when there is none.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.by_trip.values().map(|retry| retry.at).min()
    }
}
