//! flagd's own operators: `fractional`, `sem_ver`, `starts_with`, `ends_with`.

use semver::Version;
use serde_json::Value;

use super::LogicError;
use crate::murmur::murmur3_32;

/// The largest sum of weights.
const WEIGHTS_MAX: u64 = i32::MAX as u64;

/// Which variant a text falls to: `(hash · sum of weights) >> 32` (version 2 of the assignment), over the text's bytes with
/// seed 0. `null` where the shares say nothing.
pub(super) fn fractional<'a>(key: &str, shares: &'a [Value]) -> Result<&'a Value, LogicError> {
    let mut weighted = Vec::with_capacity(shares.len());
    let mut sum = 0u64;
    for share in shares {
        let (variant, weight) = share_of(share)?;
        weighted.push((variant, weight));
        sum = sum.saturating_add(weight);
    }
    match sum {
        0 => return Ok(&Value::Null),
        1..=WEIGHTS_MAX => {}
        _ => return Err(LogicError::Fractional("the weights are more than 2147483647 together")),
    }
    let bucket = (u64::from(murmur3_32(key.as_bytes(), 0)) * sum) >> 32;
    let mut end = 0u64;
    for (variant, weight) in weighted {
        end += weight;
        if bucket < end {
            return Ok(variant);
        }
    }
    Ok(&Value::Null)
}

/// `["variant", 10]`, or `["variant"]` with the weight 1. A weight below nothing, as a rule over the time may give it, is
/// nothing.
fn share_of(share: &Value) -> Result<(&Value, u64), LogicError> {
    let wrong = LogicError::Fractional("a share is a variant and a whole weight, such as [\"on\", 10]");
    let (variant, weight) = match share.as_array().map(Vec::as_slice) {
        Some([variant]) => return Ok((variant, 1)),
        Some([variant, weight]) => (variant, weight.as_f64()),
        _ => return Err(wrong),
    };
    match weight {
        Some(weight) if weight.fract() == 0.0 && weight <= WEIGHTS_MAX as f64 => Ok((variant, weight.max(0.0) as u64)),
        _ => Err(wrong),
    }
}

/// `1.2` and `v1.2.3` are versions to flagd, though not to Semantic Versioning.
fn version(value: &Value) -> Option<Version> {
    let text = value.as_str()?.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at_checked(end)?;
    let dots = numbers.bytes().filter(|&byte| byte == b'.').count();
    let padding = match dots {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    Version::parse(&format!("{numbers}{padding}{rest}")).ok()
}

/// Whether two versions stand as the operator says; `null` where something is no version or no operator.
pub(super) fn sem_ver(a: &Value, operator: &Value, b: &Value) -> Value {
    let (Some(a), Some(operator), Some(b)) = (version(a), operator.as_str(), version(b)) else { return Value::Null };
    let order = a.cmp_precedence(&b);
    let holds = match operator {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "^" => a.major == b.major,
        "~" => a.major == b.major && a.minor == b.minor,
        _ => return Value::Null,
    };
    Value::Bool(holds)
}

/// Whether both are texts and the test holds; what is no text gives `null`, which is not true.
pub(super) fn of_texts(a: &Value, b: &Value, test: impl Fn(&str, &str) -> bool) -> Value {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => Value::Bool(test(a, b)),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_stand_as_the_operator_says() {
        let rows = [
            ("1.0.0", "=", "1.0.0", json!(true)),
            ("v1.2", ">=", "1.2.0", json!(true)),
            ("1.2.3-beta", "<", "1.2.3", json!(true)),
            ("2.1.0", "^", "2.0.0", json!(true)),
            ("2.1.0", "~", "2.0.0", json!(false)),
            ("2.1.0+build.7", "=", "2.1.0", json!(true)),
            ("2.1.0", "><", "2.0.0", json!(null)),
            ("two", "=", "2.0.0", json!(null)),
            ("1.2.3.4", "=", "1.2.3", json!(null)),
            ("", "=", "0.0.0", json!(null)),
        ];
        for (a, operator, b, expected) in rows {
            assert_eq!(sem_ver(&json!(a), &json!(operator), &json!(b)), expected, "{a} {operator} {b}");
        }
    }

    #[test]
    fn a_hash_falls_where_the_weights_say() {
        // murmur3_32("flag-user") is 2410693464, and that times 100 shifted by 32 bits is 56.
        let up_to = |first: u32| json!([["first", first], ["second", 100 - first]]);
        let chosen = |shares: &Value| fractional("flag-user", shares.as_array().unwrap()).cloned();
        assert_eq!(chosen(&up_to(56)), Ok(json!("second")));
        assert_eq!(chosen(&up_to(57)), Ok(json!("first")));
        assert_eq!(chosen(&json!([["none", 0], ["never", -5]])), Ok(json!(null)));
        assert_eq!(chosen(&json!([["only"]])), Ok(json!("only")));
        for hostile in [json!([["a", 1.5]]), json!([["a", "1"]]), json!(["a"]), json!([[]]), json!([["a", 1e300]])] {
            assert!(chosen(&hostile).is_err(), "{hostile}");
        }
        assert!(chosen(&json!([["a", 2_147_483_647], ["b", 1]])).is_err());
    }

    #[test]
    fn shares_are_met_within_a_percent() {
        let shares = json!([["on", 10], ["off", 90]]);
        let shares = shares.as_array().unwrap();
        let on = (0..100_000).filter(|n| fractional(&format!("pump{n}"), shares).unwrap() == "on").count();
        assert!((9_000..11_000).contains(&on), "{on}");
    }
}
