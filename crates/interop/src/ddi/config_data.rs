//! `PUT /configData`: what a controller says about itself. A claim, as all of DDI.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::text::{beginning, parse, plain};
use super::{BODY_LIMIT, BodyError};

/// The most attributes of a controller.
pub const ATTRIBUTES: usize = 100;
/// The most characters of an attribute's name, as in hawkBit.
pub const NAME_CHARACTERS: usize = 128;
/// The most characters of an attribute's value, as in hawkBit.
pub const VALUE_CHARACTERS: usize = 128;

/// What becomes of the attributes that are already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// They stay unless named; what clients that say nothing mean.
    #[default]
    Merge,
    /// They go.
    Replace,
    /// The named ones go, whatever their value.
    Remove,
}

/// A report of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigData {
    /// What becomes of the attributes that are already there.
    pub mode: Mode,
    /// The attributes. Numbers and truth values were turned into text.
    pub data: BTreeMap<String, String>,
}

/// Old clients add `id`, `time` and `status`: not read.
#[derive(Deserialize)]
struct Body {
    mode: Option<String>,
    data: BTreeMap<String, Value>,
}

impl ConfigData {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BodyError`]: too large, no JSON with `data`, an unknown mode, too many attributes, or one that is too long.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        let Body { mode, data } = parse(body)?;
        let word = mode.unwrap_or_default().to_ascii_lowercase();
        let mode = match word.as_str() {
            "" | "merge" => Mode::Merge,
            "replace" => Mode::Replace,
            "remove" => Mode::Remove,
            _ => return Err(BodyError::Word { field: "mode", word: beginning(&word, 32) }),
        };
        counted(data.len())?;
        let data = data.into_iter().map(|(key, value)| attribute(key, &value)).collect::<Result<_, _>>()?;
        Ok(Self { mode, data })
    }

    /// The attributes after the report, made of those before.
    ///
    /// # Errors
    /// [`BodyError::TooManyAttributes`]: a merge would leave more than [`ATTRIBUTES`].
    pub fn applied_to(&self, before: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, BodyError> {
        let mut after = if self.mode == Mode::Replace { BTreeMap::new() } else { before.clone() };
        if self.mode == Mode::Remove {
            after.retain(|key, _| !self.data.contains_key(key));
            return Ok(after);
        }
        after.extend(self.data.iter().map(|(key, value)| (key.clone(), value.clone())));
        counted(after.len())?;
        Ok(after)
    }
}

/// Refuses a number of attributes above the limit.
fn counted(count: usize) -> Result<(), BodyError> {
    if count > ATTRIBUTES { Err(BodyError::TooManyAttributes { count, limit: ATTRIBUTES }) } else { Ok(()) }
}

/// One attribute as text, within its limits.
fn attribute(key: String, value: &Value) -> Result<(String, String), BodyError> {
    let value = plain(value);
    let refused = |part, limit| BodyError::Attribute { key: beginning(&key, 32), part, limit };
    if key.is_empty() || longer(&key, NAME_CHARACTERS) {
        return Err(refused("name", NAME_CHARACTERS));
    }
    if longer(&value, VALUE_CHARACTERS) {
        return Err(refused("value", VALUE_CHARACTERS));
    }
    Ok((key, value))
}

/// Whether a text has more characters than that; never counts beyond.
fn longer(text: &str, characters: usize) -> bool {
    debug_assert!(characters < BODY_LIMIT);
    text.chars().nth(characters).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn it_is_read_as_clients_send_it() {
        let golden = br#"{"mode":"replace","data":{"VIN":"WVW1","hwRevision":"2"}}"#;
        let expected = ConfigData { mode: Mode::Replace, data: map(&[("VIN", "WVW1"), ("hwRevision", "2")]) };
        assert_eq!(ConfigData::read(golden), Ok(expected));
        // SWUpdate and Zephyr: the old form.
        let old = br#"{"id":"","time":"20261123T072244","status":{"result":{"finished":"success"},
            "execution":"closed","details":[""]},"data":{"sw_version":"1.0.0","n":2,"b":true,"none":null}}"#;
        let data = map(&[("sw_version", "1.0.0"), ("n", "2"), ("b", "true"), ("none", "")]);
        assert_eq!(ConfigData::read(old), Ok(ConfigData { mode: Mode::Merge, data }));
        // hawkbit-rs 0.7.2, as received.
        let null = br#"{"status":{"execution":"closed","result":{"finished":"success"},"details":[]},"mode":null,
            "data":{"hw":"1"}}"#;
        assert_eq!(ConfigData::read(null), Ok(ConfigData { mode: Mode::Merge, data: map(&[("hw", "1")]) }));
        assert_eq!(ConfigData::read(br#"{"mode":"REMOVE","data":{}}"#).unwrap().mode, Mode::Remove);
    }

    #[test]
    fn modes() {
        let before = map(&[("a", "1"), ("b", "2")]);
        let report = |mode| ConfigData { mode, data: map(&[("b", "3"), ("c", "4")]) };
        let after = |mode| report(mode).applied_to(&before).unwrap();
        assert_eq!(after(Mode::Merge), map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        assert_eq!(after(Mode::Replace), map(&[("b", "3"), ("c", "4")]));
        assert_eq!(after(Mode::Remove), map(&[("a", "1")]));
    }

    #[test]
    fn limits_hold() {
        let numbered = |from: usize, to: usize| -> BTreeMap<String, String> {
            (from..to).map(|n| (format!("k{n}"), String::new())).collect()
        };
        let body = |data: &BTreeMap<String, String>| serde_json::json!({ "data": data }).to_string().into_bytes();
        let full = numbered(0, ATTRIBUTES);
        let read = ConfigData::read(&body(&full)).unwrap();
        assert_eq!(read.applied_to(&full).unwrap(), full);
        let over = BodyError::TooManyAttributes { count: ATTRIBUTES + 1, limit: ATTRIBUTES };
        assert_eq!(read.applied_to(&numbered(1, ATTRIBUTES + 1)), Err(over.clone()));
        assert_eq!(ConfigData::read(&body(&numbered(0, ATTRIBUTES + 1))), Err(over));
        for (key, value, fits) in [(1, 128, true), (128, 0, true), (129, 0, false), (1, 129, false), (0, 1, false)] {
            let data = BTreeMap::from([("ä".repeat(key), "ü".repeat(value))]);
            assert_eq!(ConfigData::read(&body(&data)).is_ok(), fits, "{key} {value}");
        }
        for bad in
            [&b""[..], b"{}", b"[]", br#"{"data":[]}"#, br#"{"mode":"drop","data":{}}"#, br#"{"mode":1,"data":{}}"#]
        {
            assert!(ConfigData::read(bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ConfigData::read(&body);
        }
    }
}
