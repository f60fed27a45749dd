//! JSON of others, read with a limit of depth and without doubled members: a member that is overwritten in silence is a
//! rule that does not do what its author meant. What is too deep is skipped without recursion, and stays attributable.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What is wrong inside of a value that is otherwise JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("has the member `{0}` twice")]
    Twice(String),
}

/// A value, or what is wrong with it.
pub(crate) type Read = Result<Value, Broken>;

/// Reads one value with at most `left` more levels.
#[derive(Clone, Copy)]
pub(crate) struct Limited {
    left: usize,
    max: usize,
}

impl Limited {
    pub(crate) fn to(max: usize) -> Self {
        Self { left: max, max }
    }

    fn deeper(self) -> Option<Self> {
        Some(Self { left: self.left.checked_sub(1)?, max: self.max })
    }
}

impl<'de> DeserializeSeed<'de> for Limited {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        // At the last level nothing is descended into, so that the parser's own limit is never met.
        if self.left == 0 {
            return IgnoredAny::deserialize(deserializer).map(|_| Err(Broken::TooDeep(self.max)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limited {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read, E> {
        Ok(Ok(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read, E> {
        Ok(Ok(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        Ok(Ok(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read, E> {
        Ok(Ok(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        Ok(Ok(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Read, E> {
        Ok(Ok(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Ok(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Read, A::Error> {
        let (mut items, mut broken) = (Vec::new(), None);
        let inner = self.deeper().unwrap_or(self);
        while let Some(read) = seq.next_element_seed(inner)? {
            match read {
                Ok(item) => items.push(item),
                Err(what) => broken = broken.or(Some(what)),
            }
        }
        Ok(broken.map_or(Ok(Value::Array(items)), Err))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut members, mut broken) = (Map::new(), None);
        let inner = self.deeper().unwrap_or(self);
        while let Some(name) = map.next_key::<String>()? {
            let read = map.next_value_seed(inner)?;
            match read {
                Err(what) => broken = broken.or(Some(what)),
                Ok(_) if members.contains_key(&name) => broken = broken.or(Some(Broken::Twice(name))),
                Ok(value) => drop(members.insert(name, value)),
            }
        }
        Ok(broken.map_or(Ok(Value::Object(members)), Err))
    }
}

/// The members of an object in the order of the text, each read by itself; doubled names are left to the caller.
pub(crate) struct Members(pub(crate) Vec<(String, Read)>);

/// Reads an object whose members have at most so many levels each.
#[derive(Clone, Copy)]
pub(crate) struct MembersOf(pub(crate) usize);

impl<'de> DeserializeSeed<'de> for MembersOf {
    type Value = Members;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersOf {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            members.push((name, map.next_value_seed(Limited::to(self.0))?));
        }
        Ok(Members(members))
    }
}

/// How many levels a value has; a scalar has one.
pub(crate) fn depth_of(value: &Value) -> usize {
    // A value exists only if something bounded built it, so the recursion is bounded as well.
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth_of).max().unwrap_or(0),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, max: usize) -> Read {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Limited::to(max).deserialize(&mut deserializer).unwrap()
    }

    #[test]
    fn what_is_too_deep_is_skipped_however_deep_it_is() {
        assert!(read("[[1]]", 3).is_ok());
        assert_eq!(read("[[[1]]]", 3), Err(Broken::TooDeep(3)));
        let bottomless = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
        assert_eq!(read(&bottomless, 64), Err(Broken::TooDeep(64)));
    }

    #[test]
    fn a_member_that_is_there_twice_is_told() {
        assert_eq!(read(r#"{"a": {"b": 1, "b": 2}}"#, 9), Err(Broken::Twice("b".into())));
    }
}
