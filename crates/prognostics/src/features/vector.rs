//! The feature vector of the rows that are kept, and how far it can be trusted.

use std::iter::zip;

use serde::{Deserialize, Serialize};

use super::{Compiled, EWMA_DECAY, FeatureError, ROWS_KEPT, Window};

/// What is served of a component. Features that are too old are not in it, so that nobody uses them by accident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Served {
    /// No row came in since the component was installed.
    Empty,
    /// The newest row is older than the definition's time to live, or further than that ahead of the clock.
    Stale {
        /// The event time of that row.
        at_ms: i64,
    },
    /// The features may be used.
    Fresh(Features),
}

/// The features of a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// In the order of [`Compiled::names`]. NaN is missing: the model handles that.
    #[serde(with = "crate::missing::list")]
    pub values: Vec<f64>,
    /// The event time of the newest row.
    pub at_ms: i64,
    /// The usage since the component was installed.
    pub age: f64,
    pub confidence: Confidence,
}

/// How far features can be trusted, each from 0, not at all, to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Falls evenly from 1 at the event time of the newest row to 0 at the end of its time to live.
    pub freshness: f64,
    /// The share of the values in the longest window that are there. Rows that have not come in yet miss all of theirs.
    pub completeness: f64,
    /// The share of the time that the longest window spans which is free of gaps: where rows are further apart than twice
    /// their median distance, the rest is a gap.
    pub gaps: f64,
}

impl Confidence {
    /// The worst of the three: nothing makes up for a vector that is stale, empty or full of holes.
    pub fn score(&self) -> f64 {
        self.freshness.min(self.completeness).min(self.gaps)
    }
}

impl Served {
    /// The features, unless there are none that may be used.
    pub fn fresh(&self) -> Option<&Features> {
        match self {
            Self::Fresh(features) => Some(features),
            Self::Empty | Self::Stale { .. } => None,
        }
    }

    /// Equality to the bit, in which a missing value equals a missing one.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fresh(one), Self::Fresh(other)) => one.bits().eq(other.bits()) && one.at_ms == other.at_ms,
            (Self::Fresh(_), _) | (_, Self::Fresh(_)) => false,
            _ => self == other,
        }
    }
}

impl Features {
    fn bits(&self) -> impl Iterator<Item = u64> + '_ {
        let Confidence { freshness, completeness, gaps } = self.confidence;
        let others = [self.age, freshness, completeness, gaps];
        self.values.iter().copied().chain(others).map(f64::to_bits)
    }
}

impl Window {
    /// The features at the moment `now_ms`, if the newest row is not too old for it.
    ///
    /// # Errors
    /// [`FeatureError::Width`], where the window was made for another definition.
    pub fn vector(&self, compiled: &Compiled, now_ms: i64) -> Result<Served, FeatureError> {
        let definition = compiled.definition();
        if self.signals() != definition.signals.len() {
            return Err(FeatureError::Width { expected: definition.signals.len(), found: self.signals() });
        }
        let Some(newest) = self.rows.back() else { return Ok(Served::Empty) };
        let at_ms = newest.at_ms;
        let (distance, ttl) = (now_ms.abs_diff(at_ms), definition.ttl_ms.unsigned_abs());
        if distance > ttl {
            return Ok(Served::Stale { at_ms });
        }
        let age = newest.usage - self.installed_usage();
        let confidence = Confidence {
            freshness: 1.0 - distance as f64 / ttl as f64,
            completeness: self.completeness(compiled.longest),
            gaps: self.without_gaps(compiled.longest),
        };
        Ok(Served::Fresh(Features { values: self.values(compiled, age), at_ms, age, confidence }))
    }

