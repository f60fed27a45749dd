//! The shipped rules: the cases that stand beside them, row by row, every rule firing in at least one; and that the table
//! of permissions and the rules about roles say the same, for every role and every operation.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evidence::actions::MITIGATE;
use gateway::DOMAINS;
use gateway::http::endpoint::Access;
use gateway::http::endpoints;
use governance::actions::{ACTIVATE_POLICY, GRANT_WAIVER, MAY_ACTIVATE_POLICIES, ROLL_BACK_POLICY};
use kernel::id::{PrincipalId, TypedId};
use kernel::testing::{HandClock, START};
use kernel::{Actor, Authentication, Ctx, Permission, Role, Sector, Subject, role};
use maintenance::actions::{APPROVE_ORDER, GROUND_PREDICTED, PROMOTE_MODEL};
use ota::actions::{INSTALL_UPDATE, MAY_RUN_ROLLOUT, OFFER_UPDATE, RESUME_ROLLOUT, SWITCH_UPDATE};
use policy::{Action, Bundle, Engine, Fact, FactValue, Request};
use sectors::actions::{MAY_WORK, RELAX};
use security::actions::{ISOLATE, MAY_RESPOND, RESTORE, REVOKE};
use serde::Deserialize;
use serde_json::{Value, json};
use tenancy::actions::USE_FEATURE;
use tenancy::{MAY_ASK_ACCESS, MAY_READ_JOURNAL};
use trips::actions::{ASSIGN_VEHICLE, REQUEST_TRIP};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    action: String,
    resource: String,
    role: String,
    authentication: Authentication,
    sector: Option<Sector>,
    simulated: bool,
    entitlements: BTreeSet<String>,
    facts: BTreeMap<String, FactValue>,
    cases: Vec<Case>,
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

impl Case {
    /// The facts as they stand, and nothing said of what follows.
    fn unchanged() -> Self {
        serde_json::from_value(json!({ "name": "unchanged", "then": "allow" })).unwrap()
    }
}

fn ctx(sector: Option<Sector>, role: &str, authentication: Authentication) -> Ctx {
    let mut actor = Actor::principal(PrincipalId::from_u128(1), role);
    actor.authentication = authentication;
    let ctx = Ctx::new(&HandClock::default(), "north".parse().unwrap(), actor).at_site("pit".parse().unwrap());
    match sector {
        Some(sector) => ctx.in_sector(sector),
        None => ctx,
    }
}

fn actions() -> impl Iterator<Item = Action> {
    DOMAINS.iter().flat_map(|domain| domain.policy.actions).copied()
}

impl File {
    fn action(&self) -> Action {
        actions().find(|action| action.as_str() == self.action).unwrap_or_else(|| panic!("no action {}", self.action))
    }

    fn request(&self, case: &Case) -> Request {
        let changed = |key: &str| case.given.get(key).cloned();
        let read = |key: &str, value: &Value| changed(key).unwrap_or_else(|| value.clone());
        let sector: Option<Sector> =
            serde_json::from_value(read("sector", &serde_json::to_value(self.sector).unwrap())).unwrap();
        let authentication =
            serde_json::from_value(read("authentication", &serde_json::to_value(self.authentication).unwrap()))
                .unwrap();
        let text = |key: &str, value: &str| read(key, &Value::from(value)).as_str().unwrap().to_owned();
        let mut ctx = ctx(sector, &text("role", &self.role), authentication);
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
            Fact { name, value, observed_at: START.plus_ms(-age_ms) }
        });
        let resource = Subject::parse(&text("resource", &self.resource)).unwrap();
        Request::new(&ctx, self.action(), resource).entitled_to(entitlements).facts(facts)
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

/// The cases of every domain, from the folder of its rules.
fn files() -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    for domain in DOMAINS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(domain.name).join("policies");
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let read: Vec<File> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                files.extend(read);
            }
        }
    }
    files
}

fn shipped() -> Engine {
    Engine::new(Bundle::shipped(&gateway::policy_modules()).unwrap())
}

#[test]
fn every_row_holds_and_every_shipped_rule_fires() {
    let engine = shipped();
    let fired: BTreeSet<String> = files().iter().flat_map(|file| file.check(&engine)).collect();
    let active = engine.active();
    let silent: Vec<&str> = active.rules().map(|(id, _)| id).filter(|id| !fired.contains(*id)).collect();
    assert!(silent.is_empty(), "no row makes these rules fire: {silent:?}");
}

