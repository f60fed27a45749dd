//! Kaplan and Meier's survival curve, for lives of which some are not over.

use serde::{Deserialize, Serialize};

use super::{Error, Lifetime, sorted, valid_age, valid_quantile};

/// The state of both estimators just after one age at which parts failed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The age, in the usage unit of the component.
    pub at: f64,
    /// The number of parts that were still working and observed just before this age.
    pub at_risk: usize,
    /// The number of parts that failed at this age.
    pub failures: usize,
    /// The Kaplan–Meier estimate of the probability to live longer than this age.
    pub survival: f64,
    /// Greenwood's estimate of the variance of `survival`.
    pub survival_variance: f64,
    /// The Nelson–Aalen estimate of the cumulative hazard up to and including this age, without smoothing of ties.
    pub hazard: f64,
    /// Aalen's estimate of the variance of `hazard`: the sum of failures over the squared number at risk.
    pub hazard_variance: f64,
}

impl Step {
    /// Gives the pointwise confidence interval of `survival` on the log(-log) scale, which stays inside `[0, 1]` (Kalbfleisch
    /// and Prentice). `z` is the normal quantile, 1.96 for 95 %.
    #[must_use]
    pub fn survival_interval(&self, z: f64) -> (f64, f64) {
        if self.survival <= 0.0 || self.survival >= 1.0 {
            return (self.survival, self.survival);
        }
        let log = self.survival.ln();
        let spread = z * self.survival_variance.sqrt() / (self.survival * log.abs());
        ((log * spread.exp()).exp(), (log * (-spread).exp()).exp())
    }
}

/// The Kaplan–Meier and Nelson–Aalen estimates of one right-censored sample (Kaplan and Meier 1958, Greenwood 1926, Aalen
/// 1978). It assumes no shape of the hazard, and knows nothing beyond the greatest age seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// One entry for each age at which something failed, in rising order.
    pub steps: Vec<Step>,
    /// The greatest age in the sample; the curve says nothing beyond it.
    pub last_age: f64,
    /// The number of observations.
    pub observations: usize,
}

impl Curve {
    /// Estimates both curves. A part that was censored at the age of a failure counts as at risk there.
    pub fn estimate(lifetimes: &[Lifetime]) -> Result<Self, Error> {
        let sorted = sorted(lifetimes)?;
        let mut steps: Vec<Step> = Vec::new();
        let (mut survival, mut greenwood, mut hazard, mut hazard_variance) = (1.0, 0.0, 0.0, 0.0);
        let (mut at_risk, mut last_age) = (sorted.len(), 0.0);
        for group in sorted.chunk_by(|a, b| a.at.total_cmp(&b.at).is_eq()) {
            let failures = group.iter().filter(|l| l.failed).count();
            last_age = group.first().map_or(last_age, |l| l.at);
            if failures > 0 {
                let (n, d) = (at_risk as f64, failures as f64);
                survival *= (n - d) / n;
                // At zero survival the sum is infinite, but the variance of a certain end is zero.
                greenwood += if failures < at_risk { d / (n * (n - d)) } else { 0.0 };
                hazard += d / n;
                hazard_variance += d / (n * n);
                let survival_variance = survival * survival * greenwood;
                steps.push(Step {
                    at: last_age,
                    at_risk,
                    failures,
                    survival,
                    survival_variance,
                    hazard,
                    hazard_variance,
                });
            }
            at_risk -= group.len();
        }
        Ok(Self { steps, last_age, observations: sorted.len() })
    }

    /// The last step at or before this age, or nothing before the first failure.
    #[must_use]
    pub fn step(&self, age: f64) -> Option<&Step> {
        let after = self.steps.partition_point(|s| s.at <= age);
        after.checked_sub(1).and_then(|i| self.steps.get(i))
    }

    /// The probability to live longer than this age, or nothing beyond the greatest age seen, unless nothing survived it.
    #[must_use]
    pub fn survival(&self, age: f64) -> Option<f64> {
        let survival = self.step(age).map_or(1.0, |s| s.survival);
        (age <= self.last_age || survival == 0.0).then_some(survival)
    }

