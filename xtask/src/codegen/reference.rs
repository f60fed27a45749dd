//! The API as pages to read, one for each first part of an address, made of the OpenAPI document alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::shapes::{cell, described, fields, reference, resolved, shape};

pub const FOLDER: &str = "docs/reference/";
const HEAD: &str = "<!-- Written by `cargo xtask codegen` from ../openapi.json: change the code instead. -->\n\n";
/// The page of what belongs to no resource: health, metrics, this document.
const SERVER: &str = "server";
/// Protocols of others.
const PROTOCOLS: [&str; 2] = ["access", "ofrep"];

/// One operation, with its whole document to look types up in.
struct Operation<'a> {
    method: String,
    path: &'a str,
    value: &'a Value,
    schemas: &'a Value,
}

/// Every page, by its path.
pub fn pages(document: &str) -> Result<Vec<(String, String)>> {
    let document: Value = serde_json::from_str(document).context("read the OpenAPI document")?;
    let schemas = &document["components"]["schemas"];
    let mut by_page: BTreeMap<&str, Vec<Operation>> = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().context("the document has no paths")? {
        for (method, value) in methods.as_object().into_iter().flatten() {
            by_page.entry(page_of(path)).or_default().push(Operation {
                method: method.to_uppercase(),
                path,
                value,
                schemas,
            });
        }
    }
    let mut pages = vec![(format!("{FOLDER}README.md"), index(&by_page))];
    pages.extend(by_page.iter().map(|(name, operations)| (format!("{FOLDER}{name}.md"), page(name, operations))));
    Ok(pages)
}

fn page_of(path: &str) -> &str {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next()) {
        (Some("v1"), Some(name)) if !name.contains('.') => name,
        (Some(name), _) if PROTOCOLS.contains(&name) => name,
        _ => SERVER,
    }
}

fn index(by_page: &BTreeMap<&str, Vec<Operation>>) -> String {
    let rows: String = by_page
        .iter()
        .flat_map(|(name, operations)| operations.iter().map(move |operation| (name, operation)))
        .map(|(name, o)| {
            format!("| [`{} {}`]({name}.md#{}) | {} |\n", o.method, o.path, anchor(o), cell(o.text("summary")))
        })
        .collect();
    format!(
        "{HEAD}# API reference\n\nEvery operation of the HTTP API. [The HTTP API](../guides/api.md) says how all of them are called, \
         and has the shapes of all types.\n\nThe errors that are named at an operation follow from its form: who may, what policy is \
         asked, what it takes. Besides, each can answer [`OVERLOADED`](../errors/OVERLOADED.md) and \
         [`UNAVAILABLE`](../errors/UNAVAILABLE.md), and what its resource does not allow just now, such as \
         [`ILLEGAL_TRANSITION`](../errors/ILLEGAL_TRANSITION.md): [all errors](../errors/README.md). OFREP says in its own way what is wrong with a flag.\n\n| operation | what for \
         |\n|---|---|\n{rows}"
    )
}

fn page(name: &str, operations: &[Operation]) -> String {
    let types: BTreeSet<&str> = operations.iter().flat_map(Operation::answered_types).collect();
    let mut text = format!("{HEAD}# {name}\n\nOf the [API reference](README.md).\n");
    operations.iter().for_each(|operation| text += &section(operation));
    let Some(schemas) = operations.first().map(|operation| operation.schemas) else { return text };
    for name in types.into_iter().filter(|name| schemas[*name]["properties"].is_object()) {
        text += &format!("\n## Type {name}\n\n{}", described(&schemas[name]));
        text += &fields(&schemas[name]);
    }
    text
}

fn section(operation: &Operation) -> String {
    let who = operation.text("description").trim_start_matches("Roles: ").replace('_', " ");
    let mut text = format!("\n## {} {}\n\n{}.\n\n", operation.method, operation.path, operation.text("summary"));
    text += &format!("- Who may: {who}\n- Answers: {}\n- Errors: {}\n", answers(operation), errors(operation));
    let mut parameters = operation.parameters().peekable();
    if parameters.peek().is_some() {
        text += "\n| parameter | in | shape | needed |\n|---|---|---|---|\n";
        text.extend(parameters.map(parameter));
    }
    for (kind, media) in operation.value["requestBody"]["content"].as_object().into_iter().flatten() {
        text += &format!("\nBody {}, as `{kind}`\n", shape(&media["schema"]));
        text += &fields(resolved(&media["schema"], operation.schemas));
    }
    text
}

fn parameter(parameter: &Value) -> String {
    let text = |name: &str| parameter[name].as_str().unwrap_or_default();
    let needed = if parameter["required"] == true { "yes" } else { "" };
    format!("| `{}` | {} | {} | {needed} |\n", text("name"), text("in"), shape(&parameter["schema"]))
}

