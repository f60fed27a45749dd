//! Times as the product prints them: RFC 3339 in UTC with microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 of a printed time.
#[track_caller]
pub fn us(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap_or_else(|_| panic!("{text} is no time"));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let fraction = text[19..].trim_start_matches('.').trim_end_matches('Z');
    let fraction_us: i64 = format!("{fraction:0<6}")[..6].parse().unwrap();
    // Days from civil, proleptic Gregorian calendar: March first, so that leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction_us
}

/// Now, in microseconds since 1970.
pub fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// A time as the product prints it.
pub fn text(us: i64) -> String {
    let (days, of_day_us) = (us.div_euclid(86_400_000_000), us.rem_euclid(86_400_000_000));
    // Civil from days, the inverse of the above.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (s, fraction_us) = (of_day_us / 1_000_000, of_day_us % 1_000_000);
    let (hour, minute, second) = (s / 3_600, s / 60 % 60, s % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction_us:06}Z")
}
