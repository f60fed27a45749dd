//! What a client asks for. The edge holds each field by its schema; what several fields say together, and with the time,
//! is held here: every wrong field is named, in one answer, and nothing is changed (TRIP-1).

use kernel::{FieldError, Reject, SiteId, Timestamp};

use super::types::{Kind, Requirements, Stop, Window};
use crate::limits::SCHEDULE_AHEAD_MAX_MS;

/// What a client asks for, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct TripRequest {
    pub site: SiteId,
    pub kind: Kind,
    pub stops: Vec<Stop>,
    /// What the vehicle must be able to do.
    pub requirements: Requirements,
    /// From 0 to 9; higher goes first.
    pub priority: u8,
    pub window: Window,
}

/// Two places closer than this, in metres, are one place: a trip between them is a mistake of the form.
const STOPS_APART_M: f64 = 1.0;

impl TripRequest {
    /// The request, if nothing about it is wrong now.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with one entry per wrong field, each with its JSON pointer (RFC 6901).
    pub fn checked(self, now: Timestamp) -> Result<Self, Reject> {
        let wrong = self.wrong(now);
        if wrong.is_empty() { Ok(self) } else { Err(Reject::invalid(wrong)) }
    }

    pub(crate) fn wrong(&self, now: Timestamp) -> Vec<FieldError> {
        let apart =
            self.stops.windows(2).enumerate().filter(|(_, pair)| pair[0].at.distance_m(pair[1].at) < STOPS_APART_M);
        let same = apart.map(|(index, _)| FieldError {
            field: self.stop_pointer(index + 1),
            message: format!("is the same place as {}; a trip needs two places", self.stop_pointer(index)),
        });
        same.chain(wrong_times(&self.window, now)).collect()
    }

    /// Straight-line distance over all stops, in metres.
    pub fn distance_m(&self) -> f64 {
        self.stops.windows(2).map(|pair| pair[0].at.distance_m(pair[1].at)).sum()
    }

    /// The JSON pointer of a stop.
    pub(crate) fn stop_pointer(&self, index: usize) -> String {
        match index {
            0 => "/origin".into(),
            last if last + 1 >= self.stops.len() => "/destination".into(),
            between => format!("/stops/{}", between - 1),
        }
    }
}

fn wrong_times(window: &Window, now: Timestamp) -> Vec<FieldError> {
    let Window { earliest, latest } = *window;
    let is_far = |time: Option<Timestamp>| time.is_some_and(|time| time.since_ms(now) > SCHEDULE_AHEAD_MAX_MS);
    let rules = [
        (latest.is_some_and(|latest| latest <= now), "latest", "is past"),
        (earliest.zip(latest).is_some_and(|(from, to)| to <= from), "latest", "expected a time after earliest"),
        (is_far(earliest), "earliest", "expected a time within the next 90 days"),
        (is_far(latest), "latest", "expected a time within the next 90 days"),
    ];
    let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
    broken.map(|(_, name, message)| FieldError { field: format!("/window/{name}"), message: message.into() }).collect()
}
