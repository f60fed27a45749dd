//! Instants as texts of RFC 3339 in UTC, as OSCAL and people read them.

use time::{Date, Month, OffsetDateTime};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The instant in UTC; nothing where the calendar ends.
fn utc(at_ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000).ok()
}

/// Such as `2026-11-30T07:20:11.000Z`; nothing beyond the years that RFC 3339 can write.
pub(crate) fn rfc3339(at_ms: i64) -> Option<String> {
    let at = utc(at_ms).filter(|at| (0..=9_999).contains(&at.year()))?;
    let time = format!("{:02}:{:02}:{:02}.{:03}Z", at.hour(), at.minute(), at.second(), at.millisecond());
    Some(format!("{}T{time}", date_text(at.date())))
}

/// Such as `2026-11-30`.
pub(crate) fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// The date of a text such as `2026-11-30`; nothing for any other spelling.
pub(crate) fn date_of(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let number = |text: &str, digits: usize| -> Option<i32> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let month = Month::try_from(u8::try_from(number(month, 2)?).ok()?).ok()?;
    Date::from_calendar_date(number(year, 4)?, month, u8::try_from(number(day, 2)?).ok()?).ok()
}

/// The date of a local time, given as milliseconds since 1970 of a clock that runs in UTC.
pub(crate) fn date_at(local_ms: i64) -> Option<Date> {
    utc(local_ms).map(OffsetDateTime::date)
}

/// The beginning of a date as milliseconds since 1970 of a clock that runs in UTC.
pub(crate) fn start_of(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp() * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_other_spellings_are_refused() {
        assert_eq!(rfc3339(1_796_023_211_042).unwrap(), "2026-11-30T07:20:11.042Z");
        assert_eq!(rfc3339(i64::MAX), None);
        assert_eq!(date_text(date_of("2028-02-29").unwrap()), "2028-02-29");
        assert_eq!(start_of(date_of("1970-01-02").unwrap()), DAY_MS);
        for bad in ["2027-02-29", "2026-1-01", "26-01-01", "2026-01-01T", "2026-13-01", "+026-01-01", ""] {
            assert_eq!(date_of(bad), None, "{bad}");
        }
    }
}
