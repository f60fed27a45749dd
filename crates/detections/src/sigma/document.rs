//! The YAML of a rule file, and what all kinds of rules have in it.

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::alert::Level;
use crate::error::{Fault, RuleError};
use crate::limits::{DEPTH_MAX, RULE_BYTES_MAX};

/// YAML nests a little deeper than the detection in it.
const YAML_DEPTH_MAX: usize = DEPTH_MAX + 8;

/// The documents of a file, each with the name that errors give it.
pub(crate) fn documents(file: &str, text: &str) -> Result<Vec<(String, Value)>, RuleError> {
    if text.len() > RULE_BYTES_MAX {
        return Err(RuleError::new(file, "(file)", format!("has more than {RULE_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: YAML_DEPTH_MAX, max_aliases: 64, max_documents: 64 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let read: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| RuleError::new(file, "(yaml)", error.to_string()))?;
    if read.is_empty() {
        return Err(RuleError::new(file, "(file)", "holds no rule"));
    }
    let name = |index: usize| if index == 0 { file.to_owned() } else { format!("{file}#{}", index + 1) };
    Ok(read.into_iter().enumerate().map(|(index, value)| (name(index), value)).collect())
}

/// The map of a document.
pub(crate) fn header(document: &Value) -> Result<&Map<String, Value>, Fault> {
    document.as_object().ok_or_else(|| Fault::new("(document)", "is no map"))
}

/// A text that must be there.
pub(crate) fn text_of(map: &Map<String, Value>, field: &str) -> Result<String, Fault> {
    match map.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(Fault::new(field, "is no text or empty")),
        None => Err(Fault::new(field, "is missing")),
    }
}

/// What other rules and alerts call the rule: its name, otherwise its id, otherwise its title.
pub(crate) fn name_of(map: &Map<String, Value>) -> Result<String, Fault> {
    let field = ["name", "id", "title"].into_iter().find(|field| map.contains_key(*field)).unwrap_or("title");
    text_of(map, field)
}

/// A text or a list of texts; empty where the field is missing.
pub(crate) fn string_list(map: &Map<String, Value>, field: &str) -> Result<Vec<String>, Fault> {
    match map.get(field) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| Fault::new(field, "holds what is no text"))
        }
        Some(_) => Err(Fault::new(field, "is neither text nor list")),
    }
}

/// The level; medium where a rule has none.
pub(crate) fn known_level(map: &Map<String, Value>) -> Result<Level, Fault> {
    match map.get("level") {
        None => Ok(Level::Medium),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|_| Fault::new("level", "is none of informational, low, medium, high, critical")),
    }
}

/// The tags of ATT&CK techniques in their usual writing, and of UN R155 rows.
pub(crate) fn labels(map: &Map<String, Value>) -> Result<(Vec<String>, Vec<String>), Fault> {
    let (mut attack, mut rows) = (Vec::new(), Vec::new());
    for tag in string_list(map, "tags")? {
        let Some((space, label)) = tag.split_once('.') else {
            return Err(Fault::new("tags", format!("`{tag}` has no namespace")));
        };
        let is_technique = label.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        match space {
            "attack" if is_technique => attack.push(label.to_uppercase()),
            "r155" => rows.push(label.to_owned()),
            _ => {}
        }
    }
    Ok((attack, rows))
}

/// A span such as `10m`, in milliseconds.
pub(crate) fn span(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let count: i64 = text.get(..text.len() - 1)?.parse().ok()?;
    count.checked_mul(unit).filter(|span| (1..=90 * 86_400_000).contains(span))
}
