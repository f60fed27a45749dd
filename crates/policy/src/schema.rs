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

/// Reads the vocabulary from its parts, each with its file, and checks that it is one of these actions.
pub(crate) fn read(actions: &[Action], parts: &[(&str, &str)]) -> Result<Vocabulary, BundleError> {
    let incomplete = |problem: String| BundleError::Incomplete { file: "*.cedarschema".into(), problem };
    if parts.is_empty() {
        return Err(incomplete("the bundle has no schema".into()));
    }
    let (mut fragments, mut roles, mut declared) = (Vec::new(), None, BTreeMap::new());
    for &(file, text) in parts {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text).map_err(|error| BundleError::Syntax {
            file: file.into(),
            line: crate::compile::line_of(text, &error),
            problem: error.to_string(),
        })?;
        let mut json = fragment.clone().to_json_value().map_err(|error| incomplete(error.to_string()))?;
        let mut part = |name: &str| json.pointer_mut(&format!("/{NAMESPACE}/{name}")).map(Value::take);
        roles = roles.or(part(&format!("entityTypes/{ROLE}/enum")));
        if let Some(Value::Object(actions)) = part("actions") {
            declared.extend(actions);
        }
        fragments.push(fragment);
    }
    let schema = Schema::from_schema_fragments(fragments).map_err(|error| incomplete(error.to_string()))?;
    check_roles(roles).map_err(incomplete)?;
    Ok(Vocabulary { schema, actions: specs_of(actions, &declared).map_err(incomplete)? })
}

/// What the vocabulary says of each action; those that only reduce risk must not stand in it.
fn specs_of(actions: &[Action], declared: &BTreeMap<String, Value>) -> Result<BTreeMap<Action, ActionSpec>, String> {
    let mut specs = BTreeMap::new();
    for &action in actions {
        match (declared.get(action.as_str()), action.is_restrictive()) {
            (Some(_), true) => {
                return Err(format!(
                    "action {action} only reduces risk and is always allowed (SAFE-1); it must not be declared"
                ));
            }
            (None, true) => {}
            (None, false) => return Err(format!("action {action} is not declared")),
            (Some(value), false) => {
                let spec = action_spec(value).map_err(|problem| format!("action {action}: {problem}"))?;
                specs.insert(action, spec);
            }
        }
    }
    Ok(specs)
}

/// The roles of the schema are those that actors have. What else a rule names as a role does not type-check then, so
/// that no rule waits for somebody who never comes.
fn check_roles(declared: Option<Value>) -> Result<(), String> {
    let declared = declared.as_ref().and_then(Value::as_array);
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
