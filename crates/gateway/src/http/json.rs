//! JSON bodies, held against the same schemas that the OpenAPI document shows: every wrong field is named by its JSON
//! pointer (RFC 6901), in every operation alike.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use api_types::WHOLE_MAX;
use api_types::schema::{self, Schemas, Shape};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use kernel::{Code, FieldError, Reject};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::endpoints;

/// The most fields that one answer names: who has more of them wrong has another error than those.
const FIELDS_MAX: usize = 100;

/// A validator for each type of a body, made once.
static VALIDATORS: RwLock<Option<HashMap<TypeId, Arc<Validator>>>> = RwLock::new(None);

fn validator(shape: Shape) -> Result<Arc<Validator>, Reject> {
    let known = VALIDATORS.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = known.as_ref().and_then(|known| known.get(&shape.id)) {
        return Ok(Arc::clone(validator));
    }
    drop(known);
    let mut schemas = Schemas::taken();
    let mut schema = schemas.of(shape);
    schema["components"] = json!({ "schemas": schemas.named() });
    let made = jsonschema::options().should_validate_formats(true).build(&schema).map(Arc::new).map_err(|error| {
        tracing::error!(%error, "the schema of a body is wrong");
        Reject::new(Code::Unavailable, "the description of this body cannot be used")
    })?;
    let mut known = VALIDATORS.write().unwrap_or_else(PoisonError::into_inner);
    Ok(Arc::clone(known.get_or_insert_default().entry(shape.id).or_insert(made)))
}

/// Makes the validators now, so that no request waits for them.
pub fn prepare() {
    endpoints().filter_map(|endpoint| endpoint.body).for_each(|body| drop(validator(body)));
}

/// JSON as its type describes it.
///
/// # Errors
/// `INVALID_REQUEST` with every field that is wrong.
pub fn read<T: DeserializeOwned + JsonSchema + 'static>(bytes: &[u8]) -> Result<T, Reject> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let value = Unique
        .deserialize(serde_path_to_error::Deserializer::new(&mut reader, &mut track))
        .map_err(|error| Reject::invalid_field(pointer(&track.path()), plain(&error)))?;
    reader.end().map_err(|error| Reject::invalid_field("/", plain(&error)))?;
    let mut wrong = BTreeMap::new();
    let validator = validator(schema::of::<T>())?;
    validator.iter_errors(&value).take(FIELDS_MAX).for_each(|error| add(&mut wrong, &error));
    if !wrong.is_empty() {
        let fields = wrong.into_iter().map(|(field, message)| FieldError { field, message });
        return Err(Reject::invalid(fields.take(FIELDS_MAX).collect()));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(error.path());
        Reject::invalid_field(pointer, plain(&error.into_inner()))
    })
}

/// Adds the fields that an error is about; the first word about each counts.
fn add(wrong: &mut BTreeMap<String, String>, error: &ValidationError<'_>) {
    let at = error.instance_path().as_str();
    let mut put = |field: String, message: String| {
        wrong.entry(if field.is_empty() { "/".into() } else { field }).or_insert(message);
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            put(format!("{at}/{}", escaped(name)), "is missing".into());
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().for_each(|name| put(format!("{at}/{}", escaped(name)), "is not a field here".into()));
        }
        ValidationErrorKind::AnyOf { context } => {
            let is_of_kind = |errors: &&Vec<ValidationError<'_>>| {
                let of_kind = |error: &ValidationError<'_>| matches!(error.kind(), ValidationErrorKind::Type { .. });
                !errors.iter().any(|error| of_kind(error) && error.instance_path().as_str() == at)
            };
            match context.iter().filter(is_of_kind).min_by_key(|errors| errors.len()) {
                Some(closest) => closest.iter().for_each(|error| add(wrong, error)),
                None => put(at.to_owned(), "has the wrong type".into()),
            }
        }
        ValidationErrorKind::Pattern { pattern } if pattern == "\\S" => {
            put(at.to_owned(), "must not be empty".into());
        }
        _ => put(at.to_owned(), error.masked_with("").to_string().trim().to_owned()),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The JSON pointer of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let pointer: String = path
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escaped(key)),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect();
    if pointer.is_empty() { "/".into() } else { pointer }
}