    /// The usage after which a part that works at `age` has failed with probability `quantile`, or nothing when the sample is
    /// too short to say so. The median is at 0.5; a lower bound that 80 % of parts outlive is at 0.2.
    pub fn remaining(&self, age: f64, quantile: f64) -> Result<Option<f64>, Error> {
        let (age, quantile) = (valid_age(age)?, valid_quantile(quantile)?);
        let Some(now) = self.survival(age).filter(|s| *s > 0.0) else { return Ok(None) };
        if quantile == 0.0 {
            return Ok(Some(0.0));
        }
        let target = now * (1.0 - quantile);
        let found = self.steps.iter().find(|s| s.at > age && s.survival <= target * (1.0 + 1e-12));
        Ok(found.map(|s| s.at - age))
    }

    /// The probability that a part which works at `age` fails before or at the age `until`, or nothing where the sample ends
    /// before that age.
    pub fn probability_of_failure(&self, age: f64, until: f64) -> Result<Option<f64>, Error> {
        let (age, until) = (valid_age(age)?, valid_age(until)?);
        if until < age {
            return Err(Error::Reversed { age, until });
        }
        let pair = self.survival(age).filter(|s| *s > 0.0).zip(self.survival(until));
        Ok(pair.map(|(now, then)| 1.0 - then / now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 6-MP arm of Freireich et al. 1963 (remission in weeks), the standard textbook example.
    fn freireich() -> Vec<Lifetime> {
        let failed = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0];
        let censored = [6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0];
        failed.map(Lifetime::failure).into_iter().chain(censored.map(Lifetime::censored)).collect()
    }

    #[test]
    fn agrees_with_the_published_table_of_freireich() {
        let curve = Curve::estimate(&freireich()).unwrap();
        let published = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448];
        let errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346];
        assert_eq!(curve.steps.len(), published.len());
        for ((step, survival), error) in curve.steps.iter().zip(published).zip(errors) {
            assert!((step.survival - survival).abs() < 6e-4, "{step:?}");
            assert!((step.survival_variance.sqrt() - error).abs() < 6e-5, "{step:?}");
        }
    }

    #[test]
    fn answers_only_inside_the_sample() {
        let curve = Curve::estimate(&freireich()).unwrap();
        assert_eq!(curve.survival(0.0), Some(1.0));
        assert_eq!(curve.survival(36.0), None);
        assert_eq!(curve.remaining(0.0, 0.5), Ok(Some(23.0)));
        assert_eq!(curve.remaining(0.0, 0.9), Ok(None));
        let p = curve.probability_of_failure(10.0, 22.0).unwrap().unwrap();
        assert!((p - (1.0 - 0.5378 / 0.7529)).abs() < 1e-3, "{p}");
    }

    #[test]
    fn keeps_intervals_inside_zero_and_one() {
        let curve = Curve::estimate(&freireich()).unwrap();
        for step in &curve.steps {
            let (low, high) = step.survival_interval(1.96);
            assert!(0.0 <= low && low <= step.survival && step.survival <= high && high <= 1.0);
        }
    }

    #[test]
    fn refuses_bad_samples() {
        assert_eq!(Curve::estimate(&[]), Err(Error::Empty));
        assert_eq!(Curve::estimate(&[Lifetime::censored(1.0)]), Err(Error::NoFailures));
        assert_eq!(Curve::estimate(&[Lifetime::failure(-1.0)]), Err(Error::Negative(-1.0)));
        assert!(matches!(Curve::estimate(&[Lifetime::failure(f64::NAN)]), Err(Error::NonFinite(_))));
        let curve = Curve::estimate(&freireich()).unwrap();
        assert_eq!(curve.remaining(1.0, 1.0), Err(Error::Quantile(1.0)));
        assert_eq!(curve.probability_of_failure(2.0, 1.0), Err(Error::Reversed { age: 2.0, until: 1.0 }));
    }
}
