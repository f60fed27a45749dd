//! A time zone as a table of offsets. The table is data of the caller's: a rule of a country is a law, and laws change.

use serde::{Deserialize, Serialize};
use time::Date;

use super::DeadlineError;
use crate::time_text::{date_at, start_of};

/// The largest offset that is one, in minutes.
const OFFSET_MAX: i32 = 18 * 60;
const MINUTE_MS: i64 = 60_000;

/// From when another offset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// Minutes that the local time is ahead of UTC; negative west of it.
    pub offset_minutes: i32,
}

/// The offsets of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Such as `America/Los_Angeles`; for people only.
    pub name: String,
    /// Before the first change.
    pub offset_minutes: i32,
    /// In the order of time.
    #[serde(default)]
    pub changes: Vec<Change>,
}

impl Zone {
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), offset_minutes: 0, changes: Vec::new() }
    }

    pub(crate) fn is_sound(&self) -> bool {
        let offsets = self.changes.iter().map(|change| change.offset_minutes).chain([self.offset_minutes]);
        self.changes.is_sorted_by(|a, b| a.at_ms < b.at_ms)
            && offsets.into_iter().all(|minutes| minutes.abs() <= OFFSET_MAX)
    }

    fn offset_ms(&self, at_ms: i64) -> i64 {
        let before = self.changes.partition_point(|change| change.at_ms <= at_ms);
        let change = before.checked_sub(1).and_then(|last| self.changes.get(last));
        i64::from(change.map_or(self.offset_minutes, |change| change.offset_minutes)) * MINUTE_MS
    }

    /// The local date at an instant.
    pub(crate) fn date(&self, at_ms: i64) -> Result<Date, DeadlineError> {
        date_at(at_ms.saturating_add(self.offset_ms(at_ms))).ok_or(DeadlineError::Term)
    }

    /// The first instant whose local date is `day` or a later one. Where the clocks pass midnight twice it is the first
    /// passage, and where they jump over it the jump; so a day never ends later than its authority may say.
    pub(crate) fn start_of(&self, day: Date) -> Result<i64, DeadlineError> {
        let local = start_of(day);
        let offsets = self.changes.iter().map(|change| change.offset_minutes).chain([self.offset_minutes]);
        let by_offset = offsets.map(|minutes| local.saturating_sub(i64::from(minutes) * MINUTE_MS));
        let jumps = self.changes.iter().map(|change| change.at_ms);
        let reached = |at_ms: &i64| at_ms.saturating_add(self.offset_ms(*at_ms)) >= local;
        by_offset.chain(jumps).filter(reached).min().ok_or(DeadlineError::Term)
    }
}
