//! Weibull's distribution of lives, fitted with lives that are not over.

use serde::{Deserialize, Serialize};

use super::{Error, Lifetime, sorted, valid_age, valid_quantile};

/// The limits between which the shape is sought. A shape outside them says that the model is wrong, not what the part does.
const SHAPE_RANGE: (f64, f64) = (1e-3, 1e4);

/// A Weibull life: the probability to live longer than the age t is `exp(-(t / scale)^shape)`. A shape below 1 means early
/// failures, 1 a constant hazard, above 1 wear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weibull {
    /// The shape, without unit (often called beta).
    pub shape: f64,
    /// The scale, in the usage unit of the component: the age that 36.8 % of parts outlive (often called eta).
    pub scale: f64,
    /// The standard error of the shape from the observed information, or nothing for parameters that were given.
    pub shape_error: Option<f64>,
    /// The standard error of the scale from the observed information, or nothing for parameters that were given.
    pub scale_error: Option<f64>,
    /// The greatest logarithm of the likelihood, in natural units of the age, or nothing for parameters that were given.
    pub log_likelihood: Option<f64>,
    /// The number of observed failures behind the estimate.
    pub failures: usize,
    /// The number of observations behind the estimate, failures and censored together.
    pub observations: usize,
}

impl Weibull {
    /// Takes parameters that were published or agreed, with no sample behind them.
    pub fn new(shape: f64, scale: f64) -> Result<Self, Error> {
        let good = |x: f64| x.is_finite() && x > 0.0;
        if !(good(shape) && good(scale)) {
            return Err(Error::Parameter { shape, scale });
        }
        let (shape_error, scale_error, log_likelihood) = (None, None, None);
        Ok(Self { shape, scale, shape_error, scale_error, log_likelihood, failures: 0, observations: 0 })
    }

    /// Fits by maximum likelihood with right censoring. The shape is the root of the profile score, which falls steadily, so
    /// that bisection cannot miss it (Lawless, "Statistical Models and Methods for Lifetime Data", 2003, section 5.2).
    pub fn fit(lifetimes: &[Lifetime]) -> Result<Self, Error> {
        let sample = sorted(lifetimes)?;
        if sample.iter().any(|l| l.failed && l.at == 0.0) {
            return Err(Error::FailureAtZero);
        }
        let greatest = sample.last().map_or(0.0, |l| l.at);
        if sample.iter().all(|l| !l.failed || l.at == greatest) {
            return Err(Error::UnboundedShape);
        }
        // Dividing by the greatest age keeps every power in [0, 1]. Age zero adds nothing to any sum.
        let logs: Vec<f64> = sample.iter().filter(|l| l.at > 0.0).map(|l| (l.at / greatest).ln()).collect();
        let failures = sample.iter().filter(|l| l.failed).count();
        let r = failures as f64;
        let mean_log = sample.iter().filter(|l| l.failed).map(|l| (l.at / greatest).ln()).sum::<f64>() / r;
        let shape = profile_shape(&logs, mean_log)?;
        let total: f64 = logs.iter().map(|log| (shape * log).exp()).sum();
        let relative = (total / r).powf(1.0 / shape);
        let scale = relative * greatest;
        let (shape_error, scale_error) = standard_errors(&logs, relative.ln(), shape, scale, r);
        let mean_log_age = mean_log + greatest.ln();
        let log_likelihood = r * (shape.ln() - shape * scale.ln() + (shape - 1.0) * mean_log_age) - r;
        Ok(Self {
            shape,
            scale,
            shape_error: Some(shape_error),
            scale_error: Some(scale_error),
            log_likelihood: Some(log_likelihood),
            failures,
            observations: sample.len(),
        })
    }

    /// The cumulative hazard at this age.
    fn hazard(&self, age: f64) -> f64 {
        (age / self.scale).powf(self.shape)
    }

    /// The probability to live longer than this age.
    pub fn survival(&self, age: f64) -> Result<f64, Error> {
        Ok((-self.hazard(valid_age(age)?)).exp())
    }

    /// The mean life, in the usage unit: `scale * gamma(1 + 1 / shape)`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.scale * ln_gamma(1.0 + 1.0 / self.shape).exp()
    }

    /// The usage after which a part that works at `age` has failed with probability `quantile`. The median is at 0.5; a lower
    /// bound that 80 % of parts outlive is at 0.2.
    pub fn remaining(&self, age: f64, quantile: f64) -> Result<f64, Error> {
        let (age, quantile) = (valid_age(age)?, valid_quantile(quantile)?);
        let more = -(-quantile).ln_1p();
        let now = self.hazard(age);
        if now == 0.0 {
            return Ok(self.scale * more.powf(1.0 / self.shape) - age);
        }
        // This form keeps its digits when the part is old and the span is short.
        Ok(age * ((more / now).ln_1p() / self.shape).exp_m1())
    }

    /// The probability that a part which works at `age` fails before or at the age `until`.
    pub fn probability_of_failure(&self, age: f64, until: f64) -> Result<f64, Error> {
        let (age, until) = (valid_age(age)?, valid_age(until)?);
        if until < age {
            return Err(Error::Reversed { age, until });
        }
        Ok(-(self.hazard(age) - self.hazard(until)).exp_m1())
    }
}

