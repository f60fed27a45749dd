//! Assessment results: a finding for each clause, with the observations and entries behind it.

use serde_json::{Value, json};

use super::{OscalError, document, instant, members, metadata, prop, token, verdict_text};
use crate::compliance::{ClauseResult, Mapping, Verdict};
use crate::uuid;

/// What was assessed, and where what it rests on lies.
#[derive(Debug, Clone, Copy)]
pub struct Assessment<'a> {
    /// The tenant's fleet as the report names it.
    pub system: &'a str,
    /// The period of the events, in milliseconds since 1970.
    pub from_ms: i64,
    pub to_ms: i64,
    /// When it was assessed.
    pub at_ms: i64,
    pub mapping: &'a Mapping,
    pub results: &'a [ClauseResult],
    /// Where the proof of an entry lies, as a path from the document.
    pub proof: fn(u64) -> String,
}

impl Assessment<'_> {
    /// What the disclaimers of the frameworks say, and that nothing passes unseen.
    fn remarks(&self) -> String {
        let mut lines = vec![
            "A clause that is not evaluable is given as not satisfied with the reason `other`; the property `verdict` tells \
             the two apart."
                .to_owned(),
        ];
        lines.extend(self.mapping.frameworks().iter().map(|framework| {
            format!(
                "{} ({}, mapping of {}): {}",
                framework.title, framework.version, framework.date, framework.disclaimer
            )
        }));
        lines.join("\n\n")
    }

    pub(super) fn words(&self, result: &ClauseResult) -> (&str, &str) {
        let clause = self.mapping.clauses().iter().find(|clause| clause.of == result.clause);
        clause.map_or(("", ""), |clause| (&clause.words, &clause.population))
    }

    /// Whose observations these are: everything that tells one assessment from another.
    fn seed(&self) -> String {
        format!("{}|{}|{}|{}|{}", self.system, self.from_ms, self.to_ms, self.at_ms, self.mapping.digest())
    }

    pub(super) fn id(&self, kind: &str, result: &ClauseResult) -> String {
        uuid::of_parts(&[kind, &self.seed(), &result.clause.to_string()])
    }

    /// The observation behind a result.
    pub(super) fn observation(&self, result: &ClauseResult) -> Result<Value, OscalError> {
        let counts = &result.counts;
        let mut observation = members(json!({
            "uuid": self.id("observation", result),
            "title": result.clause.to_string(),
            "description": format!("{}: {}", result.clause, result.reason),
            "methods": ["TEST"],
            "types": ["control-objective"],
            "collected": instant(self.at_ms)?,
            "props": [
                prop("population", counts.seen),
                prop("evidence", counts.evidence),
                prop("violations", counts.violations),
                prop("open-violations", counts.open),
                prop("mitigations", counts.mitigations),
                prop("unreadable", counts.unreadable),
            ],
        }));
        let kinds = [
            ("evidence", &result.evidence),
            ("open-violation", &result.open),
            ("mitigation", &result.mitigations),
            ("unreadable", &result.unreadable),
        ];
        let entries: Vec<Value> = kinds
            .into_iter()
            .flat_map(|(kind, indexes)| indexes.iter().map(move |index| (kind, *index)))
            .map(|(kind, index)| self.entry(kind, index))
            .collect();
        if !entries.is_empty() {
            observation.insert("relevant-evidence".to_owned(), json!(entries));
        }
        if let (Some(newest), Some(days)) = (result.freshness.newest_at_ms, result.freshness.days) {
            let expires = newest.saturating_add(i64::from(days) * crate::time_text::DAY_MS);
            observation.insert("expires".to_owned(), json!(instant(expires)?));
        }
        Ok(Value::Object(observation))
    }

    fn entry(&self, kind: &str, index: u64) -> Value {
        json!({
            "href": (self.proof)(index),
            "description": format!("Entry {index} of the log"),
            "props": [prop("kind", kind), prop("index", index)],
        })
    }

    pub(super) fn finding(&self, result: &ClauseResult) -> Value {
        let (words, population) = self.words(result);
        let (state, reason) = match result.verdict {
            Verdict::Satisfied => ("satisfied", "pass"),
            Verdict::NotSatisfied => ("not-satisfied", "fail"),
            Verdict::NotEvaluable => ("not-satisfied", "other"),
        };
        let mut props = vec![prop("clause", &result.clause), prop("verdict", verdict_text(result.verdict))];
        if !population.is_empty() {
            props.push(prop("population", population));
        }
        json!({
            "uuid": self.id("finding", result),
            "title": result.clause.to_string(),
            "description": words,
            "props": props,
            "target": {
                "type": "objective-id",
                "target-id": token(&result.clause),
                "status": { "state": state, "reason": reason, "remarks": result.reason.to_string() },
            },
            "related-observations": [{ "observation-uuid": self.id("observation", result) }],
        })
    }
}

/// The assessment results.
///
/// # Errors
/// [`OscalError`].
pub fn assessment_results(assessment: &Assessment<'_>) -> Result<String, OscalError> {
    let observations: Vec<Value> =
        assessment.results.iter().map(|result| assessment.observation(result)).collect::<Result<_, _>>()?;
    let findings: Vec<Value> = assessment.results.iter().map(|result| assessment.finding(result)).collect();
    let controls: Vec<Value> =
        assessment.results.iter().map(|result| json!({ "control-id": token(&result.clause) })).collect();
    let mut result = members(json!({
        "uuid": uuid::of_parts(&["result", &assessment.seed()]),
        "title": format!("Clauses of {}", assessment.system),
        "description": "What the entries of the journal say of each clause.",
        "start": instant(assessment.from_ms)?,
        "end": instant(assessment.to_ms)?,
        "props": [prop("mapping-sha256", assessment.mapping.digest())],
        "reviewed-controls": { "control-selections": [{ "include-controls": controls }] },
    }));
    if !findings.is_empty() {
        result.insert("observations".to_owned(), json!(observations));
        result.insert("findings".to_owned(), json!(findings));
    }
    let title = format!("Assessment results of {}", assessment.system);
    let version = instant(assessment.at_ms)?;
    let body = json!({
        "metadata": metadata(&title, &version, assessment.at_ms, &assessment.remarks())?,
        "import-ap": { "href": "mapping-collection.json", "remarks": "The plan is the mapping: it says what is looked for." },
        "results": [result],
    });
    document("assessment-results", members(body))
}
