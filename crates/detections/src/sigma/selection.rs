//! Selections: maps are *and*, lists are *or*, lists of texts are keywords.

use serde_json::Value;

use super::item::Item;
use crate::error::Fault;
use crate::limits::DEPTH_MAX;
use crate::record::Record;

/// A compiled selection.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    /// Every line holds.
    All(Vec<Item>),
    /// One of them holds.
    Any(Vec<Selection>),
}

impl Selection {
    pub(crate) fn compile(value: &Value, depth: usize) -> Result<Self, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::new("", format!("is nested deeper than {DEPTH_MAX}")));
        }
        match value {
            Value::Object(map) if map.is_empty() => Err(Fault::new("", "is an empty map")),
            Value::Object(map) => {
                let items =
                    map.iter().map(|(key, value)| Item::compile(key, value)).collect::<Result<Vec<Item>, Fault>>();
                Ok(Self::All(items?))
            }
            Value::Array(list) if list.is_empty() => Err(Fault::new("", "is an empty list")),
            Value::Array(list) => {
                let parts =
                    list.iter().map(|value| Self::compile(value, depth + 1)).collect::<Result<Vec<Self>, Fault>>();
                Ok(Self::Any(parts?))
            }
            Value::String(_) | Value::Number(_) => Ok(Self::All(vec![Item::keyword(value)?])),
            Value::Null | Value::Bool(_) => Err(Fault::new("", "is neither map, list nor keyword")),
        }
    }

    pub(crate) fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All(items) => items.iter().all(|item| item.matches(record)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(record)),
        }
    }

    pub(crate) fn required(&self, field: &str) -> Option<Vec<String>> {
        match self {
            Self::All(items) => items.iter().find_map(|item| item.required(field)),
            Self::Any(parts) => {
                let each: Option<Vec<Vec<String>>> = parts.iter().map(|part| part.required(field)).collect();
                each.map(|values| values.concat())
            }
        }
    }
}
