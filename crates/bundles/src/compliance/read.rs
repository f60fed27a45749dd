//! The YAML of a mapping, read strictly: a field that nothing reads is a rule that does not do what its author meant.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::error::MappingError;
use super::predicate::{Compare, Rule, Test};
use super::{Clause, ClauseRef, Framework, MappingFile, Needs, Role};
use crate::time_text::date_of;

/// The most bytes of a file.
const FILE_BYTES_MAX: usize = 512 * 1_024;
/// The deepest nesting: file, maps, map, where, test, list.
const DEPTH_MAX: usize = 12;

/// A file's content, checked by itself.
pub(super) struct Document {
    pub(super) framework: Framework,
    pub(super) clauses: Vec<Clause>,
    pub(super) rules: Vec<NamedRule>,
}

/// A rule whose clauses are still names.
pub(super) struct NamedRule {
    pub(super) clauses: Vec<String>,
    rule: Rule,
}

impl NamedRule {
    pub(super) fn compile(self, clauses: Vec<usize>) -> Rule {
        Rule { clauses, ..self.rule }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYaml {
    framework: String,
    title: String,
    version: String,
    date: String,
    disclaimer: String,
    clauses: Vec<Value>,
    maps: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseYaml {
    id: String,
    words: String,
    #[serde(default)]
    population: String,
    freshness_days: Option<u32>,
    #[serde(default)]
    on_occurrence: bool,
    elsewhere: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapYaml {
    events: Vec<String>,
    #[serde(default)]
    r#where: Vec<TestYaml>,
    #[serde(default = "evidence")]
    role: Role,
    pair: Option<String>,
    clauses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestYaml {
    field: String,
    is: Option<Value>,
    is_not: Option<Value>,
    r#in: Option<Vec<Value>>,
    at_least: Option<f64>,
    below: Option<f64>,
    present: Option<bool>,
}

fn evidence() -> Role {
    Role::Evidence
}

/// Reads a file.
pub(super) fn framework(file: &MappingFile) -> Result<Document, MappingError> {
    let at = |field: &str, reason: String| MappingError::new(&file.name, field, reason);
    if file.text.len() > FILE_BYTES_MAX {
        return Err(at("(file)", format!("has more than {FILE_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_aliases: 0, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let value: Value =
        serde_saphyr::from_str_with_options(&file.text, options).map_err(|error| at("(yaml)", error.to_string()))?;
    let yaml: FileYaml = serde_json::from_value(value).map_err(|error| at("(file)", error.to_string()))?;
    let texts = [("title", &yaml.title), ("version", &yaml.version), ("disclaimer", &yaml.disclaimer)];
    if let Some((field, _)) = texts.into_iter().find(|(_, text)| !is_text(text)) {
        return Err(at(field, "is empty or begins or ends with white space".to_owned()));
    }
    if !is_name(&yaml.framework) {
        return Err(at("framework", "is no lower-case name of letters, digits and hyphens".to_owned()));
    }
    if date_of(&yaml.date).is_none() {
        return Err(at("date", "is no date such as 2026-11-23".to_owned()));
    }
    let id: Arc<str> = yaml.framework.into();
    let clauses =
        numbered(yaml.clauses, |at, value| clause(&id, value).map_err(|fault| fault.at(&file.name, "clauses", at)))?;
    let rules = numbered(yaml.maps, |at, value| rule(value).map_err(|fault| fault.at(&file.name, "maps", at)))?;
    let framework =
        Framework { id, title: yaml.title, version: yaml.version, date: yaml.date, disclaimer: yaml.disclaimer };
    Ok(Document { framework, clauses, rules })
}

fn numbered<T>(
    values: Vec<Value>,
    mut read: impl FnMut(usize, Value) -> Result<T, MappingError>,
) -> Result<Vec<T>, MappingError> {
    values.into_iter().enumerate().map(|(at, value)| read(at, value)).collect()
}

/// A fault of an item, before it is known which one it is.
struct Fault {
    field: String,
    reason: String,
}

impl Fault {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    fn at(self, file: &str, list: &str, number: usize) -> MappingError {
        let field = match self.field.as_str() {
            "" => format!("{list}[{number}]"),
            field => format!("{list}[{number}].{field}"),
        };
        MappingError::new(file, field, self.reason)
    }
}

fn clause(framework: &Arc<str>, value: Value) -> Result<Clause, Fault> {
    let yaml: ClauseYaml = serde_json::from_value(value).map_err(|error| Fault::new("", error.to_string()))?;
    if !is_text(&yaml.id) || yaml.id.contains([':', '\n']) {
        return Err(Fault::new("id", "is empty or holds a colon or a line break"));
    }
    if !is_text(&yaml.words) {
        return Err(Fault::new("words", "is empty or begins or ends with white space"));
    }
    let needs = match (yaml.freshness_days, yaml.on_occurrence, yaml.elsewhere) {
        (Some(0), ..) => return Err(Fault::new("freshness_days", "is zero")),
        (Some(days), false, None) => Needs::Fresh { days },
        (None, true, None) => Needs::Occurrence,
        (None, false, Some(reason)) if is_text(&reason) => Needs::Elsewhere { reason },
        _ => {
            let reason =
                "a clause has exactly one of `freshness_days`, `on_occurrence: true` and `elsewhere` with a reason";
            return Err(Fault::new("", reason));
        }
    };
    if yaml.population.is_empty() && !matches!(needs, Needs::Elsewhere { .. }) {
        return Err(Fault::new("population", "is missing"));
    }
    let of = ClauseRef { framework: framework.clone(), clause: yaml.id.into() };
    Ok(Clause { of, words: yaml.words, population: yaml.population, needs })
}

fn rule(value: Value) -> Result<NamedRule, Fault> {
    let yaml: MapYaml = serde_json::from_value(value).map_err(|error| Fault::new("", error.to_string()))?;
    if yaml.events.is_empty() || yaml.clauses.is_empty() {
        let field = if yaml.events.is_empty() { "events" } else { "clauses" };
        return Err(Fault::new(field, "is empty"));
    }
    for (at, event) in yaml.events.iter().enumerate() {
        let field = format!("events[{at}]");
        if !event.split_once('.').is_some_and(|(domain, name)| is_word(domain) && is_word(name)) {
            return Err(Fault::new(field, format!("`{event}` is no type of event such as `trip.created`")));
        }
        if yaml.events.iter().take(at).any(|other| other == event) {
            return Err(Fault::new(field, format!("`{event}` is named twice")));
        }
    }
    if yaml.pair.is_some() && yaml.role == Role::Evidence {
        return Err(Fault::new("pair", "evidence answers no violation"));
    }
    let tests = yaml.r#where.into_iter().enumerate().map(|(at, yaml)| test(at, yaml)).collect::<Result<_, _>>()?;
    let rule = Rule { types: yaml.events, tests, clauses: Vec::new(), role: yaml.role, pair: yaml.pair };
    Ok(NamedRule { clauses: yaml.clauses, rule })
}

fn test(at: usize, yaml: TestYaml) -> Result<Test, Fault> {
    let fault = |reason: &str| Err(Fault::new(format!("where[{at}]"), reason));
    if yaml.field.split('.').any(|name| !is_word(name)) {
        return fault("`field` is no path of names with dots between them");
    }
    let given = [
        yaml.is.map(Compare::Is),
        yaml.is_not.map(Compare::IsNot),
        yaml.r#in.map(Compare::In),
        yaml.at_least.map(Compare::AtLeast),
        yaml.below.map(Compare::Below),
        yaml.present.map(Compare::Present),
    ];
    let mut given = given.into_iter().flatten();
    let (Some(compare), None) = (given.next(), given.next()) else {
        return fault("a test has exactly one of `is`, `is_not`, `in`, `at_least`, `below` and `present`");
    };
    let scalar = |value: &Value| value.is_boolean() || value.is_number() || value.is_string();
    let fits = match &compare {
        Compare::Is(value) | Compare::IsNot(value) => scalar(value),
        Compare::In(values) => !values.is_empty() && values.iter().all(scalar),
        Compare::AtLeast(limit) | Compare::Below(limit) => limit.is_finite(),
        Compare::Present(_) => true,
    };
    if !fits {
        return fault("a field is compared with texts, numbers and booleans only");
    }
    Ok(Test { field: yaml.field, compare })
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
