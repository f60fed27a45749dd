//! The vocabulary of facts, read from the schema: it alone says which facts an action needs, of which type and how
//! old they may be (`@max_age_ms` on the attribute), so that policies, engine and documentation cannot disagree.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Schema, SchemaFragment};
use serde_json::Value;

use crate::action::Action;
use crate::error::BundleError;

/// The namespace of every entity type and action.
pub(crate) const NAMESPACE: &str = "Fleet";
/// The attribute of the context that the engine fills by itself: sector, site, tenant, entitlements.
pub(crate) const REQUEST_ATTRIBUTE: &str = "request";

/// The entity type whose members are the roles.
pub(crate) const ROLE: &str = "Role";

/// What one fact must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactSpec {
    pub(crate) type_name: String,
    pub(crate) required: bool,
    pub(crate) max_age_ms: Option<i64>,
}

/// What an action asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionSpec {
    pub(crate) facts: BTreeMap<String, FactSpec>,
    pub(crate) resource_types: Vec<String>,
}

/// The schema and what was read from it.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    pub(crate) actions: BTreeMap<Action, ActionSpec>,
}

/// Reads the schema; `file` names it in errors.
pub(crate) fn read(file: &str, text: &str) -> Result<Vocabulary, BundleError> {
    let incomplete = |problem: String| BundleError::Incomplete { file: file.into(), problem };
    let syntax = |problem: String, line| BundleError::Syntax { file: file.into(), line, problem };
    let (schema, _) = Schema::from_cedarschema_str(text)
        .map_err(|error| syntax(error.to_string(), crate::compile::line_of(text, &error)))?;
    let (fragment, _) = SchemaFragment::from_cedarschema_str(text)
        .map_err(|error| syntax(error.to_string(), crate::compile::line_of(text, &error)))?;
    let json = fragment.to_json_value().map_err(|error| incomplete(error.to_string()))?;
    check_roles(&json).map_err(incomplete)?;
    let declared = json.pointer(&format!("/{NAMESPACE}/actions")).and_then(Value::as_object);
    let declared = declared.ok_or_else(|| incomplete(format!("declares no action in namespace {NAMESPACE}")))?;

    let mut actions = BTreeMap::new();
    for action in Action::ALL {
        match (declared.get(action.as_str()), action.is_restrictive()) {
            (Some(_), true) => {
                return Err(incomplete(format!(
                    "action {action} only reduces risk and is always allowed (SAFE-1); it must not be declared"
                )));
            }
            (None, true) => {}
            (None, false) => return Err(incomplete(format!("action {action} is not declared"))),
            (Some(value), false) => {
                let spec = action_spec(value).map_err(|problem| incomplete(format!("action {action}: {problem}")))?;
                actions.insert(action, spec);
            }
        }
    }
    Ok(Vocabulary { schema, actions })
}

/// The roles of the schema are those that actors have. What else a rule names as a role does not type-check then, so
/// that no rule waits for somebody who never comes.
fn check_roles(schema: &Value) -> Result<(), String> {
    let declared = schema.pointer(&format!("/{NAMESPACE}/entityTypes/{ROLE}/enum")).and_then(Value::as_array);
    let declared = declared.ok_or_else(|| format!("declares no roles: entity {ROLE} enum [\"…\"]"))?;
    let declared: BTreeSet<&str> = declared.iter().filter_map(Value::as_str).collect();
    let known: BTreeSet<&str> = kernel::role::names().collect();
    match (declared.difference(&known).next(), known.difference(&declared).next()) {
        (Some(unknown), _) => Err(format!("declares the role {unknown}, which nobody can have")),
        (None, Some(missing)) => Err(format!("does not declare the role {missing}")),
        (None, None) => Ok(()),
    }
}

fn action_spec(value: &Value) -> Result<ActionSpec, String> {
    let context = value.pointer("/appliesTo/context/attributes").and_then(Value::as_object);
    let context = context.ok_or("the context must be written as a record")?;
    let resource_types = value.pointer("/appliesTo/resourceTypes").and_then(Value::as_array);
    let resource_types = resource_types.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if !context.contains_key(REQUEST_ATTRIBUTE) {
        return Err(format!("the context must have the attribute {REQUEST_ATTRIBUTE}"));
    }
    let facts = context.iter().filter(|(name, _)| *name != REQUEST_ATTRIBUTE);
    let facts = facts.map(|(name, attribute)| Ok((name.clone(), fact_spec(name, attribute)?)));
    Ok(ActionSpec { facts: facts.collect::<Result<_, String>>()?, resource_types })
}

fn fact_spec(name: &str, attribute: &Value) -> Result<FactSpec, String> {
    let type_name = match attribute.get("type").and_then(Value::as_str) {
        Some("Set") => format!("Set<{}>", type_of(attribute.get("element").unwrap_or(&Value::Null))),
        _ => type_of(attribute).to_owned(),
    };
    if !["Bool", "Long", "decimal", "String", "Set<String>"].contains(&type_name.as_str()) {
        return Err(format!("fact {name} must be a Bool, Long, decimal, String or Set<String>, not a {type_name}"));
    }
    let max_age_ms = match attribute.pointer("/annotations/max_age_ms").map(|age| age.as_str().unwrap_or_default()) {
        None => None,
        Some(text) => match text.parse::<i64>() {
            Ok(age) if age > 0 => Some(age),
            _ => return Err(format!("fact {name}: @max_age_ms must be a whole number of milliseconds above 0")),
        },
    };
    let required = attribute.get("required").and_then(Value::as_bool).unwrap_or(true);
    Ok(FactSpec { type_name, required, max_age_ms })
}

fn type_of(value: &Value) -> &str {
    let named = value.get("name").or_else(|| value.get("type")).and_then(Value::as_str).unwrap_or("");
    match named.rsplit("::").next().unwrap_or(named) {
        "Boolean" => "Bool",
        other => other,
    }
}
