//! Instants as people read them, in UTC and saying so.

use time::OffsetDateTime;

/// The instant in UTC; nothing beyond the years that four digits write.
pub(crate) fn utc(at_ms: i64) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000).ok()?;
    (0..=9_999).contains(&at.year()).then_some(at)
}

/// Such as `2026-11-30`.
pub(crate) fn date(at_ms: i64) -> String {
    utc(at_ms).map_or_else(
        || "unknown".to_owned(),
        |at| format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day()),
    )
}

/// Such as `2026-11-30 07:20 UTC`.
pub(crate) fn minute(at_ms: i64) -> String {
    let time = utc(at_ms).map(|at| format!(" {:02}:{:02} UTC", at.hour(), at.minute()));
    date(at_ms) + &time.unwrap_or_default()
}
