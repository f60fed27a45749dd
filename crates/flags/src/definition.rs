//! The flags of one layer, read from flagd's JSON and compiled. What is wrong is told with the flag that it is wrong with,
//! and nothing of such a text is used.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::digest::sha256_of;
use crate::json::{Limited, Members, MembersOf, Read};
use crate::logic::{Compiler, DEPTH_MAX, Evaluators, Expr, LogicError};

/// The most bytes of a text.
pub const SET_BYTES_MAX: usize = 1_024 * 1_024;
/// The most flags of a text.
pub const FLAGS_MAX: usize = 4_096;
/// The most variants of a flag.
pub const VARIANTS_MAX: usize = 64;
/// The deepest flag: an operator takes two levels of JSON, itself and the list of its operands.
const FLAG_DEPTH_MAX: usize = 2 * DEPTH_MAX + 4;
/// The longest key.
const KEY_BYTES_MAX: usize = 128;

/// Why a text is no set of flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error("the flags are no JSON as flagd has it: {0}")]
    Json(String),
    #[error("the flags have more than {SET_BYTES_MAX} bytes")]
    TooLarge,
    #[error("there are more than {FLAGS_MAX} flags")]
    TooMany,
    #[error("{field}: {reason}")]
    Set { field: String, reason: String },
    #[error("flag `{flag}`: {field}: {reason}")]
    Flag { flag: String, field: String, reason: String },
    #[error("evaluator `{evaluator}`: {reason}")]
    Evaluator { evaluator: String, reason: LogicError },
}

/// Whether a flag is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    Enabled,
    Disabled,
}

/// A value of metadata: clients drop or refuse what is nested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Number(Number),
    Text(String),
}

/// What is known of a flag or of a set besides its rules.
pub type Metadata = BTreeMap<String, Scalar>;

/// A flag, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    pub key: Arc<str>,
    pub state: State,
    pub variants: BTreeMap<String, Value>,
    pub default_variant: Option<String>,
    pub metadata: Metadata,
    pub(crate) targeting: Option<Expr>,
    pub(crate) uses_time: bool,
}

/// The flags of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagSet {
    pub(crate) flags: BTreeMap<Arc<str>, Arc<Flag>>,
    metadata: Metadata,
    digest: String,
}

/// Whether a text can be the key of a flag: clients put it into addresses without encoding it.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The top of the text. Each flag is read by itself, so that what is wrong in it names it.
#[derive(Default)]
struct Top {
    flags: Option<Vec<(String, Read)>>,
    evaluators: Vec<(String, Read)>,
    metadata: Option<Read>,
    unknown: Option<String>,
    twice: Option<String>,
}

struct TopSeed;

impl<'de> DeserializeSeed<'de> for TopSeed {
    type Value = Top;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Top, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopSeed {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `flags`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut top = Top::default();
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "flags" => {
                    let Members(members) = map.next_value_seed(MembersOf(FLAG_DEPTH_MAX))?;
                    top.flags = Some(members);
                }
                "$evaluators" => {
                    let Members(members) = map.next_value_seed(MembersOf(FLAG_DEPTH_MAX))?;
                    top.evaluators = members;
                }
                "metadata" => top.metadata = Some(map.next_value_seed(Limited::to(3))?),
                "$schema" => drop(map.next_value::<serde::de::IgnoredAny>()?),
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    top.unknown = Some(name.clone());
                }
            }
            if seen.contains(&name) {
                top.twice = Some(name.clone());
            }
            seen.push(name);
        }
        Ok(top)
    }
}

fn set_fault(field: impl Into<String>, reason: impl ToString) -> FlagError {
    FlagError::Set { field: field.into(), reason: reason.to_string() }
}

fn unique(members: Vec<(String, Read)>, field: &str) -> Result<Map<String, Value>, FlagError> {
    let mut map = Map::new();
    for (name, read) in members {
        let value = read.map_err(|reason| set_fault(format!("{field}.{name}"), reason))?;
        if map.insert(name.clone(), value).is_some() {
            return Err(set_fault(format!("{field}.{name}"), "is there twice"));
        }
    }
    Ok(map)
}

