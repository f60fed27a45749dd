//! By when the authority must have a report, as the form says it; [`bundles::deadline`] counts the days.

use bundles::deadline::{Calendar, DeadlineError, Due, Roll, Term, due};
use serde::{Deserialize, Serialize};

/// How often a report of a period is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    Month,
    Quarter,
    Year,
}

/// From what the days count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// From notice of the occurrence.
    Notice(Term),
    /// So many days after the last day of the period.
    PeriodEnd { every: Every, grace_days: u32 },
}

/// A deadline of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// For which occurrences it holds: the field `report` of `collision.recorded`. Nothing for all others.
    pub report: Option<String>,
    /// The authority's zone by its IANA name, such as `America/Los_Angeles`.
    pub zone: String,
    /// What happens where the last day is no working day.
    pub roll: Roll,
    pub when: When,
}

/// No due date follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DueError {
    #[error("the calendar is of the zone {given}, the form's is {zone}")]
    Zone { zone: String, given: String },
    #[error(transparent)]
    Deadline(#[from] DeadlineError),
}

impl Deadline {
    /// The term as [`bundles::deadline`] knows it, counted from the notice or from the last instant of the period.
    #[must_use]
    pub fn term(&self) -> Term {
        match self.when {
            When::Notice(term) => term,
            When::PeriodEnd { grace_days, .. } => Term::CalendarDays(grace_days),
        }
    }

    /// When it is due: `from_ms` is the notice, or the last millisecond of the period; in milliseconds since 1970.
    ///
    /// # Errors
    /// [`DueError`].
    pub fn due(&self, calendar: &Calendar, from_ms: i64) -> Result<Due, DueError> {
        if calendar.zone.name != self.zone {
            return Err(DueError::Zone { zone: self.zone.clone(), given: calendar.zone.name.clone() });
        }
        Ok(due(calendar, self.term(), self.roll, from_ms)?)
    }
}
