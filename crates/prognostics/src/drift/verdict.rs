//! Whether a model meets what it did not learn from: every test together.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Alarm, Direction, Ks};

/// The limits of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// A feature has moved when its population stability index is above this.
    pub psi: f64,
    /// So many features must have moved.
    pub features: usize,
    /// For so many rounds running.
    pub rounds: u32,
    /// The predictions have moved when the p-value is below this and the statistic is at least the next.
    pub ks_p_value: f64,
    pub ks_statistic: f64,
    /// The coverage is wrong when it is further from its target than this, as a share.
    pub coverage: f64,
    /// With fewer closed cases the coverage says nothing.
    pub coverage_cases: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            psi: 0.2,
            features: 3,
            rounds: 2,
            ks_p_value: 0.01,
            ks_statistic: 0.1,
            coverage: 0.05,
            coverage_cases: 50,
        }
    }
}

/// The population stability index of one of the most important features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeaturePsi {
    pub feature: String,
    pub psi: f64,
}

/// How often the interval held the truth among closed cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    pub cases: u64,
    pub covered: u64,
    /// The share that the interval promises, for example 0.9.
    pub target: f64,
}

/// What was measured in one round, for example one day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The top features by importance. The caller says which those are.
    pub features: Vec<FeaturePsi>,
    /// The test of the predictions against those of the reference.
    pub predictions: Option<Ks>,
    pub coverage: Option<Coverage>,
    /// The alarm of the Page–Hinkley test on residuals of closed cases, if it has one.
    pub residuals: Option<Alarm>,
}

/// One fact with its numbers. Its text is a plain sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    Features { moved: Vec<FeaturePsi>, limit: f64, needed: usize, rounds: u32, needed_rounds: u32 },
    Predictions { ks: Ks, p_value_below: f64, statistic_at_least: f64 },
    Coverage { coverage: Coverage, found: f64, tolerance: f64, needed_cases: u64 },
    Residuals { alarm: Alarm },
}

/// The outcome of one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether there is drift: true exactly when there is a reason.
    pub drift: bool,
    /// The findings that make it drift.
    pub reasons: Vec<Finding>,
    /// The findings that point to drift but are not enough yet.
    pub signals: Vec<Finding>,
}

/// Judges one round after the other. It can be stored between rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    pub thresholds: Thresholds,
    /// The number of rounds running, up to the last, in which enough features had moved.
    running: u32,
}

impl Monitor {
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, running: 0 }
    }

    /// Judges the round. A round without features breaks a run of rounds, because nothing shows that it went on.
    pub fn assess(&mut self, round: &Round) -> Verdict {
        let found = [self.features(round), self.predictions(round), self.coverage(round), residuals(round)];
        let (mut reasons, mut signals) = (Vec::new(), Vec::new());
        for (is_reason, finding) in found.into_iter().flatten() {
            if is_reason { reasons.push(finding) } else { signals.push(finding) }
        }
        Verdict { drift: !reasons.is_empty(), reasons, signals }
    }

    /// Forgets earlier rounds, for example after a new model took over.
    pub fn reset(&mut self) {
        self.running = 0;
    }

    fn features(&mut self, round: &Round) -> Option<(bool, Finding)> {
        let t = self.thresholds;
        let moved: Vec<FeaturePsi> = round.features.iter().filter(|f| f.psi > t.psi).cloned().collect();
        let enough = !moved.is_empty() && moved.len() >= t.features;
        self.running = if enough { self.running.saturating_add(1) } else { 0 };
        let is_reason = enough && self.running >= t.rounds;
        let (limit, needed, rounds, needed_rounds) = (t.psi, t.features, self.running, t.rounds);
        let finding = Finding::Features { moved, limit, needed, rounds, needed_rounds };
        round.features.iter().any(|f| f.psi > t.psi).then_some((is_reason, finding))
    }

    fn predictions(&self, round: &Round) -> Option<(bool, Finding)> {
        let (t, ks) = (self.thresholds, round.predictions?);
        let finding = Finding::Predictions { ks, p_value_below: t.ks_p_value, statistic_at_least: t.ks_statistic };
        (ks.p_value < t.ks_p_value).then_some((ks.statistic >= t.ks_statistic, finding))
    }

    fn coverage(&self, round: &Round) -> Option<(bool, Finding)> {
        let (t, coverage) = (self.thresholds, round.coverage?);
        if coverage.cases == 0 {
            return None;
        }
        let found = coverage.covered as f64 / coverage.cases as f64;
        let outside = (found - coverage.target).abs() > t.coverage + 1e-12;
        let finding = Finding::Coverage { coverage, found, tolerance: t.coverage, needed_cases: t.coverage_cases };
        outside.then_some((coverage.cases >= t.coverage_cases, finding))
    }
}

