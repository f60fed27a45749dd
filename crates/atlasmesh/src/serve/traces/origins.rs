//! Where a trip's trace began. A trip goes on for an hour after the request that asked for it was answered, carried by rows
//! and events, not by calls: whatever is done for it later belongs into the trace of that request all the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use opentelemetry::trace::SpanContext;

/// Trips that are remembered, newest ids last. More than are open at once in a large fleet; a trip that is forgotten, by
/// age or by a restart, goes on in a trace of its own.
const TRIPS_MAX: usize = 16_384;

/// The span that first named each trip.
#[derive(Debug, Default)]
pub struct Origins {
    by_trip: Mutex<BTreeMap<String, SpanContext>>,
}

impl Origins {
    /// Where a trip's trace began; if nowhere yet, then here.
    pub fn of(&self, trip: &str, here: &SpanContext) -> SpanContext {
        let mut by_trip = self.by_trip.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_trip.get(trip) {
            return known.clone();
        }
        if by_trip.len() >= TRIPS_MAX {
            by_trip.pop_first();
        }
        by_trip.insert(trip.to_owned(), here.clone());
        here.clone()
    }

    /// Where a trip's trace began, if it did.
    pub fn known(&self, trip: &str) -> Option<SpanContext> {
        self.by_trip.lock().unwrap_or_else(PoisonError::into_inner).get(trip).cloned()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    fn span(n: u64) -> SpanContext {
        let (trace, flags) = (TraceId::from(u128::from(n)), TraceFlags::SAMPLED);
        SpanContext::new(trace, SpanId::from(n), flags, false, TraceState::default())
    }

    #[test]
    fn the_first_span_that_names_a_trip_is_remembered_and_the_oldest_trip_forgotten() {
        let origins = Origins::default();
        assert_eq!(origins.known("trip_0"), None);
        assert_eq!(origins.of("trip_0", &span(1)), span(1));
        assert_eq!(origins.of("trip_0", &span(2)), span(1));
        for n in 1..=TRIPS_MAX {
            origins.of(&format!("trip_{n:09}"), &span(3));
        }
        assert_eq!(origins.known("trip_0"), None, "the lowest id is the oldest");
        assert_eq!(origins.known(&format!("trip_{TRIPS_MAX:09}")), Some(span(3)));
    }
}
