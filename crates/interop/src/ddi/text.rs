//! What clients get wrong in JSON, put right before it is parsed.

use serde::de::DeserializeOwned;

use super::{BODY_LIMIT, BodyError};

/// Parses a body after [`repair`].
///
/// # Errors
/// [`BodyError::TooLarge`] and [`BodyError::Form`].
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    if body.len() > BODY_LIMIT {
        return Err(BodyError::TooLarge(body.len()));
    }
    let text = repair(body);
    // Serde would take a list for the fields in their order.
    if !text.trim_start().starts_with('{') {
        return Err(BodyError::Form("it is no object".into()));
    }
    serde_json::from_str(&text).map_err(|error| BodyError::Form(beginning(&error.to_string(), 200)))
}

/// The same text with raw control characters inside strings escaped, those outside turned into spaces, backslashes that
/// escape nothing doubled, and bytes that are no UTF-8 replaced.
///
/// SWUpdate puts its log into strings as it is, with raw newlines; clients in C send a closing NUL. A valid text keeps
/// its meaning: in valid JSON none of these occur.
fn repair(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut repaired = String::with_capacity(text.len() + 64);
    let mut in_string = false;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                in_string = !in_string;
                repaired.push('"');
            }
            '\\' if in_string => match escape(rest.as_str()) {
                Some(escaped) => {
                    repaired.push('\\');
                    repaired.extend(rest.by_ref().take(escaped));
                }
                None => repaired.push_str("\\\\"),
            },
            '\u{0}'..='\u{1f}' if in_string => repaired.push_str(&format!("\\u{:04x}", u32::from(character))),
            '\u{0}'..='\u{1f}' => repaired.push(' '),
            _ => repaired.push(character),
        }
    }
    repaired
}

/// How many characters after a backslash belong to its escape (RFC 8259 §7). A half of a surrogate pair is no escape.
fn escape(rest: &str) -> Option<usize> {
    let unit = |text: &str| -> Option<u32> {
        let digits = text.strip_prefix('u')?.get(..4)?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    match rest.chars().next()? {
        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => Some(1),
        'u' => match unit(rest)? {
            0xd800..=0xdbff => {
                let second = unit(rest.get(5..)?.strip_prefix('\\')?)?;
                (0xdc00..=0xdfff).contains(&second).then_some(11)
            }
            0xdc00..=0xdfff => None,
            _ => Some(5),
        },
        _ => None,
    }
}

/// At most this many characters of a text.
pub(super) fn beginning(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// Any scalar as text; an object or a list as its JSON, and null as nothing.
pub(super) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(body: &[u8]) -> Value {
        serde_json::from_str(&repair(body)).unwrap()
    }

    #[test]
    fn what_clients_get_wrong_is_put_right() {
        assert_eq!(read(b"{\"a\":\"one\ntwo\x1b[0m\t\"}"), json!({"a": "one\ntwo\u{1b}[0m\t"}));
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":\n1}\0"), json!({"a": 1}));
        assert_eq!(read(b"[\"\xff\"]"), json!(["\u{fffd}"]));
        assert_eq!(read(br#"["C:\dir \u12 \ud800 \udc00 \x"]"#), json!([r"C:\dir \u12 \ud800 \udc00 \x"]));
        assert_eq!(read(b"[\"a\\\nb\"]"), json!(["a\\\nb"]));
    }

    #[test]
    fn the_body_is_bounded() {
        let body = |length: usize| [b"{\"a\":\"", vec![b'a'; length - 8].as_slice(), b"\"}"].concat();
        assert!(parse::<Value>(&body(BODY_LIMIT)).is_ok());
        assert_eq!(parse::<Value>(&body(BODY_LIMIT + 1)), Err(BodyError::TooLarge(BODY_LIMIT + 1)));
        let deep = b"{\"a\":".repeat(BODY_LIMIT / 8);
        for bad in [&deep[..], b"[]", b"\"{}\"", b"", b"{}{}"] {
            assert!(matches!(parse::<Value>(bad), Err(BodyError::Form(_))));
        }
    }

    proptest! {
        #[test]
        fn valid_json_keeps_its_meaning(text in ".*", key in any::<String>(), number in any::<i64>()) {
            let value = json!({ key: [text, number], "pair": "\u{1f600}" });
            for written in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(&read(written.as_bytes()), &value);
            }
            prop_assert_eq!(read(br#"["\ud83d\ude00\u00e4\/"]"#), json!(["\u{1f600}ä/"]));
        }

        #[test]
        fn any_string_can_be_sent_raw(text in "[^\"\\\\]*") {
            prop_assert_eq!(read(format!("[\"{text}\"]").as_bytes()), json!([text]));
        }
    }
}
