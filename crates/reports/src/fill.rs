//! A form filled from the events of the journal, from settings and by a person, whose word wins. What nobody knows is
//! named and never guessed.

use std::collections::{BTreeMap, BTreeSet};

use bundles::Event;
use bundles::compliance::OutOfOrder;
use serde::Serialize;
use serde_json::Value;

use crate::form::{EventSource, Field, Form, Source, Take};

/// The most entries that a field names. The numbers themselves count all.
pub const ENTRIES_MAX: usize = 100;
/// The most different subjects that a field counts, so that the memory has an end.
const DISTINCT_MAX: usize = 100_000;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From these entries of the journal, of which it names the first [`ENTRIES_MAX`].
    Entries(Vec<u64>),
    Setting,
    Person,
    Nothing,
}

/// A field with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilledField {
    pub id: String,
    pub title: String,
    pub value: Option<String>,
    pub from: Origin,
    /// How many entries the value rests on, also those that `from` does not name.
    pub counted: u64,
    pub required: bool,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The id of the field, or the name that no field has.
    pub field: String,
    pub reason: String,
}

/// A filled form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The form's id.
    pub form: String,
    /// In the order of the form.
    pub fields: Vec<FilledField>,
    /// The ids of required fields without a value.
    pub missing: Vec<String>,
    pub faults: Vec<Fault>,
}

impl Filled {
    /// Whether it can be submitted: nothing is missing and nothing is wrong.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.faults.is_empty()
    }

    /// The field with an id.
    #[must_use]
    pub fn field(&self, id: &str) -> Option<&FilledField> {
        self.fields.iter().find(|field| field.id == id)
    }
}

/// Takes events one by one in the order of the log. It holds one value for each field and not the events.
#[derive(Debug)]
pub struct Filler<'f> {
    form: &'f Form,
    tallies: Vec<Tally>,
    /// Fields by the type of event; those that take all types are in `of_all`.
    by_type: BTreeMap<&'f str, Vec<usize>>,
    of_all: Vec<usize>,
    last: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    counted: u64,
    entries: Vec<u64>,
    sum: f64,
    value: Option<Value>,
    subjects: BTreeSet<String>,
    has_too_many: bool,
    /// Events that lack a field that was asked for.
    unreadable: u64,
}

