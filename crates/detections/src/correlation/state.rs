//! What a correlation remembers, group by group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spec::{Bounds, Correlation, Measure};
use crate::limits::{Dropped, Limits};

/// How many of the oldest records are looked through for one that can go without loss.
const VICTIMS: usize = 16;
/// Records of all groups of one correlation, for each group that it may have.
const SAMPLES_PER_GROUP: usize = 10;

/// A record of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) id: Arc<str>,
    /// The index of the rule within the correlation.
    pub(crate) input: usize,
    pub(crate) value: Option<Arc<str>>,
    /// Whether the correlation has fired here.
    pub(crate) fired: bool,
}

/// The correlation holds for the span that ends here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) key: Arc<str>,
    pub(crate) at: i64,
    pub(crate) id: Arc<str>,
    /// The number of the aligned span.
    pub(crate) bucket: i64,
    pub(crate) first: i64,
    pub(crate) records: Vec<String>,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Group {
    /// By time, then id, then rule.
    entries: VecDeque<Entry>,
    newest: i64,
    /// The aligned spans that have their alert.
    raised: BTreeSet<i64>,
}

/// How soon a group has to go when there are too many: those of one record first, then by age. A flood of groups that
/// each say one thing can not push out one that has gathered something.
type Rank = (bool, i64);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CorrelationState {
    groups: BTreeMap<Arc<str>, Group>,
    /// Aligned spans that wait for the watermark, by their end.
    open: BTreeSet<(i64, Arc<str>)>,
    #[serde(skip)]
    ranks: BTreeSet<(Rank, Arc<str>)>,
    #[serde(skip)]
    samples: usize,
}

impl Group {
    fn rank(&self) -> Rank {
        (self.entries.len() > 1, self.newest)
    }

    /// The records of the span that ends with `end`.
    fn window(&self, end: i64, span: i64) -> impl DoubleEndedIterator<Item = &Entry> + Clone {
        let from = self.entries.partition_point(|entry| entry.at <= end.saturating_sub(span));
        let to = self.entries.partition_point(|entry| entry.at <= end).max(from);
        self.entries.range(from..to)
    }

    fn holds(&self, end: i64, spec: &Correlation) -> bool {
        match (&spec.condition, spec.measure) {
            (Bounds::AtLeast(least), Measure::Values) => {
                let mut seen = BTreeSet::new();
                self.window(end, spec.span).any(|entry| {
                    seen.insert(entry.value.as_deref());
                    seen.len() as u64 >= *least
                })
            }
            (bounds, measure) => bounds.hold(measured(measure, self.window(end, spec.span))),
        }
    }

    fn fired(&self, key: &Arc<str>, entry: &Entry, spec: &Correlation, evidence: usize) -> Fired {
        let window = self.window(entry.at, spec.span);
        let mut records: Vec<String> = window.clone().rev().take(evidence).map(|entry| entry.id.to_string()).collect();
        records.reverse();
        records.dedup();
        Fired {
            key: Arc::clone(key),
            at: entry.at,
            id: Arc::clone(&entry.id),
            bucket: entry.at.div_euclid(spec.span),
            first: window.clone().next().map_or(entry.at, |first| first.at),
            records,
            count: window.count() as u64,
        }
    }

    /// Forgets what no record in time can reach. Returns how many records went.
    fn forget(&mut self, watermark: i64, span: i64) -> usize {
        let reach = watermark.saturating_sub(span);
        let before = self.entries.len();
        while self.entries.front().is_some_and(|entry| entry.at <= reach) {
            self.entries.pop_front();
        }
        while self.raised.first().is_some_and(|bucket| bucket.saturating_add(2).saturating_mul(span) <= watermark) {
            self.raised.pop_first();
        }
        before - self.entries.len()
    }

    /// The record whose loss costs least.
    fn victim(&self, measure: Measure) -> usize {
        let is_spare = |(index, entry): &(usize, &Entry)| match measure {
            Measure::Events => true,
            Measure::Values => self.entries.iter().skip(index + 1).any(|later| later.value == entry.value),
            Measure::Rules | Measure::RulesInOrder => {
                self.entries.iter().skip(index + 1).any(|later| later.input == entry.input)
            }
        };
        self.entries.iter().enumerate().take(VICTIMS).find(is_spare).map_or(0, |(index, _)| index)
    }
}

/// How much of what the correlation counts is in the window.
fn measured<'a>(measure: Measure, window: impl Iterator<Item = &'a Entry> + Clone) -> u64 {
    match measure {
        Measure::Events => window.count() as u64,
        Measure::Values => window.map(|entry| entry.value.as_deref()).collect::<BTreeSet<_>>().len() as u64,
        Measure::Rules => u64::from(window.fold(0_u64, |seen, entry| seen | 1 << (entry.input % 64)).count_ones()),
        Measure::RulesInOrder => {
            // Records of one millisecond have no order of their own: either one may be first.
            let (mut wanted, mut last): (usize, Option<&Entry>) = (0, None);
            let follows = |entry: &Entry, last: Option<&Entry>| {
                last.is_none_or(|last| entry.at > last.at || (entry.at == last.at && entry.id != last.id))
            };
            while let Some(next) = window.clone().find(|entry| entry.input == wanted && follows(entry, last)) {
                (wanted, last) = (wanted + 1, Some(next));
            }
            wanted as u64
        }
    }
}

