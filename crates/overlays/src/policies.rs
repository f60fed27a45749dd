//! The rules of an overlay, by their syntax tree: above the base a rule forbids or constrains, and never permits. Every rule
//! has a case in which it fires.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Effect, PolicySet};
use serde_json::Value;

use crate::fault::{Fault, Faults};
use crate::files::{Files, text};

/// A file of rules with its cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Without folder and ending.
    pub name: String,
    pub text: String,
    /// As JSON, in the form of the domains' cases.
    pub cases: String,
    pub rules: BTreeSet<String>,
}

/// Checks a Cedar text as a layer above the base and gives the ids of its rules. `owner` is how the ids must begin.
///
/// # Errors
/// Everything that is wrong.
pub fn check_layer(file: &str, cedar: &str, owner: &str) -> Result<BTreeSet<String>, Vec<Fault>> {
    let mut faults = Faults::default();
    let set = match PolicySet::from_str(cedar) {
        Ok(set) => set,
        Err(error) => return Err(vec![Fault::new(file, "(cedar)", error)]),
    };
    for template in set.templates() {
        let id = template.annotation("id").unwrap_or("(rule)");
        faults.add(file, id, "is a template; write the rule out");
    }
    let mut ids = BTreeSet::new();
    for policy in set.policies() {
        // Cedar parses the key anew at each look at one annotation.
        let annotations: BTreeMap<&str, &str> = policy.annotations().collect();
        let id = annotations.get("id").copied().unwrap_or_default();
        if let Err(reason) = check_rule(policy.effect(), &annotations, id, owner) {
            faults.add(file, if id.is_empty() { "(rule)" } else { id }, reason);
        }
        if !ids.insert(id.to_owned()) {
            faults.add(file, id, "is there twice");
        }
    }
    if ids.is_empty() {
        faults.add(file, "(file)", "has no rules");
    }
    if faults.0.is_empty() { Ok(ids) } else { Err(faults.0) }
}

fn check_rule(effect: Effect, annotations: &BTreeMap<&str, &str>, id: &str, owner: &str) -> Result<(), String> {
    let has = |key: &str| annotations.get(key).is_some_and(|text| !text.is_empty());
    if !id.strip_prefix(owner).is_some_and(|rest| rest.starts_with('.')) {
        return Err(format!("has no @id that begins with {owner}."));
    }
    if let Some(missing) = ["version", "purpose"].into_iter().find(|key| !has(key)) {
        return Err(format!("lacks @{missing}"));
    }
    match (effect, has("constrain")) {
        (Effect::Permit, false) => Err("is a permit; a layer above the base may only forbid or constrain".to_owned()),
        (Effect::Forbid, true) => {
            Err("forbids and constrains; a constraint rule is a permit with @constrain".to_owned())
        }
        (Effect::Forbid, false) if !has("reason") => Err("lacks @reason".to_owned()),
        (Effect::Permit, true) if has("value") == has("fact") => Err("has either @value or @fact".to_owned()),
        _ => Ok(()),
    }
}

/// Reads every file of rules with its cases.
pub(crate) fn read(files: &Files, owner: &str, faults: &mut Faults) -> Vec<PolicyFile> {
    let mut read = Vec::new();
    let mut all = BTreeSet::new();
    for path in files.keys() {
        let Some(name) = path.strip_prefix("policies/") else { continue };
        if let Some(stem) = name.strip_suffix(".json") {
            if !files.contains_key(&format!("policies/{stem}.cedar")) {
                faults.add(path, "(file)", "has cases for no file of rules");
            }
            continue;
        }
        let Some(stem) = name.strip_suffix(".cedar") else { continue };
        let cases_path = format!("policies/{stem}.json");
        let (Some(cedar), Some(cases)) = (text(files, path, faults), text(files, &cases_path, faults)) else {
            continue;
        };
        match check_layer(path, cedar, owner) {
            Err(found) => faults.0.extend(found),
            Ok(rules) => {
                for id in rules.iter().filter(|id| !all.insert((*id).clone())) {
                    faults.add(path, id, "is there in another file too");
                }
                check_cases(&cases_path, cases, &rules, faults);
                read.push(PolicyFile { name: stem.to_owned(), text: cedar.to_owned(), cases: cases.to_owned(), rules });
            }
        }
    }
    if read.is_empty() {
        faults.add("policies", "(folder)", "has no rules that can be used");
    }
    read
}

fn check_cases(path: &str, cases: &str, rules: &BTreeSet<String>, faults: &mut Faults) {
    let groups: Vec<Value> = match serde_json::from_str(cases) {
        Ok(groups) => groups,
        Err(error) => return faults.add(path, "(json)", error),
    };
    let mut named = BTreeSet::new();
    for case in groups.iter().filter_map(|group| group.get("cases")?.as_array()).flatten() {
        for field in ["then", "limits"] {
            let ids = case.get(field).and_then(Value::as_array);
            named.extend(ids.into_iter().flatten().filter_map(Value::as_str));
        }
    }
    for id in rules.iter().filter(|id| !named.contains(id.as_str())) {
        faults.add(path, id, "fires in no case");
    }
}
