//! Training, by unit: what is learned of a unit is never checked on its own rows.

use std::collections::BTreeMap;

use super::forest::Forest;
use super::model::{Model, Stored, scale_of};
use super::{Example, Label, Settings, TrainError, boost, conformal};
use crate::metrics;
use crate::rng::SplitMix64;

/// What training gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub model: Model,
    /// How many units were left out, because their end of life is not known.
    pub unlabelled_units: usize,
    /// The RMSE over all rows that were predicted by a forest which had not seen their unit.
    pub rmse: f64,
}

/// Trains on the units with a known end of life. `progress` is told the share that is done, from 0 to 1, before each forest,
/// and stops it by false; one forest of a large set takes seconds.
///
/// The examples of a unit may be in any order, but that order decides which of them a seed draws.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    examples: &[Example],
    settings: &Settings,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Trained, TrainError> {
    settings.check()?;
    let table = Table::of(examples, settings.cap)?;
    let needed = settings.folds;
    if table.groups.len() < needed {
        return Err(TrainError::TooFewUnits { needed, found: table.groups.len() });
    }
    let mut fitter = Fitter { table: &table, settings, progress, done: 0 };
    let predicted = fitter.out_of_fold(&table.targets, settings.trees)?;
    let residuals: Vec<f64> = table.targets.iter().zip(&predicted).map(|(target, point)| target - point).collect();
    let misses: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    let scales = fitter.out_of_fold(&misses, settings.scale_trees)?;
    let scores: Vec<f64> =
        residuals.iter().zip(&scales).map(|(residual, scale)| residual / scale_of(*scale, settings.cap)).collect();
    let stored = Stored {
        settings: settings.clone(),
        units: table.groups.len(),
        point: fitter.fit(|_| true, &table.targets, settings.trees)?,
        scale: fitter.fit(|_| true, &misses, settings.scale_trees)?,
        quantiles: conformal::quantiles(&scores, &table.groups, settings.cuts, settings.seed),
    };
    let rmse = metrics::rmse(&table.targets, &predicted);
    Ok(Trained { model: Model::try_from(stored)?, unlabelled_units: table.unlabelled_units, rmse })
}

/// The examples with a known end of life.
pub(super) struct Table<'a> {
    pub rows: Vec<&'a [f64]>,
    /// The remaining lives, capped.
    pub targets: Vec<f64>,
    /// The places of each unit's rows, by unit.
    pub groups: Vec<Vec<usize>>,
    unlabelled_units: usize,
}

impl<'a> Table<'a> {
    pub fn of(examples: &'a [Example], cap: f64) -> Result<Self, TrainError> {
        let width = examples.first().map_or(1, |example| example.features.len());
        if !(1..usize::from(u16::MAX)).contains(&width) {
            return Err(TrainError::FeatureCount(width));
        }
        let mut units: BTreeMap<u32, (Label, Vec<usize>)> = BTreeMap::new();
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for example in examples {
            check(example, width)?;
            let (label, group) = units.entry(example.unit).or_insert((example.label, Vec::new()));
            if *label != example.label {
                return Err(TrainError::Labels(example.unit));
            }
            if label.is_end_of_life() {
                group.push(rows.len());
                rows.push(example.features.as_slice());
                targets.push(example.rul.min(cap));
            }
        }
        let all = units.len();
        let groups: Vec<Vec<usize>> =
            units.into_values().filter(|(label, _)| label.is_end_of_life()).map(|(_, group)| group).collect();
        let unlabelled_units = all - groups.len();
        Ok(Self { rows, targets, groups, unlabelled_units })
    }

    /// Which fold each unit is dealt into.
    pub fn deal(&self, folds: usize, seed: u64) -> Vec<usize> {
        let mut dealt: Vec<usize> = (0..self.groups.len()).map(|unit| unit % folds).collect();
        SplitMix64::new(seed).shuffle(&mut dealt);
        dealt
    }
}

fn check(example: &Example, expected: usize) -> Result<(), TrainError> {
    let Example { unit, features, rul, .. } = example;
    if features.len() != expected {
        return Err(TrainError::Features { unit: *unit, expected, found: features.len() });
    }
    if features.iter().any(|value| value.is_infinite()) {
        return Err(TrainError::Infinite(*unit));
    }
    if !(rul.is_finite() && *rul >= 0.0) {
        return Err(TrainError::Rul(*unit));
    }
    Ok(())
}

/// Fits forests to parts of a table, each with a seed of its own.
struct Fitter<'a> {
    table: &'a Table<'a>,
    settings: &'a Settings,
    progress: &'a mut dyn FnMut(f32) -> bool,
    done: usize,
}