impl CorrelationState {
    /// Builds again what a snapshot leaves out.
    pub(crate) fn reindex(&mut self) {
        self.ranks = self.groups.iter().map(|(key, group)| (group.rank(), Arc::clone(key))).collect();
        self.samples = self.groups.values().map(|group| group.entries.len()).sum();
    }

    /// Takes a record and returns where the correlation now holds and did not before. With `is_chained` that is every
    /// record, otherwise one of each aligned span.
    pub(crate) fn insert(
        &mut self,
        spec: &Correlation,
        key: Arc<str>,
        entry: Entry,
        bounds: (&Limits, i64),
        is_chained: bool,
        dropped: &mut Dropped,
    ) -> Vec<Fired> {
        let (limits, watermark) = bounds;
        self.expire(spec.span, watermark);
        let group = self.groups.entry(Arc::clone(&key)).or_default();
        if !group.entries.is_empty() {
            self.ranks.remove(&(group.rank(), Arc::clone(&key)));
        }
        self.samples -= group.forget(watermark, spec.span).min(self.samples);
        let at = entry.at;
        let index = group.entries.partition_point(|other| *other < entry);
        group.newest = if group.entries.is_empty() { at } else { group.newest.max(at) };
        group.entries.insert(index, entry);
        self.samples += 1;
        if group.entries.len() > limits.samples {
            let victim = group.victim(spec.measure);
            group.entries.remove(victim);
            self.samples -= 1;
            dropped.samples += 1;
        }
        let mut fired = Vec::new();
        if matches!(spec.condition, Bounds::AtLeast(_)) {
            fired = ends(group, &key, at, spec, limits, is_chained);
        } else {
            let end = at.div_euclid(spec.span).saturating_add(1).saturating_mul(spec.span);
            self.open.insert((end, Arc::clone(&key)));
        }
        self.ranks.insert((group.rank(), key));
        self.evict(limits, dropped);
        fired
    }

    /// The aligned spans that the watermark has passed and whose condition holds.
    pub(crate) fn close(&mut self, spec: &Correlation, watermark: i64, limits: &Limits) -> Vec<Fired> {
        let mut fired = Vec::new();
        while let Some((end, key)) = self.open.first().cloned().filter(|(end, _)| *end <= watermark) {
            self.open.pop_first();
            let Some(group) = self.groups.get(&key) else { continue };
            // The aligned span is half open at its end, a window at its start.
            let last = end.saturating_sub(1);
            if group.holds(last, spec)
                && let Some(entry) = group.window(last, spec.span).next_back()
            {
                let mut found = group.fired(&key, &Entry { at: last, ..entry.clone() }, spec, limits.evidence);
                found.at = entry.at;
                fired.push(found);
            }
        }
        fired
    }

    /// Forgets the groups that no record in time can reach.
    pub(crate) fn expire(&mut self, span: i64, watermark: i64) {
        let reach = watermark.saturating_sub(span);
        for is_many in [false, true] {
            loop {
                let from = ((is_many, i64::MIN), Arc::default());
                let Some(oldest) = self.ranks.range(from..).next().cloned() else { break };
                if oldest.0.0 != is_many || oldest.0.1 > reach {
                    break;
                }
                self.remove(&oldest);
            }
        }
    }

    fn evict(&mut self, limits: &Limits, dropped: &mut Dropped) {
        let samples = limits.groups.saturating_mul(SAMPLES_PER_GROUP).max(limits.samples);
        while self.groups.len() > limits.groups || self.samples > samples {
            let Some(oldest) = self.ranks.first().cloned() else { return };
            self.remove(&oldest);
            dropped.groups += 1;
        }
    }

    fn remove(&mut self, ranked: &(Rank, Arc<str>)) {
        self.ranks.remove(ranked);
        if let Some(group) = self.groups.remove(&ranked.1) {
            self.samples -= group.entries.len().min(self.samples);
        }
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }
}

/// Where the correlation holds after a record of `at` came.
fn ends(
    group: &mut Group,
    key: &Arc<str>,
    at: i64,
    spec: &Correlation,
    limits: &Limits,
    is_chained: bool,
) -> Vec<Fired> {
    let mut found = Vec::new();
    let mut index = group.entries.partition_point(|entry| entry.at < at);
    while let Some(entry) = group.entries.get(index) {
        let bucket = entry.at.div_euclid(spec.span);
        if entry.at >= at.saturating_add(spec.span) {
            break;
        }
        let is_known = if is_chained { entry.fired } else { group.raised.contains(&bucket) };
        if !is_known && group.holds(entry.at, spec) {
            found.push(group.fired(key, entry, spec, limits.evidence));
            group.raised.insert(bucket);
            if let Some(entry) = group.entries.get_mut(index) {
                entry.fired = true;
            }
        }
        index += 1;
    }
    found
}
