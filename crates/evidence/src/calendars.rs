//! The days of authorities, as data: zones with their changes, and holidays.

use std::sync::LazyLock;

use bundles::deadline::Calendar;

const SHIPPED: &[&str] = &[
    include_str!("../calendars/us-eastern.json"),
    include_str!("../calendars/us-pacific.json"),
    include_str!("../calendars/utc.json"),
];

static CALENDARS: LazyLock<Vec<Calendar>> =
    LazyLock::new(|| SHIPPED.iter().filter_map(|text| serde_json::from_str(text).ok()).collect());

/// The calendar of a zone, by its IANA name.
pub(crate) fn of_zone(zone: &str) -> Option<&'static Calendar> {
    CALENDARS.iter().find(|calendar| calendar.zone.name == zone)
}

/// Minutes that the local time of a zone is ahead of UTC at an instant.
pub(crate) fn offset_minutes(calendar: &Calendar, at_ms: i64) -> i32 {
    let changes = calendar.zone.changes.iter().rev();
    let last = changes.into_iter().find(|change| change.at_ms <= at_ms);
    last.map_or(calendar.zone.offset_minutes, |change| change.offset_minutes)
}

#[cfg(test)]
mod tests {
    use bundles::deadline::{Roll, Term, due};

    use super::*;

    #[test]
    fn every_calendar_is_sound_and_counts_days_over_a_change_of_the_clocks() {
        assert_eq!(CALENDARS.len(), SHIPPED.len());
        // 29 October 2026, 18:00 in UTC; the clocks go back on 1 November.
        let noticed = 1_793_296_800_000;
        let day = |zone: &str, term| due(of_zone(zone).unwrap(), term, Roll::Stays, noticed).unwrap();
        let eastern = day("America/New_York", Term::CalendarDays(5));
        assert_eq!((eastern.day.as_str(), eastern.before_ms), ("2026-11-03", 1_793_768_400_000));
        assert_eq!(day("UTC", Term::CalendarDays(5)).day, "2026-11-03");
        assert_eq!(day("America/Los_Angeles", Term::DayOfNextMonth(15)).day, "2026-11-15");
        assert_eq!(offset_minutes(of_zone("America/New_York").unwrap(), noticed), -240);
        assert_eq!(offset_minutes(of_zone("America/New_York").unwrap(), eastern.before_ms), -300);
    }
}
