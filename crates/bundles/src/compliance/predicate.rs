//! The predicate of a rule: the types of events, and comparisons of single fields that must all hold. It is this small so
//! that an auditor reads it without a manual.

use std::cmp::Ordering;

use serde_json::Value;

use super::Role;
use crate::event::Event;
use crate::json::at;

/// Whether a rule is about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    Yes,
    No,
    /// A field that the rule asks for is missing or of another type, so nobody can tell.
    Unknown,
}

/// How a field is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Compare {
    Is(Value),
    IsNot(Value),
    In(Vec<Value>),
    AtLeast(f64),
    Below(f64),
    /// Whether the field is there and not null. It is the one comparison that a missing field answers.
    Present(bool),
}

/// A comparison of one field of the event's body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    pub(crate) field: String,
    pub(crate) compare: Compare,
}

/// Which events are what to which clauses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) types: Vec<String>,
    pub(crate) tests: Vec<Test>,
    /// Places in the mapping's clauses.
    pub(crate) clauses: Vec<usize>,
    pub(crate) role: Role,
    /// The field whose value a violation shares with the mitigation that answers it. Without one they share the subject of
    /// the stream.
    pub(crate) pair: Option<String>,
}

impl Rule {
    pub(crate) fn matches(&self, event: &Event) -> Match {
        let mut all = Match::Yes;
        for test in &self.tests {
            match test.matches(&event.body) {
                Match::No => return Match::No,
                Match::Unknown => all = Match::Unknown,
                Match::Yes => {}
            }
        }
        all
    }

    /// What a violation and its mitigation have in common.
    pub(crate) fn pair_key(&self, event: &Event) -> String {
        let of_field = self.pair.as_deref().and_then(|field| at(&event.body, field));
        let of_subject = || event.subjects.first().map(|subject| format!("{}/{}", subject.kind, subject.id));
        of_field.map(Value::to_string).or_else(of_subject).unwrap_or_default()
    }
}

impl Test {
    fn matches(&self, body: &Value) -> Match {
        let value = at(body, &self.field).filter(|value| !value.is_null());
        if let Compare::Present(wanted) = self.compare {
            return yes(value.is_some() == wanted);
        }
        let Some(value) = value else { return Match::Unknown };
        match &self.compare {
            Compare::Is(wanted) => same(value, wanted).map_or(Match::Unknown, yes),
            Compare::IsNot(wanted) => same(value, wanted).map_or(Match::Unknown, |same| yes(!same)),
            Compare::In(wanted) => {
                let answers: Vec<bool> = wanted.iter().filter_map(|wanted| same(value, wanted)).collect();
                if answers.is_empty() { Match::Unknown } else { yes(answers.contains(&true)) }
            }
            Compare::AtLeast(limit) => number(value, *limit, |ordering| ordering != Ordering::Less),
            Compare::Below(limit) => number(value, *limit, |ordering| ordering == Ordering::Less),
            Compare::Present(wanted) => yes(*wanted),
        }
    }
}

fn yes(is_so: bool) -> Match {
    if is_so { Match::Yes } else { Match::No }
}

/// Whether two values of one type are the same; nothing where the types differ.
fn same(value: &Value, wanted: &Value) -> Option<bool> {
    match (value, wanted) {
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Number(a), Value::Number(b)) => Some(a.as_f64() == b.as_f64()),
        _ => None,
    }
}

fn number(value: &Value, limit: f64, holds: impl Fn(Ordering) -> bool) -> Match {
    value.as_f64().and_then(|value| value.partial_cmp(&limit)).map_or(Match::Unknown, |ordering| yes(holds(ordering)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_or_of_another_type_is_unknown() {
        let body = json!({"a": {"b": 3}, "text": "x", "nothing": null});
        let check = |field: &str, compare| Test { field: field.into(), compare }.matches(&body);
        assert_eq!(check("a.b", Compare::AtLeast(3.0)), Match::Yes);
        assert_eq!(check("a.b", Compare::Below(3.0)), Match::No);
        assert_eq!(check("a.b", Compare::Is(json!(3.0))), Match::Yes);
        assert_eq!(check("a.b", Compare::Is(json!("3"))), Match::Unknown);
        assert_eq!(check("text", Compare::In(vec![json!(1), json!("x")])), Match::Yes);
        assert_eq!(check("text", Compare::IsNot(json!("y"))), Match::Yes);
        assert_eq!(check("text", Compare::Below(1.0)), Match::Unknown);
        for missing in ["a.c", "text.x", "nothing", "zzz"] {
            assert_eq!(check(missing, Compare::IsNot(json!("y"))), Match::Unknown, "{missing}");
            assert_eq!(check(missing, Compare::Present(false)), Match::Yes, "{missing}");
        }
    }
}