/// Finds the shape where `1 / shape + mean log of failures - weighted mean log of all` is zero, by bisection on the logarithm.
fn profile_shape(logs: &[f64], mean_log: f64) -> Result<f64, Error> {
    let score = |shape: f64| {
        let (mut weight, mut weighted) = (0.0, 0.0);
        for log in logs {
            let power = (shape * log).exp();
            weight += power;
            weighted += power * log;
        }
        1.0 / shape + mean_log - weighted / weight
    };
    let (mut low, mut high) = SHAPE_RANGE;
    if score(high) > 0.0 || score(low) < 0.0 {
        return Err(Error::UnboundedShape);
    }
    while high / low > 1.0 + 4.0 * f64::EPSILON {
        let middle = (low * high).sqrt();
        if middle <= low || middle >= high {
            break;
        }
        if score(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((low * high).sqrt())
}

/// The standard errors of shape and scale: the roots of the diagonal of the inverse of the observed information at the maximum.
fn standard_errors(logs: &[f64], log_relative: f64, shape: f64, scale: f64, r: f64) -> (f64, f64) {
    let (mut square, mut cross) = (0.0, 0.0);
    for log in logs {
        let u = log - log_relative;
        let z = (shape * u).exp();
        square += z * u * u;
        cross += z * (1.0 + shape * u);
    }
    let shape_shape = r / (shape * shape) + square;
    let scale_scale = r * shape * shape / (scale * scale);
    let shape_scale = (r - cross) / scale;
    let determinant = shape_shape * scale_scale - shape_scale * shape_scale;
    ((scale_scale / determinant).sqrt(), (shape_shape / determinant).sqrt())
}

/// The logarithm of the gamma function for positive arguments, by Lanczos with g = 7 and nine terms (about 15 digits).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().zip(1..).fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovers_the_exponential_case() {
        // With shape 1 given, the scale is total time over failures; here the sample is a perfect exponential grid.
        let sample: Vec<_> =
            (0..2000).map(|i| Lifetime::failure(-((f64::from(i) + 0.5) / 2000.0).ln() * 100.0)).collect();
        let fit = Weibull::fit(&sample).unwrap();
        assert!((fit.shape - 1.0).abs() < 0.01 && (fit.scale - 100.0).abs() < 0.5, "{fit:?}");
        assert!((fit.mean() - 100.0).abs() < 0.5);
    }

    #[test]
    fn inverts_itself() {
        let life = Weibull::new(2.5, 1000.0).unwrap();
        for age in [0.0, 1e-9, 10.0, 500.0, 1000.0, 5000.0] {
            for quantile in [1e-9, 0.05, 0.2, 0.5, 0.99] {
                let remaining = life.remaining(age, quantile).unwrap();
                let p = life.probability_of_failure(age, age + remaining).unwrap();
                assert!((p - quantile).abs() < 1e-6 * quantile.max(1e-3), "{age} {quantile} {p}");
            }
        }
    }

    #[test]
    fn forgets_the_age_only_when_the_hazard_is_constant() {
        let constant = Weibull::new(1.0, 1000.0).unwrap();
        assert!((constant.remaining(0.0, 0.5).unwrap() - constant.remaining(9000.0, 0.5).unwrap()).abs() < 1e-9);
        let wear = Weibull::new(3.0, 1000.0).unwrap();
        assert!(wear.remaining(900.0, 0.5).unwrap() < 0.5 * wear.remaining(0.0, 0.5).unwrap());
    }

    #[test]
    fn refuses_what_has_no_maximum() {
        let same = [Lifetime::failure(5.0), Lifetime::failure(5.0)];
        assert_eq!(Weibull::fit(&same), Err(Error::UnboundedShape));
        let last = [Lifetime::censored(4.0), Lifetime::failure(5.0)];
        assert_eq!(Weibull::fit(&last), Err(Error::UnboundedShape));
        assert_eq!(Weibull::fit(&[Lifetime::failure(0.0), Lifetime::failure(1.0)]), Err(Error::FailureAtZero));
        assert_eq!(Weibull::fit(&[Lifetime::censored(1.0)]), Err(Error::NoFailures));
        assert!(Weibull::new(f64::NAN, 1.0).is_err() && Weibull::new(1.0, 0.0).is_err());
        assert!(Weibull::fit(&[Lifetime::failure(5.0), Lifetime::censored(6.0)]).is_ok());
    }

    #[test]
    fn survives_extreme_units() {
        let base = [3.0, 5.0, 8.0, 9.0].map(Lifetime::failure);
        let big = base.map(|l| Lifetime::failure(l.at * 1e200));
        let (a, b) = (Weibull::fit(&base).unwrap(), Weibull::fit(&big).unwrap());
        assert!((a.shape - b.shape).abs() < 1e-9 && (b.scale / a.scale / 1e200 - 1.0).abs() < 1e-9);
    }
}