impl<'f> Filler<'f> {
    #[must_use]
    pub fn new(form: &'f Form) -> Self {
        let (mut by_type, mut of_all) = (BTreeMap::<&str, Vec<usize>>::new(), Vec::new());
        for (place, field) in form.fields.iter().enumerate() {
            let Source::Events(source) = &field.source else { continue };
            if source.events.is_empty() {
                of_all.push(place);
            }
            for kind in &source.events {
                by_type.entry(kind).or_default().push(place);
            }
        }
        Self { form, tallies: vec![Tally::default(); form.fields.len()], by_type, of_all, last: None }
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
        let places = self.by_type.get(event.r#type.as_str()).into_iter().flatten().chain(&self.of_all);
        for place in places {
            let source = self.form.fields.get(*place).map(|field| &field.source);
            if let (Some(Source::Events(source)), Some(tally)) = (source, self.tallies.get_mut(*place)) {
                tally.take(source, event);
            }
        }
        Ok(())
    }

    /// The filled form. `settings` are the tenant's, `given` is what a person said by the field's id; an empty text means that
    /// the field stays empty.
    #[must_use]
    pub fn finish(self, settings: &BTreeMap<String, String>, given: &BTreeMap<String, String>) -> Filled {
        let (mut fields, mut missing, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (field, tally) in self.form.fields.iter().zip(self.tallies) {
            let (value, from, counted) = match (given.get(&field.id), &field.source) {
                (Some(given), _) => (Some(given.clone()), Origin::Person, 0),
                (None, Source::Manual) => (None, Origin::Nothing, 0),
                (None, Source::Setting { setting }) => (settings.get(setting).cloned(), Origin::Setting, 0),
                (None, Source::Events(source)) => tally.value(source, &field.id, &mut faults),
            };
            let value = value.filter(|value| !value.trim().is_empty());
            let from = if value.is_none() && from != Origin::Person { Origin::Nothing } else { from };
            if let Some(reason) = value.as_deref().and_then(|value| wrong(field, value)) {
                faults.push(Fault { field: field.id.clone(), reason });
            }
            if value.is_none() && field.required {
                missing.push(field.id.clone());
            }
            let (id, title) = (field.id.clone(), field.title.clone());
            fields.push(FilledField { id, title, value, from, counted, required: field.required });
        }
        let unknown = given.keys().filter(|id| self.form.field(id).is_none());
        faults.extend(unknown.map(|id| Fault { field: id.clone(), reason: "is no field of the form".to_owned() }));
        Filled { form: self.form.id.clone(), fields, missing, faults }
    }
}

/// Why the authority would not take a value.
fn wrong(field: &Field, value: &str) -> Option<String> {
    if !field.choices.is_empty() && !field.choices.iter().any(|choice| choice == value) {
        return Some(format!("is none of: {}", field.choices.join("; ")));
    }
    let chars = value.chars().count();
    field.max_chars.filter(|max| chars > *max).map(|max| format!("has {chars} characters, {max} are allowed"))
}

impl Tally {
    fn take(&mut self, source: &EventSource, event: &Event) {
        match source.takes(event) {
            Some(true) => {}
            Some(false) => return,
            None => {
                self.unreadable += 1;
                return;
            }
        }
        let field = |path: &str| crate::form::value_at(&event.body, path);
        match &source.take {
            Take::Count => self.count(event.index),
            Take::Sum { field: path, .. } => match field(path).and_then(Value::as_f64) {
                Some(number) => {
                    self.sum += number;
                    self.count(event.index);
                }
                None => self.unreadable += 1,
            },
            // A newest event that lacks the field must not let an older one speak for it.
            Take::Newest { field: path } => {
                (self.counted, self.entries) = (1, vec![event.index]);
                self.value = field(path).cloned();
            }
            Take::Oldest { field: path } if self.counted == 0 => {
                self.count(event.index);
                self.value = field(path).cloned();
            }
            Take::Oldest { .. } => {}
            Take::Subject { kind } | Take::Distinct { kind } => {
                let max = if matches!(source.take, Take::Subject { .. }) { 2 } else { DISTINCT_MAX };
                for subject in event.subjects.iter().filter(|subject| subject.kind == *kind) {
                    if self.subjects.contains(&subject.id) {
                        continue;
                    }
                    if self.subjects.len() >= max {
                        self.has_too_many = true;
                        return;
                    }
                    self.subjects.insert(subject.id.clone());
                    self.count(event.index);
                }
            }
        }
    }

    fn count(&mut self, index: u64) {
        self.counted += 1;
        if self.entries.len() < ENTRIES_MAX && self.entries.last() != Some(&index) {
            self.entries.push(index);
        }
    }

    /// What the events say; nothing, and a fault, where some of them cannot be read.
    fn value(self, source: &EventSource, field: &str, faults: &mut Vec<Fault>) -> (Option<String>, Origin, u64) {
        let (counted, unreadable) = (self.counted, self.unreadable);
        let value = if unreadable > 0 {
            Err(format!("{unreadable} events lack what the form asks of them"))
        } else {
            self.said(source)
        };
        match value {
            Ok(value) => (value, Origin::Entries(self.entries), counted),
            Err(reason) => {
                faults.push(Fault { field: field.to_owned(), reason });
                (None, Origin::Nothing, 0)
            }
        }
    }

    fn said(&self, source: &EventSource) -> Result<Option<String>, String> {
        match &source.take {
            Take::Count => Ok(Some(self.counted.to_string())),
            Take::Sum { scale, decimals, .. } => {
                let sum = self.sum * scale;
                if sum.is_finite() {
                    Ok(Some(format!("{sum:.*}", usize::from(*decimals))))
                } else {
                    Err("the sum is no number".to_owned())
                }
            }
            Take::Subject { .. } => match self.subjects.len() {
                0 | 1 => Ok(self.subjects.first().cloned()),
                _ => Err("the events are about more than one".to_owned()),
            },
            Take::Distinct { kind } if self.has_too_many => {
                Err(format!("there are more than {DISTINCT_MAX} different: {kind}"))
            }
            Take::Distinct { .. } => Ok(Some(self.subjects.len().to_string())),
            Take::Newest { .. } | Take::Oldest { .. } => {
                self.value.as_ref().map(|value| shown(source, value)).transpose()
            }
        }
    }
}

fn shown(source: &EventSource, value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("is no text, number or boolean".to_owned()),
    };
    if source.words.is_empty() {
        let shown = source.shown.write(&text);
        return shown.ok_or_else(|| format!("`{}` is no instant in UTC", short(&text)));
    }
    let word = source.words.get(&text).cloned();
    word.ok_or_else(|| format!("`{}` has no word of the authority", short(&text)))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Fills a form from events in the order of the log.
///
/// # Errors
/// [`OutOfOrder`] when an event does not stand behind the one before.
pub fn fill<'e>(
    form: &Form,
    events: impl IntoIterator<Item = &'e Event>,
    settings: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> Result<Filled, OutOfOrder> {
    let mut filler = Filler::new(form);
    events.into_iter().try_for_each(|event| filler.push(event))?;
    Ok(filler.finish(settings, given))
}
