//! Conformal quantiles of scores that come in groups.

use crate::rng::SplitMix64;

/// The quantiles that a model stores: 1 % to 99 %.
pub const LEVELS: usize = 99;

/// The quantiles of one score per group, so that the groups are exchangeable where their members are not. Which one is drawn at
/// random; that is done `cuts` times, and of each quantile the median over these is taken.
///
/// `groups` has the places in `scores` of each group's members, of which there must be at least one.
pub fn quantiles(scores: &[f64], groups: &[Vec<usize>], cuts: usize, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::new(seed);
    let draws: Vec<Vec<f64>> = (0..cuts).map(|_| sorted(cut(groups, &mut random).map(|place| scores[place]))).collect();
    let level = |percent: usize| {
        let values = sorted(draws.iter().map(|draw| quantile(draw, percent as f64 / 100.0)));
        values[values.len() / 2]
    };
    (1..=LEVELS).map(level).collect()
}

/// One member of each group.
pub fn cut<'a>(groups: &'a [Vec<usize>], random: &'a mut SplitMix64) -> impl Iterator<Item = usize> + 'a {
    groups.iter().map(|group| group[random.below(group.len())])
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The quantile that one more score of the same kind falls short of, or exceeds, at most as often as the level says. With too
/// few scores for that it is the outermost one.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let rank = (sorted.len() + 1) as f64 * level;
    // The product of a round level and a round count must not be off by one because of its last bit.
    let rank = if level < 0.5 { (rank + 1e-9).floor() } else { (rank - 1e-9).ceil() };
    sorted[(rank as usize).clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_one_more_score() {
        let scores: Vec<f64> = (1..=99).map(f64::from).collect();
        let found = [0.05, 0.1, 0.5, 0.9, 0.95].map(|level| quantile(&scores, level) as u32);
        assert_eq!(found, [5, 10, 50, 90, 95]);
        let few: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!([0.05, 0.95].map(|level| quantile(&few, level) as u32), [1, 9]);
    }

    #[test]
    fn a_group_counts_once_however_large_it_is() {
        let mut scores = vec![100.0; 1_000];
        scores.extend((1..=98).map(f64::from));
        let mut groups: Vec<Vec<usize>> = (1_000..1_098).map(|place| vec![place]).collect();
        groups.push((0..1_000).collect());
        let quantiles = quantiles(&scores, &groups, 7, 1);
        assert_eq!(quantiles.len(), LEVELS);
        assert!((quantiles[94] - 95.0).abs() < 1e-12);
        assert!(quantiles.is_sorted());
    }

    #[test]
    fn a_new_score_is_covered_as_promised() {
        let mut random = SplitMix64::new(11);
        let mut draw = || (random.below(1_000_000) as f64 / 1e6).powi(3);
        let (mut covered, rounds) = (0, 2_000);
        for _ in 0..rounds {
            let scores: Vec<f64> = (0..60).map(|_| draw()).collect();
            let groups: Vec<Vec<usize>> = (0..60).map(|place| vec![place]).collect();
            let quantiles = quantiles(&scores, &groups, 1, 1);
            let new = draw();
            covered += usize::from((quantiles[4]..=quantiles[94]).contains(&new));
        }
        assert!((1_780..1_870).contains(&covered), "{covered} of {rounds}");
    }
}
