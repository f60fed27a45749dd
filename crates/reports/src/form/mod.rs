//! Forms as data: which fields an authority asks for, by when, and what the journal can fill in. A form that says something
//! it does not mean is refused with all others, and every fault is named.

mod deadline;
mod error;
mod read;
mod shipped;
mod source;

use std::borrow::Cow;
use std::collections::BTreeSet;

use bundles::Mapping;
use serde::{Deserialize, Serialize};

pub use deadline::{Deadline, DueError, Every, When};
pub use error::FormError;
pub use shipped::shipped;
pub(crate) use source::value_at;
pub use source::{EventSource, Shown, Source, Take, Test};

/// A file with one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFile {
    pub name: Cow<'static, str>,
    pub text: Cow<'static, str>,
}

impl FormFile {
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// Who gets the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submission {
    /// The authority must have it.
    Required,
    /// It stays in the house.
    Internal,
}

/// What one report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One thing that happened, such as a collision. The filler gets the events of that thing alone.
    Occurrence,
    /// A month, a quarter or a year. The filler gets the events of that time.
    Period,
}

/// The paper that the authority prints on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    #[default]
    A4,
    Letter,
}

/// A form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Form {
    /// Also the field `form` of the events `report.*`.
    pub id: String,
    pub title: String,
    pub authority: String,
    /// The framework whose clauses the report speaks to; nothing where it speaks to all of the mapping.
    pub framework: Option<String>,
    /// What the form is for, in our own words.
    pub words: String,
    /// What a reader must not take the form for.
    pub disclaimer: String,
    pub submission: Submission,
    pub kind: Kind,
    pub paper: Paper,
    pub deadlines: Vec<Deadline>,
    pub fields: Vec<Field>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    pub id: String,
    /// In the authority's words.
    pub title: String,
    pub required: bool,
    /// Counted in characters of Unicode.
    pub max_chars: Option<usize>,
    /// The only values that the authority takes; empty where it takes any.
    pub choices: Vec<String>,
    pub source: Source,
}

/// Every form that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Forms(Vec<Form>);

impl Forms {
    /// Reads all files, or tells everything that is wrong with them. The frameworks that forms name are those of `mapping`.
    ///
    /// # Errors
    /// A [`FormError`] for each fault.
    pub fn compile(files: &[FormFile], mapping: &Mapping) -> Result<Self, Vec<FormError>> {
        let mut files: Vec<&FormFile> = files.iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let frameworks: BTreeSet<&str> = mapping.frameworks().iter().map(|framework| &*framework.id).collect();
        let (mut forms, mut errors) = (Vec::<Form>::new(), Vec::new());
        for file in files {
            let form = match read::form(file) {
                Ok(form) => form,
                Err(faults) => {
                    errors.extend(faults);
                    continue;
                }
            };
            if forms.iter().any(|known| known.id == form.id) {
                let reason = format!("`{}` is the form of another file too", form.id);
                errors.push(FormError::new(&file.name, "id", reason));
            }
            if let Some(unknown) = form.framework.as_deref().filter(|id| !frameworks.contains(id)) {
                let reason = format!("`{unknown}` is no framework of the mapping");
                errors.push(FormError::new(&file.name, "framework", reason));
            }
            forms.push(form);
        }
        forms.sort_by(|a, b| a.id.cmp(&b.id));
        if errors.is_empty() { Ok(Self(forms)) } else { Err(errors) }
    }

    /// The form with an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Form> {
        self.0.iter().find(|form| form.id == id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Form> {
        self.0.iter()
    }
}

impl Form {
    /// The field with an id.
    #[must_use]
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// The deadline that holds for an occurrence of a kind, such as `sgo-5-day`; the one without a kind where none is meant.
    #[must_use]
    pub fn deadline(&self, report: Option<&str>) -> Option<&Deadline> {
        let of = |wanted: Option<&str>| self.deadlines.iter().find(|deadline| deadline.report.as_deref() == wanted);
        of(report).or_else(|| of(None))
    }

    /// Every type of event that a field is filled from, for the caller to ask the journal for no others.
    #[must_use]
    pub fn event_types(&self) -> BTreeSet<&str> {
        let events = self.fields.iter().flat_map(|field| match &field.source {
            Source::Events(source) => source.events.as_slice(),
            Source::Manual | Source::Setting { .. } => &[],
        });
        events.map(String::as_str).collect()
    }

    /// Every setting that a field is filled from.
    #[must_use]
    pub fn settings(&self) -> BTreeSet<&str> {
        let settings = self.fields.iter().filter_map(|field| match &field.source {
            Source::Setting { setting } => Some(setting.as_str()),
            Source::Manual | Source::Events(_) => None,
        });
        settings.collect()
    }
}
