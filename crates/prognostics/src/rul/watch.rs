//! Whether intervals still hold what they promise, while truths come in.

use serde::{Deserialize, Serialize};

/// Follows the coverage of one component class, and adapts the miss rate to ask for so that the promise holds over time even
/// when the world drifts (adaptive conformal inference, Gibbs and Candès 2021).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// The coverage promised.
    target: f64,
    /// How far one truth moves the miss rate.
    step: f64,
    alpha: f64,
    hits: u64,
    n: u64,
}

impl Watch {
    /// For intervals that promise `target`, 0.9 say. A `step` of 0.01 to 0.05 is usual. Both are brought into 0 to 1.
    pub fn new(target: f64, step: f64) -> Self {
        let unit = |value: f64| if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        Self { target: unit(target), step: unit(step), alpha: 1.0 - unit(target), hits: 0, n: 0 }
    }

    /// Takes in whether the interval that was asked for at [`Watch::alpha`] held the truth.
    pub fn observe(&mut self, covered: bool) {
        let missed = if covered { 0.0 } else { 1.0 };
        self.alpha += self.step * (1.0 - self.target - missed);
        self.hits += u64::from(covered);
        self.n += 1;
    }

    /// The miss rate to ask [`super::Model::interval`] for. It falls below what was promised while intervals miss too often, down
    /// to 0, which gives the widest interval there is.
    pub fn alpha(&self) -> f64 {
        self.alpha.clamp(0.0, 1.0)
    }

    /// The share of the truths that were covered, none before the first.
    pub fn coverage(&self) -> Option<f64> {
        (self.n > 0).then(|| self.hits as f64 / self.n as f64)
    }

    pub fn observed(&self) -> u64 {
        self.n
    }

    pub fn target(&self) -> f64 {
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    #[test]
    fn a_miss_asks_for_wider_intervals_and_a_hit_for_slightly_narrower_ones() {
        let mut watch = Watch::new(0.9, 0.05);
        assert!((watch.alpha() - 0.1).abs() < 1e-12);
        assert_eq!(watch.coverage(), None);
        watch.observe(false);
        assert!((watch.alpha() - 0.055).abs() < 1e-12);
        watch.observe(true);
        assert!((watch.alpha() - 0.06).abs() < 1e-12);
        assert_eq!((watch.coverage(), watch.observed()), (Some(0.5), 2));
    }

    #[test]
    fn coverage_comes_back_after_the_world_drifted() {
        // The residual is uniform up to 2 where the interval was made for up to 1.
        let mut random = SplitMix64::new(3);
        let mut watch = Watch::new(0.9, 0.02);
        let mut covered_late = 0_u32;
        for time in 0..4_000 {
            let residual = random.below(1_000_000) as f64 / 500_000.0;
            let half = if watch.alpha() <= 0.0 { f64::INFINITY } else { 1.0 - watch.alpha() };
            let covered = residual <= half;
            watch.observe(covered);
            covered_late += u32::from(time >= 2_000 && covered);
        }
        assert!((1_700..1_900).contains(&covered_late), "{covered_late} of 2000");
    }

    #[test]
    fn nonsense_is_brought_into_range() {
        let mut watch = Watch::new(f64::NAN, 7.0);
        watch.observe(false);
        assert!((0.0..=1.0).contains(&watch.alpha()));
    }
}
