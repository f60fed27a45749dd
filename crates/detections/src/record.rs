//! What the rules look at.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One thing that happened. `detections/FIELDS.md` lists the fields that the shipped rules read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Tells records apart: a second record with the same id is a duplicate.
    pub id: String,
    /// When it happened by the control plane's clock, in milliseconds since 1970. A vehicle's own time is a field.
    pub at_ms: i64,
    #[serde(default)]
    pub logsource: LogSource,
    pub fields: BTreeMap<String, Scalar>,
}

/// Sigma's three names of where a record comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Default for LogSource {
    fn default() -> Self {
        Self { category: None, product: Some("atlasmesh".to_owned()), service: Some("control".to_owned()) }
    }
}

/// A field's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// Matches where one of its items does.
    List(Vec<Scalar>),
}

impl Scalar {
    /// The value as Sigma compares it; nothing for null and lists.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::List(_) => None,
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Integer(value) => Some(Cow::Owned(value.to_string())),
            Self::Float(value) => Some(Cow::Owned(value.to_string())),
            Self::Text(value) => Some(Cow::Borrowed(value)),
        }
    }

    /// The value as a number. A text counts where it reads as one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(value) => value.parse().ok(),
            Self::Null | Self::Bool(_) | Self::List(_) => None,
        }
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl Record {
    /// A record of `kind` from the default source.
    #[must_use]
    pub fn new(id: impl Into<String>, at_ms: i64, kind: &str) -> Self {
        let fields = BTreeMap::from([("kind".to_owned(), Scalar::from(kind))]);
        Self { id: id.into(), at_ms, logsource: LogSource::default(), fields }
    }

    /// The record with one more field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Scalar>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Scalar> {
        self.fields.get(name)
    }
}
