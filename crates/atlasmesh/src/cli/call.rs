//! `atlasmesh call`: every operation of the API from the command line. Names, fields and help are those of the OpenAPI
//! document, so that an operation that exists can be called.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};

use super::client::Call;
use super::{Session, output};

/// How deep references between schemas are followed: deeper than any of ours.
const REFERENCES_MAX: usize = 8;

/// An operation of the document.
struct Operation<'a> {
    document: &'a Value,
    path: &'a str,
    method: &'a str,
    described: &'a Value,
}

/// What was typed, where the operation takes it.
#[derive(Default)]
struct Typed {
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Map<String, Value>,
}

pub async fn run(session: &Session, words: &[String]) -> Result<()> {
    let document = gateway::http::openapi::document().map_err(|error| anyhow!(error))?;
    let asks_help = |word: &String| word == "--help" || word == "-h";
    let Some((name, fields)) = words.split_first().filter(|(name, _)| !asks_help(name)) else {
        list(&document);
        return Ok(());
    };
    let operation = find(&document, name)?;
    if fields.iter().any(asks_help) {
        operation.print_help();
        return Ok(());
    }
    if operation.is_stream() {
        bail!("{name} does not end: follow it with another client, as docs/guides/api.md shows under Streams");
    }
    let typed = operation.typed(fields)?;
    let body = match operation.body_schema() {
        Some(_) => Some(serde_json::to_vec(&Value::Object(typed.body))?),
        None => None,
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(typed.query).finish();
    let path = if query.is_empty() { typed.path } else { format!("{}?{query}", typed.path) };
    let call = Call { method: operation.method.to_uppercase(), path, body, headers: typed.headers };
    let answer = session.client.call(call).await?;
    match serde_json::from_slice::<Value>(&answer) {
        Ok(answer) => output::line(serde_json::to_string_pretty(&answer)?),
        Err(_) => output::bytes(&answer),
    }
    Ok(())
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(move |(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, described)| Operation { document, path, method, described })
    })
}

fn list(document: &Value) {
    let rows: Vec<Vec<String>> = operations(document)
        .map(|operation| vec![operation.id().to_owned(), output::text(operation.described, "/summary")])
        .collect();
    output::table(&["OPERATION", "WHAT FOR"], &rows);
    output::line("\natlasmesh call OPERATION --help tells what it takes");
}

fn find<'a>(document: &'a Value, name: &str) -> Result<Operation<'a>> {
    let found = operations(document).find(|operation| operation.id() == name);
    found.with_context(|| {
        let near: Vec<&str> =
            operations(document).map(|operation| operation.id()).filter(|id| id.contains(name)).collect();
        let hint = if near.is_empty() { "`atlasmesh call` lists them".into() } else { near.join(", ") };
        format!("there is no operation {name}: {hint}")
    })
}

