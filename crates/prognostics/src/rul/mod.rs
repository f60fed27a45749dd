//! The remaining useful life (RUL) of a component, in the unit that it wears by, with intervals that hold what they promise.
//!
//! Gradient-boosted trees predict the point. A second, smaller forest predicts how far off the first one is, and conformal
//! quantiles of the residuals relative to that make intervals. They are calibrated by one random cut per unit, because the rows
//! of a unit resemble each other: with pooled rows the promise would not hold for the next unit.
//!
//! The life is capped: a component that is like new says nothing about when it ends. An upper bound at the cap means "the cap
//! or more". Component classes have models, and caps, of their own.
//!
//! # Labels
//! Only units whose end of life was seen ([`Label::Failed`], [`Label::ReplacedWorn`]) have a remaining life to learn from. For
//! the others it is a lower bound: they are left out of training and calibration. A part that was replaced because a model said
//! so must not teach the next model that nothing fails, or that everything does. They count in a survival estimate over the
//! class, which is what to fall back on while a model is not calibrated, and in [`promote::compare`] as parts that must not be
//! pulled early.

mod boost;
mod conformal;
pub mod evaluate;
mod forest;
mod model;
pub mod promote;
mod train;
mod watch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use evaluate::cross_validate;
pub use model::{Model, ModelError, Prediction, Reason};
pub use promote::compare;
pub use train::{Trained, train};
pub use watch::Watch;

/// Fewer units than this do not calibrate an interval: its 90 % bound would rest on two of them.
pub const CALIBRATION_UNITS: usize = 50;

/// How the life of a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Failed,
    /// It was replaced, and found to be worn out by measurement: this is as good as a failure.
    ReplacedWorn,
    /// It was replaced, and no fault was found.
    ReplacedSound,
    /// It is still in use, or nobody knows.
    Censored,
}

impl Label {
    /// Whether the remaining life of the unit is known, rather than a lower bound.
    pub fn is_end_of_life(self) -> bool {
        matches!(self, Self::Failed | Self::ReplacedWorn)
    }
}

/// The features of a unit at a moment, and how long it lasted from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    pub unit: u32,
    #[serde(with = "crate::missing::list")]
    pub features: Vec<f64>,
    /// To the end of life, or to the end of observation, as the label says.
    pub rul: f64,
    /// The same for all examples of a unit.
    pub label: Label,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub seed: u64,
    /// The longest remaining life that is told apart.
    pub cap: f64,
    pub trees: usize,
    pub leaves: usize,
    pub learning_rate: f64,
    /// The share of the examples that each tree sees.
    pub subsample: f64,
    /// The share of the features that each tree sees.
    pub colsample: f64,
    pub l2: f64,
    /// The trees of the forest that predicts how far off the point is.
    pub scale_trees: usize,
    /// How many parts the units are dealt into: each is predicted by a forest that has not seen it.
    pub folds: usize,
    /// How many times a random cut is drawn per unit. Each gives a quantile of one score per unit; the median of them is used,
    /// which is steady where a single draw is not.
    pub cuts: usize,
}

impl Settings {
    /// Settings that work without tuning.
    pub fn new(seed: u64, cap: f64) -> Self {
        Self {
            seed,
            cap,
            trees: 400,
            leaves: 15,
            learning_rate: 0.03,
            subsample: 0.7,
            colsample: 0.3,
            l2: 5.0,
            scale_trees: 100,
            folds: 5,
            cuts: 51,
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let fault = if !(self.cap > 0.0 && self.cap.is_finite()) {
            "the cap must be positive"
        } else if !(1..=10_000).contains(&self.trees) || !(1..=10_000).contains(&self.scale_trees) {
            "there must be 1 to 10000 trees"
        } else if !(2..=255).contains(&self.leaves) {
            "a tree must have 2 to 255 leaves"
        } else if !share(self.learning_rate) || !share(self.subsample) || !share(self.colsample) {
            "the learning rate and the shares of a sample must be over 0 and at most 1"
        } else if !(self.l2 >= 0.0 && self.l2.is_finite()) {
            "the penalty must not be negative"
        } else if !(2..=100).contains(&self.folds) || !(1..=1_000).contains(&self.cuts) {
            "there must be 2 to 100 folds and 1 to 1000 cuts"
        } else {
            return Ok(());
        };
        Err(TrainError::Settings(fault))
    }
}

/// Why no model comes of examples.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TrainError {
    #[error("settings: {0}")]
    Settings(&'static str),
    #[error("unit {unit} has {found} features where others have {expected}")]
    Features { unit: u32, expected: usize, found: usize },
    #[error("a model takes 1 to 65534 features, not {0}")]
    FeatureCount(usize),
    #[error("unit {0} has an infinite feature")]
    Infinite(u32),
    #[error("unit {0} has a remaining life that is not a number from 0 on")]
    Rul(u32),
    #[error("unit {0} has two labels")]
    Labels(u32),
    #[error("{found} units have a known end of life; it takes {needed}")]
    TooFewUnits { needed: usize, found: usize },
    #[error("it was stopped")]
    Stopped,
    #[error("boosting: {0}")]
    Boosting(String),
    #[error(transparent)]
    Model(#[from] ModelError),
}
