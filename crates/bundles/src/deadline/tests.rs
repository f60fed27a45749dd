//! Due dates across changes of the clocks, leap days, holidays and ends of months.

use super::*;

/// California in 2026 and 2027: the clocks change at 02:00 local time on 8 March and 1 November 2026, 14 March 2027.
fn california() -> Calendar {
    let change = |at_ms, hours: i32| Change { at_ms, offset_minutes: hours * 60 };
    Calendar {
        authority: "California DMV".into(),
        zone: Zone {
            name: "America/Los_Angeles".into(),
            offset_minutes: -8 * 60,
            changes: vec![change(1_772_964_000_000, -7), change(1_793_523_600_000, -8), change(1_805_018_400_000, -7)],
        },
        weekend: BTreeSet::from([6, 7]),
        holidays: ["2026-07-03", "2026-11-11", "2026-11-26", "2026-11-27", "2026-12-25", "2027-01-01"]
            .map(String::from)
            .into(),
        known_from: "2026-01-01".into(),
        known_to: "2027-12-31".into(),
    }
}

/// Milliseconds since 1970 of a time in UTC.
fn at(date: &str, hour: i64, minute: i64) -> i64 {
    crate::time_text::start_of(date_of(date).unwrap()) + hour * HOUR_MS + minute * 60_000
}

fn due_in(term: Term, roll: Roll, noticed_ms: i64) -> (String, i64) {
    let due = due(&california(), term, roll, noticed_ms).unwrap();
    (due.day, due.before_ms)
}

#[test]
fn hours_pass_whatever_the_clocks_do() {
    // 7 March 2026, 12:00 in Los Angeles; a day later the clock on the wall shows 13:00.
    let noticed = at("2026-03-07", 20, 0);
    assert_eq!(due_in(Term::Hours(24), Roll::Stays, noticed), ("2026-03-08".into(), noticed + 24 * HOUR_MS));
    assert_eq!(due_in(Term::Hours(72), Roll::NextWorkingDay, noticed).1, noticed + 72 * HOUR_MS);
    // Due at midnight sharp is the day before.
    assert_eq!(due_in(Term::Hours(24), Roll::Stays, at("2026-06-02", 7, 0)).0, "2026-06-02");
}

#[test]
fn days_end_at_midnight_of_the_authority_in_its_time_of_then() {
    // Noticed in standard time, due in summer time: 7 hours behind UTC and not 8.
    assert_eq!(
        due_in(Term::CalendarDays(5), Roll::Stays, at("2026-03-06", 20, 0)),
        ("2026-03-11".into(), at("2026-03-12", 7, 0))
    );
    // And back.
    assert_eq!(
        due_in(Term::CalendarDays(5), Roll::Stays, at("2026-10-30", 20, 0)),
        ("2026-11-04".into(), at("2026-11-05", 8, 0))
    );
    // 05:30 in UTC is still the day before in Los Angeles.
    assert_eq!(due_in(Term::CalendarDays(5), Roll::Stays, at("2026-06-02", 5, 30)).0, "2026-06-06");
    // The day of the change itself has 23 hours.
    assert_eq!(
        due_in(Term::CalendarDays(0), Roll::Stays, at("2026-03-08", 9, 0)),
        ("2026-03-08".into(), at("2026-03-09", 7, 0))
    );
}

#[test]
fn working_days_leave_out_weekends_and_holidays() {
    // Wednesday 25 November; Thursday and Friday are holidays.
    assert_eq!(due_in(Term::WorkingDays(1), Roll::Stays, at("2026-11-25", 20, 0)).0, "2026-11-30");
    assert_eq!(due_in(Term::WorkingDays(10), Roll::Stays, at("2026-12-18", 20, 0)).0, "2027-01-05");
    // Noticed on a Saturday: Monday is the first.
    assert_eq!(due_in(Term::WorkingDays(1), Roll::Stays, at("2026-06-06", 20, 0)).0, "2026-06-08");
}

#[test]
fn a_due_date_moves_only_when_it_is_told_to() {
    // 28 June + 5 = 3 July, a holiday and a Friday.
    let noticed = at("2026-06-28", 20, 0);
    assert_eq!(due_in(Term::CalendarDays(5), Roll::Stays, noticed).0, "2026-07-03");
    assert_eq!(due_in(Term::CalendarDays(5), Roll::NextWorkingDay, noticed).0, "2026-07-06");
    assert_eq!(due_in(Term::CalendarDays(5), Roll::PreviousWorkingDay, noticed).0, "2026-07-02");
}

