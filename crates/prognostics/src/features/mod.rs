//! Features of a component from its rows of signals. One definition is compiled once and serves online, where rows are pushed
//! as they come in, and offline, where history is replayed as it was known at a moment: both run the same code, so the numbers
//! are the same to the bit.

mod replay;
mod vector;
mod window;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use replay::{Observed, Parity, as_known_at, parity};
pub use vector::{Confidence, Features, Served};
pub use window::{Pushed, Window};

/// How many rows of a component are kept, in event-time order. No trailing window is longer, and no row may be later than this.
pub const ROWS_KEPT: usize = 64;

/// The first rows of a component, whose mean is what the component was like when it was new.
pub const BASELINE_ROWS: usize = 15;

/// What a row weighs in the exponentially weighted mean relative to the row after it.
pub const EWMA_DECAY: f64 = 0.9;

const SIGNALS_MAX: usize = 1_000;

/// Why rows or a definition are refused.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FeatureError {
    #[error("the definition {0}")]
    Definition(&'static str),
    #[error("there are {found} signals where the definition has {expected}")]
    Width { expected: usize, found: usize },
    #[error("the usage is not a finite number")]
    Usage,
    #[error("the usage {found} is under {earlier}, which was there before it")]
    Decreasing { earlier: f64, found: f64 },
    #[error("the usage {found} is over {later}, which came after it")]
    Ahead { later: f64, found: f64 },
}

/// Which features a component class has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The names of the signals, in the order of [`Row::values`].
    pub signals: Vec<String>,
    /// The lengths of the trailing windows in rows.
    pub windows: Vec<usize>,
    /// How old the newest row may be for its features to be served.
    pub ttl_ms: i64,
    /// Changes with any other field, so that a model can state what it was trained on.
    pub version: u32,
}

impl Definition {
    /// Checks the definition and works out what depends on nothing else.
    ///
    /// # Errors
    /// [`FeatureError::Definition`].
    pub fn compile(self) -> Result<Compiled, FeatureError> {
        let distinct = |count: usize, all: usize| count == all;
        let names: BTreeSet<&String> = self.signals.iter().collect();
        let windows: BTreeSet<&usize> = self.windows.iter().collect();
        let fault = if !(1..=SIGNALS_MAX).contains(&self.signals.len()) {
            Some("must have 1 to 1000 signals")
        } else if !distinct(names.len(), self.signals.len()) {
            Some("names a signal twice")
        } else if self.windows.is_empty() || !distinct(windows.len(), self.windows.len()) {
            Some("must have windows of different lengths")
        } else if self.windows.iter().any(|rows| !(2..=ROWS_KEPT).contains(rows)) {
            Some("must have windows of 2 to 64 rows")
        } else if self.ttl_ms <= 0 {
            Some("must have a positive time to live")
        } else {
            None
        };
        match fault {
            Some(fault) => Err(FeatureError::Definition(fault)),
            None => {
                let longest = self.windows.iter().copied().max().unwrap_or(ROWS_KEPT);
                Ok(Compiled { definition: self, longest })
            }
        }
    }
}

/// A checked definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    definition: Definition,
    /// The longest of the trailing windows.
    longest: usize,
}

impl Compiled {
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The features in the order of [`Features::values`].
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.len());
        for signal in &self.definition.signals {
            names.push(format!("{signal}.last"));
            for rows in &self.definition.windows {
                names.extend(["mean", "sd", "slope"].map(|statistic| format!("{signal}.{statistic}{rows}")));
            }
            names.push(format!("{signal}.ewma"));
            names.push(format!("{signal}.drift"));
        }
        names.push("age".to_owned());
        names
    }

    /// How many features there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always the age")]
    pub fn len(&self) -> usize {
        self.definition.signals.len() * (3 + 3 * self.definition.windows.len()) + 1
    }
}

/// What a component's signals were at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// When it happened, in milliseconds of Unix time.
    pub at_ms: i64,
    /// When this system came to know it, which may be much later.
    pub recorded_ms: i64,
    /// The counter that the component wears by (km, hours, cycles), which never runs backwards.
    pub usage: f64,
    /// One value per signal. NaN, which JSON writes as null, is missing; so is an infinite value.
    #[serde(with = "crate::missing::list")]
    pub values: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        Definition { signals: vec!["t".to_owned(), "p".to_owned()], windows: vec![5, 15], ttl_ms: 1_000, version: 1 }
    }

    #[test]
    fn names_and_length_agree() {
        let compiled = definition().compile().unwrap();
        let names = compiled.names();
        assert_eq!(names.len(), compiled.len());
        assert_eq!(names[..4], ["t.last", "t.mean5", "t.sd5", "t.slope5"]);
        assert_eq!(names[7..10], ["t.ewma", "t.drift", "p.last"]);
        assert_eq!(names.last().unwrap(), "age");
    }

    #[test]
    fn a_definition_that_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut Definition)| {
            let mut definition = definition();
            change(&mut definition);
            definition.compile().is_err()
        };
        assert!(refused(|definition| definition.signals.clear()));
        assert!(refused(|definition| definition.signals.push("t".to_owned())));
        assert!(refused(|definition| definition.windows.clear()));
        assert!(refused(|definition| definition.windows.push(5)));
        assert!(refused(|definition| definition.windows.push(1)));
        assert!(refused(|definition| definition.windows.push(ROWS_KEPT + 1)));
        assert!(refused(|definition| definition.ttl_ms = 0));
    }

    #[test]
    fn a_missing_value_is_null_in_json() {
        let row = Row { at_ms: 1, recorded_ms: 2, usage: 3.0, values: vec![0.1, f64::NAN] };
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.contains("[0.1,null]"), "{text}");
        let read: Row = serde_json::from_str(&text).unwrap();
        assert_eq!(read.values[0].to_bits(), row.values[0].to_bits());
        assert!(read.values[1].is_nan());
    }
}
