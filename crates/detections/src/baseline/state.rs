//! What a baseline remembers of each entity and cohort.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::spec::{Baseline, NewValue, Rate, Travel, Watch};
use super::tail::tail;
use crate::limits::{Dropped, Limits};

/// Values of one entity; when it has more, what is new can no longer be told and nothing alerts.
const VALUES_MAX: usize = 256;
/// The earth's mean radius in metres (IUGG).
const EARTH: f64 = 6_371_008.8;

/// A record that waits for the watermark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) at: i64,
    pub(crate) id: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) cohort: Arc<str>,
    pub(crate) values: Vec<String>,
}

/// A record is unusual for its entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusual {
    pub(crate) key: Arc<str>,
    pub(crate) at: i64,
    pub(crate) first: i64,
    pub(crate) records: Vec<String>,
    pub(crate) count: u64,
    /// What makes the alert one: the period, the value, or the record.
    pub(crate) cause: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Entity {
    /// When the entity was first and last seen.
    first: i64,
    last: i64,
    /// Of closed periods with records in them.
    events: u64,
    periods: u64,
    /// Of the open period.
    period: i64,
    since: i64,
    count: u64,
    records: Vec<String>,
    is_raised: bool,
    values: BTreeSet<String>,
    /// The last time and position, in the bits of the numbers: JSON does not give every number back exactly.
    place: Option<(i64, u64, u64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cohort {
    events: u64,
    periods: u64,
    /// How many entities have each value.
    values: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct BaselineState {
    pending: BTreeSet<Item>,
    entities: BTreeMap<Arc<str>, Entity>,
    cohorts: BTreeMap<Arc<str>, Cohort>,
    #[serde(skip)]
    ages: BTreeSet<(i64, Arc<str>)>,
}

impl BaselineState {
    /// Builds again what a snapshot leaves out.
    pub(crate) fn reindex(&mut self) {
        self.ages = self.entities.iter().map(|(key, entity)| (entity.last, Arc::clone(key))).collect();
    }

    pub(crate) fn insert(&mut self, item: Item) {
        self.pending.insert(item);
    }

    /// Takes what the watermark has passed, and the oldest where too many wait.
    pub(crate) fn settle(
        &mut self,
        spec: &Baseline,
        watermark: i64,
        limits: &Limits,
        dropped: &mut Dropped,
    ) -> Vec<Unusual> {
        let mut found = Vec::new();
        loop {
            let is_hurried = self.pending.len() > limits.pending;
            if !self.pending.first().is_some_and(|item| item.at < watermark || is_hurried) {
                return found;
            }
            let Some(item) = self.pending.pop_first() else { return found };
            dropped.hurried += u64::from(item.at >= watermark);
            found.extend(self.take(spec, item, limits, dropped));
        }
    }

    fn take(&mut self, spec: &Baseline, item: Item, limits: &Limits, dropped: &mut Dropped) -> Option<Unusual> {
        if !self.entities.contains_key(&item.key) && self.entities.len() >= limits.groups {
            let (_, oldest) = self.ages.pop_first()?;
            self.entities.remove(&oldest);
            dropped.groups += 1;
        }
        let cohort_is_known = self.cohorts.contains_key(&item.cohort) || self.cohorts.len() < limits.groups;
        let name = if cohort_is_known { Arc::clone(&item.cohort) } else { Arc::default() };
        let cohort = self.cohorts.entry(name).or_default();
        let fresh = Entity { first: item.at, last: item.at, period: i64::MIN, ..Entity::default() };
        let entity = self.entities.entry(Arc::clone(&item.key)).or_insert(fresh);
        self.ages.remove(&(entity.last, Arc::clone(&item.key)));
        entity.last = entity.last.max(item.at);
        self.ages.insert((entity.last, Arc::clone(&item.key)));
        match &spec.watch {
            Watch::Rate(watch) => entity.rate(watch, cohort, &item, limits.evidence),
            Watch::NewValue(watch) => entity.new_value(watch, cohort, item),
            Watch::Travel(watch) => entity.travel(watch, &item),
        }
    }

    pub(crate) fn groups(&self) -> usize {
        self.entities.len()
    }
}

impl Entity {
    fn rate(&mut self, watch: &Rate, cohort: &mut Cohort, item: &Item, evidence: usize) -> Option<Unusual> {
        let period = item.at.div_euclid(watch.period);
        if period > self.period {
            // A period that was unusual teaches nothing, or an attack would teach its own rate.
            if self.count > 0 && !self.is_raised {
                self.events += self.count;
                self.periods += 1;
                cohort.events += self.count;
                cohort.periods += 1;
            }
            (self.period, self.since, self.count, self.is_raised) = (period, item.at, 0, false);
            self.records.clear();
        }
        self.count += 1;
        if self.is_raised {
            return None;
        }
        if self.records.len() >= evidence && !self.records.is_empty() {
            self.records.remove(0);
        }
        self.records.push(item.id.to_string());
        if self.count < watch.minimum || cohort.periods < watch.learning_periods.max(1) {
            return None;
        }
        let mean = cohort.events as f64 / cohort.periods as f64;
        if tail(self.count, self.events, self.periods, mean, watch.prior_periods) >= watch.tail {
            return None;
        }
        self.is_raised = true;
        Some(Unusual {
            key: Arc::clone(&item.key),
            at: item.at,
            first: self.since,
            records: std::mem::take(&mut self.records),
            count: self.count,
            cause: period.to_string(),
        })
    }

    fn new_value(&mut self, watch: &NewValue, cohort: &mut Cohort, item: Item) -> Option<Unusual> {
        let Item { at, id, key, mut values, .. } = item;
        let value = values.pop()?;
        if self.values.contains(&value) || self.values.len() >= VALUES_MAX {
            return None;
        }
        self.values.insert(value.clone());
        let is_known = cohort.values.contains_key(&value) || cohort.values.len() < VALUES_MAX;
        let others = if is_known { cohort.values.entry(value.clone()).or_default() } else { &mut 0 };
        let is_common = watch.common_in > 0 && *others >= watch.common_in;
        *others += 1;
        if is_common || at < self.first.saturating_add(watch.learning) {
            return None;
        }
        Some(Unusual { key, at, first: at, records: vec![id.to_string()], count: 1, cause: value })
    }

    fn travel(&mut self, watch: &Travel, item: &Item) -> Option<Unusual> {
        let mut values = item.values.iter().map(|value| value.parse::<f64>().ok());
        let (latitude, longitude) = (values.next()??, values.next()??);
        if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
            return None;
        }
        let before = self.place.replace((item.at, latitude.to_bits(), longitude.to_bits()));
        let record = std::mem::replace(&mut self.records, vec![item.id.to_string()]);
        let (then, from_latitude, from_longitude) = before?;
        let from = (f64::from_bits(from_latitude), f64::from_bits(from_longitude));
        let metres = distance(from, (latitude, longitude));
        // Two records of one millisecond count as one millisecond apart.
        let seconds = item.at.saturating_sub(then).max(1) as f64 / 1_000.0;
        if metres <= watch.distance || metres / seconds <= watch.speed {
            return None;
        }
        let records = record.into_iter().chain([item.id.to_string()]).collect();
        let key = Arc::clone(&item.key);
        Some(Unusual { key, at: item.at, first: then, records, count: 2, cause: item.id.to_string() })
    }
}

/// The way along the great circle in metres (haversine).
fn distance(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (from_latitude, to_latitude) = (from.0.to_radians(), to.0.to_radians());
    let half_latitude = ((to_latitude - from_latitude) / 2.0).sin();
    let half_longitude = ((to.1 - from.1).to_radians() / 2.0).sin();
    let chord = half_latitude.powi(2) + from_latitude.cos() * to_latitude.cos() * half_longitude.powi(2);
    2.0 * EARTH * chord.sqrt().min(1.0).asin()
}
