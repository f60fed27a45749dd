//! Decisions of the past, asked again under other rules: what was allowed and would be denied, and the reverse.

use std::collections::BTreeSet;

use kernel::{Actor, DecisionId, Known, Sector, SiteId, Subject, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bundle::Bundle;
use crate::constraints::Constraints;
use crate::decision::Decision;
use crate::engine::{Engine, Rules};
use crate::fact::{Fact, FactValue};
use crate::own_layer::OwnLayer;
use crate::request::Request;

/// A decision as the journal has it, as far as it is needed to ask again.
#[derive(Deserialize)]
struct Recorded {
    id: DecisionId,
    action: String,
    verdict: String,
    principal: Actor,
    resource: Subject,
    #[serde(default)]
    about: Vec<Subject>,
    tenant: TenantId,
    site: Known<SiteId>,
    sector: Known<Sector>,
    #[serde(default)]
    simulated: bool,
    #[serde(default)]
    entitlements: BTreeSet<String>,
    #[serde(default)]
    waivers: BTreeSet<String>,
    facts: Vec<RecordedFact>,
    decided_at: Timestamp,
    #[serde(default)]
    constraints: Value,
}

#[derive(Deserialize)]
struct RecordedFact {
    name: String,
    value: FactValue,
    age_ms: i64,
}

/// What changes for a decision of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PolicyReplayChange")]
pub enum Change {
    AllowToDeny,
    DenyToAllow,
    Tighter,
    Looser,
}

/// A decision of the past under other rules.
#[derive(Debug)]
pub enum Replayed {
    /// It cannot be asked again, for this reason.
    NotReplayable(String),
    Unchanged,
    Changed {
        change: Change,
        now: Box<Decision>,
    },
}

impl Recorded {
    fn request(self, bundle: &Bundle, sector: Option<Sector>) -> Result<Request, String> {
        let action = bundle.actions.keys().find(|action| action.as_str() == self.action).copied();
        let action = action.ok_or_else(|| format!("{} is no act that rules decide", self.action))?;
        let spec = bundle.actions.get(&action);
        let is_decimal =
            |name: &str| spec.and_then(|spec| spec.facts.get(name)).is_some_and(|fact| fact.type_name == "decimal");
        let facts = self.facts.into_iter().map(|fact| {
            // Canonical JSON writes 3.0 as 3.
            let value = match fact.value {
                FactValue::Long(number) if is_decimal(&fact.name) => FactValue::Decimal(number as f64),
                other => other,
            };
            Fact { name: fact.name, value, observed_at: self.decided_at.plus_ms(-fact.age_ms) }
        });
        Ok(Request {
            id: self.id,
            action,
            principal: self.principal,
            resource: self.resource,
            about: self.about,
            tenant: self.tenant,
            site: self.site,
            sector: sector.map_or(self.sector, Known::Known),
            simulated: self.simulated,
            entitlements: self.entitlements,
            now: self.decided_at,
            facts: facts.collect(),
            waivers: Some(self.waivers),
        })
    }
}

impl Engine {
    /// Asks a decision of the past again, by the bundle in force and these rules of the tenant's own.
    pub fn replay(&self, recorded: &Value, own: Option<&OwnLayer>) -> Replayed {
        let bundle = self.active();
        let read: Recorded = match Deserialize::deserialize(recorded) {
            Ok(read) => read,
            Err(error) => return Replayed::NotReplayable(format!("it is of another version: {error}")),
        };
        let (was_allowed, before) = (read.verdict == "allow", read.constraints.clone());
        match read.request(&bundle, None) {
            Err(reason) => Replayed::NotReplayable(reason),
            Ok(request) if request.action.is_restrictive() => Replayed::Unchanged,
            Ok(request) => {
                let now = Rules { bundle: &bundle, own, broken: None }.decide(&request);
                let before: Constraints = serde_json::from_value(before).unwrap_or_default();
                compare(was_allowed, &before, now)
            }
        }
    }

    /// Why a decision of the past that allowed something would deny it in another sector; `None` where it would not.
    pub fn replay_in(&self, recorded: &Value, sector: Sector) -> Option<Vec<String>> {
        let bundle = self.active();
        let read: Recorded = Deserialize::deserialize(recorded).ok()?;
        let own = self.own(&read.tenant);
        let was_allowed = read.verdict == "allow";
        let request = read.request(&bundle, Some(sector)).ok()?;
        let now = Rules { bundle: &bundle, own: own.as_deref(), broken: None }.decide(&request);
        let reasons = now.reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.policy_id));
        (was_allowed && !now.is_allowed()).then(|| reasons.collect())
    }
}

fn compare(was_allowed: bool, before: &Constraints, now: Decision) -> Replayed {
    let changed = |change, now| Replayed::Changed { change, now: Box::new(now) };
    match (was_allowed, now.is_allowed()) {
        (true, false) => changed(Change::AllowToDeny, now),
        (false, true) => changed(Change::DenyToAllow, now),
        (false, false) => Replayed::Unchanged,
        (true, true) if *before == now.constraints => Replayed::Unchanged,
        (true, true) if before.meet(&now.constraints) == now.constraints => changed(Change::Tighter, now),
        (true, true) => changed(Change::Looser, now),
    }
}
