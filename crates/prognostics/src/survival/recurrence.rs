//! Nelson's mean number of repairs of a unit until an age.

use serde::{Deserialize, Serialize};

use super::{Error, valid_age};

/// The repairs of one unit from new until the end of its observation. Ages are in one usage unit for the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepairHistory {
    /// The ages at which the unit was repaired, in any order; two repairs may share an age.
    pub repairs: Vec<f64>,
    /// The age at which the observation ended.
    pub observed_until: f64,
}

/// The mean cumulative function just after one age at which units were repaired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepairStep {
    /// The age, in the usage unit.
    pub at: f64,
    /// The number of units whose observation reaches this age.
    pub at_risk: usize,
    /// The number of repairs at this age.
    pub repairs: usize,
    /// The mean number of repairs of one unit up to and including this age.
    pub mean: f64,
    /// The robust variance of `mean`, which lets the repairs of one unit depend on each other (Lawless and Nadeau, 1995).
    pub variance: f64,
}

/// The mean cumulative function of a fleet of units that are repaired and go on (Nelson, "Recurrent Events Data Analysis",
/// 2003). Its slope is the repair rate for each unit, hence the demand for workshop time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanCumulative {
    /// One entry for each age with a repair, in rising order.
    pub steps: Vec<RepairStep>,
    /// The number of units.
    pub units: usize,
    /// The greatest age that any unit reached; the function says nothing beyond it.
    pub last_age: f64,
}

impl MeanCumulative {
    /// Estimates the function. A unit whose observation ends at the age of a repair counts as at risk there.
    pub fn estimate(histories: &[RepairHistory]) -> Result<Self, Error> {
        let ages = checked_ages(histories)?;
        let last_age = histories.iter().map(|h| h.observed_until).fold(0.0, f64::max);
        let mut deviations = vec![0.0; histories.len()];
        let (mut mean, mut steps) = (0.0, Vec::new());
        for at in ages {
            let at_risk = histories.iter().filter(|h| h.observed_until >= at).count();
            let here = |h: &RepairHistory| h.repairs.iter().filter(|r| **r == at).count();
            let repairs: usize = histories.iter().map(here).sum();
            let rate = repairs as f64 / at_risk as f64;
            mean += rate;
            for (deviation, history) in deviations.iter_mut().zip(histories) {
                if history.observed_until >= at {
                    *deviation += (here(history) as f64 - rate) / at_risk as f64;
                }
            }
            let variance = deviations.iter().map(|d| d * d).sum();
            steps.push(RepairStep { at, at_risk, repairs, mean, variance });
        }
        Ok(Self { steps, units: histories.len(), last_age })
    }

    /// The mean number of repairs of one unit up to this age, or nothing beyond the greatest age seen.
    #[must_use]
    pub fn at(&self, age: f64) -> Option<f64> {
        if age > self.last_age || age.is_nan() {
            return None;
        }
        let after = self.steps.partition_point(|s| s.at <= age);
        Some(after.checked_sub(1).and_then(|i| self.steps.get(i)).map_or(0.0, |s| s.mean))
    }

    /// The mean number of repairs that one unit needs while it goes from one age to another, or nothing where the data end.
    #[must_use]
    pub fn between(&self, age: f64, until: f64) -> Option<f64> {
        self.at(age).zip(self.at(until)).map(|(a, b)| b - a)
    }
}

/// Checks every history and returns the distinct ages of repair in rising order.
fn checked_ages(histories: &[RepairHistory]) -> Result<Vec<f64>, Error> {
    if histories.is_empty() {
        return Err(Error::Empty);
    }
    let mut ages = Vec::new();
    for history in histories {
        let until = valid_age(history.observed_until)?;
        for at in &history.repairs {
            if valid_age(*at)? > until {
                return Err(Error::RepairAfterEnd { at: *at, until });
            }
            ages.push(*at);
        }
    }
    if ages.is_empty() {
        return Err(Error::NoFailures);
    }
    ages.sort_by(f64::total_cmp);
    ages.dedup();
    Ok(ages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(repairs: &[f64], observed_until: f64) -> RepairHistory {
        RepairHistory { repairs: repairs.to_vec(), observed_until }
    }

    #[test]
    fn agrees_with_a_case_worked_by_hand() {
        // Three units with ends at 12, 5 and 16; the second is still at risk at 5.
        let fleet = [history(&[5.0, 8.0], 12.0), history(&[], 5.0), history(&[1.0, 8.0], 16.0)];
        let mcf = MeanCumulative::estimate(&fleet).unwrap();
        let means: Vec<f64> = mcf.steps.iter().map(|s| s.mean).collect();
        let expected = [1.0 / 3.0, 2.0 / 3.0, 5.0 / 3.0];
        assert!(means.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{means:?}");
        // After the first step the deviations are -1/9, -1/9 and 2/9.
        assert!((mcf.steps[0].variance - 6.0 / 81.0).abs() < 1e-12);
        assert_eq!(mcf.at(0.5), Some(0.0));
        assert_eq!(mcf.at(17.0), None);
        assert!((mcf.between(1.0, 8.0).unwrap() - 4.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn refuses_bad_histories() {
        assert_eq!(MeanCumulative::estimate(&[]), Err(Error::Empty));
        assert_eq!(MeanCumulative::estimate(&[history(&[], 3.0)]), Err(Error::NoFailures));
        let late = MeanCumulative::estimate(&[history(&[4.0], 3.0)]);
        assert_eq!(late, Err(Error::RepairAfterEnd { at: 4.0, until: 3.0 }));
        assert_eq!(MeanCumulative::estimate(&[history(&[-4.0], 3.0)]), Err(Error::Negative(-4.0)));
    }
}
