//! Facts: named, typed values that a decision rests on, each with the time at which it was true.

use std::collections::BTreeSet;

use kernel::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest magnitude of a decimal fact; Cedar's decimal is a 64-bit count of ten-thousandths.
const DECIMAL_MAX: f64 = 900_000_000_000_000.0;

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A number with four decimals; the rest is rounded away.
    Decimal(f64),
    /// A word.
    String(String),
    /// Words without order.
    Set(BTreeSet<String>),
}

impl FactValue {
    /// The type's name in the schema.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "Bool",
            Self::Long(_) => "Long",
            Self::Decimal(_) => "decimal",
            Self::String(_) => "String",
            Self::Set(_) => "Set<String>",
        }
    }

    /// The literal of Cedar's `decimal`; `None` for what it cannot hold (not finite, too large).
    pub(crate) fn decimal_literal(value: f64) -> Option<String> {
        (value.is_finite() && value.abs() <= DECIMAL_MAX).then(|| {
            let text = format!("{value:.4}");
            if text == "-0.0000" { "0.0000".into() } else { text }
        })
    }
}

impl std::fmt::Display for FactValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Decimal(value) => {
                // Two decimals are enough for a person; the exact value stands among the facts.
                write!(f, "{}", (value * 100.0).round() / 100.0)
            }
            Self::String(value) => f.write_str(value),
            Self::Set(values) if values.is_empty() => f.write_str("none"),
            Self::Set(values) => {
                let words: Vec<&str> = values.iter().map(String::as_str).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

impl From<bool> for FactValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for FactValue {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}
impl From<u32> for FactValue {
    fn from(value: u32) -> Self {
        Self::Long(i64::from(value))
    }
}
impl From<f64> for FactValue {
    fn from(value: f64) -> Self {
        Self::Decimal(value)
    }
}
impl From<&str> for FactValue {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}
impl From<String> for FactValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}
impl From<BTreeSet<String>> for FactValue {
    fn from(value: BTreeSet<String>) -> Self {
        Self::Set(value)
    }
}

/// A named value and when it was true.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The name, as the schema declares it for the action.
    pub name: String,
    /// The value.
    pub value: FactValue,
    /// When it was observed; its age at the decision is measured from here.
    pub observed_at: Timestamp,
}

impl Fact {
    /// A fact that was observed at a time.
    pub fn new(name: &str, value: impl Into<FactValue>, observed_at: Timestamp) -> Self {
        Self { name: name.into(), value: value.into(), observed_at }
    }
}
