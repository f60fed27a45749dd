//! The plan of action and milestones: an item for each clause that is not satisfied, and for each correction that an
//! authority asked for.

use serde_json::{Value, json};

use super::{Assessment, OscalError, document, instant, members, metadata, prop, verdict_text};
use crate::compliance::Verdict;
use crate::uuid;

/// A correction with its owner and due date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoamItem {
    /// The correction's id, which does not change as it goes on.
    pub id: String,
    pub title: String,
    pub description: String,
    pub owner: String,
    /// In milliseconds since 1970.
    pub due_ms: i64,
    /// Such as `open` or `closed`, as OSCAL has it for risks.
    pub status: String,
    /// The entries that it follows from.
    pub entries: Vec<u64>,
}

/// The plan; nothing where there is nothing to be done, because OSCAL has no plan without an item.
///
/// # Errors
/// [`OscalError`].
pub fn poam(assessment: &Assessment<'_>, corrections: &[PoamItem]) -> Result<Option<String>, OscalError> {
    let (mut observations, mut findings, mut items, mut risks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for result in assessment.results.iter().filter(|result| result.verdict != Verdict::Satisfied) {
        observations.push(assessment.observation(result)?);
        findings.push(assessment.finding(result));
        items.push(json!({
            "uuid": assessment.id("poam-item", result),
            "title": format!("{} is {}", result.clause, verdict_text(result.verdict)),
            "description": result.reason.to_string(),
            "props": [prop("clause", &result.clause), prop("verdict", verdict_text(result.verdict))],
            "related-findings": [{ "finding-uuid": assessment.id("finding", result) }],
            "related-observations": [{ "observation-uuid": assessment.id("observation", result) }],
        }));
    }
    let mut corrections: Vec<&PoamItem> = corrections.iter().collect();
    corrections.sort_by(|a, b| a.id.cmp(&b.id));
    for correction in corrections {
        let (risk, item) = of_correction(assessment, correction)?;
        risks.push(risk);
        items.push(item);
    }
    if items.is_empty() {
        return Ok(None);
    }
    let title = format!("Plan of action and milestones of {}", assessment.system);
    let version = instant(assessment.at_ms)?;
    let mut body = members(json!({
        "metadata": metadata(&title, &version, assessment.at_ms, "Made from the assessment results of the same bundle.")?,
        "system-id": { "identifier-type": "https://ietf.org/rfc/rfc4122", "id": uuid::of_parts(&["system", assessment.system]) },
        "poam-items": items,
    }));
    for (name, values) in [("observations", observations), ("findings", findings), ("risks", risks)] {
        if !values.is_empty() {
            body.insert(name.to_owned(), Value::Array(values));
        }
    }
    Ok(Some(document("plan-of-action-and-milestones", body)?))
}

/// A correction as a risk, which is what has a deadline in OSCAL, and as an item.
fn of_correction(assessment: &Assessment<'_>, correction: &PoamItem) -> Result<(Value, Value), OscalError> {
    let risk_id = uuid::of_parts(&["risk", assessment.system, &correction.id]);
    let links: Vec<Value> = correction
        .entries
        .iter()
        .map(
            |index| json!({ "href": (assessment.proof)(*index), "rel": "reference", "text": format!("Entry {index}") }),
        )
        .collect();
    let mut item = members(json!({
        "uuid": uuid::of_parts(&["correction", assessment.system, &correction.id]),
        "title": correction.title,
        "description": correction.description,
        "props": [prop("owner", &correction.owner), prop("correction", &correction.id)],
        "related-risks": [{ "risk-uuid": risk_id }],
    }));
    if !links.is_empty() {
        item.insert("links".to_owned(), json!(links));
    }
    let risk = json!({
        "uuid": risk_id,
        "title": correction.title,
        "description": correction.description,
        "statement": "An authority asked for a correction.",
        "status": correction.status,
        "deadline": instant(correction.due_ms)?,
    });
    Ok((risk, Value::Object(item)))
}
