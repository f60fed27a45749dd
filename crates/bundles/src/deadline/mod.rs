//! When an authority must have something, from when it was noticed. A due date follows from the authority's calendar: its
//! zone, its weekend and its holidays, all given as data. Where the data ends, no date is guessed.

mod zone;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Date, Duration, Month, Weekday};

pub use zone::{Change, Zone};

use crate::time_text::{date_of, date_text};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// The most working days that a term counts, so that a slip of a finger does not walk for years.
const DAYS_MAX: u32 = 3_660;

/// The days of an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    pub authority: String,
    pub zone: Zone,
    /// 1 for Monday to 7 for Sunday (ISO 8601).
    pub weekend: BTreeSet<u8>,
    /// Such as `2026-07-04`.
    pub holidays: BTreeSet<String>,
    /// The first and the last date of which the holidays are known.
    pub known_from: String,
    pub known_to: String,
}

/// How long there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Term {
    /// So many hours as they pass, whatever the clocks on the wall do.
    Hours(u32),
    /// The end of the day so many days after the day of notice.
    CalendarDays(u32),
    /// The end of the day so many working days after the day of notice.
    WorkingDays(u32),
    /// The end of a day of the next month, or of its last day where it is shorter.
    DayOfNextMonth(u8),
    /// The end of the next such day after the day of notice, every year; 29 February is the 28th in other years.
    Yearly { month: u8, day: u8 },
}

/// What happens to a due date on a day that is no working day. Terms in hours never move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roll {
    #[default]
    Stays,
    NextWorkingDay,
    PreviousWorkingDay,
}

/// When it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// In milliseconds since 1970. What arrives at this instant or after it is late.
    pub before_ms: i64,
    /// The last day that is in time, in the authority's zone.
    pub day: String,
}

/// No due date follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeadlineError {
    #[error("{field} of the calendar: `{value}` is no date such as 2026-07-04")]
    Date { field: &'static str, value: String },
    #[error("the calendar's changes of offset are not in the order of time, or an offset has more than 18 hours")]
    Zone,
    #[error("the calendar has no working days")]
    NoWorkingDays,
    #[error("{day} lies outside the days that the calendar knows")]
    Unknown { day: String },
    #[error("the term has no such day or is too long")]
    Term,
}

/// The calendar with its dates read.
struct Days<'a> {
    calendar: &'a Calendar,
    holidays: BTreeSet<Date>,
    known: std::ops::RangeInclusive<Date>,
}

/// When something noticed at `noticed_ms`, in milliseconds since 1970, is due.
///
/// # Errors
/// [`DeadlineError`].
pub fn due(calendar: &Calendar, term: Term, roll: Roll, noticed_ms: i64) -> Result<Due, DeadlineError> {
    let days = Days::read(calendar)?;
    let zone = &calendar.zone;
    let noticed = days.known(zone.date(noticed_ms)?)?;
    let day = match term {
        Term::Hours(hours) => {
            let before_ms = noticed_ms.saturating_add(i64::from(hours) * HOUR_MS);
            // The last instant that is in time tells the day.
            let day = days.known(zone.date(before_ms.saturating_sub(1))?)?;
            return Ok(Due { before_ms, day: date_text(day) });
        }
        Term::CalendarDays(count) => add(noticed, i64::from(count))?,
        Term::WorkingDays(count) => days.working(noticed, count)?,
        Term::DayOfNextMonth(day) => {
            let month = noticed.month().next();
            let year = if month == Month::January { noticed.year() + 1 } else { noticed.year() };
            clamped(year, month, day)?
        }
        Term::Yearly { month, day } => {
            let month = Month::try_from(month).map_err(|_| DeadlineError::Term)?;
            let this = clamped(noticed.year(), month, day)?;
            if this > noticed { this } else { clamped(noticed.year() + 1, month, day)? }
        }
    };
    let day = days.rolled(day, roll)?;
    Ok(Due { before_ms: zone.start_of(add(day, 1)?)?, day: date_text(day) })
}

/// A day of a month, or the month's last day where it is shorter.
fn clamped(year: i32, month: Month, day: u8) -> Result<Date, DeadlineError> {
    // No month has a 32nd; February's 30th is a day that never comes and not its last.
    if !(1..=31).contains(&day) {
        return Err(DeadlineError::Term);
    }
    Date::from_calendar_date(year, month, day.min(month.length(year))).map_err(|_| DeadlineError::Term)
}

fn add(day: Date, days: i64) -> Result<Date, DeadlineError> {
    if days.unsigned_abs() > u64::from(DAYS_MAX) {
        return Err(DeadlineError::Term);
    }
    day.checked_add(Duration::days(days)).ok_or(DeadlineError::Term)
}

impl<'a> Days<'a> {
    fn read(calendar: &'a Calendar) -> Result<Self, DeadlineError> {
        let date = |field: &'static str, value: &str| {
            date_of(value).ok_or_else(|| DeadlineError::Date { field, value: value.to_owned() })
        };
        if !calendar.zone.is_sound() {
            return Err(DeadlineError::Zone);
        }
        if (1..=7).all(|weekday| calendar.weekend.contains(&weekday)) {
            return Err(DeadlineError::NoWorkingDays);
        }
        Ok(Self {
            calendar,
            holidays: calendar.holidays.iter().map(|day| date("holidays", day)).collect::<Result<_, _>>()?,
            known: date("known_from", &calendar.known_from)?..=date("known_to", &calendar.known_to)?,
        })
    }

    fn known(&self, day: Date) -> Result<Date, DeadlineError> {
        if self.known.contains(&day) { Ok(day) } else { Err(DeadlineError::Unknown { day: date_text(day) }) }
    }

    fn is_working(&self, day: Date) -> Result<bool, DeadlineError> {
        let weekday = Weekday::number_from_monday(self.known(day)?.weekday());
        Ok(!self.calendar.weekend.contains(&weekday) && !self.holidays.contains(&day))
    }

    /// So many working days behind a day, which itself does not count.
    fn working(&self, from: Date, count: u32) -> Result<Date, DeadlineError> {
        if count > DAYS_MAX {
            return Err(DeadlineError::Term);
        }
        let (mut day, mut left) = (from, count);
        while left > 0 {
            day = add(day, 1)?;
            if self.is_working(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }

    fn rolled(&self, day: Date, roll: Roll) -> Result<Date, DeadlineError> {
        let step = match roll {
            Roll::Stays => return self.known(day),
            Roll::NextWorkingDay => 1,
            Roll::PreviousWorkingDay => -1,
        };
        let mut day = day;
        while !self.is_working(day)? {
            day = add(day, step)?;
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests;
