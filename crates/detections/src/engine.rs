//! Records in, alerts out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::baseline::{Baseline, BaselineState, Item};
use crate::clock::Clock;
use crate::correlation::{Correlation, CorrelationState, Entry, Fired};
use crate::error::RuleError;
use crate::key::{digest, hex, kept, named, narrowed, of_record};
use crate::limits::{Dropped, Limits};
use crate::recent::Recent;
use crate::record::Record;
use crate::rules::{Body, INDEX_FIELD, Rule, RuleFile, RuleInfo, RuleSet};

/// All rules, and what they remember.
#[derive(Debug, Clone)]
pub struct Engine {
    rules: Arc<RuleSet>,
    limits: Limits,
    state: State,
}

/// What an engine remembers, to be kept and given back to [`Engine::restore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of the rules that the state belongs to.
    rules: String,
    clock: Clock,
    seen: Recent,
    raised: Recent,
    /// By the order of the rules.
    memory: Vec<Memory>,
    /// How often each rule matched and how often it alerted.
    hits: Vec<(u64, u64)>,
    dropped: Dropped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Memory {
    None,
    Correlation(CorrelationState),
    Baseline(BaselineState),
}

/// A state that an engine can not go on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("the rules are not valid")]
    Rules(Vec<RuleError>),
    #[error("the state belongs to other rules: build it again from the records")]
    OtherRules,
}

/// What makes an alert, before the rule's own words are added.
struct Cause {
    key: Arc<str>,
    /// What tells this alert from others of its rule and group.
    part: String,
    first: i64,
    last: i64,
    records: Vec<String>,
    count: u64,
}

/// A record or a firing on its way to a listener.
struct Heard {
    listener: usize,
    input: usize,
    key: Arc<str>,
    value: Option<Arc<str>>,
    at: i64,
    id: Arc<str>,
}

impl Engine {
    /// An engine with the default limits.
    ///
    /// # Errors
    /// Everything that is wrong with the rules.
    pub fn new(files: &[RuleFile]) -> Result<Self, Vec<RuleError>> {
        Self::with_limits(files, Limits::default())
    }

    /// An engine.
    ///
    /// # Errors
    /// Everything that is wrong with the rules.
    pub fn with_limits(files: &[RuleFile], limits: Limits) -> Result<Self, Vec<RuleError>> {
        let rules = RuleSet::compile(files, &limits)?;
        let memory = rules.rules.iter().map(|rule| match rule.body {
            Body::Detection(_) => Memory::None,
            Body::Correlation(_) => Memory::Correlation(CorrelationState::default()),
            Body::Baseline(_) => Memory::Baseline(BaselineState::default()),
        });
        let state = State {
            rules: rules.digest.clone(),
            clock: Clock::default(),
            seen: Recent::default(),
            raised: Recent::default(),
            memory: memory.collect(),
            hits: vec![(0, 0); rules.rules.len()],
            dropped: Dropped::default(),
        };
        Ok(Self { rules: Arc::new(rules), limits, state })
    }

