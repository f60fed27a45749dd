//! JsonLogic compares as JavaScript does; this is as much of it as JSON values can meet.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

/// What counts as true. Other than in JavaScript an empty list does not: JsonLogic says so itself.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64().is_some_and(|value| value != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

fn number_of_text(text: &str) -> f64 {
    match text.trim() {
        "" => 0.0,
        // Rust reads more words as numbers than JavaScript does.
        word if word.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            word.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// The value as a number; NaN where it is none.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(value) => value.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => number_of_text(text),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// A number as JSON writes it: whole ones without a point, what is not finite not at all.
pub(crate) fn value_of(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Some(Value::Number(Number::from(number as i64)));
    }
    Number::from_f64(number).map(Value::Number)
}

/// The value inside of a text. `None` for an object, which has no text that means anything.
pub(crate) fn text(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Null => Cow::Borrowed("null"),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::Number(number) => match value_of(number.as_f64()?) {
            Some(whole) => Cow::Owned(whole.to_string()),
            None => Cow::Owned(number.to_string()),
        },
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(items) => {
            let texts: Option<Vec<Cow<'_, str>>> = items.iter().map(text).collect();
            Cow::Owned(texts?.join(","))
        }
        Value::Object(_) => return None,
    })
}

/// `===`: of one kind and equal. `1` and `1.0` are the same number.
pub(crate) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b)),
        _ => a == b,
    }
}

/// `==`: `null` equals only itself; a number and a text are compared as numbers.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    let scalar = |value: &Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
    let same_kind = matches!((a, b), (Value::String(_), Value::String(_)));
    if scalar(a) && scalar(b) && !same_kind { number(a) == number(b) } else { identical(a, b) }
}

/// `<` and the like: two texts by their characters, everything else as numbers.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => number(a).partial_cmp(&number(b)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_compare_as_in_javascript() {
        let equals = [(json!(1), json!("1")), (json!(true), json!(1)), (json!(""), json!(0)), (json!(1), json!(1.0))];
        assert!(equals.iter().all(|(a, b)| equal(a, b)), "{equals:?}");
        let differ = [
            (json!(null), json!(0)),
            (json!("a"), json!(0)),
            (json!("inf"), json!("infinity")),
            (json!([1]), json!(1)),
        ];
        assert!(!differ.iter().any(|(a, b)| equal(a, b)), "{differ:?}");
        assert!(!identical(&json!(1), &json!("1")) && identical(&json!([1]), &json!([1.0])));
        assert_eq!(compare(&json!("10"), &json!("9")), Some(Ordering::Less));
        assert_eq!(compare(&json!("10"), &json!(9)), Some(Ordering::Greater));
        assert_eq!(compare(&json!("nan"), &json!(9)), None);
    }

    #[test]
    fn truth_is_that_of_json_logic() {
        let falses = [json!(null), json!(0), json!(0.0), json!(""), json!([]), json!(false)];
        assert!(!falses.iter().any(truthy));
        let trues = [json!("0"), json!([0]), json!({}), json!(-1)];
        assert!(trues.iter().all(truthy));
    }
}
