//! What follows for a clause from the events of a time: satisfied, not satisfied, or not evaluable with the reason. Nothing
//! passes because nothing was said.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::predicate::{Match, Rule};
use super::{Clause, ClauseRef, Mapping, Needs, Role};
use crate::event::Event;
use crate::time_text::DAY_MS;

/// The most entries that a result names for each number. The numbers themselves count all.
pub const EVIDENCE_MAX: usize = 256;
/// The most open violations of a clause that are told apart.
pub const OPEN_MAX: usize = 4_096;

/// What is said of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Satisfied,
    NotSatisfied,
    NotEvaluable,
}

/// Why it is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    #[error("there is evidence, and no violation is open")]
    Evidence,
    #[error("{open} violations are not answered by a mitigation")]
    OpenViolations { open: u64 },
    #[error("no event gives evidence")]
    NoEvidence,
    #[error("nothing occurred that the clause is about")]
    NoOccurrence,
    #[error("the newest evidence is {age_days} days old, {days} are allowed")]
    Stale { age_days: u64, days: u32 },
    #[error("all evidence is dated after the time of the assessment")]
    FromTheFuture,
    #[error("{events} events lack a field that the mapping asks for")]
    Unreadable { events: u64 },
    #[error("the evidence is not in the journal: {why}")]
    Elsewhere { why: String },
}

/// How old the evidence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// How old it may be, in days; nothing where its age says nothing.
    pub days: Option<u32>,
    /// When the newest evidence was recorded, not counting any after the time of the assessment; in milliseconds since 1970.
    pub newest_at_ms: Option<i64>,
    pub is_fresh: bool,
}

/// How many events were what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Events of the types that the mapping names for the clause: the population.
    pub seen: u64,
    pub evidence: u64,
    pub violations: u64,
    /// Violations that no later mitigation answers.
    pub open: u64,
    pub mitigations: u64,
    /// Events of which nobody can tell, because a field is missing or of another type.
    pub unreadable: u64,
}

/// What is said of a clause, with the entries that say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClauseResult {
    pub clause: ClauseRef,
    pub verdict: Verdict,
    pub reason: Reason,
    pub freshness: Freshness,
    pub counts: Counts,
    /// The newest entries of each kind in the order of the log, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<u64>,
    pub open: Vec<u64>,
    pub mitigations: Vec<u64>,
    pub unreadable: Vec<u64>,
}

/// An event that does not stand behind the one before it. What answers what is a question of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entry {index} does not stand behind {last}")]
pub struct OutOfOrder {
    pub index: u64,
    pub last: u64,
}

/// Takes events one by one in the order of the log. It holds the violations that are open and not the events.
#[derive(Debug)]
pub struct Assessor<'m> {
    mapping: &'m Mapping,
    now_ms: i64,
    last: Option<u64>,
    /// One for each clause of the mapping.
    tallies: Vec<Tally>,
    /// How many of the newest entries of each kind are kept.
    keeps: usize,
}

/// What was counted of a clause so far, so that an assessment goes on where it was left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    counts: Counts,
    newest_at_ms: Option<i64>,
    evidence: Newest,
    mitigations: Newest,
    unreadable: Newest,
    /// The entries by what a mitigation must share with them.
    open: BTreeMap<String, Vec<u64>>,
    /// Open violations beyond [`OPEN_MAX`]: nothing tells any more when they are answered, so they stay open.
    untracked: u64,
}

/// The newest entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Newest(BTreeSet<u64>);

impl Newest {
    fn add(&mut self, index: u64, keeps: usize) {
        self.0.insert(index);
        if self.0.len() > keeps {
            self.0.pop_first();
        }
    }

    fn list(&self) -> Vec<u64> {
        self.0.iter().copied().collect()
    }
}

impl<'m> Assessor<'m> {
    /// Assesses at `now_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn new(mapping: &'m Mapping, now_ms: i64) -> Self {
        Self {
            mapping,
            now_ms,
            last: None,
            tallies: vec![Tally::default(); mapping.clauses.len()],
            keeps: EVIDENCE_MAX,
        }
    }

    /// Goes on from what was counted up to the entry `last`, keeping so many of the newest entries of each kind.
    #[must_use]
    pub fn resume(mapping: &'m Mapping, now_ms: i64, last: Option<u64>, tallies: Vec<Tally>, keeps: usize) -> Self {
        let mut tallies = tallies;
        tallies.resize(mapping.clauses.len(), Tally::default());
        Self { mapping, now_ms, last, tallies, keeps }
    }

    /// What was counted so far, one for each clause of the mapping.
    #[must_use]
    pub fn into_tallies(self) -> Vec<Tally> {
        self.tallies
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`OutOfOrder`] when it does not stand behind the one before.
    pub fn push(&mut self, event: &Event) -> Result<(), OutOfOrder> {
        if let Some(last) = self.last.filter(|last| *last >= event.index) {
            return Err(OutOfOrder { index: event.index, last });
        }
        self.last = Some(event.index);
        let mapping = self.mapping;
        let mut seen = BTreeSet::new();
        let mut said = BTreeSet::new();
        for (rule, matched) in mapping.rules_for(event) {
            for place in &rule.clauses {
                let Some(tally) = self.tallies.get_mut(*place) else { continue };
                if seen.insert(*place) {
                    tally.counts.seen += 1;
                }
                // Two rules may say the same of one event; it counts once.
                let key = (*place, matched == Match::Yes, rule.role);
                if matched != Match::No && said.insert(key) {
                    tally.add(event, rule, matched, self.now_ms, self.keeps);
                }
            }
        }
        Ok(())
    }

    /// What is said of each clause, in the order of the mapping.
    #[must_use]
    pub fn finish(self) -> Vec<ClauseResult> {
        let clauses = self.mapping.clauses.iter().zip(self.tallies);
        clauses.map(|(clause, tally)| tally.result(clause, self.now_ms)).collect()
    }
}