    /// An engine that goes on from a state.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(files: &[RuleFile], limits: Limits, state: State) -> Result<Self, RestoreError> {
        let mut engine = Self::with_limits(files, limits).map_err(RestoreError::Rules)?;
        let same = |(old, new): (&Memory, &Memory)| std::mem::discriminant(old) == std::mem::discriminant(new);
        let memories = state.memory.len() == engine.state.memory.len()
            && state.hits.len() == engine.state.hits.len()
            && state.memory.iter().zip(&engine.state.memory).all(same);
        if state.rules != engine.rules.digest || !memories {
            return Err(RestoreError::OtherRules);
        }
        engine.state = state;
        for memory in &mut engine.state.memory {
            match memory {
                Memory::None => {}
                Memory::Correlation(state) => state.reindex(),
                Memory::Baseline(state) => state.reindex(),
            }
        }
        Ok(engine)
    }

    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.state.dropped
    }

    /// The time before which no record is waited for; nothing before the first record.
    #[must_use]
    pub fn watermark_ms(&self) -> Option<i64> {
        Some(self.state.clock.watermark).filter(|watermark| *watermark != i64::MIN)
    }

    /// Every rule, with how often it matched and how often it alerted.
    pub fn rules(&self) -> impl Iterator<Item = (&RuleInfo, u64, u64)> {
        let hits = self.state.hits.iter();
        self.rules.rules.iter().zip(hits).map(|(rule, (matched, alerted))| (&rule.info, *matched, *alerted))
    }

    /// How many groups and ids are remembered, over all rules.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let groups = self.state.memory.iter().map(|memory| match memory {
            Memory::None => 0,
            Memory::Correlation(state) => state.groups(),
            Memory::Baseline(state) => state.groups(),
        });
        groups.sum::<usize>() + self.state.seen.len() + self.state.raised.len()
    }

    /// Takes a record, and returns the alerts that it completes.
    pub fn push(&mut self, record: &Record) -> Vec<Alert> {
        let id = digest(&[&record.id]);
        if self.state.seen.contains(&id) {
            self.state.dropped.duplicates += 1;
            return Vec::new();
        }
        let mut alerts = Vec::new();
        let before = self.state.clock.watermark;
        let is_in_time = self.state.clock.observe(record.at_ms, &self.limits, &mut self.state.dropped);
        let until = record.at_ms.max(self.state.clock.watermark).saturating_add(self.limits.ids_ms);
        self.state.seen.insert(id, until, self.limits.ids, &mut self.state.dropped.ids);
        if self.state.clock.watermark != before {
            self.settle(&mut alerts);
        }
        let rules = Arc::clone(&self.rules);
        let kind = record.field(INDEX_FIELD).and_then(crate::Scalar::text);
        let kind = kind.as_deref().map(crate::sigma::folded);
        for index in rules.candidates(kind.as_deref()) {
            let Some(rule) = rules.rules.get(index) else { continue };
            if let Body::Detection(detection) = &rule.body
                && detection.matches(record)
            {
                self.matched(index, rule, record, is_in_time, &mut alerts);
            }
        }
        alerts
    }

    /// Tells that no record before `watermark_ms` will come any more, and returns the alerts that waited for it.
    pub fn advance(&mut self, watermark_ms: i64) -> Vec<Alert> {
        let mut alerts = Vec::new();
        self.state.clock.advance(watermark_ms);
        self.settle(&mut alerts);
        alerts
    }

    /// What waited for the watermark.
    fn settle(&mut self, alerts: &mut Vec<Alert>) {
        let watermark = self.state.clock.watermark;
        self.state.seen.forget(watermark);
        self.state.raised.forget(watermark);
        let rules = Arc::clone(&self.rules);
        for (index, rule) in rules.rules.iter().enumerate() {
            match (&rule.body, self.state.memory.get_mut(index)) {
                (Body::Correlation(spec), Some(Memory::Correlation(state))) => {
                    for fired in state.close(spec, watermark, &self.limits) {
                        self.raise(index, rule, fired.into(), alerts);
                    }
                }
                (Body::Baseline(spec), Some(Memory::Baseline(state))) => {
                    for unusual in state.settle(spec, watermark, &self.limits, &mut self.state.dropped) {
                        self.raise(index, rule, unusual.into(), alerts);
                    }
                }
                _ => {}
            }
        }
    }

    fn matched(&mut self, index: usize, rule: &Rule, record: &Record, is_in_time: bool, alerts: &mut Vec<Alert>) {
        if rule.info.alerts {
            self.raise(index, rule, single(rule, record), alerts);
        } else {
            self.hit(index);
        }
        if !is_in_time {
            return;
        }
        let rules = Arc::clone(&self.rules);
        let id: Arc<str> = record.id.as_str().into();
        for (listener, input) in &rule.listeners {
            match rules.rules.get(*listener).map(|listener| &listener.body) {
                Some(Body::Correlation(spec)) => {
                    let Some((key, value)) = grouped(spec, *input, record, &rule.info.name) else { continue };
                    let (listener, input) = (*listener, *input);
                    let heard = Heard { listener, input, key, value, at: record.at_ms, id: Arc::clone(&id) };
                    self.hear(heard, alerts);
                }
                Some(Body::Baseline(spec)) => {
                    if let Some(item) = item(spec, record, &rule.info.name, &id)
                        && let Some(Memory::Baseline(state)) = self.state.memory.get_mut(*listener)
                    {
                        state.insert(item);
                    }
                }
                Some(Body::Detection(_)) | None => {}
            }
        }
    }

    /// Gives a record to a correlation, and what fires to those that listen to it.
    fn hear(&mut self, heard: Heard, alerts: &mut Vec<Alert>) {
        let rules = Arc::clone(&self.rules);
        let mut waiting = vec![heard];
        while let Some(heard) = waiting.pop() {
            let Some(rule) = rules.rules.get(heard.listener) else { continue };
            let (Body::Correlation(spec), Some(Memory::Correlation(state))) =
                (&rule.body, self.state.memory.get_mut(heard.listener))
            else {
                continue;
            };
            let Heard { listener, input, key, value, at, id } = heard;
            let entry = Entry { at, id, input, value, fired: false };
            let bounds = (&self.limits, self.state.clock.watermark);
            let is_chained = !rule.listeners.is_empty();
            for fired in state.insert(spec, key, entry, bounds, is_chained, &mut self.state.dropped) {
                waiting.extend(rule.listeners.iter().filter_map(|link| passed_on(&rules, spec, &fired, *link)));
                if rule.info.alerts {
                    self.raise(listener, rule, fired.into(), alerts);
                } else {
                    self.hit(listener);
                }
            }
        }
    }

    fn hit(&mut self, index: usize) {
        if let Some((matched, _)) = self.state.hits.get_mut(index) {
            *matched += 1;
        }
    }

    fn raise(&mut self, index: usize, rule: &Rule, cause: Cause, alerts: &mut Vec<Alert>) {
        self.hit(index);
        let id = digest(&[&rule.info.name, &cause.key, &cause.part]);
        let span = match &rule.body {
            Body::Correlation(spec) => spec.span,
            Body::Detection(_) | Body::Baseline(_) => rule.info.suppress.unwrap_or(0),
        };
        let kept = span.saturating_mul(2).max(self.limits.ids_ms);
        let until = cause.last.max(self.state.clock.watermark).saturating_add(kept);
        if !self.state.raised.insert(id, until, self.limits.ids, &mut self.state.dropped.ids) {
            self.state.dropped.suppressed += 1;
            return;
        }
        if let Some((_, alerted)) = self.state.hits.get_mut(index) {
            *alerted += 1;
        }
        let info = &rule.info;
        alerts.push(Alert {
            id: hex(id),
            rule: info.name.clone(),
            title: info.title.clone(),
            level: info.level,
            group: named(&info.group_by, &cause.key),
            first_ms: cause.first,
            last_ms: cause.last,
            records: cause.records,
            count: cause.count,
            attack: info.attack.clone(),
            r155: info.r155.clone(),
            false_positives: info.false_positives.clone(),
        });
    }
}