fn plain(error: &serde_json::Error) -> String {
    format!("is wrong: {error}")
}

/// A value of which no object has a key twice: readers differ in which of two they take (RFC 8259 §4), and a person who
/// checks a request must see what the server sees. And a whole number is one however it is written: to JSON Schema `7.0`
/// is an integer.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let is_whole = value.fract() == 0.0 && value.abs() <= WHOLE_MAX as f64;
        Ok(if is_whole { (value as i64).into() } else { value.into() })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                fields.next_value_seed(Twice)?;
            }
            let value = fields.next_value_seed(Self)?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

/// The second value of a key, which is read by no one: that it is refused as a value tells the path to it.
struct Twice;

impl<'de> DeserializeSeed<'de> for Twice {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom("the key stands more than once"))
    }
}

#[cfg(test)]
mod tests {
    use kernel::Coordinate;

    use super::*;
    use api_types::assistance::HandBack;
    use api_types::standing::StandingRequest;

    fn wrong<T: DeserializeOwned + JsonSchema + 'static>(body: &str) -> Vec<String> {
        let refused = read::<T>(body.as_bytes()).err().expect("it is refused");
        refused.fields.into_iter().map(|field| field.field).collect()
    }

    #[test]
    fn every_body_has_a_validator() {
        for endpoint in endpoints() {
            assert!(endpoint.body.is_none_or(|body| validator(body).is_ok()), "{} {}", endpoint.method, endpoint.path);
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let trip = r#"{ "trip": { "site": "Not a name", "kind": "haul", "origin": { "lat": 95 }, "wings": 2,
            "destination": null, "requirements": { "seats/more": 1 }, "window": { "earliest": "2026-02-30T00:00:00Z" } },
            "goal": { "trips": 0 }, "at_once": true }"#;
        let expected = [
            "/at_once",
            "/goal/trips",
            "/trip/destination",
            "/trip/origin/lat",
            "/trip/origin/lon",
            "/trip/requirements/seats~1more",
            "/trip/site",
            "/trip/window/earliest",
            "/trip/wings",
        ];
        assert_eq!(wrong::<StandingRequest>(trip), expected);
    }

    /// Serde reads a struct from a list of its fields too, so that longitude and latitude would be a place.
    #[test]
    fn a_list_is_no_object() {
        assert_eq!(wrong::<Coordinate>("[-71.25, -29.9]"), ["/"]);
        assert_eq!(wrong::<Vec<Coordinate>>(r#"[{ "lat": 1, "lon": 2 }, [-71.25, -29.9]]"#), ["/1"]);
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (lease, is_read) in
            [("7", true), ("7.0", true), ("0.7e1", true), ("7.5", false), ("-7", false), ("1e16", false)]
        {
            let read = read::<HandBack>(format!("{{ \"lease\": {lease} }}").as_bytes());
            assert_eq!(read.map(|body| body.lease).ok(), is_read.then_some(7), "{lease}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_named_at_any_depth() {
        assert_eq!(wrong::<Value>(r#"{ "a": 1, "a": 1 }"#), ["/a"]);
        assert_eq!(wrong::<Value>(r#"{ "a": [0, { "b": { "c": 1, "d": 2, "c": 3 } }] }"#), ["/a/1/b/c"]);
        assert_eq!(wrong::<Value>(r#"{ "a": 1 } x"#), ["/"]);
        let same = r#"{"a":[null,true,-1,18446744073709551615,1.5,"é"],"b":{"a":{}}}"#;
        assert_eq!(read::<Value>(same.as_bytes()).unwrap().to_string(), same);
    }
}
