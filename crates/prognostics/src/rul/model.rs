//! A trained model: what is stored, and what it predicts.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::conformal::LEVELS;
use super::forest::Forest;
use super::{CALIBRATION_UNITS, Settings};
use crate::metrics::Interval;

/// How many reasons a prediction is given.
const REASONS: usize = 3;

/// Why a stored model is not read, or a vector gets no prediction.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ModelError {
    #[error("the model is no JSON of a model: {0}")]
    Json(String),
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
    #[error("the vector has {found} features where the model has {expected}")]
    Features { expected: usize, found: usize },
    #[error("a feature is infinite")]
    Infinite,
}

/// The remaining useful life at a moment, in the component's own unit, from 0 to the model's cap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub median: f64,
    pub lower80: f64,
    pub upper80: f64,
    pub lower90: f64,
    pub upper90: f64,
    /// Whether enough units failed for the intervals to hold what their names say. If not, they are a guess.
    pub calibrated: bool,
}

/// A feature that moved a prediction away from the average one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Its place in the vector.
    pub feature: usize,
    /// By how much it lengthened the life, or shortened it where this is negative.
    pub contribution: f64,
}

/// A model of the remaining useful life of one component class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Model {
    stored: Stored,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub settings: Settings,
    /// How many units had a known end of life.
    pub units: usize,
    pub point: Forest,
    /// Predicts how far off the point is.
    pub scale: Forest,
    /// Of the residuals relative to the scale, from 1 % to 99 %.
    pub quantiles: Vec<f64>,
}

impl From<Model> for Stored {
    fn from(model: Model) -> Self {
        model.stored
    }
}

impl TryFrom<Stored> for Model {
    type Error = ModelError;

    fn try_from(stored: Stored) -> Result<Self, ModelError> {
        let quantiles = &stored.quantiles;
        if stored.settings.check().is_err() {
            return Err(ModelError::Damaged("its settings make no sense"));
        }
        if stored.point.features() != stored.scale.features() {
            return Err(ModelError::Damaged("its two forests have different features"));
        }
        if quantiles.len() != LEVELS || !quantiles.is_sorted() || quantiles.iter().any(|value| !value.is_finite()) {
            return Err(ModelError::Damaged("its quantiles make no sense"));
        }
        Ok(Self { stored })
    }
}

/// What a forest says of how far off the point is, which is never nothing: a forest of errors may say 0 or less.
pub(super) fn scale_of(predicted: f64, cap: f64) -> f64 {
    predicted.max(cap / 100.0)
}

impl Model {
    /// Reads what [`Model::to_bytes`] wrote. Whether these are the bytes that were approved is the caller's to check.
    ///
    /// # Errors
    /// [`ModelError::Json`], which damage inside is told through too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        serde_json::from_slice(bytes).map_err(|error| ModelError::Json(error.to_string()))
    }

    /// The model as JSON, the same bytes for the same examples and settings.
    ///
    /// # Errors
    /// [`ModelError::Json`], which does not occur with a model that was trained or read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        serde_json::to_vec(&self.stored).map_err(|error| ModelError::Json(error.to_string()))
    }

    /// Predicts the remaining life. NaN is a missing feature.
    ///
    /// # Errors
    /// [`ModelError::Features`] and [`ModelError::Infinite`].
    pub fn predict(&self, features: &[f64]) -> Result<Prediction, ModelError> {
        let spread = self.spread(features)?;
        let at = |percent| spread.at(self.quantile(percent));
        Ok(Prediction {
            median: at(50.0),
            lower80: at(10.0),
            upper80: at(90.0),
            lower90: at(5.0),
            upper90: at(95.0),
            calibrated: self.is_calibrated(),
        })
    }

    /// The interval that misses at the rate `alpha`, which [`super::Watch::alpha`] adapts. A rate under 2 % rests on the
    /// outermost quantiles, and 0 or less gives all there is: 0 to the cap.
    ///
    /// # Errors
    /// [`ModelError::Features`] and [`ModelError::Infinite`].
    pub fn interval(&self, features: &[f64], alpha: f64) -> Result<Interval, ModelError> {
        let spread = self.spread(features)?;
        if alpha.is_nan() || alpha <= 0.0 {
            return Ok(Interval { lower: 0.0, upper: self.cap() });
        }
        let percent = alpha.min(1.0) * 50.0;
        let at = |percent| spread.at(self.quantile(percent));
        Ok(Interval { lower: at(percent), upper: at(100.0 - percent) })
    }

    /// The features that moved the point most, the strongest first. They describe the model, not the component: of two features
    /// that say the same, one may get it all.
    ///
    /// # Errors
    /// [`ModelError::Features`] and [`ModelError::Infinite`].
    pub fn reasons(&self, features: &[f64]) -> Result<Vec<Reason>, ModelError> {
        self.check(features)?;
        let contributions = self.stored.point.contributions(features).into_iter().enumerate();
        let mut reasons: Vec<Reason> =
            contributions.map(|(feature, contribution)| Reason { feature, contribution }).collect();
        reasons.sort_by(|one, other| other.contribution.abs().total_cmp(&one.contribution.abs()));
        reasons.truncate(REASONS);
        reasons.retain(|reason| reason.contribution != 0.0);
        Ok(reasons)
    }

    /// How many features a vector must have.
    pub fn features(&self) -> usize {
        self.stored.point.features()
    }

    pub fn cap(&self) -> f64 {
        self.stored.settings.cap
    }

    pub fn settings(&self) -> &Settings {
        &self.stored.settings
    }

    /// How many units of known end of life it was trained and calibrated on.
    pub fn units(&self) -> usize {
        self.stored.units
    }

    pub fn is_calibrated(&self) -> bool {
        self.stored.units >= CALIBRATION_UNITS
    }

    fn check(&self, features: &[f64]) -> Result<(), ModelError> {
        let expected = self.features();
        if features.len() != expected {
            return Err(ModelError::Features { expected, found: features.len() });
        }
        if features.iter().any(|value| value.is_infinite()) {
            return Err(ModelError::Infinite);
        }
        Ok(())
    }

    fn spread(&self, features: &[f64]) -> Result<Spread, ModelError> {
        self.check(features)?;
        let cap = self.cap();
        let scale = scale_of(self.stored.scale.predict(features), cap);
        Ok(Spread { point: self.stored.point.predict(features), scale, cap })
    }

    /// The quantile at a percentage from 1 to 99, between two stored ones on the line through them.
    fn quantile(&self, percent: f64) -> f64 {
        let place = percent.clamp(1.0, LEVELS as f64) - 1.0;
        let (below, part) = (place.floor() as usize, place.fract());
        let at = |place: usize| self.stored.quantiles.get(place).copied().unwrap_or(0.0);
        if part == 0.0 { at(below) } else { at(below) * (1.0 - part) + at(below + 1) * part }
    }
}

