//! Lives of a fleet, from new to failure or to the day somebody stopped looking: what a first model learns from.

use serde::{Deserialize, Serialize};

use super::rng::Rng;
use super::{Duty, Wear, physics};
use crate::catalog::ComponentClass;

/// The share of units whose life is not seen to its end.
const CENSORED: f64 = 0.25;
/// The share of a day that a vehicle operates.
const OPERATING: f64 = 0.4;

/// How the life of a unit ended, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Failed,
    /// It still worked when it was seen last, or was replaced while it worked.
    Censored,
}

/// One look at a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Usage since new, in the unit of the class.
    pub usage: f64,
    /// Milliseconds since the unit was put into service, rest included.
    pub at_ms: u64,
    /// Readings in the order of the catalog.
    pub values: Vec<f64>,
}

/// The life of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitHistory {
    /// In order of usage.
    pub rows: Vec<Row>,
    pub end_usage: f64,
    pub outcome: Outcome,
}

/// Histories of so many units, each with at most so many rows (2 at least). Duty differs from unit to unit, over the
/// seasons and from day to day. The same arguments give the same histories.
pub fn history(class: ComponentClass, units: usize, seed: u64, rows_per_unit: usize) -> Vec<UnitHistory> {
    let mut seeds = Rng::new(seed);
    (0..units).map(|_| unit(class, seeds.next(), rows_per_unit.max(2))).collect()
}

/// A unit's usual duty, and how the days differ.
struct Operation {
    usual: Duty,
    day: [f64; 4],
    season: f64,
}

impl Operation {
    fn draw(rng: &mut Rng) -> Self {
        let usual = Duty {
            speed_mps: rng.between(10.0, 19.0),
            braking_mps2: rng.between(0.065, 0.14),
            load_ratio: rng.between(0.4, 0.8),
            grade: rng.between(-0.01, 0.01),
            ambient_c: rng.between(5.0, 28.0),
        };
        Self { usual, day: [0.0; 4], season: rng.uniform() }
    }

    /// The duty of the next step; the day's differences forget themselves slowly.
    fn next(&mut self, rng: &mut Rng, at_s: f64) -> Duty {
        for day in &mut self.day {
            *day = 0.8 * *day + 0.6 * rng.normal();
        }
        let year = (std::f64::consts::TAU * (self.season + at_s / (365.25 * 86_400.0))).sin();
        let usual = &self.usual;
        Duty {
            speed_mps: usual.speed_mps * (1.0 + 0.15 * self.day[0]).clamp(0.4, 1.6),
            braking_mps2: usual.braking_mps2 * (0.25 * self.day[1]).exp(),
            load_ratio: (usual.load_ratio + 0.15 * self.day[2]).clamp(0.0, 1.1),
            grade: usual.grade,
            ambient_c: usual.ambient_c + 9.0 * year + 3.0 * self.day[3],
        }
    }
}

fn unit(class: ComponentClass, seed: u64, rows_per_unit: usize) -> UnitHistory {
    let mut rng = Rng::new(seed);
    let mut wear = Wear::new(class, rng.next(), 1.0);
    let mut operation = Operation::draw(&mut rng);
    let life = class.spec().life;
    let steps = (2 * rows_per_unit).max(300);
    let dt_s = life / physics::usage_per_s(class, &Duty::ORDINARY) / steps as f64;
    let seen_to = if rng.uniform() < CENSORED { Some(life * rng.between(0.2, 0.9)) } else { None };

    let mut looks = Vec::new();
    let mut operated_s = 0.0;
    let outcome = loop {
        let at_s = operated_s / OPERATING;
        let duty = operation.next(&mut rng, at_s);
        wear.step(dt_s, &duty);
        operated_s += dt_s;
        if wear.failed() {
            break Outcome::Failed;
        }
        let at_ms = (operated_s / OPERATING * 1_000.0) as u64;
        let values = wear.readings().into_iter().map(|(_, value)| value).collect();
        looks.push(Row { usage: wear.usage(), at_ms, values });
        // Nothing lives ten lives; whoever calls may rely on an end.
        if seen_to.is_some_and(|seen_to| wear.usage() >= seen_to) || looks.len() >= 10 * steps {
            break Outcome::Censored;
        }
    };
    UnitHistory { rows: thin(looks, rows_per_unit), end_usage: wear.usage(), outcome }
}

/// So many rows at equal distances, with the last one.
fn thin(rows: Vec<Row>, keep: usize) -> Vec<Row> {
    let count = rows.len();
    if count <= keep {
        return rows;
    }
    let chosen = |index: usize| ((index + 1) * keep) / count > (index * keep) / count;
    rows.into_iter().enumerate().filter(|(index, _)| chosen(*index)).map(|(_, row)| row).collect()
}
