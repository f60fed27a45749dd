//! Page and Hinkley's test for a mean that rises.

use serde::{Deserialize, Serialize};

use super::Error;

/// To which side the mean has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
}

/// The sum went over its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub direction: Direction,
    /// How far the cumulated deviation is from its extreme, in the unit of the values.
    pub statistic: f64,
    /// The limit that it passed.
    pub limit: f64,
    /// The number of values since the start or the last reset.
    pub values: u64,
}

/// The test of Page (1954) and Hinkley (1971) for a change of the mean, online and in constant memory. It is fed with one
/// residual after the other and can be stored between them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    /// The deviation from the mean that is tolerated, in the unit of the values.
    tolerance: f64,
    /// The limit of the cumulated deviation, in the unit of the values.
    limit: f64,
    /// No alarm before this number of values.
    warm_up: u64,
    values: u64,
    mean: f64,
    up: f64,
    up_least: f64,
    down: f64,
    down_most: f64,
}

impl PageHinkley {
    /// Starts the test. A usual choice is half the smallest shift that matters as tolerance, 50 standard deviations as limit, and
    /// 30 values to warm up.
    pub fn new(tolerance: f64, limit: f64, warm_up: u64) -> Result<Self, Error> {
        for value in [tolerance, limit] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::Limit(value));
            }
        }
        let (values, mean, up, up_least, down, down_most) = (0, 0.0, 0.0, 0.0, 0.0, 0.0);
        Ok(Self { tolerance, limit, warm_up, values, mean, up, up_least, down, down_most })
    }

    /// Takes the next value, and says whether the mean has moved. It keeps saying so until it is reset.
    pub fn update(&mut self, value: f64) -> Result<Option<Alarm>, Error> {
        if !value.is_finite() {
            return Err(Error::NonFinite(value));
        }
        self.values += 1;
        self.mean += (value - self.mean) / self.values as f64;
        self.up += value - self.mean - self.tolerance;
        self.up_least = self.up_least.min(self.up);
        self.down += value - self.mean + self.tolerance;
        self.down_most = self.down_most.max(self.down);
        Ok(self.alarm())
    }

    /// Whether the mean has moved by what was seen so far.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        let (up, down) = (self.up - self.up_least, self.down_most - self.down);
        let (direction, statistic) = if up >= down { (Direction::Up, up) } else { (Direction::Down, down) };
        let found = self.values >= self.warm_up && statistic > self.limit;
        found.then_some(Alarm { direction, statistic, limit: self.limit, values: self.values })
    }

    /// Forgets all values, for example after a new model took over.
    pub fn reset(&mut self) {
        (self.values, self.mean) = (0, 0.0);
        (self.up, self.up_least, self.down, self.down_most) = (0.0, 0.0, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    /// The number of values with noise in [-1, 1) and this mean until the alarm, if it comes within 1000.
    fn delay(test: &mut PageHinkley, mean: f64) -> Option<(u32, Direction)> {
        let mut rng = SplitMix64::new(7);
        (1..=1000).find_map(|i| {
            let alarm = test.update(mean + 2.0 * rng.unit() - 1.0).unwrap();
            alarm.map(|a| (i, a.direction))
        })
    }

    #[test]
    fn is_silent_without_a_change_and_quick_with_one() {
        let mut test = PageHinkley::new(0.25, 20.0, 30).unwrap();
        assert_eq!(delay(&mut test, 0.0), None);
        let (after, direction) = delay(&mut test.clone(), 1.0).unwrap();
        assert!(after < 60 && direction == Direction::Up, "{after}");
        let (after, direction) = delay(&mut test, -1.0).unwrap();
        assert!(after < 60 && direction == Direction::Down, "{after}");
        test.reset();
        assert_eq!(test.alarm(), None);
    }

    #[test]
    fn goes_on_after_it_was_stored() {
        let mut whole = PageHinkley::new(0.1, 5.0, 10).unwrap();
        let mut parts = whole;
        for i in 0..100 {
            let value = f64::from(i % 7) * 0.3 + f64::from(i) * 0.01;
            let text = serde_json::to_string(&parts).unwrap();
            parts = serde_json::from_str(&text).unwrap();
            assert_eq!(whole.update(value), parts.update(value));
        }
    }

    #[test]
    fn refuses_bad_values_without_changing() {
        let mut test = PageHinkley::new(0.1, 5.0, 10).unwrap();
        let before = test;
        assert!(test.update(f64::INFINITY).is_err());
        assert_eq!(test, before);
        assert!(PageHinkley::new(-1.0, 5.0, 10).is_err());
    }
}
