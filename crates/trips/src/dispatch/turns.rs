//! Whose turn it is. A trip that was looked at and could not be served steps aside, for longer each time, so that the
//! next batch looks at others; it is called back when something that concerns it changed.

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
struct Turn {
    at: Timestamp,
    backoff_ms: i64,
}

/// The turns of the trips that wait at a site; of a trip that was never looked at there is none, and its turn is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Turns {
    by_trip: BTreeMap<TripId, Turn>,
}

impl Turns {
    /// Forgets trips that do not wait any more.
    pub(super) fn keep(&mut self, is_waiting: impl Fn(TripId) -> bool) {
        self.by_trip.retain(|trip, _| is_waiting(*trip));
    }

    /// Something that concerns the trip changed: its turn is now, unless it came before.
    pub(super) fn call(&mut self, trip: TripId, now: Timestamp) {
        if let Some(turn) = self.by_trip.get_mut(&trip) {
            turn.at = turn.at.min(now);
        }
    }

    /// The trip began to wait anew.
    pub(super) fn forget(&mut self, trip: TripId) {
        self.by_trip.remove(&trip);
    }

    /// The trip was looked at and could not be served.
    pub(super) fn step_aside(&mut self, trip: TripId, now: Timestamp) {
        let last = self.by_trip.get(&trip).map_or(0, |turn| turn.backoff_ms);
        let backoff_ms = (last * 2).clamp(BACKOFF_MIN_MS, BACKOFF_MAX_MS);
        self.by_trip.insert(trip, Turn { at: now.plus_ms(backoff_ms), backoff_ms });
    }

    /// The trip was looked at, and there is more to look at for it: it goes behind those whose turn came before.
    pub(super) fn go_on(&mut self, trip: TripId, now: Timestamp) {
        let backoff_ms = self.by_trip.get(&trip).map_or(0, |turn| turn.backoff_ms);
        self.by_trip.insert(trip, Turn { at: now, backoff_ms });
    }

    /// The trips whose turn it is: the most urgent first, then whose turn came first, then the oldest. With them, how
    /// many others' turn it is too, beyond `max`.
    pub(super) fn take(&self, waiting: Vec<Trip>, max: usize, now: Timestamp) -> (Vec<Trip>, usize) {
        let turn_of = |trip: &Trip| self.by_trip.get(&trip.id).map_or(trip.created_at, |turn| turn.at);
        let mut due: Vec<Trip> = waiting.into_iter().filter(|trip| turn_of(trip) <= now).collect();
        due.sort_by_cached_key(|trip| (Reverse(trip.priority), turn_of(trip), trip.created_at, trip.id));
        let beyond = due.len().saturating_sub(max);
        due.truncate(max);
        (due, beyond)
    }

    /// When the next turn comes of a trip that was looked at; `None` when there is none.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.by_trip.values().map(|turn| turn.at).min()
    }
}
