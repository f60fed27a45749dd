//! How unlikely a count is.

/// Counts over this are taken as unlikely without adding them up.
const COUNT_MAX: u64 = 100_000;

/// The chance of `count` or more events in a period, given `own` events in `periods` earlier periods of the entity, and a
/// prior worth `prior_periods` periods of the cohort's mean `mean`: the upper tail of the negative binomial distribution
/// that a Gamma prior and Poisson counts give (Gelman et al., Bayesian Data Analysis, 3rd ed., §2.6).
pub(crate) fn tail(count: u64, own: u64, periods: u64, mean: f64, prior_periods: f64) -> f64 {
    let shape = mean.mul_add(prior_periods, own as f64);
    let rate = prior_periods + periods as f64;
    if shape <= 0.0 {
        return 1.0;
    }
    if count > COUNT_MAX {
        return if (count as f64) > 2.0 * shape / rate { 0.0 } else { 1.0 };
    }
    // In logarithms, so that large means do not vanish.
    let failure = (1.0 / (1.0 + rate)).ln();
    let mut log_chance = shape * (rate / (1.0 + rate)).ln();
    let mut below = 0.0;
    for events in 0..count {
        below += log_chance.exp();
        log_chance += ((events as f64 + shape) / (events as f64 + 1.0)).ln() + failure;
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_poisson_tail_when_much_is_known() {
        // 1 - ppois(9, 4) in R is 0.008132243.
        let found = tail(10, 4_000_000, 1_000_000, 4.0, 1.0);
        assert!((found - 0.008_132_243).abs() < 1e-5, "{found}");
    }

    #[test]
    fn agrees_with_the_negative_binomial_tail() {
        // Shape 2, rate 1: P(X >= 3) = 1 - (1/4 + 1/4 + 3/16) = 5/16.
        assert!((tail(3, 1, 0, 1.0, 1.0) - 0.3125).abs() < 1e-12);
    }

    #[test]
    fn little_knowledge_makes_nothing_unlikely() {
        assert!(tail(20, 0, 0, 4.0, 1.0) > tail(20, 4_000, 1_000, 4.0, 1.0));
        assert!((tail(5, 0, 0, 0.0, 1.0) - 1.0).abs() < f64::EPSILON);
        assert!(tail(50, 4, 1, 4.0, 24.0) < 1e-6);
    }
}
