//! Points in time as microseconds since the Unix epoch, UTC. Text is RFC 3339 with six decimals and `Z`, so that
//! texts sort like times and a canonical form exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const US_PER_S: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_S;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 time in UTC, like 2026-11-24T03:02:01.123456Z")]
pub struct TimestampError;

/// Where the time comes from. Only edges hold one; everything else receives time in a [`Ctx`](crate::Ctx).
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// How well the time runs.
    fn state(&self) -> ClockState {
        ClockState::default()
    }
}

/// How well a clock runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockState {
    /// Since when the time has run without a step forward; deadlines of before get a fresh grace (SAFE-8).
    pub steady_since: Option<Timestamp>,
    /// How far the time is ahead of the machine's clock, in milliseconds: that was set back.
    pub ahead_ms: i64,
    /// How often the machine's clock stepped since the start.
    pub steps: u64,
}

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_us(us: i64) -> Self {
        Self(us)
    }

    /// From milliseconds since the Unix epoch; saturates.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_us(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This time plus a number of milliseconds; saturates.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Milliseconds from `earlier` until this time; negative when `earlier` is later; saturates.
    pub const fn since_ms(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1_000)
    }
}

/// Days since the epoch of a proleptic Gregorian date (Hinnant's `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(US_PER_DAY));
        let us = self.0.rem_euclid(US_PER_DAY);
        let s = us / US_PER_S;
        let (h, m, s, fraction) = (s / 3_600, s / 60 % 60, s % 60, us % US_PER_S);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{fraction:06}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        parse(text).ok_or(TimestampError)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|&(at, mark)| text.as_bytes().get(at) == Some(&mark)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (h, m, s) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) || h > 23 || m > 59 || s > 59 {
        return None;
    }
    let fraction = match text.get(19..)?.strip_suffix('Z')? {
        "" => 0,
        rest => {
            let digits = rest.strip_prefix('.')?;
            if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            format!("{digits:0<9}").get(..6)?.parse().ok()?
        }
    };
    Some(Timestamp(days * US_PER_DAY + (h * 3_600 + m * 60 + s) * US_PER_S + fraction))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

// No second is a leap.
crate::text_schema!(Timestamp, {
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?Z$"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_on_every_day_of_four_centuries() {
        for day in (-146_097..146_097).step_by(13) {
            let time = Timestamp::from_us(day * US_PER_DAY + 12_345_678_901);
            assert_eq!(time.to_string().parse(), Ok(time), "{time}");
        }
    }

    #[test]
    fn known_times() {
        assert_eq!(Timestamp::from_us(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!("2026-11-24T03:00:12Z".parse(), Ok(Timestamp::from_ms(1_795_489_212_000)));
        assert_eq!("1970-01-01T00:00:00.5Z".parse(), Ok(Timestamp::from_us(500_000)));
        for bad in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-11-24 03:00:12Z",
            "2026-11-24T03:00:12",
            "2026-11-24T24:00:00Z",
            "2026-11-24T03:00:12.Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError), "{bad}");
        }
    }
}
