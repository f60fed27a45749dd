//! When a certificate is replaced, and when a person must hear that it could not be.

use kernel::Timestamp;

/// The first pause after a failure and the longest, in milliseconds.
const PAUSE_MS: (i64, i64) = (500, 30_000);
/// The same for a device certificate.
const DEVICE_PAUSE_MS: (i64, i64) = (1_000, 3_600_000);

/// When an SVID that is used from `from` on is replaced: at half of its life, give or take a tenth. `jitter` is from 0.5
/// up to 1.
pub fn svid_due(from: Timestamp, ends: Timestamp, jitter: f64) -> Timestamp {
    from.plus_ms((ends.since_ms(from) as f64 * (0.4 + 0.4 * (jitter - 0.5))) as i64)
}

/// When a device certificate is replaced: as soon as a third of its life is left.
pub fn device_due(from: Timestamp, ends: Timestamp) -> Timestamp {
    ends.plus_ms(-ends.since_ms(from) / 3)
}

/// How long to wait after a device certificate could not be replaced: it has months left when that begins.
pub fn device_pause_ms(ends: Timestamp, now: Timestamp) -> i64 {
    (ends.since_ms(now) / 16).clamp(DEVICE_PAUSE_MS.0, DEVICE_PAUSE_MS.1)
}

/// How long to wait after so many failures in a row. While a certificate is good there are several attempts before its
/// end. `jitter` is from 0.5 up to 1.
pub fn pause_ms(failures: u32, ends: Option<Timestamp>, now: Timestamp, jitter: f64) -> i64 {
    let grown = PAUSE_MS.0.saturating_mul(1_i64 << failures.min(20)).min(PAUSE_MS.1);
    let left_ms = ends.map(|ends| ends.since_ms(now)).filter(|left| *left > 0);
    let at_most = left_ms.map_or(PAUSE_MS.1, |left| (left / 16).max(PAUSE_MS.0));
    (grown.min(at_most) as f64 * jitter) as i64
}

/// Whether the next attempt would come only after half of what was left at `due` is gone: a person must hear of it now.
pub fn alarms(due: Timestamp, ends: Timestamp, next_attempt: Timestamp) -> bool {
    next_attempt >= due.plus_ms(ends.since_ms(due) / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const FROM: Timestamp = Timestamp::from_ms(1_764_000_000_000);

    proptest! {
        #[test]
        fn an_svid_is_replaced_around_half_of_its_life(life_ms in 1_000_i64..100 * HOUR_MS, jitter in 0.5_f64..1.0) {
            let age_ms = svid_due(FROM, FROM.plus_ms(life_ms), jitter).since_ms(FROM);
            prop_assert!(age_ms >= life_ms * 4 / 10 - 1 && age_ms <= life_ms * 6 / 10 + 1, "{age_ms} of {life_ms}");
        }

        /// However the attempts fall, the alarm comes before half of the rest is gone.
        #[test]
        fn the_alarm_comes_in_time(life_ms in 120_000_i64..100 * HOUR_MS, jitter in 0.5_f64..1.0) {
            let ends = FROM.plus_ms(life_ms);
            let due = svid_due(FROM, ends, jitter);
            let (mut now, mut failures) = (due, 0);
            loop {
                let next = now.plus_ms(pause_ms(failures, Some(ends), now, jitter).max(1));
                if alarms(due, ends, next) {
                    break;
                }
                (now, failures) = (next, failures + 1);
            }
            prop_assert!(now.since_ms(due) < ends.since_ms(due) / 2);
            prop_assert!(failures >= 3, "{failures} attempts");
        }

        #[test]
        fn pauses_grow_and_are_bounded(failures in 0_u32..1_000, left in -HOUR_MS..HOUR_MS, jitter in 0.5_f64..1.0) {
            let pause = pause_ms(failures, Some(FROM.plus_ms(left)), FROM, jitter);
            prop_assert!((250..=30_000).contains(&pause), "{pause}");
            prop_assert!(pause <= pause_ms(failures + 1, Some(FROM.plus_ms(left)), FROM, jitter));
        }
    }

    #[test]
    fn a_devices_certificate_is_replaced_in_its_last_third() {
        let ends = FROM.plus_ms(9 * HOUR_MS);
        assert_eq!(device_due(FROM, ends), FROM.plus_ms(6 * HOUR_MS));
        assert_eq!(device_pause_ms(ends, FROM.plus_ms(HOUR_MS)), HOUR_MS / 2);
        assert_eq!(device_pause_ms(ends, ends), 1_000);
    }
}
