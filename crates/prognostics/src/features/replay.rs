//! History, folded as it was known at a moment, and whether what was served then was the same.

use super::{Compiled, FeatureError, Row, Served, Window};

/// The features of a component as they were known at a moment: of the rows that happened by `event_until_ms`, those that were
/// recorded by `recorded_until_ms`. What was recorded later can not change the answer, however late its event time is.
///
/// The rows are those of one component, installed at `installed_usage`. They are folded in the order in which they were
/// recorded, those of one millisecond in the order given. What the window refuses is left out, as it was online.
///
/// # Errors
/// None but of [`Window::vector`], which does not occur here: the window is of the same definition.
pub fn as_known_at(
    compiled: &Compiled,
    installed_usage: f64,
    rows: &[Row],
    event_until_ms: i64,
    recorded_until_ms: i64,
) -> Result<Served, FeatureError> {
    let mut window = Window::new(compiled, installed_usage);
    for row in recorded_order(rows) {
        if row.at_ms <= event_until_ms && row.recorded_ms <= recorded_until_ms {
            let _refused_online_too = window.push(row);
        }
    }
    window.vector(compiled, event_until_ms.min(recorded_until_ms))
}

fn recorded_order(rows: &[Row]) -> Vec<&Row> {
    let mut ordered: Vec<&Row> = rows.iter().collect();
    ordered.sort_by_key(|row| row.recorded_ms);
    ordered
}

/// What was served online at a moment, after all rows recorded by then were pushed.
#[derive(Debug, Clone)]
pub struct Observed {
    pub now_ms: i64,
    pub served: Served,
}

/// Of what was served online, how much history confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parity {
    pub checked: usize,
    /// How many answers were not the same to the bit. There should be none.
    pub mismatches: usize,
}

/// Replays the rows of one component and compares what comes out at each moment with what was served online.
///
/// # Errors
/// None but of [`Window::vector`], as for [`as_known_at`].
pub fn parity(
    compiled: &Compiled,
    installed_usage: f64,
    rows: &[Row],
    online: &[Observed],
) -> Result<Parity, FeatureError> {
    let mut window = Window::new(compiled, installed_usage);
    let mut rows = recorded_order(rows).into_iter().peekable();
    let mut moments: Vec<&Observed> = online.iter().collect();
    moments.sort_by_key(|observed| observed.now_ms);
    let mut mismatches = 0;
    for observed in moments {
        while let Some(row) = rows.next_if(|row| row.recorded_ms <= observed.now_ms) {
            let _refused_online_too = window.push(row);
        }
        let served = window.vector(compiled, observed.now_ms)?;
        mismatches += usize::from(!served.is_same(&observed.served));
    }
    Ok(Parity { checked: online.len(), mismatches })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Definition;
    use crate::rng::SplitMix64;

    fn compiled() -> Compiled {
        let signals = vec!["t".to_owned(), "p".to_owned()];
        Definition { signals, windows: vec![5, 15, 30], ttl_ms: 5_000, version: 1 }.compile().unwrap()
    }

    /// Rows of which many are late, some twice there, some too late, and some refused, with holes in their values.
    fn history(seed: u64) -> Vec<Row> {
        let mut random = SplitMix64::new(seed);
        let mut rows = Vec::new();
        for number in 0..300_i32 {
            let at_ms = i64::from(number) * 100;
            let delay = if random.below(4) == 0 { random.below(9_000) as i64 } else { 0 };
            let value = |random: &mut SplitMix64| match random.below(10) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                _ => (random.below(1_000) as f64).sqrt() + f64::from(number) / 7.0,
            };
            let values = vec![value(&mut random), value(&mut random)];
            let usage = if random.below(20) == 0 { -1.0 } else { f64::from(number) / 3.0 };
            let row = Row { at_ms, recorded_ms: at_ms + delay, usage, values };
            if random.below(8) == 0 {
                rows.push(Row { recorded_ms: row.recorded_ms + 50, values: vec![0.0, 0.0], ..row.clone() });
            }
            rows.push(row);
        }
        rows
    }

    /// Pushes rows as they come in, stores the window between them as a server that restarts does, and serves after each.
    fn serve_online(rows: &[Row]) -> Vec<Observed> {
        let mut window = Window::new(&compiled(), 0.0);
        let mut online = Vec::new();
        let ordered = recorded_order(rows);
        for (place, row) in ordered.iter().enumerate() {
            let _refused = window.push(row);
            window = serde_json::from_slice(&serde_json::to_vec(&window).unwrap()).unwrap();
            if ordered.get(place + 1).is_none_or(|next| next.recorded_ms > row.recorded_ms) {
                let now_ms = row.recorded_ms;
                let served = window.vector(&compiled(), now_ms).unwrap();
                let served = serde_json::from_slice(&serde_json::to_vec(&served).unwrap()).unwrap();
                online.push(Observed { now_ms, served });
            }
        }
        online
    }

    #[test]
    fn online_and_offline_are_the_same_to_the_bit() {
        for seed in 0..5 {
            let rows = history(seed);
            let online = serve_online(&rows);
            assert!(online.iter().filter(|observed| observed.served.fresh().is_some()).count() > 100);
            let checked = online.len();
            assert_eq!(parity(&compiled(), 0.0, &rows, &online), Ok(Parity { checked, mismatches: 0 }));
            for Observed { now_ms, served } in &online {
                let known = as_known_at(&compiled(), 0.0, &rows, *now_ms, *now_ms).unwrap();
                assert!(known.is_same(served), "seed {seed} at {now_ms}");
            }
        }
    }

    #[test]
    fn a_difference_of_one_bit_is_a_mismatch() {
        let rows = history(1);
        let mut online = serve_online(&rows);
        let changed = online.iter_mut().find_map(|observed| match &mut observed.served {
            Served::Fresh(features) => features.values.last_mut(),
            _ => None,
        });
        let changed = changed.unwrap();
        *changed = f64::from_bits(changed.to_bits() ^ 1);
        assert_eq!(parity(&compiled(), 0.0, &rows, &online).unwrap().mismatches, 1);
    }

    #[test]
    fn what_is_recorded_later_does_not_change_what_was_known() {
        let rows = history(2);
        for moment in (0..30_000).step_by(1_700) {
            let known = as_known_at(&compiled(), 0.0, &rows, moment, moment).unwrap();
            let by_then: Vec<Row> = rows.iter().filter(|row| row.recorded_ms <= moment).cloned().collect();
            assert!(as_known_at(&compiled(), 0.0, &by_then, moment, moment).unwrap().is_same(&known));
            let mut more = rows.clone();
            more.extend((0..moment).step_by(130).map(|at_ms| Row {
                at_ms,
                recorded_ms: moment + 1,
                usage: at_ms as f64 / 300.0,
                values: vec![1e6, 1e6],
            }));
            assert!(as_known_at(&compiled(), 0.0, &more, moment, moment).unwrap().is_same(&known));
        }
    }

    #[test]
    fn late_rows_count_once_they_are_recorded() {
        let rows = history(3);
        let moments = (1_000..30_000).step_by(1_000);
        let changed = moments.filter(|moment| {
            let then = as_known_at(&compiled(), 0.0, &rows, *moment, *moment).unwrap();
            let now = as_known_at(&compiled(), 0.0, &rows, *moment, i64::MAX).unwrap();
            !then.is_same(&now)
        });
        assert!(changed.count() > 5);
    }
}
