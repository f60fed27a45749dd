//! Whether data or a model has moved away from its reference: population stability index ([`Bins`]), Kolmogorov–Smirnov test
//! ([`ks`]), Page–Hinkley test ([`PageHinkley`]), and a verdict over all of them ([`Monitor`]).
//!
//! A single number over a limit is a signal, not a verdict: retraining on every signal makes models thrash. The monitor hence
//! asks for several features twice running, for an effect size beside a p-value, or for enough closed cases.

mod ks;
mod page_hinkley;
mod psi;
mod verdict;

pub use ks::{Ks, ks};
pub use page_hinkley::{Alarm, Direction, PageHinkley};
pub use psi::Bins;
pub use verdict::{Coverage, FeaturePsi, Finding, Monitor, Round, Thresholds, Verdict};

/// Why a statistic can not be computed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Error {
    #[error("a sample is empty")]
    Empty,
    #[error("a sample holds {0}, which is not a finite number")]
    NonFinite(f64),
    #[error("{0} bins are too few: two or more are needed")]
    Bins(usize),
    #[error("a limit of {0} is negative or not finite")]
    Limit(f64),
}

/// Refuses an empty sample and values that are not finite.
fn valid(sample: &[f64]) -> Result<(), Error> {
    if sample.is_empty() {
        return Err(Error::Empty);
    }
    sample.iter().find(|x| !x.is_finite()).map_or(Ok(()), |x| Err(Error::NonFinite(*x)))
}

/// The checked sample in rising order.
fn sorted(sample: &[f64]) -> Result<Vec<f64>, Error> {
    valid(sample)?;
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}