/// A single event as a cause. Fields that the record lacks stay empty.
fn single(rule: &Rule, record: &Record) -> Cause {
    let text = |field: &String| record.field(field).and_then(crate::Scalar::text).map(|text| kept(&text));
    let values: Vec<String> = rule.info.group_by.iter().map(|field| text(field).unwrap_or_default()).collect();
    let part = match rule.info.suppress {
        Some(span) => record.at_ms.div_euclid(span).to_string(),
        None => record.id.clone(),
    };
    Cause {
        key: values.join("\u{1f}").into(),
        part,
        first: record.at_ms,
        last: record.at_ms,
        records: vec![record.id.clone()],
        count: 1,
    }
}

/// The group and the counted value of a record; nothing where it lacks a field.
fn grouped(spec: &Correlation, input: usize, record: &Record, rule: &str) -> Option<(Arc<str>, Option<Arc<str>>)> {
    let input = spec.inputs.get(input)?;
    let key = of_record(&input.group, record, rule)?;
    let value = match &input.value {
        None => None,
        Some(field) => Some(of_record(std::slice::from_ref(field), record, rule)?),
    };
    Some((key, value))
}

fn item(spec: &Baseline, record: &Record, rule: &str, id: &Arc<str>) -> Option<Item> {
    let key = of_record(&spec.group_by, record, rule)?;
    let cohort = of_record(&spec.cohort_by, record, rule).unwrap_or_default();
    let values = spec.fields().into_iter().map(|field| Some(kept(&record.field(field)?.text()?)));
    Some(Item { at: record.at_ms, id: Arc::clone(id), key, cohort, values: values.collect::<Option<_>>()? })
}

/// A firing as its listener hears it.
fn passed_on(rules: &RuleSet, spec: &Correlation, fired: &Fired, link: (usize, usize)) -> Option<Heard> {
    let (listener, input) = link;
    let Body::Correlation(listening) = &rules.rules.get(listener)?.body else { return None };
    let wanted = listening.inputs.get(input)?;
    let key = narrowed(&spec.group_by, &fired.key, &wanted.group)?;
    let value = match &wanted.value {
        None => None,
        Some(field) => Some(narrowed(&spec.group_by, &fired.key, std::slice::from_ref(field))?),
    };
    Some(Heard { listener, input, key, value, at: fired.at, id: Arc::clone(&fired.id) })
}

impl From<Fired> for Cause {
    fn from(fired: Fired) -> Self {
        let Fired { key, at, bucket, first, records, count, .. } = fired;
        Self { key, part: bucket.to_string(), first, last: at, records, count }
    }
}

impl From<crate::baseline::Unusual> for Cause {
    fn from(unusual: crate::baseline::Unusual) -> Self {
        let crate::baseline::Unusual { key, at, first, records, count, cause } = unusual;
        Self { key, part: cause, first, last: at, records, count }
    }
}
