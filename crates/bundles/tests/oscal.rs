//! OSCAL: ids that are unique and the same each time, references that lead somewhere, and no verdict that is better than it is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use bundles::oscal::{Assessment, OscalError, PoamItem, assessment_results, mapping_collection, poam};
use bundles::{ClauseResult, Mapping, Verdict, assess};
use common::{NOW_MS, journal, mapping, shuffled};
use serde_json::Value;

fn assessment<'a>(mapping: &'a Mapping, results: &'a [ClauseResult]) -> Assessment<'a> {
    Assessment {
        system: "north fleet",
        from_ms: NOW_MS - 86_400_000,
        to_ms: NOW_MS,
        at_ms: NOW_MS,
        mapping,
        results,
        proof: |index| format!("../proofs/{index}.tlog-proof"),
    }
}

fn correction() -> PoamItem {
    PoamItem {
        id: "correction-7".into(),
        title: "Send the report again".into(),
        description: "The authority found a field empty.".into(),
        owner: "compliance@north".into(),
        due_ms: NOW_MS + 86_400_000,
        status: "open".into(),
        entries: vec![12],
    }
}

/// Every value of the members with this name, wherever they stand.
fn all<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if key == name {
                    found.extend(value.as_str());
                }
                all(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, name, found)),
        _ => {}
    }
}

fn of<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    all(value, name, &mut found);
    found
}

#[test]
fn documents_are_the_same_each_time_and_their_references_lead_somewhere() {
    let mapping = mapping();
    let results = assess(&mapping, &journal(300), NOW_MS).unwrap();
    let again = assess(&mapping, &shuffled(journal(300)), NOW_MS).unwrap();
    let write = |results: &[ClauseResult]| {
        let assessment = assessment(&mapping, results);
        [
            assessment_results(&assessment).unwrap(),
            poam(&assessment, &[correction()]).unwrap().unwrap(),
            mapping_collection(&mapping, NOW_MS).unwrap(),
        ]
    };
    let texts = write(&results);
    assert_eq!(texts, write(&again));
    for text in &texts {
        let document: Value = serde_json::from_str(text).unwrap();
        let ids = of(&document, "uuid");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len());
        for reference in ["observation-uuid", "finding-uuid", "risk-uuid"] {
            assert!(of(&document, reference).iter().all(|id| unique.contains(id)), "{reference}");
        }
    }
    let other = assessment_results(&Assessment { at_ms: NOW_MS + 1, ..assessment(&mapping, &results) }).unwrap();
    let [other, first] = [&other, &texts[0]].map(|text| serde_json::from_str::<Value>(text).unwrap());
    assert!(of(&other, "uuid").iter().all(|id| !of(&first, "uuid").contains(id)));
}

#[test]
fn only_what_is_satisfied_is_said_to_be() {
    let mapping = mapping();
    let results = assess(&mapping, &journal(300), NOW_MS).unwrap();
    let document: Value = serde_json::from_str(&assessment_results(&assessment(&mapping, &results)).unwrap()).unwrap();
    let findings = document["assessment-results"]["results"][0]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), results.len());
    for (finding, result) in findings.iter().zip(&results) {
        let status = &finding["target"]["status"];
        let expected = match result.verdict {
            Verdict::Satisfied => ("satisfied", "pass"),
            Verdict::NotSatisfied => ("not-satisfied", "fail"),
            Verdict::NotEvaluable => ("not-satisfied", "other"),
        };
        assert_eq!((status["state"].as_str().unwrap(), status["reason"].as_str().unwrap()), expected);
    }
    let targets: BTreeSet<&str> = of(&document, "target-id").into_iter().collect();
    assert_eq!(targets.len(), results.len());
}

#[test]
fn nothing_to_do_is_no_plan_and_no_time_is_made_up() {
    let mapping = mapping();
    let mut results = assess(&mapping, &journal(300), NOW_MS).unwrap();
    let never = Assessment { at_ms: i64::MAX, ..assessment(&mapping, &results) };
    assert!(matches!(assessment_results(&never), Err(OscalError::Time(i64::MAX))));
    results.retain(|result| result.verdict == Verdict::Satisfied);
    assert_eq!(poam(&assessment(&mapping, &results), &[]).unwrap(), None);
    assert!(
        poam(&assessment(&mapping, &results), &[correction()]).unwrap().unwrap().contains("2026-12-01T00:00:00.000Z")
    );
}
