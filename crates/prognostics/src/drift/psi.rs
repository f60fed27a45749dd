//! The population stability index.

use serde::{Deserialize, Serialize};

use super::{Error, sorted, valid};

/// The share that an empty bin counts as, so that the logarithm stays finite.
const SMALLEST_SHARE: f64 = 1e-4;

/// The distribution of one feature in the reference sample, as quantile bins. It is all that must be kept of the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// The inner edges in rising order; a value equal to an edge belongs to the bin below it.
    edges: Vec<f64>,
    /// The share of the reference in each bin; one more than there are edges.
    shares: Vec<f64>,
}

impl Bins {
    /// Cuts the reference at its quantiles (linear interpolation, type 7 of Hyndman and Fan 1996). Ten bins are usual. Equal
    /// quantiles, as with counts or flags, make one edge, so there may be fewer bins than asked for.
    pub fn from_reference(reference: &[f64], bins: usize) -> Result<Self, Error> {
        if bins < 2 {
            return Err(Error::Bins(bins));
        }
        let sorted = sorted(reference)?;
        let mut edges: Vec<f64> = (1..bins).map(|i| quantile(&sorted, i as f64 / bins as f64)).collect();
        edges.dedup();
        let shares = shares(&edges, reference);
        Ok(Self { edges, shares })
    }

    /// The number of bins.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// The population stability index of a new sample against the reference: the sum over bins of `(a - r) * ln(a / r)`. By the
    /// usual rule below 0.1 is stable, above 0.2 has moved (Siddiqi, "Credit Risk Scorecards", 2006). With few values it is
    /// large by chance: its mean without drift is near `(bins - 1) * (1 / n + 1 / m)` (Yurdakul 2018).
    pub fn psi(&self, actual: &[f64]) -> Result<f64, Error> {
        valid(actual)?;
        let actual = shares(&self.edges, actual);
        let pairs = actual.iter().zip(&self.shares).map(|(a, r)| (a.max(SMALLEST_SHARE), r.max(SMALLEST_SHARE)));
        Ok(pairs.map(|(a, r)| (a - r) * (a / r).ln()).sum())
    }
}

/// The quantile of a sorted sample that is not empty, by linear interpolation.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let at = |i: usize| sorted.get(i).or(sorted.last()).copied().unwrap_or(0.0);
    let (low, high) = (at(place as usize), at(place as usize + 1));
    low + (high - low) * place.fract()
}

fn shares(edges: &[f64], sample: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; edges.len() + 1];
    for x in sample {
        if let Some(count) = counts.get_mut(edges.partition_point(|edge| edge < x)) {
            *count += 1.0;
        }
    }
    counts.iter().map(|count| count / sample.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zero_for_the_reference_and_grows_with_the_shift() {
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        let bins = Bins::from_reference(&reference, 10).unwrap();
        assert_eq!(bins.count(), 10);
        let moved = |by: f64| bins.psi(&reference.iter().map(|x| x + by).collect::<Vec<_>>()).unwrap();
        assert!(moved(0.0).abs() < 1e-12);
        assert!(moved(50.0) < moved(200.0) && moved(200.0) > 0.2);
    }

    #[test]
    fn agrees_with_a_case_worked_by_hand() {
        let bins = Bins::from_reference(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        // Half and half against a quarter and three quarters.
        let psi = bins.psi(&[1.0, 3.0, 3.0, 4.0]).unwrap();
        assert!((psi - (0.25 * 0.5_f64.ln().abs() + 0.25 * 1.5_f64.ln())).abs() < 1e-12, "{psi}");
    }

    #[test]
    fn copes_with_constant_and_bad_samples() {
        let bins = Bins::from_reference(&[7.0; 30], 10).unwrap();
        assert_eq!(bins.psi(&[7.0; 5]), Ok(0.0));
        assert!(bins.psi(&[8.0; 5]).unwrap() > 5.0);
        assert_eq!(Bins::from_reference(&[], 10), Err(Error::Empty));
        assert_eq!(Bins::from_reference(&[1.0], 1), Err(Error::Bins(1)));
        assert!(matches!(bins.psi(&[f64::NAN]), Err(Error::NonFinite(_))));
    }
}