impl Tally {
    fn add(&mut self, event: &Event, rule: &Rule, matched: Match, now_ms: i64, keeps: usize) {
        if matched == Match::Unknown {
            self.counts.unreadable += 1;
            self.unreadable.add(event.index, keeps);
            return;
        }
        match rule.role {
            Role::Evidence => {
                self.counts.evidence += 1;
                self.evidence.add(event.index, keeps);
                if event.at_ms <= now_ms {
                    self.newest_at_ms = self.newest_at_ms.max(Some(event.at_ms));
                }
            }
            Role::Violation => {
                self.counts.violations += 1;
                if self.open.len() >= OPEN_MAX {
                    self.untracked += 1;
                } else {
                    self.open.entry(rule.pair_key(event)).or_default().push(event.index);
                }
            }
            Role::Mitigation => {
                self.counts.mitigations += 1;
                self.mitigations.add(event.index, keeps);
                self.open.remove(&rule.pair_key(event));
            }
        }
    }

    /// Whether an entry is a violation that nothing answered yet.
    #[must_use]
    pub fn is_open(&self, index: u64) -> bool {
        self.open.values().flatten().any(|open| *open == index)
    }

    /// What is said of the clause at `now_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn result(mut self, clause: &Clause, now_ms: i64) -> ClauseResult {
        let mut open = Newest::default();
        self.counts.open = self.untracked;
        for index in self.open.values().flatten() {
            self.counts.open += 1;
            open.add(*index, EVIDENCE_MAX);
        }
        let days = match clause.needs {
            Needs::Fresh { days } => Some(days),
            Needs::Occurrence | Needs::Elsewhere { .. } => None,
        };
        let age_ms = self.newest_at_ms.map(|newest| now_ms.saturating_sub(newest));
        let is_fresh = age_ms.is_some_and(|age| days.is_none_or(|days| age <= i64::from(days) * DAY_MS));
        let (verdict, reason) = self.verdict(clause, age_ms, is_fresh);
        ClauseResult {
            clause: clause.of.clone(),
            verdict,
            reason,
            freshness: Freshness { days, newest_at_ms: self.newest_at_ms, is_fresh },
            evidence: self.evidence.list(),
            open: open.list(),
            mitigations: self.mitigations.list(),
            unreadable: self.unreadable.list(),
            counts: self.counts,
        }
    }

    fn verdict(&self, clause: &Clause, age_ms: Option<i64>, is_fresh: bool) -> (Verdict, Reason) {
        let counts = &self.counts;
        // A violation that is known outweighs everything that is not.
        if counts.open > 0 {
            return (Verdict::NotSatisfied, Reason::OpenViolations { open: counts.open });
        }
        let reason = match (&clause.needs, age_ms) {
            (Needs::Elsewhere { reason }, _) => Reason::Elsewhere { why: reason.clone() },
            _ if counts.unreadable > 0 => Reason::Unreadable { events: counts.unreadable },
            (Needs::Occurrence, None) if counts.evidence == 0 => Reason::NoOccurrence,
            (_, None) if counts.evidence == 0 => Reason::NoEvidence,
            (_, None) => Reason::FromTheFuture,
            (Needs::Fresh { days }, Some(age_ms)) if !is_fresh => {
                Reason::Stale { age_days: age_ms.unsigned_abs() / DAY_MS.unsigned_abs(), days: *days }
            }
            (_, Some(_)) => return (Verdict::Satisfied, Reason::Evidence),
        };
        (Verdict::NotEvaluable, reason)
    }
}

/// What is said of each clause from events in any order, at `now_ms` in milliseconds since 1970.
///
/// # Errors
/// [`OutOfOrder`] when two events have one index.
pub fn assess(mapping: &Mapping, events: &[Event], now_ms: i64) -> Result<Vec<ClauseResult>, OutOfOrder> {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_key(|event| event.index);
    let mut assessor = Assessor::new(mapping, now_ms);
    sorted.into_iter().try_for_each(|event| assessor.push(event))?;
    Ok(assessor.finish())
}