    fn values(&self, compiled: &Compiled, age: f64) -> Vec<f64> {
        let usage: Vec<f64> = self.rows.iter().map(|kept| kept.usage).collect();
        let mut column = Vec::with_capacity(ROWS_KEPT);
        let mut values = Vec::with_capacity(compiled.len());
        for signal in 0..self.signals() {
            column.clear();
            column.extend(self.rows.iter().map(|kept| kept.values.get(signal).copied().unwrap_or(f64::NAN)));
            values.push(column.last().copied().unwrap_or(f64::NAN));
            for rows in &compiled.definition().windows {
                values.extend(Trend::of(trailing(&usage, *rows), trailing(&column, *rows)));
            }
            let ewma = ewma(&column);
            values.extend([ewma, ewma - self.baseline(signal)]);
        }
        values.push(age);
        values.iter_mut().for_each(|value| *value = finite(*value));
        values
    }

    fn completeness(&self, longest: usize) -> f64 {
        let recent = self.rows.iter().rev().take(longest);
        let present: usize = recent.map(|kept| kept.values.iter().filter(|value| !value.is_nan()).count()).sum();
        present as f64 / (longest * self.signals()) as f64
    }

    fn without_gaps(&self, longest: usize) -> f64 {
        let recent = self.rows.iter().skip(self.rows.len().saturating_sub(longest));
        let times: Vec<i64> = recent.map(|kept| kept.at_ms).collect();
        let mut distances: Vec<u64> = times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect();
        let span: u128 = distances.iter().copied().map(u128::from).sum();
        if span == 0 {
            return 1.0;
        }
        let middle = distances.len() / 2;
        let usual = distances.select_nth_unstable(middle).1.saturating_mul(2);
        let gaps: u128 = distances.iter().map(|distance| u128::from(distance.saturating_sub(usual))).sum();
        1.0 - gaps as f64 / span as f64
    }
}

fn trailing(values: &[f64], rows: usize) -> &[f64] {
    &values[values.len().saturating_sub(rows)..]
}

/// The mean of what is there, in which each row weighs [`EWMA_DECAY`] times the row after it.
fn ewma(column: &[f64]) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for value in column {
        sum *= EWMA_DECAY;
        weights *= EWMA_DECAY;
        if !value.is_nan() {
            sum += value;
            weights += 1.0;
        }
    }
    sum / weights
}

/// The mean, the standard deviation and the slope of a signal over usage by ordinary least squares.
struct Trend;

impl Trend {
    /// The statistics of the values that are there. The mean takes one of them, the other two take two, and a slope takes usage
    /// that moves; where they have not got that they are NaN.
    fn of(usage: &[f64], column: &[f64]) -> [f64; 3] {
        let present = || zip(usage, column).filter(|(_, value)| !value.is_nan());
        let (mut count, mut sum_usage, mut sum) = (0.0, 0.0, 0.0);
        for (usage, value) in present() {
            count += 1.0;
            sum_usage += usage;
            sum += value;
        }
        let (mean_usage, mean) = (sum_usage / count, sum / count);
        let (mut moved, mut varied, mut both) = (0.0, 0.0, 0.0);
        for (usage, value) in present() {
            let (usage, value) = (usage - mean_usage, value - mean);
            moved += usage * usage;
            varied += value * value;
            both += usage * value;
        }
        let sd = if count < 2.0 { f64::NAN } else { (varied / (count - 1.0_f64)).sqrt() };
        [mean, sd, if moved > 0.0 { both / moved } else { f64::NAN }]
    }
}

