//! OSCAL 1.2.1 from the results, for the tools that auditors have: assessment results, plan of action and milestones, and
//! the mapping of types of events to clauses. 1.2 is the first release that has mapping collections, and what
//! compliance-trestle 5 reads; the first two documents use nothing that 1.1 does not have.
//!
//! Every id is a UUID from content, and every time is given, so the same results give the same bytes.

mod mapping;
mod poam;
mod results;

use serde_json::{Map, Value, json};

pub use mapping::mapping_collection;
pub use poam::{PoamItem, poam};
pub use results::{Assessment, assessment_results};

use crate::compliance::{ClauseRef, Verdict};
use crate::json::{JsonError, canonical};
use crate::time_text::rfc3339;
use crate::uuid;

/// The release of OSCAL that the documents are written for.
pub const OSCAL_VERSION: &str = "1.2.1";
/// The namespace of our properties.
const NS: &str = "https://atlasmesh.io/ns/oscal";

/// A document could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OscalError {
    #[error("{0} milliseconds since 1970 is no time that a document can hold")]
    Time(i64),
    #[error(transparent)]
    Json(#[from] JsonError),
}

fn instant(at_ms: i64) -> Result<String, OscalError> {
    rfc3339(at_ms).ok_or(OscalError::Time(at_ms))
}

/// A clause as a token of OSCAL, such as `un-r155_7.2.2.2.g`. The token is for machines; every place that has one has the
/// clause as it is written beside it.
fn token(clause: &ClauseRef) -> String {
    let mut text = format!("{}_", clause.framework);
    for character in clause.clause.chars() {
        match character {
            '(' => text.push('.'),
            ')' => {}
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => text.push(character),
            _ => text.push('-'),
        }
    }
    text
}

fn prop(name: &str, value: impl ToString) -> Value {
    json!({ "name": name, "ns": NS, "value": value.to_string() })
}

/// A verdict as our property says it; OSCAL itself has no word for the third.
fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Satisfied => "satisfied",
        Verdict::NotSatisfied => "not-satisfied",
        Verdict::NotEvaluable => "not-evaluable",
    }
}

fn metadata(title: &str, version: &str, at_ms: i64, remarks: &str) -> Result<Value, OscalError> {
    Ok(json!({
        "title": title,
        "last-modified": instant(at_ms)?,
        "version": version,
        "oscal-version": OSCAL_VERSION,
        "remarks": remarks,
    }))
}

/// The document with its id, which follows from everything else in it.
fn document(kind: &'static str, mut body: Map<String, Value>) -> Result<String, OscalError> {
    let content = canonical(kind, &body)?;
    body.insert("uuid".to_owned(), json!(uuid::of_parts(&[kind, &content])));
    Ok(canonical(kind, &json!({ kind: body }))?)
}

/// The members of an object that is written as such.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
