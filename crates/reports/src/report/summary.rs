//! The summary in plain English, from the numbers alone. What is not evaluable is said to be so and counts as nothing.

use std::collections::BTreeMap;

use bundles::compliance::Reason;
use bundles::{ClauseResult, Verdict};

use super::build::Contents;
use super::{Paragraph, sections};
use crate::form::Form;

pub(super) fn paragraphs(form: &Form, results: &[&ClauseResult], contents: &Contents<'_>) -> Vec<Paragraph> {
    let frameworks: Vec<&str> = contents
        .mapping
        .frameworks()
        .iter()
        .filter(|framework| form.framework.as_deref().is_none_or(|id| *framework.id == *id))
        .map(|framework| framework.title.as_str())
        .collect();
    [
        vec![form.words.clone()],
        vec![of_clauses(results, &frameworks)],
        not_evaluable(results).into_iter().collect(),
        vec![of_adherence(results, contents)],
        vec![of_fields(contents)],
    ]
    .concat()
    .into_iter()
    .map(Paragraph)
    .collect()
}

/// A number with its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn is_or_are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

pub(super) fn with_verdict(results: &[&ClauseResult], verdict: Verdict) -> u64 {
    results.iter().filter(|result| result.verdict == verdict).count() as u64
}

fn of_clauses(results: &[&ClauseResult], frameworks: &[&str]) -> String {
    if results.is_empty() {
        return "No clause was assessed, so nothing is said of compliance.".to_owned();
    }
    let (good, bad, open) = (
        with_verdict(results, Verdict::Satisfied),
        with_verdict(results, Verdict::NotSatisfied),
        with_verdict(results, Verdict::NotEvaluable),
    );
    let all = counted(results.len() as u64, "clause", "clauses");
    let of = match frameworks {
        [one] => format!(" of {one}"),
        many => format!(" of {}", counted(many.len() as u64, "framework", "frameworks")),
    };
    format!(
        "Of {all}{of}, {good} {} satisfied, {bad} {} not satisfied and {open} {} not evaluable.",
        is_or_are(good),
        is_or_are(bad),
        is_or_are(open)
    )
}

/// Why nothing is said of some clauses.
fn not_evaluable(results: &[&ClauseResult]) -> Option<String> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for result in results.iter().filter(|result| result.verdict == Verdict::NotEvaluable) {
        let reason = match &result.reason {
            Reason::NoOccurrence => "nothing occurred that the clause is about",
            Reason::Elsewhere { .. } => "the evidence is not in the journal",
            Reason::Stale { .. } => "the evidence is too old",
            Reason::FromTheFuture => "the evidence is dated after the assessment",
            Reason::Unreadable { .. } => "events lack a field that the mapping asks for",
            Reason::NoEvidence | Reason::Evidence | Reason::OpenViolations { .. } => "no event gives evidence",
        };
        *reasons.entry(reason).or_default() += 1;
    }
    if reasons.is_empty() {
        return None;
    }
    let list: Vec<String> = reasons.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
    let first = "Not evaluable means that this report neither claims nor denies that the clause is kept. The reasons: ";
    Some(format!("{first}{}.", list.join("; ")))
}

fn of_adherence(results: &[&ClauseResult], contents: &Contents<'_>) -> String {
    let total = contents.adherence.total();
    let open = results.iter().map(|result| result.counts.open).max().unwrap_or_default();
    let Some(rate) = sections::rate(&total) else {
        return "No event of the period adheres to or violates a clause of the mapping, so no rate is given."
            .to_owned();
    };
    let (good, bad) = (total.adhering.count, total.violations.count);
    let first = format!(
        "{} {} to a clause of the mapping and {} {} one: a rate of {rate}, rounded down.",
        counted(good, "event", "events"),
        if good == 1 { "adheres" } else { "adhere" },
        counted(bad, "event", "events"),
        if bad == 1 { "violates" } else { "violate" },
    );
    let mitigations = counted(total.mitigations.count, "mitigation was", "mitigations were");
    if open == 0 {
        format!("{first} {mitigations} recorded; no violation of a clause that was assessed is open.")
    } else {
        format!("{first} {mitigations} recorded; violations are open and are listed below.")
    }
}

fn of_fields(contents: &Contents<'_>) -> String {
    let filled = contents.filled;
    let required = filled.fields.iter().filter(|field| field.required).count();
    let missing = filled.missing.len();
    let first = format!("{} of {required} required fields of the form have a value.", required.saturating_sub(missing));
    let faults = filled.faults.len() as u64;
    match (missing, faults) {
        (0, 0) => format!("{first} Nothing is missing."),
        (0, _) => format!("{first} {}.", faulty(faults)),
        (_, 0) => format!("{first} The form cannot be submitted before the others have one."),
        (_, _) => format!("{first} The form cannot be submitted before the others have one; {}.", faulty(faults)),
    }
}

fn faulty(faults: u64) -> String {
    format!("{} named below and must be mended before it is submitted", counted(faults, "fault is", "faults are"))
}
