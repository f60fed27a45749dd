//! What the product's own OpenAPI says: which operations there are, and whether an answer is as described, by as much of
//! JSON Schema as the document uses.

use serde_json::{Value, json};

use super::http::{Answer, Http};
use super::world::World;
use super::{site, world};

/// An operation as a request meets it.
#[derive(Debug)]
pub struct Operation {
    pub method: String,
    /// Its address, with parameters that are well-formed.
    pub path: String,
    /// The schema of its JSON body, without references; null where it has none.
    pub body: Value,
    pub http: Http,
}

pub fn operations(world: &World) -> Vec<Operation> {
    let document = world.http.get("/v1/openapi.json").ok();
    let role = |name: &str| {
        let made = world.http.post("/v1/principals", &json!({ "role": name, "name": name })).ok();
        (name.to_owned(), world.server.http(made["token"].as_str().unwrap()))
    };
    let roles: Vec<(String, Http)> =
        ["administrator", "dispatcher", "safety_officer", "technician", "auditor", "regulator"].map(role).into();
    let mut found = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let may = operation["description"].as_str().unwrap();
            let http = match roles.iter().find(|(role, _)| may.contains(role)) {
                _ if may.starts_with("The platform") => world.server.platform(),
                Some((_, http)) => http.clone(),
                None => world.http.clone(),
            };
            let path = parameters(operation).fold(template.clone(), |path, (name, value)| path.replace(&name, &value));
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = resolved(&document, schema);
            found.push(Operation { method: method.to_uppercase(), path, body, http });
        }
    }
    found
}

fn parameters(operation: &Value) -> impl Iterator<Item = (String, String)> {
    let in_path = operation["parameters"].as_array().into_iter().flatten().filter(|found| found["in"] == "path");
    in_path.map(|found| {
        let name = found["name"].as_str().unwrap();
        let prefix =
            found["schema"]["pattern"].as_str().and_then(|pattern| pattern.strip_prefix('^')?.split_once("_["));
        let value = match (name, prefix) {
            ("site", _) => site::NAME.to_owned(),
            ("tenant", _) => world::TENANT.to_owned(),
            ("sector", _) => "mining".to_owned(),
            ("kind", _) => "vehicle".to_owned(),
            ("sha256", _) => "0".repeat(64),
            ("key", _) => format!("key_{}", "0".repeat(26)),
            ("class", _) => "brake_pads".to_owned(),
            ("stop", _) => format!("cmd_{}", "0".repeat(26)),
            (_, Some((prefix, _))) => format!("{prefix}_{}", "0".repeat(26)),
            _ => "0".to_owned(),
        };
        (format!("{{{name}}}"), value)
    })
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> Value {
    let name = schema["$ref"].as_str().map(|name| name.trim_start_matches('#'));
    name.map_or(schema, |name| document.pointer(name).unwrap()).clone()
}

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
        Some("integer") => value.is_u64() || value.is_i64(),
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
    let prefix = schema["pattern"].as_str().and_then(|pattern| pattern.strip_prefix('^')?.split(['[', '(']).next());
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
