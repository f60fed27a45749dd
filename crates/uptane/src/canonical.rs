//! The canonical form of a JSON value over which roles sign (OLPC canonical JSON, TUF §4.2.1): members sorted by code point,
//! no white space, only `"` and `\` escaped, integers only.
//!
//! This is written here and not taken from `olpc-cjson`: that crate brings strings to Unicode form NFC, so that two different
//! texts would share one signature, and sorts names together with their closing quote. python-tuf does neither.

use serde_json::{Map, Value};

/// A value that has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("canonical JSON has only integers from -2^63 to 2^64-1, no fractions or exponents")]
pub struct NotCanonical;

/// The canonical form of `value`.
///
/// # Errors
/// [`NotCanonical`] when a number is no integer.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write_value(&mut out, value)?;
    Ok(out)
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(_) => return Err(NotCanonical),
        Value::String(text) => write_string(out, text),
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, value)?;
            }
            out.push(b']');
        }
        Value::Object(members) => write_object(out, members)?,
    }
    Ok(())
}

fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>) -> Result<(), NotCanonical> {
    // The map keeps the order of insertion when another crate of the build turns on serde_json's `preserve_order`.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| name.as_bytes());
    out.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, name);
        out.push(b':');
        write_value(out, value)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_sorted_and_only_quotes_and_backslashes_escaped() {
        let value = json!({"b": [1, -2, true, null], "a!": "x\"y\\z\n", "a": {}, "é": u64::MAX});
        let expected = "{\"a\":{},\"a!\":\"x\\\"y\\\\z\n\",\"b\":[1,-2,true,null],\"é\":18446744073709551615}";
        assert_eq!(canonical(&value).unwrap(), expected.as_bytes());
    }

    #[test]
    fn fractions_are_refused() {
        for text in ["1.0", "1e3", "-0", "18446744073709551616"] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(canonical(&json!([value])), Err(NotCanonical), "{text}");
        }
    }

    #[test]
    fn texts_that_look_alike_stay_different() {
        assert_ne!(canonical(&json!("\u{e9}")), canonical(&json!("e\u{301}")));
    }
}
