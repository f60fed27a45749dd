//! What an overlay needs to be there: signals of the vehicles, clauses that its rules speak to, entitlements of the tenant.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Faults;
use crate::files::{Files, is_id, is_plain, yaml};

/// A signal that vehicles send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SectorSignal")]
pub struct Signal {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How old it may be to say something about now.
    pub max_age_ms: u32,
    /// Without it a vehicle is not given trips in this sector.
    pub required: bool,
    pub purpose: String,
}

/// A clause of a framework and the rules that speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SectorClause")]
pub struct Clause {
    /// Such as `30-cfr-56:56.9101`.
    pub clause: String,
    pub words: String,
    /// Rules and limits of this overlay.
    pub rules: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalsYaml {
    signals: Vec<Signal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClausesYaml {
    disclaimer: String,
    clauses: Vec<Clause>,
}

/// What a tenant needs and may get.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Needed {
    /// Without one of these the overlay is not activated.
    pub(crate) requires: BTreeSet<String>,
    /// What works in addition, where the tenant has it.
    pub(crate) uses: BTreeSet<String>,
}

pub(crate) fn signals(files: &Files, faults: &mut Faults) -> Vec<Signal> {
    const FILE: &str = "telemetry.yaml";
    let signals = yaml::<SignalsYaml>(files, FILE, faults).map(|file| file.signals).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (at, signal) in signals.iter().enumerate() {
        let field = |name: &str| format!("signals[{at}].{name}");
        if !is_id(&signal.id) || !seen.insert(&signal.id) {
            faults.add(FILE, field("id"), "is no id, or there twice");
        }
        if signal.max_age_ms == 0 {
            faults.add(FILE, field("max_age_ms"), "says nothing about now");
        }
        if !is_plain(&signal.purpose, 400) {
            faults.add(FILE, field("purpose"), "is no plain text");
        }
    }
    signals
}

pub(crate) fn clauses(files: &Files, known: &BTreeSet<String>, faults: &mut Faults) -> Vec<Clause> {
    const FILE: &str = "compliance.yaml";
    let Some(file) = yaml::<ClausesYaml>(files, FILE, faults) else { return Vec::new() };
    if !is_plain(&file.disclaimer, 600) {
        faults.add(FILE, "disclaimer", "is no plain text");
    }
    for (at, clause) in file.clauses.iter().enumerate() {
        let field = |name: &str| format!("clauses[{at}].{name}");
        let parts = clause.clause.split_once(':');
        if parts.is_none_or(|(framework, number)| !is_id(framework) || number.is_empty()) {
            faults.add(FILE, field("clause"), "is no clause such as 30-cfr-56:56.9101");
        }
        if !is_plain(&clause.words, 400) {
            faults.add(FILE, field("words"), "is no plain text");
        }
        if clause.rules.is_empty() {
            faults.add(FILE, field("rules"), "is empty");
        }
        for rule in clause.rules.difference(known) {
            faults.add(FILE, field("rules"), format!("`{rule}` is no rule or limit of this overlay"));
        }
    }
    file.clauses
}

pub(crate) fn needed(files: &Files, faults: &mut Faults) -> Needed {
    const FILE: &str = "entitlements.yaml";
    let needed = yaml::<Needed>(files, FILE, faults).unwrap_or_default();
    for both in needed.requires.intersection(&needed.uses) {
        faults.add(FILE, "uses", format!("`{both}` is required already"));
    }
    needed
}
