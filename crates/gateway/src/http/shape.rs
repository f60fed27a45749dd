//! The notation in which bodies and answers are written down once, for people and programs alike, and its translation
//! into JSON Schema:
//!
//! ```text
//! { id: veh_…, class: now | nearest_admissible, at?: time | null, points: [Coordinate], … }
//! ```
//!
//! `string`, `integer` (from 0), `number`, `boolean`, `time`, `any` and `null` are what they say; `prefix_…` is an id; a
//! word with a capital and small letters is a shape of its own; any other word is itself. A field with `?` may be left
//! out; `…` among fields says that there may be more.

use serde_json::{Value, json};

/// How deep one shape may nest.
const DEPTH_MAX: usize = 16;

/// The JSON Schema of a shape.
///
/// # Errors
/// What cannot be read.
pub fn schema(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text, depth: 0 };
    let schema = reader.union()?;
    match reader.rest.trim_start() {
        "" => Ok(schema),
        rest => Err(format!("`{text}`: nothing is expected at `{rest}`")),
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, mark: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(mark) else { return false };
        self.rest = rest;
        true
    }

    fn need(&mut self, mark: &str) -> Result<(), String> {
        if self.eat(mark) { Ok(()) } else { Err(format!("`{mark}` is expected at `{}`", self.rest)) }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-…".contains(c))).unwrap_or(rest.len());
        if end == 0 {
            return Err(format!("a word is expected at `{rest}`"));
        }
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    fn union(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("too deep at `{}`", self.rest));
        }
        let (mut kinds, mut literals) = (Vec::new(), Vec::new());
        loop {
            if self.eat("[") {
                kinds.push(json!({ "type": "array", "items": self.union()? }));
                self.need("]")?;
            } else if self.eat("{") {
                kinds.push(self.fields()?);
            } else {
                let word = self.word()?;
                match kind(word) {
                    Some(kind) => kinds.push(kind),
                    None => literals.push(word),
                }
            }
            if !self.eat("|") {
                break;
            }
        }
        self.depth -= 1;
        if !literals.is_empty() {
            kinds.insert(0, json!({ "type": "string", "enum": literals }));
        }
        match <[Value; 1]>::try_from(kinds) {
            Ok([only]) => Ok(only),
            Err(several) => Ok(json!({ "anyOf": several })),
        }
    }

    /// Fields up to the closing brace.
    fn fields(&mut self) -> Result<Value, String> {
        let (mut properties, mut required, mut is_open) = (serde_json::Map::new(), Vec::new(), false);
        while !self.eat("}") {
            if self.eat("…") {
                is_open = true;
            } else {
                let name = self.word()?;
                if !self.eat("?") {
                    required.push(name);
                }
                self.need(":")?;
                properties.insert(name.to_owned(), self.union()?);
            }
            if !self.eat(",") {
                self.need("}")?;
                break;
            }
        }
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": is_open });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        Ok(object)
    }
}

/// The schema of a word; none if it stands for itself.
fn kind(word: &str) -> Option<Value> {
    if let Some(prefix) = word.strip_suffix("_…") {
        return Some(json!({ "type": "string", "pattern": format!("^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$") }));
    }
    if word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase) {
        return Some(json!({ "$ref": format!("#/components/schemas/{word}") }));
    }
    Some(match word {
        "string" | "number" | "boolean" | "null" => json!({ "type": word }),
        "integer" => json!({ "type": "integer", "minimum": 0 }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "any" => json!({}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_schemas() {
        let id = "^veh_[0-9a-hjkmnp-tv-z]{26}$";
        let rows = [
            ("any", json!({})),
            ("veh_…", json!({ "type": "string", "pattern": id })),
            ("now | later", json!({ "type": "string", "enum": ["now", "later"] })),
            ("CREATED | null", json!({ "anyOf": [{ "type": "string", "enum": ["CREATED"] }, { "type": "null" }] })),
            ("[Place]", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Place" } })),
            (
                "{ a: integer, b?: time, … }",
                json!({
                    "type": "object", "required": ["a"], "additionalProperties": true,
                    "properties": {
                        "a": { "type": "integer", "minimum": 0 },
                        "b": { "type": "string", "format": "date-time" },
                    },
                }),
            ),
            ("{}", json!({ "type": "object", "properties": {}, "additionalProperties": false })),
        ];
        for (text, expected) in rows {
            assert_eq!(schema(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_shape_is_named() {
        for text in ["", "{ a }", "[string", "string }", "a |", "{ a: b c }", &"[".repeat(100)] {
            assert!(schema(text).is_err(), "{text}");
        }
    }
}