impl<'a> Operation<'a> {
    fn id(&self) -> &'a str {
        self.described["operationId"].as_str().unwrap_or_default()
    }

    /// Whether its answer goes on until somebody ends it: Server-Sent Events, or a WebSocket.
    fn is_stream(&self) -> bool {
        let responses = &self.described["responses"];
        responses["101"].is_object() || responses["200"]["content"]["text/event-stream"].is_object()
    }

    fn parameters(&self) -> impl Iterator<Item = &'a Value> {
        self.described["parameters"].as_array().into_iter().flatten()
    }

    fn body_schema(&self) -> Option<&'a Value> {
        let schema = self.described.pointer("/requestBody/content/application~1json/schema")?;
        Some(self.resolved(schema))
    }

    /// The schema behind references and beside `null`.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..REFERENCES_MAX {
            let referred = schema["$ref"].as_str().and_then(|to| self.document.pointer(to.trim_start_matches('#')));
            let others = || schema["anyOf"].as_array().map(|all| all.iter().filter(|one| one["type"] != "null"));
            schema = match (referred, others().and_then(|mut others| others.next())) {
                (Some(referred), _) => referred,
                (None, Some(other)) if others().is_some_and(|others| others.count() == 1) => other,
                _ => return schema,
            };
        }
        schema
    }

    fn typed(&self, fields: &[String]) -> Result<Typed> {
        let mut typed = Typed { path: self.path.into(), ..Typed::default() };
        let mut words = fields.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else { bail!("expected --FIELD VALUE, not {word}") };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value),
                None => (name, words.next().with_context(|| format!("--{name} needs a value"))?.as_str()),
            };
            self.take(&mut typed, name, value)?;
        }
        if let Some(missing) = typed.path.split(['{', '}']).nth(1) {
            bail!("{} is missing: `atlasmesh call {} --help`", option(missing), self.id());
        }
        Ok(typed)
    }

    fn take(&self, typed: &mut Typed, name: &str, value: &str) -> Result<()> {
        let is_meant = |parameter: &&Value| {
            let known = parameter["name"].as_str().unwrap_or_default();
            known == name || known.eq_ignore_ascii_case(name) || known.replace('_', "-") == name
        };
        if let Some(parameter) = self.parameters().find(is_meant) {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            match parameter["in"].as_str() {
                Some("path") => {
                    let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                    typed.path = typed.path.replace(&format!("{{{name}}}"), &encoded.replace('+', "%20"));
                }
                Some("query") => typed.query.push((name, value.into())),
                _ => typed.headers.push((name.to_lowercase(), value.into())),
            }
            return Ok(());
        }
        let schema = self.body_schema().with_context(|| self.unknown(name))?;
        self.put(&mut typed.body, schema, name, (name, value))
    }

    /// Puts a value at `a.b.c` of the body, as its schema has it; `typed` is the whole name and the value.
    fn put(&self, object: &mut Map<String, Value>, schema: &'a Value, name: &str, typed: (&str, &str)) -> Result<()> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let first = first.replace('-', "_");
        let field = schema["properties"].get(&first).with_context(|| self.unknown(&first))?;
        let field = self.resolved(field);
        if let Some(rest) = rest {
            let inner = object.entry(first).or_insert_with(|| json!({}));
            let inner = inner.as_object_mut().with_context(|| given_before(typed.0))?;
            return self.put(inner, field, rest, typed);
        }
        if field["type"] == "array" && !typed.1.trim_start().starts_with('[') {
            let item = value(self.resolved(&field["items"]), typed)?;
            let items = object.entry(first).or_insert_with(|| json!([]));
            items.as_array_mut().with_context(|| given_before(typed.0))?.push(item);
            return Ok(());
        }
        object.insert(first, value(field, typed)?);
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        let fields: Vec<String> = self.fields().into_iter().map(|field| field.0).collect();
        format!("{} takes no {name}; it takes {}", self.id(), fields.join(", "))
    }

    /// Every field with what it is and whether it is needed.
    fn fields(&self) -> Vec<(String, String, bool)> {
        let parameters = self.parameters().map(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            let needed = parameter["required"] == true;
            (option(&name.to_lowercase()), self.kind(self.resolved(&parameter["schema"])), needed)
        });
        let body = self.body_schema();
        let needed = |name: &String| {
            body.is_some_and(|body| body["required"].as_array().is_some_and(|all| all.contains(&json!(name))))
        };
        let properties = body.and_then(|body| body["properties"].as_object()).into_iter().flatten();
        let of_body = properties.map(|(name, schema)| (option(name), self.kind(self.resolved(schema)), needed(name)));
        parameters.chain(of_body).collect()
    }

    /// What a schema takes, in a few words.
    fn kind(&self, schema: &'a Value) -> String {
        if let Some(names) = schema["enum"].as_array() {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            return names.join(" | ");
        }
        match schema["type"].as_str() {
            Some("array") => format!("one {}, repeated, or a JSON array", self.kind(self.resolved(&schema["items"]))),
            Some("object") => {
                let names: Vec<&String> =
                    schema["properties"].as_object().into_iter().flatten().map(|(n, _)| n).collect();
                let names: Vec<String> = names.into_iter().map(|name| format!(".{name}")).collect();
                format!("object: {}", names.join(", "))
            }
            Some("string") if schema["format"] == "date-time" => "time, RFC 3339".into(),
            Some(other) => other.into(),
            None => "JSON".into(),
        }
    }

    fn print_help(&self) {
        output::line(format!("{}\n", output::text(self.described, "/summary")));
        output::line(format!("{} {}", self.method.to_uppercase(), self.path));
        output::line(format!("{}\n", output::text(self.described, "/description")));
        let rows = self
            .fields()
            .into_iter()
            .map(|(name, kind, needed)| vec![name, if needed { "needed".into() } else { String::new() }, kind]);
        output::table(&["FIELD", "", "WHAT"], &rows.collect::<Vec<_>>());
    }
}

/// How a field is typed.
fn option(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

fn given_before(name: &str) -> String {
    format!("--{name}: what it is part of was given as a whole before")
}

fn value(schema: &Value, (name, text): (&str, &str)) -> Result<Value> {
    match schema["type"].as_str() {
        Some("string") => Ok(Value::String(text.into())),
        kind => serde_json::from_str(text).or_else(|error| match kind {
            // A union may be text.
            None => Ok(Value::String(text.into())),
            Some(kind) => Err(anyhow!("--{name}: expected {kind} as JSON, not {text}: {error}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name_and_tells_what_it_takes() {
        let document = gateway::http::openapi::document().unwrap();
        for operation in operations(&document) {
            let id = operation.id();
            assert_eq!(find(&document, id).unwrap().path, operation.path, "{id}");
            assert!(!output::text(operation.described, "/summary").is_empty(), "{id}");
            let fields = operation.fields();
            let needed = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            for name in needed {
                assert!(
                    fields.iter().any(|(field, _, is_needed)| *field == option(name) && *is_needed),
                    "{id}: {name}"
                );
            }
        }
    }
}
