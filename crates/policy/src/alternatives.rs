//! What would be allowed instead of what was denied. A forbid may say to which value a fact would have to change
//! (`@modify("payload_kg<=400000.0")`); the changed request is asked again, and offered only if the same rules allow it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::fact::{Fact, FactValue};
use crate::request::Request;

/// How often the changed request is asked again: each round may meet another rule.
pub(crate) const ROUNDS_MAX: usize = 4;

/// A change of a fact that would help.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Modify {
    pub(crate) fact: String,
    bound: Bound,
}

#[derive(Debug, Clone, PartialEq)]
enum Bound {
    AtMost(FactValue),
    AtLeast(FactValue),
    Exactly(FactValue),
}

/// A request that would be allowed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "PolicyAlternative")]
#[schemars(extend("additionalProperties" = true))]
pub struct Alternative {
    /// What changes.
    pub changes: Vec<Change>,
}

/// A fact with another value.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "PolicyAlternativeChange")]
#[schemars(extend("additionalProperties" = true))]
pub struct Change {
    pub fact: String,
    pub from: FactValue,
    pub to: FactValue,
}

impl Modify {
    /// Reads `fact<=value`, `fact>=value` or `fact=value`, where the fact is of a type.
    pub(crate) fn parse(text: &str, type_of: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (name, operator, value) = ["<=", ">=", "="]
            .iter()
            .find_map(|operator| text.split_once(operator).map(|(name, value)| (name.trim(), *operator, value.trim())))
            .ok_or_else(|| format!("@modify(\"{text}\") is not fact<=value, fact>=value or fact=value"))?;
        let kind = type_of(name).ok_or_else(|| format!("@modify names {name}, which is no fact of the rule's acts"))?;
        let wrong = || format!("@modify(\"{text}\"): {value} is no {kind}");
        let value = match kind.as_str() {
            "decimal" => value.parse().ok().filter(|number: &f64| number.is_finite()).map(FactValue::Decimal),
            "Long" => value.parse().ok().map(FactValue::Long),
            "Bool" => value.parse().ok().map(FactValue::Bool),
            "String" => Some(FactValue::String(value.to_owned())),
            _ => None,
        };
        let value = value.ok_or_else(wrong)?;
        let bound = match operator {
            "<=" if matches!(value, FactValue::Decimal(_) | FactValue::Long(_)) => Bound::AtMost(value),
            ">=" if matches!(value, FactValue::Decimal(_) | FactValue::Long(_)) => Bound::AtLeast(value),
            "=" => Bound::Exactly(value),
            _ => return Err(format!("@modify(\"{text}\"): a {kind} has no order")),
        };
        Ok(Self { fact: name.to_owned(), bound })
    }

    /// The value that the fact would have; `None` where it is within the bound.
    fn changed(&self, value: &FactValue) -> Option<FactValue> {
        let (to, changes) = match (&self.bound, value) {
            (Bound::AtMost(to), value) => (to, number(value)? > number(to)?),
            (Bound::AtLeast(to), value) => (to, number(value)? < number(to)?),
            (Bound::Exactly(to), value) => (to, value != to),
        };
        changes.then(|| to.clone())
    }
}

fn number(value: &FactValue) -> Option<f64> {
    match value {
        FactValue::Decimal(number) => Some(*number),
        // Facts that count are small.
        FactValue::Long(number) => Some(*number as f64),
        _ => None,
    }
}

/// The request with the facts changed; `None` where nothing of it changes.
pub(crate) fn apply(request: &Request, modifies: &[&Modify]) -> Option<Request> {
    let mut changed = request.clone();
    let mut any = false;
    for modify in modifies {
        for fact in changed.facts.iter_mut().filter(|fact| fact.name == modify.fact) {
            if let Some(to) = modify.changed(&fact.value) {
                fact.value = to;
                any = true;
            }
        }
    }
    any.then_some(changed)
}

/// What differs between two requests.
pub(crate) fn changes(before: &[Fact], after: &[Fact]) -> Vec<Change> {
    let differing = before.iter().zip(after).filter(|(one, other)| one.value != other.value);
    differing
        .map(|(one, other)| Change { fact: one.name.clone(), from: one.value.clone(), to: other.value.clone() })
        .collect()
}
