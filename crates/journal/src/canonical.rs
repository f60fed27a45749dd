//! Canonical JSON (RFC 8785, JCS): one text per value, so that a hash over the text is a hash over the value.
//!
//! JCS writes every number as an IEEE 754 double. What a double cannot hold would be rounded without a word, and what
//! nests too deeply could be written and never read again; both are refused before they enter the log.

use serde::Serialize;
use serde_json::{Number, Value};

use crate::JournalError;

/// The deepest body. serde_json follows 128 levels; the envelope takes one, and a body never needs half of the rest.
pub const BODY_DEPTH_MAX: usize = 64;

/// The largest whole number that a double and all its neighbours hold exactly (RFC 7493 §2.2).
const WHOLE_NUMBER_MAX: u64 = (1 << 53) - 1;

/// The canonical text of a value whose numbers are known to fit.
pub(crate) fn to_string(what: &'static str, value: &impl Serialize) -> Result<String, JournalError> {
    serde_json_canonicalizer::to_string(value).map_err(|source| JournalError::Json { what, source })
}

/// Checks that a whole number survives canonical JSON.
pub(crate) fn check_whole(at: &'static str, magnitude: u64, value: impl ToString) -> Result<(), JournalError> {
    if magnitude > WHOLE_NUMBER_MAX {
        return Err(JournalError::NumberTooLarge { at, value: value.to_string() });
    }
    Ok(())
}

/// Checks that a body survives canonical JSON.
pub(crate) fn check_body(body: &Value) -> Result<(), JournalError> {
    let mut level: Vec<&Value> = vec![body];
    for _ in 0..BODY_DEPTH_MAX {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Number(number) => check_number(number)?,
                Value::Array(items) => below.extend(items),
                Value::Object(fields) => below.extend(fields.values()),
                Value::Null | Value::Bool(_) | Value::String(_) => {}
            }
        }
        if below.is_empty() {
            return Ok(());
        }
        level = below;
    }
    Err(JournalError::TooDeep { max: BODY_DEPTH_MAX })
}

fn check_number(number: &Number) -> Result<(), JournalError> {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.map_or(Ok(()), |magnitude| check_whole("body", magnitude, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rfc_8785_examples() {
        // RFC 8785 §3.2.2 and §3.2.3, shortened; numbers from its appendix B.
        let value: Value = serde_json::from_str(
            r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0],"literals":[null,true,false]}"#,
        )
        .unwrap();
        let text = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0]}"#;
        assert_eq!(to_string("it", &value).unwrap(), text);
        let keys = json!({"\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"});
        let order: Vec<String> = to_string("it", &keys).unwrap().split("\":\"").map(str::to_owned).collect();
        assert!(order[0].ends_with("\\r") && order[1].ends_with('1') && order[2].ends_with('\u{80}'), "{order:?}");
        assert!(
            order[4].ends_with('\u{20ac}') && order[5].ends_with('\u{1f600}') && order[6].ends_with('\u{fb33}'),
            "{order:?}"
        );
    }

    #[test]
    fn what_would_be_rounded_is_refused() {
        for good in [json!(9_007_199_254_740_991_u64), json!(-9_007_199_254_740_991_i64), json!(1e300), json!(0.1)] {
            check_body(&json!({ "a": [good] })).unwrap();
        }
        for bad in
            [json!(9_007_199_254_740_993_u64), json!(-9_007_199_254_740_993_i64), json!(u64::MAX), json!(i64::MIN)]
        {
            let refused = check_body(&json!({ "a": [bad] }));
            assert!(matches!(refused, Err(JournalError::NumberTooLarge { at: "body", .. })), "{refused:?}");
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_refused() {
        let nested = |levels: usize| (1..levels).fold(json!(1), |inner, _| json!([inner]));
        check_body(&nested(BODY_DEPTH_MAX)).unwrap();
        assert!(matches!(check_body(&nested(BODY_DEPTH_MAX + 1)), Err(JournalError::TooDeep { .. })));
    }
}
