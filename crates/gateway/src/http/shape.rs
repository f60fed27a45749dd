//! The notation in which bodies and answers are written down once, for people and programs alike, and its translation
//! into JSON Schema:
//!
//! ```text
//! { id: veh_…, class: now | nearest_admissible, at?: time | null, points: [Coordinate](2..500), seats: integer(0..500), … }
//! ```
//!
//! `string`, `integer` (from 0, as far as every program counts exactly), `number`, `boolean`, `any` and `null` are what
//! they say, `time` is RFC 3339 in UTC, `text` has something to read in it; `name`, `word`, `vin` and `subject` have an
//! alphabet; `prefix_…` is an id; a word with a capital and small letters is a shape of its own; any other word is
//! itself. `(least..most)` behind a kind or a list limits its value, its characters or its items, `(>least..most)`
//! without the least. A field with `?` may be left out; `…` among fields says that there may be more, and `…:` with a kind
//! that these are all of it, under any names.

use serde_json::{Value, json};

/// How deep one shape may nest.
const DEPTH_MAX: usize = 16;
/// The largest whole number that every reader of JSON holds exactly (RFC 8259 §6).
pub const WHOLE_MAX: u64 = (1 << 53) - 1;
/// The times of RFC 3339 that `kernel::Timestamp` reads: in UTC, and no second is a leap.
const TIME: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\\.[0-9]{1,9})?Z$";

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

    /// Limits in parentheses, if there are any.
    fn limited(&mut self, mut kind: Value) -> Result<Value, String> {
        if !self.eat("(") {
            return Ok(kind);
        }
        let (least, most) = match kind["type"].as_str() {
            Some("integer" | "number") if self.eat(">") => ("exclusiveMinimum", "maximum"),
            Some("integer" | "number") => ("minimum", "maximum"),
            Some("string") => ("minLength", "maxLength"),
            Some("array") => ("minItems", "maxItems"),
            _ => return Err(format!("nothing is to be limited at `{}`", self.rest)),
        };
        let (limits, rest) = self.rest.split_once(')').ok_or("a parenthesis stays open")?;
        self.rest = rest;
        let number = |text: &str| text.parse::<i64>().map_err(|_| format!("`{limits}` are no limits"));
        let (from, to) = limits.split_once("..").ok_or(format!("`{limits}` are no limits"))?;
        kind[least] = json!(number(from)?);
        kind[most] = json!(number(to)?);
        Ok(kind)
    }

    fn union(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("too deep at `{}`", self.rest));
        }
        let (mut kinds, mut literals) = (Vec::new(), Vec::new());
        loop {
            if self.eat("[") {
                let list = json!({ "type": "array", "items": self.union()? });
                self.need("]")?;
                kinds.push(self.limited(list)?);
            } else if self.eat("{") {
                kinds.push(self.fields()?);
            } else {
                let word = self.word()?;
                match kind(word) {
                    Some(kind) => kinds.push(self.limited(kind)?),
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
        let (mut properties, mut required, mut others) = (serde_json::Map::new(), Vec::new(), json!(false));
        while !self.eat("}") {
            if self.eat("…") {
                others = if self.eat(":") { self.union()? } else { json!(true) };
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
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": others });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        Ok(object)
    }
}

/// The schema of a word; none if it stands for itself.
fn kind(word: &str) -> Option<Value> {
    if let Some(prefix) = word.strip_suffix("_…") {
        // 128 bits: the first of 26 digits has three.
        return Some(json!({ "type": "string", "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$") }));
    }
    if word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase) {
        return Some(json!({ "$ref": format!("#/components/schemas/{word}") }));
    }
    Some(match word {
        "string" | "number" | "boolean" | "null" => json!({ "type": word }),
        "integer" => json!({ "type": "integer", "minimum": 0, "maximum": WHOLE_MAX }),
        "time" => json!({ "type": "string", "format": "date-time", "pattern": TIME }),
        "text" => json!({ "type": "string", "pattern": "\\S" }),
        // kernel::text
        "name" => json!({ "type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": 40 }),
        "word" => json!({ "type": "string", "pattern": "^[a-z0-9_-]{1,40}$" }),
        // ISO 3779
        "vin" => json!({ "type": "string", "pattern": "^[A-HJ-NPR-Z0-9]{17}$" }),
        "subject" => json!({ "type": "string", "pattern": "^[!-.0-~]+/[!-~]+$", "maxLength": 128 }),
        "any" => json!({}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_schemas() {
        let id = "^veh_[0-7][0-9a-hjkmnp-tv-z]{25}$";
        let rows = [
            ("any", json!({})),
            ("veh_…", json!({ "type": "string", "pattern": id })),
            ("now | later", json!({ "type": "string", "enum": ["now", "later"] })),
            ("CREATED | null", json!({ "anyOf": [{ "type": "string", "enum": ["CREATED"] }, { "type": "null" }] })),
            ("[Place]", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Place" } })),
            ("[any](3..500)", json!({ "type": "array", "items": {}, "minItems": 3, "maxItems": 500 })),
            ("integer(1..10)", json!({ "type": "integer", "minimum": 1, "maximum": 10 })),
            ("number(-90..90)", json!({ "type": "number", "minimum": -90, "maximum": 90 })),
            ("number(>0..60)", json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 60 })),
            ("text(1..60)", json!({ "type": "string", "pattern": "\\S", "minLength": 1, "maxLength": 60 })),
            (
                "{ a: integer, b?: time, … }",
                json!({
                    "type": "object", "required": ["a"], "additionalProperties": true,
                    "properties": {
                        "a": { "type": "integer", "minimum": 0, "maximum": WHOLE_MAX },
                        "b": { "type": "string", "format": "date-time", "pattern": TIME },
                    },
                }),
            ),
            (
                "{ …: boolean }",
                json!({ "type": "object", "properties": {}, "additionalProperties": { "type": "boolean" } }),
            ),
            ("{}", json!({ "type": "object", "properties": {}, "additionalProperties": false })),
        ];
        for (text, expected) in rows {
            assert_eq!(schema(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_shape_is_named() {
        for text in [
            "",
            "{ a }",
            "[string",
            "string }",
            "a |",
            "{ a: b c }",
            "any(1..2)",
            "string(1)",
            "string(1..",
            &"[".repeat(100),
        ] {
            assert!(schema(text).is_err(), "{text}");
        }
    }
}