fn answers(operation: &Operation) -> String {
    let responses = operation.value["responses"].as_object().into_iter().flatten();
    let one = |(status, response): (&String, &Value)| {
        let contents = response["content"].as_object().into_iter().flatten();
        let bodies: Vec<String> = contents.map(|(kind, media)| body_of(kind, media)).collect();
        format!("{status} {}", if bodies.is_empty() { "without a body".into() } else { bodies.join(" or ") })
    };
    responses.filter(|(status, _)| *status != "default").map(one).collect::<Vec<_>>().join("; ")
}

fn body_of(kind: &str, media: &Value) -> String {
    if kind == "application/json" { shape(&media["schema"]) } else { format!("`{kind}`") }
}

/// The errors that follow from what an operation is.
fn errors(operation: &Operation) -> String {
    let who = operation.text("description");
    let takes = |name: &str| operation.parameters().any(|parameter| parameter["name"] == name);
    let has_body = operation.value["requestBody"].is_object();
    // What others wrote down says some things in its own way.
    let is_ours = !PROTOCOLS.contains(&page_of(operation.path));
    let rows = [
        ("INVALID_REQUEST", has_body || operation.parameters().next().is_some()),
        ("UNAUTHENTICATED", !who.starts_with("Anybody")),
        ("FORBIDDEN", who.starts_with("Roles:") || who.starts_with("The platform")),
        ("POLICY_VIOLATION", who.contains("Asks policy")),
        ("NOT_FOUND", is_ours && operation.path.contains('{')),
        ("CONFLICT", takes("Idempotency-Key")),
        ("PRECONDITION_FAILED", takes("If-Match")),
        ("PAYLOAD_TOO_LARGE", has_body),
        ("UNSUPPORTED_MEDIA_TYPE", is_ours && has_body),
    ];
    let linked = rows.iter().filter(|(_, can)| *can).map(|(code, _)| format!("[`{code}`](../errors/{code}.md)"));
    let linked: Vec<String> = linked.collect();
    if linked.is_empty() { "none of its own".into() } else { linked.join(", ") }
}

/// The anchor that a heading gets.
fn anchor(operation: &Operation) -> String {
    let heading = format!("{} {}", operation.method, operation.path).to_lowercase();
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

impl<'a> Operation<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.value[name].as_str().unwrap_or_default()
    }

    fn parameters(&self) -> impl Iterator<Item = &'a Value> {
        self.value["parameters"].as_array().into_iter().flatten()
    }

    /// The types of its answers, also where they come in pages.
    fn answered_types(&self) -> impl Iterator<Item = &'a str> {
        let responses = self.value["responses"].as_object().into_iter().flatten();
        let schemas = responses.filter_map(|(_, response)| response["content"].get("application/json")?.get("schema"));
        schemas.filter_map(|schema| reference(schema).or_else(|| reference(&schema["properties"]["items"]["items"])))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_is_told_with_who_may_what_it_takes_and_what_can_go_wrong() {
        let document = json!({
            "paths": { "/v1/trips/{trip}": { "post": {
                "summary": "Ask", "description": "Roles: safety_officer. Asks policy for trip.request.",
                "parameters": [{ "name": "trip", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^trip_[0-7]$" } }],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Asked" } } } },
                "responses": { "default": {}, "201": { "content": { "application/json": { "schema": { "$ref": "#/s/Trip" } } } } },
            } } },
            "components": { "schemas": {
                "Asked": { "properties": { "kind": { "enum": ["a", "b"], "description": "x|y" } }, "required": ["kind"] },
                "Trip": { "properties": { "id": { "type": "integer", "minimum": 0 } } },
            } },
        });
        let pages = pages(&document.to_string()).unwrap();
        let paths: Vec<&str> = pages.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["docs/reference/README.md", "docs/reference/trips.md"]);
        assert!(
            pages[0].1.contains("| [`POST /v1/trips/{trip}`](trips.md#post-v1tripstrip) | Ask |"),
            "{}",
            pages[0].1
        );
        for part in [
            "- Who may: safety officer. Asks policy for trip.request.",
            "| `trip` | path | `trip_…` | yes |",
            "| `kind` | `a` or `b` | yes | x\\|y |",
            "- Answers: 201 `Trip`",
            "[`POLICY_VIOLATION`](../errors/POLICY_VIOLATION.md)",
            "| `id` | integer, at least 0 |",
        ] {
            assert!(pages[1].1.contains(part), "{part} is not in {}", pages[1].1);
        }
        assert!(!pages[1].1.contains("CONFLICT"), "{}", pages[1].1);
    }
}