#[test]
fn months_end_when_they_do() {
    assert_eq!(due_in(Term::DayOfNextMonth(15), Roll::Stays, at("2026-01-31", 20, 0)).0, "2026-02-15");
    assert_eq!(due_in(Term::DayOfNextMonth(31), Roll::Stays, at("2026-01-31", 20, 0)).0, "2026-02-28");
    assert_eq!(due_in(Term::DayOfNextMonth(15), Roll::Stays, at("2026-12-02", 20, 0)).0, "2027-01-15");
    // The last evening of the month in Los Angeles is the first of the next in UTC.
    assert_eq!(due_in(Term::DayOfNextMonth(15), Roll::Stays, at("2026-08-01", 4, 0)).0, "2026-08-15");
}

#[test]
fn leap_days_come_when_they_do() {
    let mut calendar = california();
    calendar.known_to = "2029-12-31".into();
    let day = |noticed| due(&calendar, Term::Yearly { month: 2, day: 29 }, Roll::Stays, noticed).unwrap().day;
    assert_eq!(day(at("2026-06-01", 20, 0)), "2027-02-28");
    assert_eq!(day(at("2027-06-01", 20, 0)), "2028-02-29");
    assert_eq!(day(at("2028-02-29", 20, 0)), "2029-02-28");
    let next = due(&calendar, Term::CalendarDays(1), Roll::Stays, at("2028-02-28", 20, 0)).unwrap();
    assert_eq!(next.day, "2028-02-29");
    let yearly = due(&calendar, Term::Yearly { month: 7, day: 1 }, Roll::Stays, at("2026-06-30", 20, 0)).unwrap();
    assert_eq!(yearly.day, "2026-07-01");
}

#[test]
fn midnight_that_comes_twice_or_never_ends_the_day_once() {
    // Clocks that go from 00:00 to 01:00 on 5 October 2026 have no midnight, and from 01:00 back to 00:00 have two.
    let zone = |offset_minutes, at_ms, then| Zone {
        name: "x".into(),
        offset_minutes,
        changes: vec![Change { at_ms, offset_minutes: then }],
    };
    let day = date_of("2026-10-05").unwrap();
    assert_eq!(zone(-240, at("2026-10-05", 4, 0), -180).start_of(day).unwrap(), at("2026-10-05", 4, 0));
    assert_eq!(zone(-180, at("2026-10-05", 4, 0), -240).start_of(day).unwrap(), at("2026-10-05", 3, 0));
    // From 00:00 back to 23:00: the day before seems to return, and has ended once already.
    assert_eq!(zone(-180, at("2026-10-05", 3, 0), -240).start_of(day).unwrap(), at("2026-10-05", 4, 0));
}

#[test]
fn nothing_is_guessed() {
    let late = due(&california(), Term::CalendarDays(5), Roll::Stays, at("2027-12-29", 20, 0));
    assert_eq!(late, Err(DeadlineError::Unknown { day: "2028-01-03".into() }));
    let early = due(&california(), Term::Hours(24), Roll::Stays, at("2025-12-29", 20, 0));
    assert_eq!(early, Err(DeadlineError::Unknown { day: "2025-12-29".into() }));
    let noticed = at("2026-06-01", 20, 0);
    for term in [
        Term::DayOfNextMonth(0),
        Term::DayOfNextMonth(32),
        Term::Yearly { month: 13, day: 1 },
        Term::WorkingDays(u32::MAX),
    ] {
        assert_eq!(due(&california(), term, Roll::Stays, noticed), Err(DeadlineError::Term), "{term:?}");
    }
    let mut calendar = california();
    calendar.holidays.insert("2026-02-30".into());
    assert!(matches!(due(&calendar, Term::Hours(1), Roll::Stays, noticed), Err(DeadlineError::Date { .. })));
    let mut calendar = california();
    calendar.zone.changes.reverse();
    assert_eq!(due(&calendar, Term::Hours(1), Roll::Stays, noticed), Err(DeadlineError::Zone));
    let mut calendar = california();
    calendar.weekend = (1..=7).collect();
    assert_eq!(due(&calendar, Term::Hours(1), Roll::Stays, noticed), Err(DeadlineError::NoWorkingDays));
}
