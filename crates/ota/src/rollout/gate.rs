//! Whether a rollout goes on: a pure function of what vehicles have proven, so that a decision can be made again from the
//! counts that stand in the journal. Only proven outcomes count, and no proof in time is a failure.
//!
//! The test is Wald's sequential probability ratio test: after each outcome it is asked whether failures fit a good release
//! or a bad one. It stops a bad one after far fewer vehicles than a share of a group of fixed size would.

use kernel::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Advance;

/// What is told apart, and how surely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateRules {
    /// The share of failures of a release that is good enough.
    pub good_failure_rate: f64,
    /// The share of failures that must not go on.
    pub bad_failure_rate: f64,
    /// How often a good release may be stopped.
    pub false_pause: f64,
    /// How often a bad one may pass.
    pub missed: f64,
}

impl Default for GateRules {
    fn default() -> Self {
        Self { good_failure_rate: 0.01, bad_failure_rate: 0.05, false_pause: 0.01, missed: 0.05 }
    }
}

/// Outcomes that are proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Vehicles that proved that they run the release.
    pub proven: u64,
    /// Vehicles that failed, or proved nothing in time.
    pub failed: u64,
}

impl Counts {
    /// Vehicles of which it is known how it ended.
    pub fn finished(self) -> u64 {
        self.proven + self.failed
    }
}

/// What the test says of some outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// They fit a bad release.
    Bad,
    /// They fit a good one.
    Good,
    /// They are too few to tell.
    TooFew,
}

impl GateRules {
    /// Whether the numbers mean anything.
    pub fn is_sound(&self) -> bool {
        let is_share = |share: f64| share > 0.0 && share < 0.5;
        is_share(self.good_failure_rate)
            && self.bad_failure_rate > self.good_failure_rate
            && self.bad_failure_rate < 1.0
            && is_share(self.false_pause)
            && is_share(self.missed)
    }

    /// The logarithm of how much better the outcomes fit a bad release than a good one.
    pub fn log_ratio(&self, counts: Counts) -> f64 {
        let failure = (self.bad_failure_rate / self.good_failure_rate).ln();
        let success = ((1.0 - self.bad_failure_rate) / (1.0 - self.good_failure_rate)).ln();
        counts.failed as f64 * failure + counts.proven as f64 * success
    }

    /// What the outcomes say.
    pub fn evidence(&self, counts: Counts) -> Evidence {
        let ratio = self.log_ratio(counts);
        match ratio {
            _ if ratio >= ((1.0 - self.missed) / self.false_pause).ln() => Evidence::Bad,
            _ if ratio <= (self.missed / (1.0 - self.false_pause)).ln() => Evidence::Good,
            _ => Evidence::TooFew,
        }
    }
}

/// The open stage as the gate sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenStage {
    pub counts: Counts,
    /// How many vehicles it admits, where that is known: a small stage is over when all have finished.
    pub members: Option<u64>,
    /// Since when it is open.
    pub since: Timestamp,
    /// How long it stays open at least, in seconds.
    pub soak_s: u64,
    pub advance: Advance,
    /// Whether no stage follows: then all that is left is to let every vehicle finish.
    pub is_last: bool,
}

/// Why a stage is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldReason {
    /// Too few vehicles have proven anything.
    WaitingForProof,
    /// The least time is not over.
    Soak,
    /// Some failed in a stage that is too small to tell whether the release is bad.
    FailuresInSmallStage,
    /// The plan wants a person to open the next stage.
    NeedsPerson,
}

/// What follows from the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next stage opens; after the last one the rollout is complete.
    GoOn,
    Hold(HoldReason),
    /// The failures fit a bad release.
    Pause,
}

/// Looks at the open stage and at the whole rollout.
pub fn evaluate(rules: &GateRules, stage: &OpenStage, whole: Counts, now: Timestamp) -> Verdict {
    if rules.evidence(stage.counts) == Evidence::Bad || rules.evidence(whole) == Evidence::Bad {
        return Verdict::Pause;
    }
    let is_good = rules.evidence(stage.counts) == Evidence::Good;
    let all_finished = stage.members.is_some_and(|members| stage.counts.finished() >= members);
    if !all_finished && (!is_good || stage.is_last) {
        return Verdict::Hold(HoldReason::WaitingForProof);
    }
    let soaked_at = stage.since.plus_ms(i64::try_from(stage.soak_s.saturating_mul(1_000)).unwrap_or(i64::MAX));
    if now < soaked_at {
        return Verdict::Hold(HoldReason::Soak);
    }
    if !is_good && stage.counts.failed > 0 {
        return Verdict::Hold(HoldReason::FailuresInSmallStage);
    }
    match stage.advance {
        Advance::Person => Verdict::Hold(HoldReason::NeedsPerson),
        Advance::Automatic => Verdict::GoOn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(proven: u64, failed: u64, members: Option<u64>) -> OpenStage {
        let counts = Counts { proven, failed };
        OpenStage {
            counts,
            members,
            since: Timestamp::from_us(0),
            soak_s: 60,
            advance: Advance::Automatic,
            is_last: false,
        }
    }

    fn ask(stage: &OpenStage, now_s: i64) -> Verdict {
        evaluate(&GateRules::default(), stage, stage.counts, Timestamp::from_us(now_s * 1_000_000))
    }

    #[test]
    fn three_failures_of_three_stop_a_release_and_73_proofs_pass_it() {
        assert_eq!(ask(&stage(0, 2, None), 99), Verdict::Hold(HoldReason::WaitingForProof));
        assert_eq!(ask(&stage(0, 3, None), 99), Verdict::Pause);
        assert_eq!(ask(&stage(72, 0, None), 99), Verdict::Hold(HoldReason::WaitingForProof));
        assert_eq!(ask(&stage(73, 0, None), 99), Verdict::GoOn);
    }

    #[test]
    fn a_small_stage_is_over_when_all_have_finished_without_a_failure() {
        assert_eq!(ask(&stage(2, 0, Some(3)), 99), Verdict::Hold(HoldReason::WaitingForProof));
        assert_eq!(ask(&stage(3, 0, Some(3)), 59), Verdict::Hold(HoldReason::Soak));
        assert_eq!(ask(&stage(3, 0, Some(3)), 60), Verdict::GoOn);
        assert_eq!(ask(&stage(2, 1, Some(3)), 60), Verdict::Hold(HoldReason::FailuresInSmallStage));
        let by_hand = OpenStage { advance: Advance::Person, ..stage(3, 0, Some(3)) };
        assert_eq!(ask(&by_hand, 60), Verdict::Hold(HoldReason::NeedsPerson));
    }

    #[test]
    fn the_last_stage_ends_when_every_vehicle_has_finished() {
        let last = |proven| OpenStage { is_last: true, ..stage(proven, 0, Some(100)) };
        assert_eq!(ask(&last(99), 99), Verdict::Hold(HoldReason::WaitingForProof));
        assert_eq!(ask(&last(100), 99), Verdict::GoOn);
    }

    #[test]
    fn failures_spread_over_stages_count_together() {
        let quiet = stage(1, 0, None);
        let whole = Counts { proven: 10, failed: 4 };
        assert_eq!(evaluate(&GateRules::default(), &quiet, whole, Timestamp::from_us(0)), Verdict::Pause);
    }
}