/// Sums of values near the ends of the range overflow; what comes of that is missing, as an infinite value is. All that is
/// missing has the same bits.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Definition, Row};

    fn compiled() -> Compiled {
        let signals = vec!["t".to_owned(), "p".to_owned()];
        Definition { signals, windows: vec![3, 6], ttl_ms: 100, version: 1 }.compile().unwrap()
    }

    fn filled(rows: &[(i64, f64, f64)]) -> Window {
        let mut window = Window::new(&compiled(), 100.0);
        for (at_ms, usage, value) in rows {
            let values = vec![*value, f64::NAN];
            window.push(&Row { at_ms: *at_ms, recorded_ms: *at_ms, usage: *usage, values }).unwrap();
        }
        window
    }

    fn feature(window: &Window, name: &str) -> f64 {
        let place = compiled().names().iter().position(|found| found == name).unwrap();
        let newest = window.rows.back().unwrap().at_ms;
        window.vector(&compiled(), newest).unwrap().fresh().unwrap().values[place]
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn statistics_are_as_worked_out_by_hand() {
        let window = filled(&[(1, 101.0, 9.0), (2, 102.0, 1.0), (3, 104.0, 2.0), (4, 108.0, 6.0)]);
        assert_near(feature(&window, "t.last"), 6.0);
        assert_near(feature(&window, "t.mean3"), 3.0);
        assert_near(feature(&window, "t.sd3"), 7.0_f64.sqrt());
        // Usage 102, 104, 108: mean 314/3; sum of squares 168/9; cross products 16.
        assert_near(feature(&window, "t.slope3"), 16.0 / (168.0 / 9.0));
        assert_near(feature(&window, "t.mean6"), 4.5);
        let weights = [0.729, 0.81, 0.9, 1.0];
        let ewma = (9.0 * weights[0] + weights[1] + 2.0 * weights[2] + 6.0) / weights.iter().sum::<f64>();
        assert_near(feature(&window, "t.ewma"), ewma);
        assert_near(feature(&window, "t.drift"), ewma - 4.5);
        assert_near(feature(&window, "age"), 8.0);
    }

    #[test]
    fn what_is_missing_stays_missing() {
        let window = filled(&[(1, 101.0, 4.0), (2, 101.0, f64::NAN), (3, 101.0, 6.0)]);
        assert_near(feature(&window, "t.mean3"), 5.0);
        assert!(feature(&window, "t.slope3").is_nan(), "the usage stood still");
        for name in ["p.last", "p.mean3", "p.sd3", "p.slope6", "p.ewma", "p.drift"] {
            assert!(feature(&window, name).is_nan(), "{name}");
        }
        let single = filled(&[(1, 101.0, 4.0)]);
        assert_near(feature(&single, "t.mean3"), 4.0);
        assert!(feature(&single, "t.sd3").is_nan());
        let huge = filled(&[(1, 101.0, f64::MAX), (2, 102.0, f64::MAX)]);
        assert!(feature(&huge, "t.mean3").is_nan());
    }

    #[test]
    fn features_are_served_up_to_their_time_to_live() {
        let window = filled(&[(1_000, 101.0, 4.0)]);
        let served = |now| window.vector(&compiled(), now).unwrap();
        assert!(served(1_100).fresh().is_some());
        assert_eq!(served(1_101), Served::Stale { at_ms: 1_000 });
        assert_eq!(served(899), Served::Stale { at_ms: 1_000 }, "the row's clock is wrong");
        assert_eq!(served(i64::MIN), Served::Stale { at_ms: 1_000 });
        assert_eq!(filled(&[]).vector(&compiled(), 1).unwrap(), Served::Empty);
    }

    #[test]
    fn confidence_falls_with_age_missing_values_and_gaps() {
        let rows: Vec<(i64, f64, f64)> = (1..=6).map(|at| (at * 10, 101.0, 1.0)).collect();
        let confidence = |rows: &[(i64, f64, f64)], now| {
            let window = filled(rows);
            window.vector(&compiled(), now).unwrap().fresh().unwrap().confidence
        };
        let full = confidence(&rows, 60);
        assert_eq!(
            full,
            Confidence { freshness: 1.0, completeness: 0.5, gaps: 1.0 },
            "one of the two signals is missing"
        );
        assert_near(full.score(), 0.5);
        assert_near(confidence(&rows, 85).freshness, 0.75);
        assert_near(confidence(&rows[..3], 30).completeness, 0.25);
        let mut gap = rows.clone();
        gap.push((140, 101.0, 1.0));
        // The last six rows span 120, and of the 80 without a row 60 are over twice the usual 10.
        assert_near(confidence(&gap, 140).gaps, 0.5);
    }

    #[test]
    fn a_window_of_another_definition_is_refused() {
        let other = Definition { signals: vec!["t".to_owned()], windows: vec![3], ttl_ms: 1, version: 1 };
        let served = filled(&[]).vector(&other.compile().unwrap(), 0);
        assert_eq!(served, Err(FeatureError::Width { expected: 1, found: 2 }));
    }
}
