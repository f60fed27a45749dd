//! The two-sample test of Kolmogorov and Smirnov.

use serde::{Deserialize, Serialize};

use super::{Error, sorted};

/// Up to this product of sample sizes the p-value is exact (the rule of R's `ks.test`).
const EXACT_UP_TO: usize = 10_000;

/// The result of a two-sample Kolmogorov–Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ks {
    /// The greatest distance between the two distribution functions, in `[0, 1]`. It is also the effect size: unlike the p-value
    /// it does not shrink or grow with the number of values.
    pub statistic: f64,
    /// The probability of this distance or more when both samples come from one continuous distribution. With ties it is too
    /// large, hence on the safe side.
    pub p_value: f64,
    /// Whether the p-value counts all arrangements instead of using the limit for large samples.
    pub exact: bool,
    pub reference: usize,
    pub actual: usize,
}

/// Compares two samples, two-sided. The exact p-value counts lattice paths; the other is Kolmogorov's limit with the correction
/// of Stephens (1970) for finite samples.
pub fn ks(reference: &[f64], actual: &[f64]) -> Result<Ks, Error> {
    let (a, b) = (sorted(reference)?, sorted(actual)?);
    let statistic = distance(&a, &b);
    let (m, n) = (a.len().min(b.len()), a.len().max(b.len()));
    let exact = m.saturating_mul(n) < EXACT_UP_TO;
    let p_value = if exact { exact_p(statistic, m, n) } else { limit_p(statistic, m as f64, n as f64) };
    Ok(Ks { statistic, p_value: p_value.clamp(0.0, 1.0), exact, reference: a.len(), actual: b.len() })
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let at = x.min(*y);
        i += a.iter().skip(i).take_while(|v| **v <= at).count();
        j += b.iter().skip(j).take_while(|v| **v <= at).count();
        greatest = greatest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    greatest
}

/// One minus the share of lattice paths that stay strictly closer to the diagonal than the statistic (`m <= n`).
fn exact_p(statistic: f64, m: usize, n: usize) -> f64 {
    let (md, nd) = (m as f64, n as f64);
    let limit = (0.5 + (statistic * md * nd - 1e-7).floor()) / (md * nd);
    let inside = |i: usize, j: usize| (i as f64 / md - j as f64 / nd).abs() <= limit;
    let mut row: Vec<f64> = (0..=n).map(|j| if inside(0, j) { 1.0 } else { 0.0 }).collect();
    for i in 1..=m {
        let weight = i as f64 / (i as f64 + nd);
        let mut left = 0.0;
        for (j, cell) in row.iter_mut().enumerate() {
            left = if inside(i, j) { weight * *cell + left } else { 0.0 };
            *cell = left;
        }
    }
    1.0 - row.last().copied().unwrap_or(0.0)
}

fn limit_p(statistic: f64, m: f64, n: f64) -> f64 {
    let root = (m * n / (m + n)).sqrt();
    let x = (root + 0.12 + 0.11 / root) * statistic;
    if x < 0.2 {
        // The alternating sum converges badly here, and the value is 1 to twelve digits.
        return 1.0;
    }
    let term = |k: i32| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * f64::from(k * k) * x * x).exp();
    2.0 * (1..=100).map(term).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact_for_small_samples() {
        // All of one sample below the other: two of the twenty arrangements of 3 and 3 are that far apart.
        let test = ks(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).unwrap();
        assert!(test.exact && (test.statistic - 1.0).abs() < 1e-12 && (test.p_value - 0.1).abs() < 1e-12, "{test:?}");
        let same = ks(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).unwrap();
        assert!(same.statistic == 0.0 && (same.p_value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn does_not_depend_on_the_order_of_the_samples() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(i * 37 % 101)).collect();
        let b: Vec<f64> = (0..70).map(|i| f64::from(i * 53 % 89)).collect();
        let (x, y) = (ks(&a, &b).unwrap(), ks(&b, &a).unwrap());
        assert!((x.p_value - y.p_value).abs() < 1e-12 && x.statistic == y.statistic);
    }

    #[test]
    fn sees_a_shift_in_large_samples() {
        let a: Vec<f64> = (0..2000).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|x| x + 200.0).collect();
        let test = ks(&a, &b).unwrap();
        assert!(!test.exact && (test.statistic - 0.1).abs() < 1e-9 && test.p_value < 1e-6);
        assert!(ks(&a, &a).unwrap().p_value > 0.999);
        assert_eq!(ks(&a, &[]), Err(Error::Empty));
    }
}
