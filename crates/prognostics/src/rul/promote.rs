//! Whether a challenger would have decided better than the champion on units that neither was trained on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Example, Model, ModelError};
use crate::metrics::{self, Interval};
use crate::rng::SplitMix64;

/// How often the units are drawn anew.
const RESAMPLES: usize = 1_000;

/// What decisions cost. A part is pulled at the first moment at which the lower end of the 80 % interval is under `threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Of a unit that reached its end of life without having been pulled before.
    pub missed: f64,
    /// Of a unit that was pulled with more than `early` of its life left.
    pub false_pull: f64,
    pub threshold: f64,
    pub early: f64,
}

/// Why models are not compared.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CompareError {
    #[error("there are no held-out units")]
    Empty,
    #[error("a cost or a threshold is not a number from 0 on")]
    Cost,
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What both models cost per unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub champion_cost: f64,
    pub challenger_cost: f64,
    /// What the challenger saves per unit: where 95 of 100 resamples of the units lie.
    pub margin: Interval,
    /// Whether even the lower end of the margin is a saving.
    pub better: bool,
}

/// Compares what the decisions of two models cost. The life of a unit whose end was not seen is at least its RUL: such a unit
/// may have been pulled early, but not missed.
///
/// # Errors
/// [`CompareError`].
pub fn compare(
    champion: &Model,
    challenger: &Model,
    held_out: &[Example],
    cost: &Cost,
    seed: u64,
) -> Result<Comparison, CompareError> {
    let amounts = [cost.missed, cost.false_pull, cost.threshold, cost.early];
    if amounts.iter().any(|amount| !amount.is_finite() || *amount < 0.0) {
        return Err(CompareError::Cost);
    }
    let mut units: BTreeMap<u32, Vec<&Example>> = BTreeMap::new();
    for example in held_out {
        units.entry(example.unit).or_default().push(example);
    }
    if units.is_empty() {
        return Err(CompareError::Empty);
    }
    let costs = |model: &Model| units.values().map(|unit| unit_cost(model, unit, cost)).collect::<Result<Vec<_>, _>>();
    let (champion, challenger) = (costs(champion)?, costs(challenger)?);
    let saved: Vec<f64> =
        champion.iter().zip(&challenger).map(|(champion, challenger)| champion - challenger).collect();
    let margin = bootstrap(&saved, seed);
    Ok(Comparison {
        champion_cost: metrics::mean(champion),
        challenger_cost: metrics::mean(challenger),
        margin,
        better: margin.lower > 0.0,
    })
}

fn unit_cost(model: &Model, unit: &[&Example], cost: &Cost) -> Result<f64, ModelError> {
    let mut pulled_at: Option<f64> = None;
    for example in unit {
        if model.predict(&example.features)?.lower80 < cost.threshold {
            pulled_at = Some(pulled_at.map_or(example.rul, |earlier| earlier.max(example.rul)));
        }
    }
    let is_end_seen = unit.iter().any(|example| example.label.is_end_of_life());
    Ok(match pulled_at {
        Some(left) if left > cost.early => cost.false_pull,
        // A pull at the very end came too late.
        Some(0.0) | None if is_end_seen => cost.missed,
        _ => 0.0,
    })
}

/// Where the middle 95 % of the means of resamples lie.
fn bootstrap(values: &[f64], seed: u64) -> Interval {
    let mut random = SplitMix64::new(seed);
    let mut resample = || metrics::mean((0..values.len()).map(|_| values[random.below(values.len())]));
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resample()).collect();
    means.sort_by(f64::total_cmp);
    Interval { lower: means[RESAMPLES / 40], upper: means[RESAMPLES - 1 - RESAMPLES / 40] }
}

#[cfg(test)]
mod tests {
    use super::super::train::tests::{fleet, quick, trained};
    use super::super::{Label, train};
    use super::*;

    const COST: Cost = Cost { missed: 10.0, false_pull: 1.0, threshold: 5.0, early: 25.0 };

    /// A model that was taught nonsense: the remaining lives of other rows.
    fn confused() -> Model {
        let mut examples = fleet(20, 5, Label::Failed);
        let lives: Vec<f64> = examples.iter().rev().map(|example| example.rul).collect();
        examples.iter_mut().zip(lives).for_each(|(example, rul)| example.rul = rul);
        train(&examples, &quick(), &mut |_| true).unwrap().model
    }

    #[test]
    fn a_model_that_decides_better_is_promoted_and_a_worse_one_is_not() {
        let (good, bad) = (trained(&fleet(20, 1, Label::Failed)).model, confused());
        let held_out = fleet(30, 2, Label::Failed);
        let found = compare(&bad, &good, &held_out, &COST, 1).unwrap();
        assert!(found.better && found.challenger_cost < found.champion_cost, "{found:?}");
        let saved = found.champion_cost - found.challenger_cost;
        assert!(found.margin.holds(saved));
        let turned = compare(&good, &bad, &held_out, &COST, 1).unwrap();
        assert!(!turned.better);
        let same = compare(&good, &good, &held_out, &COST, 1).unwrap();
        assert!(!same.better && same.margin == Interval { lower: 0.0, upper: 0.0 });
        assert_eq!(found, compare(&bad, &good, &held_out, &COST, 1).unwrap());
    }

    #[test]
    fn a_unit_costs_what_was_decided_for_it() {
        let model = trained(&fleet(20, 1, Label::Failed)).model;
        let held_out = fleet(1, 2, Label::Failed);
        let unit: Vec<&Example> = held_out.iter().collect();
        let cost = |cost: Cost| unit_cost(&model, &unit, &cost).unwrap();
        assert!(cost(COST).abs() < 1e-12, "pulled in time");
        assert!((cost(Cost { threshold: 0.0, ..COST }) - 10.0).abs() < 1e-12, "nothing is under 0");
        assert!((cost(Cost { threshold: 99.0, ..COST }) - 1.0).abs() < 1e-12, "all is under 99");
        let sound: Vec<Example> =
            held_out.iter().map(|one| Example { label: Label::ReplacedSound, ..one.clone() }).collect();
        let sound: Vec<&Example> = sound.iter().collect();
        let missed = unit_cost(&model, &sound, &Cost { threshold: 0.0, ..COST }).unwrap();
        assert!(missed.abs() < 1e-12, "nobody knows when it would have failed");
    }

    #[test]
    fn a_margin_is_as_wide_as_chance_makes_it() {
        // The mean of 100 coin flips differs from 0.5 by less than 1.96 * 0.05 in 95 of 100 cases.
        let flips: Vec<f64> = (0..100).map(|flip| f64::from(flip % 2)).collect();
        let margin = bootstrap(&flips, 1);
        assert!((margin.lower - 0.402).abs() < 0.02 && (margin.upper - 0.598).abs() < 0.02, "{margin:?}");
    }

    #[test]
    fn nonsense_is_refused() {
        let model = trained(&fleet(6, 1, Label::Failed)).model;
        let held_out = fleet(2, 2, Label::Failed);
        assert_eq!(compare(&model, &model, &[], &COST, 1), Err(CompareError::Empty));
        let negative = Cost { missed: -1.0, ..COST };
        assert_eq!(compare(&model, &model, &held_out, &negative, 1), Err(CompareError::Cost));
        let mut narrow = held_out;
        narrow[0].features.pop();
        assert!(matches!(compare(&model, &model, &narrow, &COST, 1), Err(CompareError::Model(_))));
    }
}