impl Fitter<'_> {
    /// Fits a forest to the rows of the units that are wanted.
    fn fit(&mut self, is_wanted: impl Fn(usize) -> bool, targets: &[f64], trees: usize) -> Result<Forest, TrainError> {
        let all = 2 * self.settings.folds + 2;
        if !(self.progress)(self.done as f32 / all as f32) {
            return Err(TrainError::Stopped);
        }
        self.done += 1;
        let wanted = self.table.groups.iter().enumerate().filter(|(unit, _)| is_wanted(*unit));
        let places: Vec<usize> = wanted.flat_map(|(_, group)| group).copied().collect();
        let rows: Vec<&[f64]> = places.iter().map(|place| self.table.rows[*place]).collect();
        let targets: Vec<f64> = places.iter().map(|place| targets[*place]).collect();
        boost::fit(&rows, &targets, trees, self.settings.seed.wrapping_add(self.done as u64), self.settings)
    }

    /// Predicts each row by a forest that was fitted to the units of other folds.
    fn out_of_fold(&mut self, targets: &[f64], trees: usize) -> Result<Vec<f64>, TrainError> {
        let dealt = self.table.deal(self.settings.folds, self.settings.seed);
        let mut predicted = vec![0.0; targets.len()];
        for fold in 0..self.settings.folds {
            let forest = self.fit(|unit| dealt[unit] != fold, targets, trees)?;
            let held_out = self.table.groups.iter().zip(&dealt).filter(|(_, dealt)| **dealt == fold);
            for place in held_out.flat_map(|(group, _)| group) {
                predicted[*place] = forest.predict(self.table.rows[*place]);
            }
        }
        Ok(predicted)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Units that wear evenly over lives of different length and show it with noise; the third feature says nothing.
    pub fn fleet(units: u32, seed: u64, label: Label) -> Vec<Example> {
        let mut random = SplitMix64::new(seed);
        let mut examples = Vec::new();
        for unit in 0..units {
            let life = 30 + random.below(40);
            for age in 0..=life {
                let mut noise = || random.below(1_000) as f64 / 1_000.0 - 0.5;
                let wear = age as f64 / life as f64;
                let missing = if age % 9 == 4 { f64::NAN } else { age as f64 };
                let features = vec![wear + noise() * 0.1, missing, noise()];
                examples.push(Example { unit, features, rul: (life - age) as f64, label });
            }
        }
        examples
    }

    pub fn quick() -> Settings {
        Settings {
            trees: 40,
            scale_trees: 10,
            leaves: 8,
            learning_rate: 0.15,
            colsample: 0.7,
            folds: 3,
            cuts: 9,
            ..Settings::new(4, 40.0)
        }
    }

    pub fn trained(examples: &[Example]) -> Trained {
        train(examples, &quick(), &mut |_| true).unwrap()
    }

    #[test]
    fn a_model_learns_and_holds_its_promise_for_units_it_has_not_seen() {
        let trained = trained(&fleet(60, 1, Label::Failed));
        assert!(trained.rmse < 6.0, "{}", trained.rmse);
        assert!(trained.model.is_calibrated());
        let (mut covered, mut all) = (0_u32, 0_u32);
        for example in fleet(60, 2, Label::Failed) {
            let found = trained.model.predict(&example.features).unwrap();
            let truth = example.rul.min(40.0);
            covered += u32::from((found.lower90..=found.upper90).contains(&truth));
            all += 1;
            assert!(found.lower90 <= found.lower80 && found.lower80 <= found.median && found.median <= found.upper80);
        }
        let share = f64::from(covered) / f64::from(all);
        assert!((0.84..0.97).contains(&share), "{share}");
    }

    #[test]
    fn residuals_are_of_units_that_the_forest_has_not_seen() {
        // The only feature tells the units apart: it says all of a unit that was seen and nothing of another.
        let mut examples = fleet(24, 1, Label::Failed);
        for example in &mut examples {
            example.features = vec![f64::from(example.unit)];
            example.rul = f64::from(example.unit * 7 % 24);
        }
        let found = trained(&examples);
        assert!(found.rmse > 6.0, "{}", found.rmse);
        let interval = found.model.interval(&[3.0], 0.1).unwrap();
        assert!(interval.upper - interval.lower > 12.0, "{interval:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let examples = fleet(12, 1, Label::Failed);
        let bytes = |seed| {
            let settings = Settings { seed, ..quick() };
            train(&examples, &settings, &mut |_| true).unwrap().model.to_bytes().unwrap()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn units_without_a_known_end_of_life_change_nothing() {
        let known = fleet(12, 1, Label::ReplacedWorn);
        let mut all = known.clone();
        for (label, from) in [(Label::ReplacedSound, 100), (Label::Censored, 200)] {
            let others = fleet(5, 9, label).into_iter();
            all.extend(others.map(|example| Example { unit: example.unit + from, rul: 0.0, ..example }));
        }
        let (with, without) = (trained(&all), trained(&known));
        assert_eq!((with.unlabelled_units, without.unlabelled_units), (10, 0));
        assert_eq!(with.model, without.model);
        assert_eq!(with.model.units(), 12);
        assert!(!with.model.is_calibrated());
    }

    #[test]
    fn training_says_how_far_it_is_and_stops_when_told() {
        let examples = fleet(6, 1, Label::Failed);
        let mut told = Vec::new();
        let result = train(&examples, &quick(), &mut |share| {
            told.push(share);
            told.len() < 4
        });
        assert_eq!(result, Err(TrainError::Stopped));
        assert_eq!(told, [0.0, 0.125, 0.25, 0.375]);
    }

    #[test]
    fn examples_that_make_no_sense_are_refused() {
        let refused = |change: fn(&mut Example)| {
            let mut examples = fleet(6, 1, Label::Failed);
            change(&mut examples[7]);
            train(&examples, &quick(), &mut |_| true).unwrap_err()
        };
        assert_eq!(refused(|one| one.features.clear()), TrainError::Features { unit: 0, expected: 3, found: 0 });
        assert_eq!(refused(|one| one.features[0] = f64::INFINITY), TrainError::Infinite(0));
        assert_eq!(refused(|one| one.rul = f64::NAN), TrainError::Rul(0));
        assert_eq!(refused(|one| one.rul = -1.0), TrainError::Rul(0));
        assert_eq!(refused(|one| one.label = Label::Censored), TrainError::Labels(0));
        let few = train(&fleet(2, 1, Label::Failed), &quick(), &mut |_| true);
        assert_eq!(few, Err(TrainError::TooFewUnits { needed: 3, found: 2 }));
        assert!(train(&[], &quick(), &mut |_| true).is_err());
        let settings = Settings { leaves: 1, ..quick() };
        assert!(matches!(train(&[], &settings, &mut |_| true), Err(TrainError::Settings(_))));
    }
}
