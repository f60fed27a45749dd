//! JSON Schema of the types of the API: what the OpenAPI document shows, and what bodies are held against.

use std::any::TypeId;

use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::{ReplaceBoolSchemas, Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The largest whole number that every reader of JSON holds exactly (RFC 8259 §6).
pub const WHOLE_MAX: u64 = (1 << 53) - 1;

/// Marks a field of an answer that may be left out, and null too.
pub const MAY_BE_NULL: &str = "may-be-null";

/// A type, as the table of operations names it.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Which type.
    pub id: TypeId,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

/// The shape of a type.
pub const fn of<T: JsonSchema + 'static>() -> Shape {
    Shape { id: TypeId::of::<T>(), schema: SchemaGenerator::subschema_for::<T> }
}

/// The schemas of one side.
pub struct Schemas {
    generator: SchemaGenerator,
    plain: Plain,
}

impl Schemas {
    /// What is taken: bodies and parameters.
    pub fn taken() -> Self {
        Self::of_side(Contract::Deserialize)
    }

    /// What is answered.
    pub fn answered() -> Self {
        Self::of_side(Contract::Serialize)
    }

    fn of_side(contract: Contract) -> Self {
        let plain = Plain { is_answer: contract.is_serialize() };
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.contract = contract;
        });
        Self { generator: settings.into_generator(), plain }
    }

    /// The schema of a type: a reference, where it has a name.
    pub fn of(&mut self, shape: Shape) -> Value {
        let mut schema = (shape.schema)(&mut self.generator);
        self.plain.apply(&mut schema);
        schema.to_value()
    }

    /// The fields of a query.
    pub fn parameters(&mut self, shape: Shape) -> Map<String, Value> {
        let mut query = self.of(shape);
        let fields = query["properties"].as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut fields: Map<String, Value> = fields.into_iter().collect();
        fields.values_mut().filter_map(Value::as_object_mut).for_each(without_null);
        fields
    }

    /// The schemas that have a name.
    pub fn named(mut self) -> Map<String, Value> {
        let mut named = self.generator.take_definitions(false);
        named.values_mut().flat_map(<&mut Schema>::try_from).for_each(|schema| self.plain.apply(schema));
        named
    }
}

/// One way to say each thing, whatever wrote it: a choice is `anyOf` or `enum`, whole numbers are those that every reader
/// holds, and an answer has no field that is not described.
struct Plain {
    is_answer: bool,
}

impl Plain {
    fn apply(&mut self, schema: &mut Schema) {
        let mut any = ReplaceBoolSchemas::default();
        any.skip_additional_properties = true;
        any.transform(schema);
        self.transform(schema);
    }
}

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        object.retain(|key, value| match key.as_str() {
            "format" => value == "date-time",
            // Values that a field has where it is left out, and that a set has nothing twice, bind no client.
            "default" | "uniqueItems" => false,
            _ => true,
        });
        if let Some(word) = object.remove("const") {
            object.insert("enum".into(), json!([word]));
        }
        if let Some(choices) = object.remove("oneOf") {
            choice(object, choices);
        }
        // The derived order depends on which variants have a comment.
        if let Some(Value::Array(words)) = object.get_mut("enum") {
            words.sort_by_key(Value::to_string);
        }
        // A map by ids: the field says what its keys are.
        if let Some(Value::Object(kinds)) = object.remove("patternProperties") {
            object.extend(kinds.into_iter().map(|(_, kind)| ("additionalProperties".into(), kind)));
        }
        let is_whole =
            |kind: &Value| kind == "integer" || kind.as_array().is_some_and(|all| all.contains(&json!("integer")));
        if object.get("type").is_some_and(is_whole) && object.contains_key("minimum") {
            object.entry("maximum").or_insert(json!(WHOLE_MAX));
        }
        nullable(object);
        if self.is_answer && object.contains_key("properties") {
            object.entry("additionalProperties").or_insert(json!(false));
            let required = object.get("required").cloned().unwrap_or_default();
            let is_left_out = |name: &str| !required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
            let fields = object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
            let left_out = fields.filter(|(name, _)| is_left_out(name));
            left_out.filter_map(|(_, field)| field.as_object_mut()).for_each(without_null);
        }
    }
}

/// One of several, or one of several words.
fn choice(object: &mut Map<String, Value>, choices: Value) {
    let words = |choice: &Value| choice["enum"].as_array().cloned();
    let all: Option<Vec<_>> = choices.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(words).collect();
    match all {
        Some(words) => {
            object.insert("type".into(), json!("string"));
            object.insert("enum".into(), words.concat().into());
        }
        None => drop(object.insert("anyOf".into(), choices)),
    }
}

/// What may be null as one of two kinds.
fn nullable(object: &mut Map<String, Value>) {
    let Some([kind, null]) = object.get("type").and_then(Value::as_array).map(Vec::as_slice) else { return };
    if null != "null" {
        return;
    }
    let kind = kind.clone();
    let of_field = ["description", MAY_BE_NULL].map(|key| object.remove_entry(key));
    let mut other = std::mem::take(object);
    other.insert("type".into(), kind);
    object.extend(of_field.into_iter().flatten());
    object.insert("anyOf".into(), json!([other, { "type": "null" }]));
}

/// What is there or left out is never null.
fn without_null(object: &mut Map<String, Value>) {
    if object.remove(MAY_BE_NULL).is_some() {
        return;
    }
    let Some(kinds) = object.get_mut("anyOf").and_then(Value::as_array_mut) else { return };
    kinds.retain(|kind| kind["type"] != "null");
    if let [Value::Object(only)] = kinds.as_mut_slice() {
        let only = std::mem::take(only);
        object.remove("anyOf");
        object.extend(only);
    }
}

/// A schema in short, for people: `{ field: kind, optional?: kind, … }`.
pub fn text(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().into();
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().map(text).collect::<Vec<_>>().join(" | ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ");
    }
    let (kind, least, most) = match schema["type"].as_str() {
        Some("object") => return fields(schema),
        Some("array") => (format!("[{}]", text(&schema["items"])), "minItems", "maxItems"),
        Some("string") => (word(schema), "minLength", "maxLength"),
        Some(number) => (number.to_owned(), "minimum", "maximum"),
        None => return "any".into(),
    };
    let limit = |name: &str| Some(&schema[name]).filter(|limit| limit.is_number() && **limit != WHOLE_MAX);
    match (limit(least), limit("exclusiveMinimum"), limit(most)) {
        (Some(least), _, Some(most)) => format!("{kind}({least}..{most})"),
        (_, Some(above), Some(most)) => format!("{kind}(>{above}..{most})"),
        (None, None, Some(most)) => format!("{kind}(..{most})"),
        _ => kind,
    }
}

fn word(schema: &Value) -> String {
    let id = schema["pattern"].as_str().and_then(|pattern| pattern.strip_prefix('^')?.split_once("_[0-7]"));
    match id {
        Some((prefix, _)) => format!("{prefix}_…"),
        None if schema["format"] == "date-time" => "time".into(),
        None => "string".into(),
    }
}

fn fields(schema: &Value) -> String {
    let is_needed = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let described = schema["properties"].as_object().into_iter().flatten();
    let mut fields: Vec<String> = described
        .map(|(name, field)| format!("{name}{}: {}", if is_needed(name) { "" } else { "?" }, text(field)))
        .collect();
    match &schema["additionalProperties"] {
        Value::Object(kind) if !kind.is_empty() => fields.push(format!("…: {}", text(&schema["additionalProperties"]))),
        Value::Bool(false) => {}
        _ => fields.push("…".into()),
    }
    if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
}
