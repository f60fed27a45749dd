//! Where the value of a field comes from.

use std::collections::BTreeMap;

use bundles::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the value of a field comes from, unless a person gives another.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Source {
    /// Only a person knows it.
    Manual,
    /// A setting of the tenant, by its name.
    Setting {
        setting: String,
    },
    Events(EventSource),
}

/// Events and what is taken of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSource {
    /// Types such as `trip.completed`; none means all.
    pub events: Vec<String>,
    /// What must hold of an event to be taken.
    pub tests: Vec<Test>,
    pub take: Take,
    pub shown: Shown,
    /// The authority's words for ours. Where there are any, a value without one is a fault.
    pub words: BTreeMap<String, String>,
}

/// What is taken of the events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// How many there are.
    Count,
    /// The sum of a number of each, times `scale`, with so many decimals.
    Sum { field: String, scale: f64, decimals: u8 },
    /// A field of the newest.
    Newest { field: String },
    /// A field of the oldest.
    Oldest { field: String },
    /// The subject of a kind, where all events are about the same one.
    Subject { kind: String },
    /// How many different subjects of a kind there are.
    Distinct { kind: String },
}

/// How a field's value is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    #[default]
    AsItIs,
    /// The date of an instant in UTC, which says so: the local date may be another.
    UtcDate,
    /// Its hour and minute in UTC.
    UtcTime,
    /// Its month, such as `11`, in UTC.
    UtcMonth,
    /// Its year in UTC.
    UtcYear,
}

/// What must hold of a field in the body of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// A path with dots.
    pub field: String,
    /// One of these.
    pub among: Vec<Value>,
    /// Whether it must be none of them instead.
    pub negated: bool,
}

/// The value at a path of a body; nothing where it is missing or null.
pub(crate) fn value_at<'v>(body: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(body, |value, name| value.get(name)).filter(|value| !value.is_null())
}

impl EventSource {
    /// Whether the event is one of these; nothing where a field that must be looked at is missing.
    pub(crate) fn takes(&self, event: &Event) -> Option<bool> {
        let mut all = true;
        for test in &self.tests {
            let value = value_at(&event.body, &test.field)?;
            all &= test.among.contains(value) != test.negated;
        }
        Some(all)
    }
}

impl Shown {
    /// Writes a text of RFC 3339 in UTC in this way; nothing where it is none.
    pub(crate) fn write(self, text: &str) -> Option<String> {
        if self == Self::AsItIs {
            return Some(text.to_owned());
        }
        let (date, time) = text.split_once('T')?;
        let is_utc = time.ends_with('Z') && time.is_ascii() && date.is_ascii();
        let (year, month) = (date.get(..4)?, date.get(5..7)?);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_utc || date.len() != 10 || !digits(year) || !digits(month) {
            return None;
        }
        Some(match self {
            Self::AsItIs => text.to_owned(),
            Self::UtcDate => format!("{date} UTC"),
            Self::UtcTime => format!("{} UTC", time.get(..5)?),
            Self::UtcMonth => month.to_owned(),
            Self::UtcYear => year.to_owned(),
        })
    }
}
