//! The shipped rules, row by row: `policies/tests/*.json`. Every rule must fire in at least one row.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use kernel::Subject;
use policy::{Action, Bundle, Engine, Fact, FactValue, Request};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    action: Action,
    resource: String,
    role: String,
    authentication: kernel::Authentication,
    sector: Option<kernel::Sector>,
    simulated: bool,
    entitlements: BTreeSet<String>,
    facts: BTreeMap<String, FactValue>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Several {
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    given: serde_json::Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    age_ms: BTreeMap<String, i64>,
    then: Then,
    constraints: Option<Value>,
    #[serde(default)]
    limits: BTreeSet<String>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Then {
    Allow(String),
    Deny(Vec<String>),
}

impl File {
    fn request(&self, case: &Case) -> Request {
        let changed = |key: &str| case.given.get(key).cloned();
        let read = |key: &str, value: &Value| changed(key).unwrap_or_else(|| value.clone());
        let sector: Option<kernel::Sector> =
            serde_json::from_value(read("sector", &serde_json::to_value(self.sector).unwrap())).unwrap();
        let authentication =
            serde_json::from_value(read("authentication", &serde_json::to_value(self.authentication).unwrap()))
                .unwrap();
        let text = |key: &str, value: &str| read(key, &Value::from(value)).as_str().unwrap().to_owned();
        let mut ctx = common::ctx(sector, &text("role", &self.role), authentication);
        ctx.simulated = changed("simulated").map_or(self.simulated, |value| value.as_bool().unwrap());
        let entitlements: BTreeSet<String> =
            changed("entitlements").map_or(self.entitlements.clone(), |value| serde_json::from_value(value).unwrap());
        let mut facts = self.facts.clone();
        if let Some(change) = changed("facts") {
            facts.extend(serde_json::from_value::<BTreeMap<String, FactValue>>(change).unwrap());
        }
        facts.retain(|name, _| !case.without.contains(name));
        let facts = facts.into_iter().map(|(name, value)| {
            let age_ms = case.age_ms.get(&name).copied().unwrap_or(0);
            Fact { name, value, observed_at: common::NOW.plus_ms(-age_ms) }
        });
        let resource = Subject::parse(&text("resource", &self.resource)).unwrap();
        Request::new(&ctx, self.action, resource).entitled_to(entitlements).facts(facts)
    }

    /// Runs every row; returns the ids of the rules that fired.
    fn check(&self, engine: &Engine) -> BTreeSet<String> {
        let mut fired = BTreeSet::new();
        for case in &self.cases {
            let decision = engine.decide(&self.request(case));
            let name = format!("{}: {}", self.action, case.name);
            match &case.then {
                Then::Allow(word) => {
                    assert_eq!(word, "allow", "{name}");
                    assert!(decision.is_allowed(), "{name}: {}", decision.reason_text());
                    fired.extend(decision.policy_ids().into_iter().map(str::to_owned));
                }
                Then::Deny(ids) => {
                    assert!(!decision.is_allowed(), "{name}: allowed");
                    assert_eq!(decision.policy_ids(), *ids, "{name}: {}", decision.reason_text());
                    assert_eq!(decision.constraints, policy::Constraints::default(), "{name}");
                    fired.extend(ids.iter().cloned());
                }
            }
            assert!(!decision.reason_text().contains('{'), "{name}: {}", decision.reason_text());
            if let Some(constraints) = &case.constraints {
                assert_eq!(serde_json::to_value(&decision.constraints).unwrap(), *constraints, "{name}");
            }
            let limits: BTreeSet<String> =
                decision.constraint_sources.into_iter().map(|source| source.policy_id).collect();
            assert!(limits.is_superset(&case.limits), "{name}: {:?} are not among {limits:?}", case.limits);
            fired.extend(case.limits.iter().cloned());
        }
        fired
    }
}

fn files() -> Vec<File> {
    let one = |text: &str| serde_json::from_str::<File>(text).unwrap();
    let mut files = vec![
        one(include_str!("../../../policies/tests/registration.json")),
        one(include_str!("../../../policies/tests/trip.json")),
        one(include_str!("../../../policies/tests/assignment.json")),
        one(include_str!("../../../policies/tests/monitoring.json")),
    ];
    let several: Several = serde_json::from_str(include_str!("../../../policies/tests/commands.json")).unwrap();
    files.extend(several.files);
    files
}

#[test]
fn every_row_holds_and_every_shipped_rule_fires() {
    let engine = Engine::new(Bundle::shipped().unwrap());
    let fired: BTreeSet<String> = files().iter().flat_map(|file| file.check(&engine)).collect();
    let active = engine.active();
    let silent: Vec<&str> = active.rules().map(|(id, _)| id).filter(|id| !fired.contains(*id)).collect();
    assert!(silent.is_empty(), "no row makes these rules fire: {silent:?}");
}

#[test]
fn without_any_one_needed_fact_everything_is_denied() {
    let engine = Engine::new(Bundle::shipped().unwrap());
    for file in files() {
        // Optional facts only ever tighten.
        for name in file.facts.keys().filter(|name| !["vehicle_max_speed_mps"].contains(&name.as_str())) {
            let case = Case {
                name: name.clone(),
                given: serde_json::Map::new(),
                without: vec![name.clone()],
                age_ms: BTreeMap::new(),
                then: Then::Deny(vec!["builtin.fact-missing".into()]),
                constraints: None,
                limits: BTreeSet::new(),
            };
            let decision = engine.decide(&file.request(&case));
            assert_eq!(decision.policy_ids(), ["builtin.fact-missing"], "{} without {name}", file.action);
            assert!(decision.reason_text().contains(name.as_str()), "{}", decision.reason_text());
        }
    }
}