#[test]
fn without_any_one_needed_fact_everything_is_denied() {
    let engine = shipped();
    for file in files() {
        // Optional facts only ever tighten.
        for name in file.facts.keys().filter(|name| !["vehicle_max_speed_mps"].contains(&name.as_str())) {
            let case = Case { without: vec![name.clone()], ..Case::unchanged() };
            let decision = engine.decide(&file.request(&case));
            assert_eq!(decision.policy_ids(), ["builtin.fact-missing"], "{} without {name}", file.action);
            assert!(decision.reason_text().contains(name.as_str()), "{}", decision.reason_text());
        }
    }
}

/// What the product and vehicles ask for by themselves.
const BY_THEMSELVES: [(&str, Action); 11] = [
    (role::AUTOMATION, REQUEST_TRIP),
    (role::AUTOMATION, ASSIGN_VEHICLE),
    (role::AUTOMATION, OFFER_UPDATE),
    (role::AUTOMATION, GROUND_PREDICTED),
    (role::AUTOMATION, APPROVE_ORDER),
    (role::AUTOMATION, PROMOTE_MODEL),
    (role::AUTOMATION, ISOLATE),
    (role::AUTOMATION, REVOKE),
    (role::AUTOMATION, MITIGATE),
    (role::VEHICLE, INSTALL_UPDATE),
    (role::VEHICLE, SWITCH_UPDATE),
];

/// What is asked only when a second person approved what the first requested, so that no request says it asks.
const AFTER_APPROVAL: [(Permission, Action); 6] = [
    (MAY_RUN_ROLLOUT, RESUME_ROLLOUT),
    (MAY_RESPOND, RESTORE),
    (MAY_ACTIVATE_POLICIES, ACTIVATE_POLICY),
    (MAY_ACTIVATE_POLICIES, ROLL_BACK_POLICY),
    (MAY_ACTIVATE_POLICIES, GRANT_WAIVER),
    (MAY_WORK, RELAX),
];

/// Whether the shipped bundle permits an action to a role, where nothing but the role is in the way: an action's cases
/// begin with facts under which it is allowed.
fn permitted(engine: &Engine, file: &File, role: &str) -> bool {
    let mut case = Case::unchanged();
    case.given.insert("role".into(), role.into());
    let decision = engine.decide(&file.request(&case));
    let refused_by_role = decision.policy_ids() == ["builtin.no-permit"];
    assert!(decision.is_allowed() || refused_by_role, "{role} {}: {}", file.action, decision.reason_text());
    decision.is_allowed()
}

#[test]
fn policy_permits_to_each_role_what_its_operations_ask_for_and_nothing_else() {
    let engine = shipped();
    let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (role, action) in BY_THEMSELVES {
        asked.entry(action.as_str()).or_default().insert(role);
    }
    let by_request = endpoints().filter_map(|endpoint| {
        let action = endpoint.asks?;
        match endpoint.access {
            Access::Tenant(permission) => Some((permission, action)),
            Access::Platform => {
                asked.entry(action.as_str()).or_default().insert(Role::Administrator.as_str());
                None
            }
            _ => panic!("{}: whose policy?", endpoint.path),
        }
    });
    let by_request: Vec<(Permission, Action)> = by_request.collect();
    for (permission, action) in by_request.into_iter().chain(AFTER_APPROVAL) {
        let roles = Role::ALL.iter().copied().filter(|&role| permission.permits(role)).map(Role::as_str);
        asked.entry(action.as_str()).or_default().extend(roles);
    }
    // Whatever anybody does may need a feature.
    asked.insert(USE_FEATURE.as_str(), role::names().collect());
    let files = files();
    // A vehicle's sample is checked whoever brings it, and what only reduces risk is never denied.
    for action in actions().filter(|action| !action.is_restrictive() && !action.is_monitored()) {
        let file = files.iter().find(|file| file.action == action.as_str());
        let file = file.unwrap_or_else(|| panic!("{action} has no cases"));
        let permitted: BTreeSet<&str> = role::names().filter(|role| permitted(&engine, file, role)).collect();
        assert_eq!(Some(&permitted), asked.get(action.as_str()), "{action}");
    }
}

#[test]
fn who_only_reads_changes_nothing() {
    for endpoint in endpoints().filter(|endpoint| endpoint.method != "get") {
        let Access::Tenant(permission) = endpoint.access else { continue };
        let may = |role| permission.permits(role);
        assert!(!may(Role::Viewer), "{} {}", endpoint.method, endpoint.path);
        // Asking what would be allowed is reading, by a POST as the standard has it.
        let only_reads = permission == MAY_READ_JOURNAL || permission == MAY_ASK_ACCESS;
        assert!(!may(Role::Auditor) || only_reads, "{} {}", endpoint.method, endpoint.path);
    }
}