fn residuals(round: &Round) -> Option<(bool, Finding)> {
    round.residuals.map(|alarm| (true, Finding::Residuals { alarm }))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features { moved, limit, needed, rounds, needed_rounds } => {
                let names: Vec<String> = moved.iter().map(|m| format!("{} {:.2}", m.feature, m.psi)).collect();
                write!(
                    f,
                    "The population stability index is above {limit} on {} of the top features ({}); {needed} are needed, for \
                     {needed_rounds} rounds running, and this is round {rounds}.",
                    moved.len(),
                    names.join(", ")
                )
            }
            Self::Predictions { ks, p_value_below, statistic_at_least } => write!(
                f,
                "The predictions differ from the reference: Kolmogorov–Smirnov distance {:.3} ({statistic_at_least} or more \
                 matters), p = {:.2e} (limit {p_value_below}), {} against {} values.",
                ks.statistic, ks.p_value, ks.actual, ks.reference
            ),
            Self::Coverage { coverage, found, tolerance, needed_cases } => write!(
                f,
                "The interval held the truth in {:.1} % of {} closed cases instead of {:.1} % ± {:.1} points; {needed_cases} \
                 cases are needed to judge.",
                100.0 * found,
                coverage.cases,
                100.0 * coverage.target,
                100.0 * tolerance
            ),
            Self::Residuals { alarm } => write!(
                f,
                "The residuals of closed cases moved {}: the Page–Hinkley sum is {:.3}, its limit {:.3}, after {} values.",
                if alarm.direction == Direction::Up { "up" } else { "down" },
                alarm.statistic,
                alarm.limit,
                alarm.values
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(psi: [f64; 4]) -> Round {
        let named = psi.iter().zip(["a", "b", "c", "d"]);
        let features = named.map(|(psi, name)| FeaturePsi { feature: name.into(), psi: *psi }).collect();
        Round { features, ..Round::default() }
    }

    #[test]
    fn needs_three_features_twice_running() {
        let mut monitor = Monitor::default();
        let (moved, calm) = (features([0.3, 0.25, 0.21, 0.0]), features([0.3, 0.25, 0.2, 0.0]));
        let first = monitor.assess(&moved);
        assert!(!first.drift && first.signals.len() == 1);
        assert!(!monitor.assess(&calm).drift);
        assert!(!monitor.assess(&moved).drift);
        let stored = serde_json::to_string(&monitor).unwrap();
        let mut monitor: Monitor = serde_json::from_str(&stored).unwrap();
        let verdict = monitor.assess(&moved);
        assert!(verdict.drift);
        let text = verdict.reasons[0].to_string();
        assert!(text.contains("a 0.30, b 0.25, c 0.21") && text.contains("this is round 2"), "{text}");
        assert!(!monitor.assess(&Round::default()).drift);
        assert!(!monitor.assess(&moved).drift);
    }

    #[test]
    fn needs_an_effect_beside_a_small_p_value() {
        let ks = |statistic, p_value| Ks { statistic, p_value, exact: false, reference: 100_000, actual: 100_000 };
        let judge = |ks| Monitor::default().assess(&Round { predictions: Some(ks), ..Round::default() });
        let tiny = judge(ks(0.01, 1e-6));
        assert!(!tiny.drift && tiny.signals.len() == 1);
        assert!(judge(ks(0.15, 1e-6)).drift);
        assert!(!judge(ks(0.3, 0.02)).drift);
    }

    #[test]
    fn needs_fifty_cases_to_judge_the_coverage() {
        let judge = |cases, covered| {
            let coverage = Some(Coverage { cases, covered, target: 0.9 });
            Monitor::default().assess(&Round { coverage, ..Round::default() })
        };
        assert!(!judge(49, 30).drift && !judge(49, 30).signals.is_empty());
        assert!(judge(50, 42).drift);
        assert!(!judge(100, 85).drift && !judge(100, 95).drift);
        assert!(judge(100, 96).drift);
        assert!(judge(100, 84).reasons[0].to_string().contains("84.0 % of 100 closed cases"));
        assert!(!judge(0, 0).drift);
    }

    #[test]
    fn takes_the_alarm_of_the_residuals() {
        let alarm = Alarm { direction: Direction::Down, statistic: 21.0, limit: 20.0, values: 80 };
        let verdict = Monitor::default().assess(&Round { residuals: Some(alarm), ..Round::default() });
        assert!(verdict.drift && verdict.reasons[0].to_string().contains("moved down"));
    }
}
