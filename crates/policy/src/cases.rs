//! Cases of rules: per act the facts under which it is allowed, then rows that change some of them and say what follows.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Actor, Authentication, Clock, Ctx, CtxSource, Sector, Subject, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Rules};
use crate::fact::{Fact, FactValue};
use crate::own_layer::OwnLayer;
use crate::request::Request;

/// The most rows of one text.
const CASES_MAX: usize = 1_000;
/// The time at which cases are decided: any will do, as facts have ages.
const NOW_MS: i64 = 1_700_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    action: String,
    resource: String,
    role: String,
    authentication: Authentication,
    sector: Sector,
    #[serde(default)]
    simulated: bool,
    #[serde(default = "trips")]
    entitlements: BTreeSet<String>,
    facts: BTreeMap<String, FactValue>,
    cases: Vec<Case>,
}

/// What every tenant is entitled to.
fn trips() -> BTreeSet<String> {
    ["trips".to_owned()].into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    given: Given,
    #[serde(default)]
    without: BTreeSet<String>,
    #[serde(default)]
    age_ms: BTreeMap<String, i64>,
    then: Then,
    #[serde(default)]
    limits: BTreeSet<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Given {
    role: Option<String>,
    sector: Option<Sector>,
    authentication: Option<Authentication>,
    simulated: Option<bool>,
    entitlements: Option<BTreeSet<String>>,
    facts: BTreeMap<String, FactValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Then {
    Allow(String),
    Deny(BTreeSet<String>),
}

/// A row and what came of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyCaseResult")]
pub struct CaseResult {
    pub name: String,
    /// `allow`, or the rules that deny.
    pub expected: String,
    pub found: String,
    pub passed: bool,
}

/// All rows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PolicyCaseReport")]
pub struct CaseReport {
    pub passed: usize,
    pub failed: usize,
    pub cases: Vec<CaseResult>,
    /// Rules that fire in no row.
    pub untested: Vec<String>,
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW_MS)
    }
}

impl CtxSource for Fixed {
    fn entropy(&self) -> u128 {
        0
    }
}

fn joined(ids: &BTreeSet<String>) -> String {
    match ids.is_empty() {
        true => "deny".to_owned(),
        false => format!("deny by {}", ids.iter().cloned().collect::<Vec<_>>().join(", ")),
    }
}

impl Group {
    fn request(&self, case: &Case, tenant: &TenantId, rules: &Rules<'_>) -> Result<Request, String> {
        let action = rules.bundle.actions.keys().find(|action| action.as_str() == self.action).copied();
        let action = action.ok_or_else(|| format!("{} is no act that rules decide", self.action))?;
        let resource = Subject::parse(&self.resource).ok_or_else(|| format!("{} is no kind/id", self.resource))?;
        let mut actor = Actor::automation("case");
        actor.role = case.given.role.clone().unwrap_or_else(|| self.role.clone());
        actor.authentication = case.given.authentication.unwrap_or(self.authentication);
        let ctx = Ctx::new(&Fixed, tenant.clone(), actor);
        let mut ctx = ctx.in_sector(case.given.sector.unwrap_or(self.sector));
        ctx.simulated = case.given.simulated.unwrap_or(self.simulated);
        let mut facts = self.facts.clone();
        facts.extend(case.given.facts.clone());
        facts.retain(|name, _| !case.without.contains(name));
        let facts = facts.into_iter().map(|(name, value)| {
            let age_ms = case.age_ms.get(&name).copied().unwrap_or(0);
            Fact { name, value, observed_at: ctx.now.plus_ms(-age_ms) }
        });
        let entitlements = case.given.entitlements.as_ref().unwrap_or(&self.entitlements).clone();
        Ok(Request::new(&ctx, action, resource).entitled_to(entitlements).facts(facts))
    }
}

impl Engine {
    /// Runs the cases of a tenant's own rules, over the bundle in force.
    ///
    /// # Errors
    /// Where the text is no list of cases.
    pub fn run_cases(&self, tenant: &TenantId, own: &OwnLayer, text: &str) -> Result<CaseReport, String> {
        let groups: Vec<Group> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if groups.iter().map(|group| group.cases.len()).sum::<usize>() > CASES_MAX {
            return Err(format!("there are more than {CASES_MAX} cases"));
        }
        let bundle = self.active();
        let rules = Rules { bundle: &bundle, own: Some(own), broken: None };
        let (mut cases, mut fired) = (Vec::new(), BTreeSet::new());
        for (group, case) in groups.iter().flat_map(|group| group.cases.iter().map(move |case| (group, case))) {
            let decision = rules.decide(&group.request(case, tenant, &rules)?);
            let denied: BTreeSet<String> = match decision.is_allowed() {
                true => BTreeSet::new(),
                false => decision.policy_ids().into_iter().map(str::to_owned).collect(),
            };
            let limits: BTreeSet<String> = decision.constraint_sources.into_iter().map(|of| of.policy_id).collect();
            let found = if decision.verdict == crate::Verdict::Allow { "allow".into() } else { joined(&denied) };
            let (expected, mut passed) = match &case.then {
                Then::Allow(word) => (word.clone(), found == "allow" && word == "allow"),
                Then::Deny(ids) => (joined(ids), found != "allow" && (*ids == denied)),
            };
            let missing: BTreeSet<String> = case.limits.difference(&limits).cloned().collect();
            let found = match missing.is_empty() {
                true => found,
                false => {
                    format!("{found}, without the limits {}", missing.iter().cloned().collect::<Vec<_>>().join(", "))
                }
            };
            passed = passed && missing.is_empty();
            if passed {
                fired.extend(denied);
                fired.extend(case.limits.iter().cloned());
            }
            cases.push(CaseResult { name: format!("{}: {}", group.action, case.name), expected, found, passed });
        }
        let passed = cases.iter().filter(|case| case.passed).count();
        let untested = own.rules.keys().filter(|id| !fired.contains(*id)).cloned().collect();
        Ok(CaseReport { passed, failed: cases.len() - passed, cases, untested })
    }
}
