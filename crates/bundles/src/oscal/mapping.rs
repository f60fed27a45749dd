//! The mapping collection: types of events on one side, clauses on the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{OscalError, document, members, metadata, prop, token};
use crate::compliance::{Clause, Framework, Mapping, Needs, Role};
use crate::uuid;

/// The mapping collection. `at_ms` is when it was made, in milliseconds since 1970.
///
/// # Errors
/// [`OscalError`].
pub fn mapping_collection(mapping: &Mapping, at_ms: i64) -> Result<String, OscalError> {
    let pairs = mapping.pairs();
    let mappings: Vec<Value> = mapping
        .frameworks()
        .iter()
        .map(|framework| {
            let own: Vec<&(&str, &Clause, Role)> =
                pairs.iter().filter(|(_, clause, _)| clause.of.framework == framework.id).collect();
            of_framework(mapping, framework, &own)
        })
        .collect();
    let version = mapping.digest().to_string();
    let body = json!({
        "metadata": metadata("Types of events and the clauses that they speak to", &version, at_ms, "In our own words.")?,
        "provenance": {
            "method": "human",
            "matching-rationale": "functional",
            "status": "draft",
            "mapping-description": "Which types of events of the journal speak to which clauses, and whether as evidence, as a \
                                    violation or as the mitigation of one.",
        },
        "mappings": mappings,
    });
    document("mapping-collection", members(body))
}

fn of_framework(mapping: &Mapping, framework: &Framework, pairs: &[&(&str, &Clause, Role)]) -> Value {
    let name = |clause: &Clause| clause.of.to_string();
    let mut by_clause: BTreeMap<String, (&Clause, Vec<Value>)> = BTreeMap::new();
    for (kind, clause, role) in pairs {
        let source = json!({ "type": "event-type", "id-ref": kind, "props": [prop("role", role_text(*role))] });
        by_clause.entry(name(clause)).or_insert_with(|| (clause, Vec::new())).1.push(source);
    }
    let maps: Vec<Value> = by_clause
        .values()
        .map(|(clause, sources)| {
            let mut props = vec![prop("clause", &clause.of)];
            if let Needs::Fresh { days } = clause.needs {
                props.push(prop("freshness-days", days));
            }
            json!({
                "uuid": uuid::of_parts(&["map", &mapping.digest().to_string(), &name(clause)]),
                "relationship": "intersects-with",
                "sources": sources,
                "targets": [{ "type": "control", "id-ref": token(&clause.of) }],
                "props": props,
                "remarks": clause.words,
            })
        })
        .collect();
    let unmapped: Vec<String> = mapping
        .clauses()
        .iter()
        .filter(|clause| clause.of.framework == framework.id && matches!(clause.needs, Needs::Elsewhere { .. }))
        .map(|clause| token(&clause.of))
        .collect();
    let seed = mapping.digest().to_string();
    let mut out = members(json!({
        "uuid": uuid::of_parts(&["mapping", &seed, &framework.id]),
        "source-resource": { "type": "catalog", "href": "#events", "ns": super::NS },
        "target-resource": { "type": "catalog", "href": format!("#{}", framework.id), "ns": super::NS,
            "remarks": format!("{}, {}", framework.title, framework.version) },
        "maps": maps,
        "mapping-description": framework.disclaimer,
    }));
    if !unmapped.is_empty() {
        let gap = json!({
            "uuid": uuid::of_parts(&["gap", &seed, &framework.id]),
            "unmapped-controls": [{ "with-ids": unmapped }],
        });
        out.insert("target-gap-summary".to_owned(), gap);
    }
    Value::Object(out)
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Evidence => "evidence",
        Role::Violation => "violation",
        Role::Mitigation => "mitigation",
    }
}
