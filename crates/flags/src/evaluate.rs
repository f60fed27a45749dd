//! What a flag answers, and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::definition::{Flag, Metadata, State};
use crate::logic::{LogicError, Run};

/// Why a flag has the value that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It has no rule.
    Static,
    /// Its rule chose the variant.
    TargetingMatch,
    /// Its rule chose none.
    Default,
    /// It is not in use, so the caller's own default holds.
    Disabled,
    /// It could not be evaluated, so the caller's own default holds.
    Error,
}

/// What went wrong, in the words of OFREP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    ParseError,
    TargetingKeyMissing,
    InvalidContext,
    FlagNotFound,
    General,
}

/// What a flag answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    pub key: String,
    /// None where the caller's own default holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    pub reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl Resolution {
    fn without_value(key: &str, reason: Reason) -> Self {
        let (value, variant, error_code, error_details) = (None, None, None, None);
        Self { key: key.to_owned(), value, variant, reason, error_code, error_details, metadata: Metadata::new() }
    }

    /// There is no such flag.
    #[must_use]
    pub fn not_found(key: &str) -> Self {
        Self::failed(key, ErrorCode::FlagNotFound, format!("there is no flag `{key}`"))
    }

    /// It could not be evaluated.
    pub(crate) fn failed(key: &str, code: ErrorCode, details: String) -> Self {
        let (error_code, error_details) = (Some(code), Some(details));
        Self { error_code, error_details, ..Self::without_value(key, Reason::Error) }
    }

    /// Whether it is on: a boolean that is true. Whatever could not be evaluated is off.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.value == Some(Value::Bool(true))
    }
}

impl Flag {
    /// What the flag answers at a time in milliseconds since 1970.
    #[must_use]
    pub fn evaluate(&self, context: &Context, now_ms: i64) -> Resolution {
        let resolution = match (self.state, &self.targeting) {
            (State::Disabled, _) => Resolution::without_value(&self.key, Reason::Disabled),
            (State::Enabled, None) => self.default_with(Reason::Static),
            (State::Enabled, Some(rule)) => {
                let mut run = Run::new(context, &self.key, now_ms.div_euclid(1_000));
                match run.eval(rule) {
                    Ok(given) => self.chosen(&given),
                    Err(error) => self.failed(&error),
                }
            }
        };
        Resolution { metadata: self.metadata.clone(), ..resolution }
    }

    fn failed(&self, error: &LogicError) -> Resolution {
        let code = match error {
            LogicError::NoTargetingKey => ErrorCode::TargetingKeyMissing,
            LogicError::Fractional(_) => ErrorCode::ParseError,
            _ => ErrorCode::General,
        };
        Resolution::failed(&self.key, code, format!("flag `{}`: {error}", self.key))
    }

    /// A rule gives the name of a variant; a boolean and a number stand for the variant of that name.
    fn chosen(&self, given: &Value) -> Resolution {
        let name = match given {
            Value::Null => return self.default_with(Reason::Default),
            Value::String(name) => name.clone(),
            other => other.to_string(),
        };
        match self.variants.get(&name) {
            Some(_) => self.with(&name, Reason::TargetingMatch),
            None => {
                let details = format!("flag `{}`: the rule gives `{name}`, which is none of the variants", self.key);
                Resolution::failed(&self.key, ErrorCode::General, details)
            }
        }
    }

    fn default_with(&self, reason: Reason) -> Resolution {
        match &self.default_variant {
            Some(name) => self.with(name, reason),
            None => Resolution::without_value(&self.key, Reason::Default),
        }
    }

    /// The answer with one of the variants.
    pub(crate) fn with(&self, variant: &str, reason: Reason) -> Resolution {
        Resolution {
            value: self.variants.get(variant).cloned(),
            variant: Some(variant.to_owned()),
            ..Resolution::without_value(&self.key, reason)
        }
    }
}
