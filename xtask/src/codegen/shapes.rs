//! What a value of the API looks like, in words and tables, from its JSON Schema.

use serde_json::Value;

/// Longer lists of values are left to the document.
const VALUES_MAX: usize = 12;

/// The fields of an object, as a table.
pub fn fields(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object().filter(|fields| !fields.is_empty()) else {
        return String::new();
    };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let row = |(name, field): (&String, &Value)| {
        let needed = if required.contains(&name.as_str()) { "yes" } else { "" };
        format!(
            "| `{name}` | {} | {needed} | {} |\n",
            shape(field),
            cell(field["description"].as_str().unwrap_or_default())
        )
    };
    format!(
        "\n| field | shape | always | what |\n|---|---|---|---|\n{}",
        properties.iter().map(row).collect::<String>()
    )
}

/// What a value looks like, in a few words.
pub fn shape(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("`{name}`");
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(shape).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| values.len() <= VALUES_MAX) {
        return values
            .iter()
            .map(|value| format!("`{}`", value.to_string().trim_matches('"')))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    match schema["type"].as_str() {
        // A page of a list.
        Some("object") if !schema["properties"]["items"]["items"].is_null() => {
            format!("page: {}", shape(&schema["properties"]["items"]))
        }
        Some("array") => format!("list of {}", shape(&schema["items"])),
        Some("string") => text_shape(schema),
        Some(kind @ ("integer" | "number")) => kind.to_owned() + &limits(&schema["minimum"], &schema["maximum"]),
        Some(kind) => kind.to_owned(),
        None => "anything".to_owned(),
    }
}

fn text_shape(schema: &Value) -> String {
    let id = schema["pattern"].as_str().and_then(|pattern| pattern.strip_prefix('^')?.split_once("_["));
    match (id, schema["format"].as_str()) {
        (Some((prefix, _)), _) if prefix.chars().all(|c| c.is_ascii_lowercase()) => format!("`{prefix}_…`"),
        (_, Some("date-time")) => "time (RFC 3339)".to_owned(),
        _ => "text".to_owned() + &limits(&schema["minLength"], &schema["maxLength"]),
    }
}

fn limits(least: &Value, most: &Value) -> String {
    match (least.is_null(), most.is_null()) {
        (true, true) => String::new(),
        (false, true) => format!(", at least {least}"),
        (true, false) => format!(", at most {most}"),
        (false, false) => format!(", {least} to {most}"),
    }
}

pub fn described(schema: &Value) -> String {
    schema["description"].as_str().map(|text| text.to_owned() + "\n").unwrap_or_default()
}

pub fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

pub fn resolved<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    reference(schema).map_or(schema, |name| &schemas[name])
}

/// Text that no cell of a table ends at.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_are_said_in_a_few_words() {
        let rows = [
            (json!({ "$ref": "#/components/schemas/Trip" }), "`Trip`"),
            (json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }), "boolean or null"),
            (json!({ "enum": ["now", "later"] }), "`now` or `later`"),
            (json!({ "type": "array", "items": { "type": "number", "maximum": 2 } }), "list of number, at most 2"),
            (json!({ "type": "string", "pattern": "^veh_[0-7]$" }), "`veh_…`"),
            (json!({ "type": "string", "pattern": "^[a-z]_[a]$", "minLength": 1, "maxLength": 9 }), "text, 1 to 9"),
            (json!({ "type": "string", "format": "date-time", "pattern": "^[0-9]Z$" }), "time (RFC 3339)"),
            (
                json!({ "type": "object", "properties": { "items": { "type": "array", "items": {} } } }),
                "page: list of anything",
            ),
        ];
        for (schema, expected) in rows {
            assert_eq!(shape(&schema), expected, "{schema}");
        }
    }
}
