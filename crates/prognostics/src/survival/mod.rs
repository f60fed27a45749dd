//! Survival analysis of parts that fail once ([`Curve`], [`Weibull`]) and of systems that are repaired again and again
//! ([`MeanCumulative`]).
//!
//! Ages are in the usage unit of the component (hours, kilometres, cycles, kilowatt-hours); one sample must not mix units. A
//! part that was replaced because a prediction said so, and was still sound, did not fail: it is a censored observation
//! (`failed: false`). Counting it as failed, or leaving it out, teaches the estimate a wrong life.

mod curve;
mod recurrence;
mod weibull;

use serde::{Deserialize, Serialize};

pub use curve::{Curve, Step};
pub use recurrence::{MeanCumulative, RepairHistory, RepairStep};
pub use weibull::Weibull;

/// One part, seen from new until it failed or until we stopped looking (right censoring).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifetime {
    /// The age at failure, or at the end of the observation, in the usage unit of the component.
    pub at: f64,
    /// Whether the part failed at that age. `false` means that it still worked then.
    pub failed: bool,
}

impl Lifetime {
    /// A part that failed at this age.
    #[must_use]
    pub fn failure(at: f64) -> Self {
        Self { at, failed: true }
    }

    /// A part that still worked at this age, when the observation ended.
    #[must_use]
    pub fn censored(at: f64) -> Self {
        Self { at, failed: false }
    }
}

/// Why no estimate can be given.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    #[error("there is no observation")]
    Empty,
    #[error("no failure was observed: the data bound the life from below but do not say how long it is")]
    NoFailures,
    #[error("the age {0} is not a finite number")]
    NonFinite(f64),
    #[error("the age {0} is negative")]
    Negative(f64),
    #[error("a failure at age zero has no place in a Weibull model: it was dead on arrival")]
    FailureAtZero,
    #[error("all failures are at the greatest age seen, so the likelihood grows without limit with the shape")]
    UnboundedShape,
    #[error("{0} is not a probability for which the remaining life is finite: it must be in [0, 1)")]
    Quantile(f64),
    #[error("the end {until} of the span is before its start {age}")]
    Reversed { age: f64, until: f64 },
    #[error("the shape {shape} and the scale {scale} must both be finite and positive")]
    Parameter { shape: f64, scale: f64 },
    #[error("a repair at age {at} lies after the end of the observation of its unit at {until}")]
    RepairAfterEnd { at: f64, until: f64 },
}

/// Refuses an age that is negative, infinite or not a number.
fn valid_age(age: f64) -> Result<f64, Error> {
    if !age.is_finite() {
        Err(Error::NonFinite(age))
    } else if age < 0.0 {
        Err(Error::Negative(age))
    } else {
        Ok(age)
    }
}

/// Refuses a probability outside `[0, 1)`.
fn valid_quantile(quantile: f64) -> Result<f64, Error> {
    if (0.0..1.0).contains(&quantile) { Ok(quantile) } else { Err(Error::Quantile(quantile)) }
}

/// Checks all ages, asks for a failure, and returns the observations by age, failures first at equal age.
fn sorted(lifetimes: &[Lifetime]) -> Result<Vec<Lifetime>, Error> {
    if lifetimes.is_empty() {
        return Err(Error::Empty);
    }
    for lifetime in lifetimes {
        valid_age(lifetime.at)?;
    }
    if !lifetimes.iter().any(|l| l.failed) {
        return Err(Error::NoFailures);
    }
    let mut sorted = lifetimes.to_vec();
    sorted.sort_by(|a, b| a.at.total_cmp(&b.at).then(b.failed.cmp(&a.failed)));
    Ok(sorted)
}
