//! Holds an answer against what the product's own OpenAPI says of it: as much of JSON Schema as the document uses.

use serde_json::Value;

use super::http::Answer;

/// Fails where an answer to an operation is not described.
#[track_caller]
pub fn hold(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    let mut response = &operation["responses"][answer.status.to_string()];
    if response.is_null() {
        assert!(answer.status >= 400, "{method} {path} answers {} and does not say so", answer.status);
        response = &document["components"]["responses"]["Problem"];
    }
    let Some(content) = response["content"].as_object() else { return };
    let described = content.get(&answer.content_type);
    let described = described.unwrap_or_else(|| panic!("{method} {path} answers {}", answer.content_type));
    let found = check(document, &described["schema"], &answer.body, "");
    assert_eq!(found, Ok(()), "{method} {path}: {:#}", answer.body);
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = document.pointer(name.trim_start_matches('#')).ok_or(format!("{at}: {name} is not there"))?;
        return check(document, target, value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let tried: Vec<_> = any.iter().map(|schema| check(document, schema, value, at)).collect();
        let errors = || tried.iter().filter_map(|tried| tried.clone().err()).collect::<Vec<_>>().join(" or ");
        return if tried.iter().any(Result::is_ok) { Ok(()) } else { Err(errors()) };
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some(other) => return Err(format!("{at}: the type {other} is not known here")),
    };
    if !fits {
        return Err(format!("{at} is not of the type {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return Err(format!("{at} is {value}, not one of {}", schema["enum"]));
    }
    let prefix = schema["pattern"].as_str().and_then(|pattern| pattern.strip_prefix('^')?.split('[').next());
    if prefix.is_some_and(|prefix| !value.as_str().is_some_and(|text| text.starts_with(prefix))) {
        return Err(format!("{at} is {value}, not like {}", schema["pattern"]));
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        check(document, &schema["items"], item, &format!("{at}/-"))?;
    }
    let Some(fields) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("{at}/{name} is missing"));
        }
    }
    for (name, field) in fields {
        match &schema["properties"][name] {
            Value::Null if schema["additionalProperties"] == false => {
                return Err(format!("{at}/{name} is not described"));
            }
            Value::Null => check(document, &schema["additionalProperties"], field, &format!("{at}/{name}"))?,
            described => check(document, described, field, &format!("{at}/{name}"))?,
        }
    }
    Ok(())
}
