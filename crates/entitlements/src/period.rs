//! Periods after which a count begins anew, in UTC, so that a tenant's month does not depend on where a server stands.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// After what time a count begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Never: what is counted is there at the same time.
    #[default]
    None,
    Day,
    Month,
}

/// Year and month of a day since 1970, by the civil calendar.
fn month_of(day: i64) -> (i64, i64, i64) {
    // Years that begin in March make the leap day the last one.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

impl Period {
    /// When the period of a moment began, in milliseconds since 1970.
    #[must_use]
    pub fn start_of(self, now_ms: i64) -> i64 {
        let day = now_ms.div_euclid(DAY_MS);
        match self {
            Self::None => 0,
            Self::Day => day * DAY_MS,
            Self::Month => {
                let (_, _, day_of_month) = month_of(day);
                (day - (day_of_month - 1)) * DAY_MS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_first_day() {
        // 2028-02-29T23:59:59.999Z and 2028-02-01, then the next millisecond, 2028-03-01; and before 1970.
        let rows =
            [(1_835_481_599_999, 1_832_976_000_000), (1_835_481_600_000, 1_835_481_600_000), (-1, -2_678_400_000)];
        for (now, start) in rows {
            assert_eq!(Period::Month.start_of(now), start, "{now}");
        }
        assert_eq!(Period::Day.start_of(1_835_481_599_999), 1_835_395_200_000);
        assert_eq!(Period::None.start_of(1_835_481_599_999), 0);
    }

    #[test]
    fn the_calendar_holds_for_four_hundred_years() {
        let (mut year, mut month, mut of_month) = (1970, 1, 1);
        for day in 0..146_097 {
            assert_eq!(month_of(day), (year, month, of_month), "{day}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            of_month += 1;
            if of_month > days {
                (of_month, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
}
