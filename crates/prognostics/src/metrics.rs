//! How good predictions are. Lists are compared pair by pair up to the shorter one; what is asked of no pairs is NaN.

use serde::{Deserialize, Serialize};

/// What the truth is expected to lie in, its ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub lower: f64,
    pub upper: f64,
}

impl Interval {
    pub fn holds(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }
}

/// The arithmetic mean, NaN of nothing.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

fn errors<'a>(truth: &'a [f64], predicted: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    truth.iter().zip(predicted).map(|(truth, predicted)| predicted - truth)
}

/// The root of the mean squared error.
pub fn rmse(truth: &[f64], predicted: &[f64]) -> f64 {
    mean(errors(truth, predicted).map(|error| error * error)).sqrt()
}

/// The mean absolute error.
pub fn mae(truth: &[f64], predicted: &[f64]) -> f64 {
    mean(errors(truth, predicted).map(f64::abs))
}

/// NASA's score of the PHM 2008 challenge, lower is better: a sum, in which predicting too long a life costs more than too
/// short a one. It grows with the number of pairs, so scores of sets of different size do not compare.
pub fn nasa_score(truth: &[f64], predicted: &[f64]) -> f64 {
    errors(truth, predicted)
        .map(|error| if error < 0.0 { (-error / 13.0).exp_m1() } else { (error / 10.0).exp_m1() })
        .sum()
}

/// The mean pinball loss of a predicted `quantile` (0 to 1).
pub fn pinball(truth: &[f64], predicted: &[f64], quantile: f64) -> f64 {
    mean(errors(truth, predicted).map(|error| if error > 0.0 { (1.0 - quantile) * error } else { -quantile * error }))
}

/// The share of the truth that its interval holds.
pub fn coverage(truth: &[f64], intervals: &[Interval]) -> f64 {
    mean(truth.iter().zip(intervals).map(|(truth, interval)| f64::from(u8::from(interval.holds(*truth)))))
}

/// The mean width of intervals.
pub fn width(intervals: &[Interval]) -> f64 {
    mean(intervals.iter().map(|interval| interval.upper - interval.lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [f64; 3] = [10.0, 20.0, 30.0];
    const PREDICTED: [f64; 3] = [13.0, 16.0, 30.0];

    #[test]
    fn errors_are_as_worked_out_by_hand() {
        assert!((rmse(&TRUTH, &PREDICTED) - (25.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((mae(&TRUTH, &PREDICTED) - 7.0 / 3.0).abs() < 1e-12);
        assert!((pinball(&TRUTH, &PREDICTED, 0.9) - (0.3 + 3.6) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_nasa_score_is_a_sum_that_punishes_late_predictions_more() {
        let expected = (0.3_f64).exp() - 1.0 + (4.0_f64 / 13.0).exp() - 1.0;
        assert!((nasa_score(&TRUTH, &PREDICTED) - expected).abs() < 1e-12);
        assert!(nasa_score(&[10.0], &[15.0]) > nasa_score(&[10.0], &[5.0]));
    }

    #[test]
    fn coverage_counts_the_ends() {
        let interval = |lower, upper| Interval { lower, upper };
        let intervals = [interval(10.0, 12.0), interval(0.0, 19.0), interval(25.0, 30.0)];
        assert!((coverage(&TRUTH, &intervals) - 2.0 / 3.0).abs() < 1e-12);
        assert!((width(&intervals) - 26.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_has_no_error() {
        assert!(rmse(&[], &[]).is_nan());
        assert!(coverage(&[1.0], &[]).is_nan());
    }
}