struct Spread {
    point: f64,
    scale: f64,
    cap: f64,
}

impl Spread {
    fn at(&self, quantile: f64) -> f64 {
        (self.point + quantile * self.scale).clamp(0.0, self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::super::forest;
    use super::*;

    /// Predicts 40 under x0 < 1 and else 80, always with the scale 10, and quantiles from -2 to 2.
    fn stored() -> Stored {
        let forest = |base, splits: &[i32], thresholds: &[f64], leaves: &[f32]| {
            let covers = vec![1; leaves.len()];
            let (splits, thresholds, leaves) = (splits.to_vec(), thresholds.to_vec(), leaves.to_vec());
            Forest::try_from(forest::Stored { features: 2, base, splits, thresholds, leaves, covers }).unwrap()
        };
        Stored {
            settings: Settings::new(1, 90.0),
            units: 50,
            point: forest(60.0, &[1, 0, 0], &[1.0], &[-20.0, 20.0]),
            scale: forest(10.0, &[], &[], &[]),
            quantiles: (1..=99).map(|percent| f64::from(percent - 50) / 24.5).collect(),
        }
    }

    fn model() -> Model {
        Model::try_from(stored()).unwrap()
    }

    #[test]
    fn intervals_lie_around_the_median_within_0_and_the_cap() {
        let found = model().predict(&[0.0, 0.0]).unwrap();
        assert!((found.median - 40.0).abs() < 1e-9);
        assert!((found.lower80 - (40.0 - 400.0 / 24.5)).abs() < 1e-9);
        assert!((found.upper90 - (40.0 + 450.0 / 24.5)).abs() < 1e-9);
        assert!(found.lower90 < found.lower80 && found.upper80 < found.upper90 && found.calibrated);
        assert!((model().predict(&[2.0, 0.0]).unwrap().upper90 - 90.0).abs() < 1e-12, "the cap");
    }

    #[test]
    fn an_interval_can_be_had_at_any_rate() {
        let (model, row) = (model(), [0.0, 0.0]);
        let named = model.predict(&row).unwrap();
        let interval = model.interval(&row, 0.2).unwrap();
        assert!((interval.lower - named.lower80).abs() < 1e-9 && (interval.upper - named.upper80).abs() < 1e-9);
        assert_eq!(model.interval(&row, -0.1).unwrap(), Interval { lower: 0.0, upper: 90.0 });
        let between = model.interval(&row, 0.15).unwrap();
        assert!(named.lower90 < between.lower && between.lower < named.lower80);
        let none = model.interval(&row, 3.0).unwrap();
        assert!((none.upper - none.lower).abs() < 1e-9);
    }

    #[test]
    fn reasons_are_the_features_that_moved_the_point() {
        let reasons = model().reasons(&[0.0, 0.0]).unwrap();
        assert_eq!(reasons, [Reason { feature: 0, contribution: -20.0 }]);
    }

    #[test]
    fn a_wrong_vector_is_an_error() {
        assert_eq!(model().predict(&[0.0]), Err(ModelError::Features { expected: 2, found: 1 }));
        assert_eq!(model().predict(&[0.0, f64::INFINITY]), Err(ModelError::Infinite));
        assert!(model().predict(&[f64::NAN, f64::NAN]).is_ok());
    }

    #[test]
    fn few_units_are_not_calibrated() {
        let model = Model::try_from(Stored { units: 49, ..stored() }).unwrap();
        assert!(!model.is_calibrated() && !model.predict(&[0.0, 0.0]).unwrap().calibrated);
    }

    #[test]
    fn a_model_survives_its_bytes_and_damage_is_an_error() {
        let bytes = model().to_bytes().unwrap();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), model());
        for length in 0..bytes.len() {
            assert!(Model::from_bytes(&bytes[..length]).is_err());
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        let damaged = [("\"features\":2", "\"features\":1"), ("\"cap\":90.0", "\"cap\":-1.0"), ("[1,0,0]", "[1,0,9]")];
        for (from, to) in damaged {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(Model::from_bytes(changed.as_bytes()).is_err(), "{to}");
        }
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x11;
            if let Ok(read) = Model::from_bytes(&flipped) {
                let _any = read.predict(&[0.0, 0.0]);
            }
        }
    }
}
