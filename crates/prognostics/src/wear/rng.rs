//! Chance in wear and noise: distributions over the generator of [`crate::rng`].

use serde::{Deserialize, Serialize};

use crate::rng::SplitMix64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Rng(SplitMix64);

impl Rng {
    /// Neighbouring seeds are led apart by one round.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SplitMix64::new(seed ^ 0x5851_f42d_4c95_7f2d);
        rng.next_u64();
        Self(rng)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform, above 0 and at most 1.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Mean 0, standard deviation 1 (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// Mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// A Poisson count (Knuth's way, so for small means; at most 64).
    pub(super) fn count(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let mut product = self.uniform();
        let mut count = 0;
        while product > limit && count < 64 {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}
