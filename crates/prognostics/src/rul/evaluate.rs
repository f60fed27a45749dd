//! How good models of given settings are, by cross-validation over units.

use serde::{Deserialize, Serialize};

use super::train::{Table, train};
use super::{Example, Prediction, Settings, TrainError, conformal};
use crate::metrics::{self, Interval};
use crate::rng::SplitMix64;

/// How many times one row per unit is drawn.
const DRAWS: u32 = 200;

/// How good predictions are of remaining lives, capped as the model's are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    pub rmse: f64,
    pub mae: f64,
    /// NASA's score, a sum over the rows.
    pub nasa_score: f64,
    /// The pinball loss of the lower end of the 80 % interval, which decisions are made on.
    pub pinball10: f64,
    pub coverage80: f64,
    pub coverage90: f64,
    pub width80: f64,
    pub width90: f64,
}

/// What cross-validation found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub units: usize,
    pub rows: usize,
    /// Over every row of every unit, where long lives count more.
    pub all_rows: Scores,
    /// Over one random row per unit, as benchmarks are made: the mean of 200 such draws.
    pub per_unit: Scores,
    /// By how much the RMSE of a single such draw differs from the mean (standard deviation). Smaller differences between two
    /// reports mean nothing.
    pub rmse_sd: f64,
}

/// Predicts each unit by a model that was trained, and calibrated, on the units of the other folds.
///
/// # Errors
/// [`TrainError`].
pub fn cross_validate(
    examples: &[Example],
    settings: &Settings,
    folds: usize,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Report, TrainError> {
    settings.check()?;
    let table = Table::of(examples, settings.cap)?;
    if folds < 2 || table.groups.len() < folds {
        return Err(TrainError::TooFewUnits { needed: folds.max(2), found: table.groups.len() });
    }
    let known: Vec<&Example> = examples.iter().filter(|example| example.label.is_end_of_life()).collect();
    let mut fold_of = vec![0; known.len()];
    for (group, fold) in table.groups.iter().zip(table.deal(folds, settings.seed)) {
        group.iter().for_each(|place| fold_of[*place] = fold);
    }
    let mut predicted: Vec<Option<Prediction>> = vec![None; known.len()];
    for fold in 0..folds {
        let others = known.iter().zip(&fold_of).filter(|(_, of)| **of != fold);
        let others: Vec<Example> = others.map(|(example, _)| (*example).clone()).collect();
        let mut part = |share: f32| progress((fold as f32 + share) / folds as f32);
        let model = train(&others, settings, &mut part)?.model;
        for (place, example) in known.iter().enumerate().filter(|(place, _)| fold_of[*place] == fold) {
            predicted[place] = Some(model.predict(&example.features)?);
        }
    }
    let predicted: Vec<Prediction> = predicted.into_iter().flatten().collect();
    Ok(report(&table, &predicted, settings.seed))
}

fn report(table: &Table, predicted: &[Prediction], seed: u64) -> Report {
    let mut random = SplitMix64::new(seed);
    let draws: Vec<Scores> = (0..DRAWS)
        .map(|_| Scores::of(conformal::cut(&table.groups, &mut random).map(|row| (table.targets[row], predicted[row]))))
        .collect();
    let mean = |value: fn(&Scores) -> f64| metrics::mean(draws.iter().map(value));
    let rmse = mean(|scores| scores.rmse);
    Report {
        units: table.groups.len(),
        rows: table.rows.len(),
        all_rows: Scores::of(table.targets.iter().copied().zip(predicted.iter().copied())),
        per_unit: Scores {
            rmse,
            mae: mean(|scores| scores.mae),
            nasa_score: mean(|scores| scores.nasa_score),
            pinball10: mean(|scores| scores.pinball10),
            coverage80: mean(|scores| scores.coverage80),
            coverage90: mean(|scores| scores.coverage90),
            width80: mean(|scores| scores.width80),
            width90: mean(|scores| scores.width90),
        },
        rmse_sd: metrics::mean(draws.iter().map(|scores| (scores.rmse - rmse).powi(2))).sqrt(),
    }
}

impl Scores {
    /// The scores of remaining lives and what was predicted for them.
    pub fn of(pairs: impl Iterator<Item = (f64, Prediction)>) -> Self {
        let (truth, predicted): (Vec<f64>, Vec<Prediction>) = pairs.unzip();
        let list = |value: fn(&Prediction) -> f64| predicted.iter().map(value).collect::<Vec<f64>>();
        let intervals = |value: fn(&Prediction) -> (f64, f64)| {
            let ends = predicted.iter().map(value);
            ends.map(|(lower, upper)| Interval { lower, upper }).collect::<Vec<Interval>>()
        };
        let median = list(|predicted| predicted.median);
        let within80 = intervals(|predicted| (predicted.lower80, predicted.upper80));
        let within90 = intervals(|predicted| (predicted.lower90, predicted.upper90));
        Self {
            rmse: metrics::rmse(&truth, &median),
            mae: metrics::mae(&truth, &median),
            nasa_score: metrics::nasa_score(&truth, &median),
            pinball10: metrics::pinball(&truth, &list(|predicted| predicted.lower80), 0.1),
            coverage80: metrics::coverage(&truth, &within80),
            coverage90: metrics::coverage(&truth, &within90),
            width80: metrics::width(&within80),
            width90: metrics::width(&within90),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::super::train::tests::{fleet, quick};
    use super::*;

    #[test]
    fn cross_validation_predicts_every_unit_once_by_a_model_that_has_not_seen_it() {
        let mut examples = fleet(30, 1, Label::Failed);
        let known = examples.len();
        examples.extend(fleet(3, 8, Label::Censored).into_iter().map(|one| Example { unit: one.unit + 900, ..one }));
        let mut told = Vec::new();
        let report = cross_validate(&examples, &quick(), 3, &mut |share| {
            told.push(share);
            true
        })
        .unwrap();
        assert_eq!((report.units, report.rows), (30, known));
        assert!(report.per_unit.rmse < 7.0 && report.all_rows.rmse < 7.0, "{report:?}");
        assert!(report.rmse_sd > 0.0);
        assert!((0.8..=1.0).contains(&report.all_rows.coverage90), "{report:?}");
        assert!(report.per_unit.width80 < report.per_unit.width90);
        assert!(told.is_sorted() && told.len() == 24);
    }

    #[test]
    fn what_a_unit_alone_knows_does_not_help() {
        // The only feature tells the units apart. Rows dealt into folds one by one would be predicted almost exactly.
        let mut examples = fleet(24, 1, Label::Failed);
        for example in &mut examples {
            example.features = vec![f64::from(example.unit)];
            example.rul = f64::from(example.unit * 7 % 24);
        }
        let report = cross_validate(&examples, &quick(), 4, &mut |_| true).unwrap();
        assert!(report.all_rows.rmse > 6.0, "{report:?}");
    }

    #[test]
    fn it_takes_a_unit_per_fold() {
        let few = cross_validate(&fleet(2, 1, Label::Failed), &quick(), 3, &mut |_| true);
        assert_eq!(few, Err(TrainError::TooFewUnits { needed: 3, found: 2 }));
    }
}
