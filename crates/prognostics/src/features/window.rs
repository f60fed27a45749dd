//! What is kept online of one component.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{BASELINE_ROWS, Compiled, FeatureError, ROWS_KEPT, Row};

/// What became of a row that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is the newest.
    Newest,
    /// It came late and was put where it belongs.
    Late,
    /// It is older than all rows kept, of which there can be no more, and was dropped.
    TooLate,
    /// A row of the same event time is there already; that one stays.
    Duplicate,
}

/// The recent rows of one component, in event-time order, and what it was like when it was new.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Window {
    signals: usize,
    installed_usage: f64,
    pub(super) rows: VecDeque<Kept>,
    /// Set when the first row is let go: until then the first rows are still among those kept.
    baseline: Option<Baseline>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub at_ms: i64,
    pub usage: f64,
    #[serde(with = "crate::missing::list")]
    pub values: Vec<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Baseline {
    #[serde(with = "crate::missing::list")]
    means: Vec<f64>,
}

impl Window {
    /// For a component that was installed when the counter of its [`Row::usage`] stood at `installed_usage`.
    pub fn new(compiled: &Compiled, installed_usage: f64) -> Self {
        Self { signals: compiled.definition.signals.len(), installed_usage, rows: VecDeque::new(), baseline: None }
    }

    /// Forgets the component: another one was installed in its place at `installed_usage`. Rows of the old one that come in
    /// late are refused, because their usage is lower.
    pub fn reset(&mut self, installed_usage: f64) {
        self.installed_usage = installed_usage;
        self.rows.clear();
        self.baseline = None;
    }

    /// Takes a row, at its place by event time.
    ///
    /// # Errors
    /// [`FeatureError`]; the window stays as it was.
    pub fn push(&mut self, row: &Row) -> Result<Pushed, FeatureError> {
        let place = match self.rows.back() {
            Some(last) if row.at_ms <= last.at_ms => self.rows.partition_point(|kept| kept.at_ms < row.at_ms),
            _ => self.rows.len(),
        };
        self.check(row, place)?;
        if self.rows.get(place).is_some_and(|next| next.at_ms == row.at_ms) {
            return Ok(Pushed::Duplicate);
        }
        let full = self.rows.len() >= ROWS_KEPT;
        if full && place == 0 {
            return Ok(Pushed::TooLate);
        }
        let oldest = if full { self.let_go() } else { None };
        let place = if oldest.is_some() { place - 1 } else { place };
        let is_newest = place == self.rows.len();
        self.rows.insert(place, Kept::of(row, oldest));
        Ok(if is_newest { Pushed::Newest } else { Pushed::Late })
    }

    /// Whether the row fits between the rows around its place.
    fn check(&self, row: &Row, place: usize) -> Result<(), FeatureError> {
        if row.values.len() != self.signals {
            return Err(FeatureError::Width { expected: self.signals, found: row.values.len() });
        }
        if !row.usage.is_finite() || !self.installed_usage.is_finite() {
            return Err(FeatureError::Usage);
        }
        let before = place.checked_sub(1).and_then(|before| self.rows.get(before));
        let earlier = before.map_or(self.installed_usage, |kept| kept.usage);
        if row.usage < earlier {
            return Err(FeatureError::Decreasing { earlier, found: row.usage });
        }
        match self.rows.get(place) {
            Some(next) if next.at_ms != row.at_ms && row.usage > next.usage => {
                Err(FeatureError::Ahead { later: next.usage, found: row.usage })
            }
            _ => Ok(()),
        }
    }

    fn let_go(&mut self) -> Option<Kept> {
        if self.baseline.is_none() {
            let means = (0..self.signals).map(|signal| self.first_mean(signal)).collect();
            self.baseline = Some(Baseline { means });
        }
        self.rows.pop_front()
    }

    /// The mean of the first rows that are kept, NaN where none has a value.
    fn first_mean(&self, signal: usize) -> f64 {
        let first = self.rows.iter().take(BASELINE_ROWS).filter_map(|kept| kept.values.get(signal));
        crate::metrics::mean(first.copied().filter(|value| !value.is_nan()))
    }

    /// What a signal was like when the component was new.
    pub(super) fn baseline(&self, signal: usize) -> f64 {
        match &self.baseline {
            Some(baseline) => baseline.means.get(signal).copied().unwrap_or(f64::NAN),
            None => self.first_mean(signal),
        }
    }

    pub(super) fn signals(&self) -> usize {
        self.signals
    }