impl FlagSet {
    /// Reads and compiles the flags of a layer.
    ///
    /// # Errors
    /// The first thing that is wrong, with the flag that it is wrong with.
    pub fn parse(text: &str) -> Result<Self, FlagError> {
        if text.len() > SET_BYTES_MAX {
            return Err(FlagError::TooLarge);
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let top = TopSeed.deserialize(&mut deserializer).map_err(|error| FlagError::Json(error.to_string()))?;
        deserializer.end().map_err(|error| FlagError::Json(error.to_string()))?;
        if let Some(name) = top.twice {
            return Err(set_fault(name, "is there twice"));
        }
        if let Some(name) = top.unknown {
            return Err(set_fault(name, "is no member that flagd has"));
        }
        let metadata = match top.metadata {
            None => Metadata::new(),
            Some(read) => {
                let value = read.map_err(|reason| set_fault("metadata", reason))?;
                serde_json::from_value(value)
                    .map_err(|_| set_fault("metadata", "has values other than texts, numbers and booleans"))?
            }
        };
        let mut evaluators = Evaluators::new(unique(top.evaluators, "$evaluators")?);
        for evaluator in evaluators.names() {
            let checked = Compiler::new(&mut evaluators).check_shared(&evaluator);
            checked.map_err(|reason| FlagError::Evaluator { evaluator, reason })?;
        }
        let flags = top.flags.ok_or_else(|| set_fault("flags", "is missing"))?;
        if flags.len() > FLAGS_MAX {
            return Err(FlagError::TooMany);
        }
        let mut compiled = BTreeMap::new();
        for (key, read) in flags {
            let flag = flag(&key, read, &metadata, &mut evaluators).map_err(|(field, reason)| FlagError::Flag {
                flag: key.clone(),
                field,
                reason,
            })?;
            if compiled.insert(Arc::clone(&flag.key), Arc::new(flag)).is_some() {
                return Err(FlagError::Flag { flag: key, field: "(flag)".into(), reason: "is there twice".into() });
            }
        }
        Ok(Self { flags: compiled, metadata, digest: sha256_of([text.as_bytes()]) })
    }

    /// The flags by their keys.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flags.values().map(AsRef::as_ref)
    }

    /// One flag.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.get(key).map(AsRef::as_ref)
    }

    /// What the set says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// SHA-256 over the text, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FlagJson {
    state: State,
    variants: BTreeMap<String, Value>,
    #[serde(default)]
    default_variant: Option<String>,
    targeting: Option<Value>,
    #[serde(default)]
    metadata: Metadata,
}

type FieldFault = (String, String);

fn flag(key: &str, read: Read, of_set: &Metadata, evaluators: &mut Evaluators) -> Result<Flag, FieldFault> {
    let wrong = |field: &str, reason: &dyn ToString| (field.to_owned(), reason.to_string());
    let value = read.map_err(|reason| wrong("(flag)", &reason))?;
    if !is_key(key) {
        return Err(wrong("(key)", &"is no key of letters, digits, dots, hyphens and underscores"));
    }
    let json: FlagJson = serde_json::from_value(value).map_err(|error| wrong("(flag)", &error))?;
    let variants = variants(json.variants).map_err(|reason| wrong("variants", &reason))?;
    if let Some(default) = json.default_variant.as_ref().filter(|default| !variants.contains_key(*default)) {
        return Err(wrong("defaultVariant", &format!("`{default}` is none of the variants")));
    }
    let compiled = match json.targeting {
        // An empty object is what flagd's own tools write for none.
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) if members.is_empty() => None,
        Some(source) => {
            let compiled = Compiler::new(evaluators).compile(&source);
            Some(compiled.map_err(|reason| wrong("targeting", &reason))?)
        }
    };
    let (targeting, uses_time) = compiled.map_or((None, false), |(expr, uses_time)| (Some(expr), uses_time));
    let mut metadata = of_set.clone();
    metadata.extend(json.metadata);
    Ok(Flag {
        key: key.into(),
        state: json.state,
        variants,
        default_variant: json.default_variant,
        metadata,
        targeting,
        uses_time,
    })
}

/// The variants: of one kind. Where one is a float all numbers are, because a typed client refuses `3` for `3.0`.
fn variants(mut variants: BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, String> {
    if variants.is_empty() || variants.len() > VARIANTS_MAX {
        return Err(format!("has {} variants, not 1 to {VARIANTS_MAX}", variants.len()));
    }
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) | Value::Object(_) => "an object",
    };
    let kinds: Vec<&str> = variants.values().map(kind).collect();
    if kinds.contains(&"null") {
        return Err("a variant is null".to_owned());
    }
    if let [first, ..] = kinds.as_slice()
        && let Some(other) = kinds.iter().find(|other| *other != first)
    {
        return Err(format!("one variant is {first}, another {other}"));
    }
    if variants.values().any(Value::is_f64) {
        for value in variants.values_mut() {
            let widened = value.as_f64().and_then(Number::from_f64);
            *value = widened.map_or_else(|| value.clone(), Value::Number);
        }
    }
    Ok(variants)
}
