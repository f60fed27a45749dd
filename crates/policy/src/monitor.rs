//! Checking a moving vehicle: compliant, or which rules it violates and what each asks to be done (TRIP-8, TRIP-10).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Reason};

/// What a violated rule asks to be done. The order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Tell the people in charge.
    Warn,
    /// Drive slower.
    Slow,
    /// Take another way.
    Reroute,
    /// Stop at the nearest admissible place (SAFE-5).
    Stop,
}

impl Response {
    /// From the text of a rule's `@response`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "warn" => Some(Self::Warn),
            "slow" => Some(Self::Slow),
            "reroute" => Some(Self::Reroute),
            "stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// One violated rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule's id.
    pub rule: String,
    /// What is to be done.
    pub response: Response,
    /// What is wrong, for a person.
    pub text: String,
}

/// The verdict of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compliance {
    /// No rule is violated.
    Compliant,
    /// These rules are violated, in the order of their ids.
    Violations(Vec<Violation>),
    /// Nobody can tell, because a fact is missing or stale or a rule failed. The vehicle keeps its last constraints
    /// until they expire (SAFE-1); no violation opens or closes.
    Unknown(Vec<Reason>),
}

impl Compliance {
    /// The most severe response that is asked for.
    pub fn response(&self) -> Option<Response> {
        match self {
            Self::Violations(violations) => violations.iter().map(|violation| violation.response).max(),
            Self::Compliant | Self::Unknown(_) => None,
        }
    }
}

/// A check's verdict with the decision that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The verdict.
    pub compliance: Compliance,
    /// The decision: facts, reasons, constraints, bundle.
    pub decision: Decision,
}

/// How many checks in a row open and close a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebounceLimits {
    /// Violating checks in a row that open a violation; at least one. A `stop` opens at the first.
    pub open_after: u32,
    /// Compliant checks in a row that close one; at least one.
    pub close_after: u32,
}

impl Default for DebounceLimits {
    /// Two to open, so that one outlier among samples opens nothing; five to close, so that a vehicle at the limit
    /// does not open and close at every sample.
    fn default() -> Self {
        Self { open_after: 2, close_after: 5 }
    }
}

/// The edge of a violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edge {
    /// The violation begins.
    Opened(Violation),
    /// The violation of this rule ends.
    Closed {
        /// The rule's id.
        rule: String,
    },
}

/// Turns the verdict of each check into edges: what an entry of the journal is made of. One per vehicle and trip.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debounce {
    rules: BTreeMap<String, RuleCount>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct RuleCount {
    open: bool,
    in_a_row: u32,
}

impl Debounce {
    /// The rules whose violation is open.
    pub fn open_rules(&self) -> BTreeSet<&str> {
        self.rules.iter().filter(|(_, count)| count.open).map(|(rule, _)| rule.as_str()).collect()
    }

    /// Marks a violation open, as after a restart from the rows.
    pub fn reopened(mut self, rule: &str) -> Self {
        self.rules.insert(rule.into(), RuleCount { open: true, in_a_row: 0 });
        self
    }

    /// The state after one more check, and the edges that it makes. Pure.
    pub fn step(mut self, compliance: &Compliance, limits: DebounceLimits) -> (Self, Vec<Edge>) {
        let violations: &[Violation] = match compliance {
            Compliance::Unknown(_) => return (self, Vec::new()),
            Compliance::Compliant => &[],
            Compliance::Violations(violations) => violations,
        };
        let mut edges = Vec::new();
        for violation in violations {
            let count = self.rules.entry(violation.rule.clone()).or_default();
            if count.open {
                count.in_a_row = 0;
                continue;
            }
            count.in_a_row = count.in_a_row.saturating_add(1);
            if violation.response == Response::Stop || count.in_a_row >= limits.open_after {
                *count = RuleCount { open: true, in_a_row: 0 };
                edges.push(Edge::Opened(violation.clone()));
            }
        }
        let violated: BTreeSet<&str> = violations.iter().map(|violation| violation.rule.as_str()).collect();
        for (rule, count) in self.rules.iter_mut().filter(|(rule, _)| !violated.contains(rule.as_str())) {
            count.in_a_row = if count.open { count.in_a_row.saturating_add(1) } else { 0 };
            if count.open && count.in_a_row >= limits.close_after {
                *count = RuleCount::default();
                edges.push(Edge::Closed { rule: rule.clone() });
            }
        }
        self.rules.retain(|_, count| count.open || count.in_a_row > 0);
        (self, edges)
    }
}
