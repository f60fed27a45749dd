//! Times of the week, in minutes of the site's own clock from Monday 00:00 on.

use serde::Serialize;

/// The days as they are written, from Monday on.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

/// When something is open: spans of minutes that neither touch nor overlap, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Windows(Vec<(u16, u16)>);

impl Windows {
    /// The windows on these days (0 is Monday), each from one minute of the day to another; to the same or an earlier one is
    /// over midnight.
    #[must_use]
    pub fn daily(days: impl IntoIterator<Item = u16>, from: u16, to: u16) -> Self {
        let mut spans = Vec::new();
        for day in days.into_iter().filter(|day| usize::from(*day) < DAYS.len()) {
            let start = day * DAY + from.min(DAY);
            let end = day * DAY + to.min(DAY) + if to <= from { DAY } else { 0 };
            spans.push((start, end.min(WEEK)));
            if end > WEEK {
                spans.push((0, end - WEEK));
            }
        }
        Self::of(spans)
    }

    fn of(mut spans: Vec<(u16, u16)>) -> Self {
        spans.retain(|(start, end)| start < end);
        spans.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::new();
        for (start, end) in spans {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        Self(joined)
    }

    /// Both kinds of windows together.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    /// When both are open.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let common = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
        Self::of(common.collect())
    }

    /// Whether it is never open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is open at a minute of the week.
    #[must_use]
    pub fn contains(&self, minute: u16) -> bool {
        self.0.iter().any(|(start, end)| (*start..*end).contains(&minute))
    }
}

/// The minute of the day of a text such as `06:30`; `24:00` is the end of the day.
pub(crate) fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (hours, minutes) =
        (number(hours).filter(|_| hours.len() == 2)?, number(minutes).filter(|_| minutes.len() == 2)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_over_into_the_next_day_and_the_next_week() {
        let nights = Windows::daily([6], 22 * 60, 6 * 60);
        assert!(nights.contains(WEEK - 1) && nights.contains(0) && nights.contains(6 * 60 - 1));
        assert!(!nights.contains(6 * 60) && !nights.contains(6 * DAY + 22 * 60 - 1));
        assert_eq!(Windows::daily(0..7, 0, 0), Windows(vec![(0, WEEK)]));
        assert_eq!(Windows::daily([7, 9], 0, 60), Windows::default());
    }

    #[test]
    fn a_time_is_one_that_a_clock_shows() {
        assert_eq!((minute_of("06:30"), minute_of("24:00")), (Some(390), Some(DAY)));
        for text in ["24:01", "6:30", "06:60", "+6:30", "", ":", "99:99", "06:3"] {
            assert_eq!(minute_of(text), None, "{text}");
        }
    }
}