    pub(super) fn installed_usage(&self) -> f64 {
        self.installed_usage
    }
}

impl Kept {
    /// Keeps the row in the memory of one that was let go.
    fn of(row: &Row, recycled: Option<Self>) -> Self {
        let mut values = recycled.map(|kept| kept.values).unwrap_or_default();
        values.clear();
        values.extend(row.values.iter().map(|value| if value.is_finite() { *value } else { f64::NAN }));
        Self { at_ms: row.at_ms, usage: row.usage, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Definition;

    fn window() -> Window {
        let signals = vec!["t".to_owned()];
        let definition = Definition { signals, windows: vec![5], ttl_ms: 1_000, version: 1 };
        Window::new(&definition.compile().unwrap(), 0.0)
    }

    fn row(at_ms: i64, usage: f64, value: f64) -> Row {
        Row { at_ms, recorded_ms: at_ms, usage, values: vec![value] }
    }

    fn times(window: &Window) -> Vec<i64> {
        window.rows.iter().map(|kept| kept.at_ms).collect()
    }

    #[test]
    fn rows_are_kept_in_event_time_order_and_once() {
        let mut window = window();
        assert_eq!(window.push(&row(10, 1.0, 1.0)), Ok(Pushed::Newest));
        assert_eq!(window.push(&row(30, 3.0, 3.0)), Ok(Pushed::Newest));
        assert_eq!(window.push(&row(20, 2.0, 2.0)), Ok(Pushed::Late));
        assert_eq!(window.push(&row(20, 2.5, 9.0)), Ok(Pushed::Duplicate));
        assert_eq!(times(&window), [10, 20, 30]);
        assert!((window.rows[1].values[0] - 2.0).abs() < 1e-12);
    }

    #[test]
    fn only_the_newest_rows_are_kept() {
        let mut window = window();
        for at in 1..=100_i32 {
            window.push(&row(i64::from(at), f64::from(at), f64::from(at))).unwrap();
        }
        assert_eq!(times(&window), (37..=100).collect::<Vec<i64>>());
        assert_eq!(window.push(&row(20, 36.5, 0.0)), Ok(Pushed::TooLate));
        assert!((window.baseline(0) - 8.0).abs() < 1e-12, "the mean of 1 to 15");
    }

    #[test]
    fn a_late_row_pushes_out_the_oldest() {
        let mut window = window();
        for at in 1..=64_i32 {
            window.push(&row(i64::from(at) * 10, f64::from(at), 0.0)).unwrap();
        }
        assert_eq!(window.push(&row(635, 63.5, 0.0)), Ok(Pushed::Late));
        let times = times(&window);
        assert_eq!((times[0], times[62], times.len()), (20, 635, ROWS_KEPT));
        assert!(times.is_sorted());
    }

    #[test]
    fn a_usage_that_runs_backwards_is_refused() {
        let mut window = window();
        window.push(&row(10, 5.0, 1.0)).unwrap();
        window.push(&row(20, 6.0, 1.0)).unwrap();
        assert_eq!(window.push(&row(30, 5.5, 1.0)), Err(FeatureError::Decreasing { earlier: 6.0, found: 5.5 }));
        assert_eq!(window.push(&row(15, 7.0, 1.0)), Err(FeatureError::Ahead { later: 6.0, found: 7.0 }));
        assert_eq!(window.push(&row(30, f64::NAN, 1.0)), Err(FeatureError::Usage));
        assert_eq!(window.push(&row(5, -1.0, 1.0)), Err(FeatureError::Decreasing { earlier: 0.0, found: -1.0 }));
        let wide = Row { values: vec![1.0, 2.0], ..row(40, 9.0, 1.0) };
        assert_eq!(window.push(&wide), Err(FeatureError::Width { expected: 1, found: 2 }));
        assert_eq!(times(&window), [10, 20]);
    }

    #[test]
    fn a_replaced_component_starts_anew_and_takes_no_row_of_the_old_one() {
        let mut window = window();
        for at in 1..=70_i32 {
            window.push(&row(i64::from(at), f64::from(at), 1.0)).unwrap();
        }
        window.reset(80.0);
        assert!(window.rows.is_empty());
        assert!(window.push(&row(75, 75.0, 1.0)).is_err());
        assert_eq!(window.push(&row(90, 80.0, 2.0)), Ok(Pushed::Newest));
        assert!((window.baseline(0) - 2.0).abs() < 1e-12);
    }
}
