//! The engine's answer, with everything that explains it.

use std::collections::BTreeSet;

use kernel::envelope::DecisionRecord;
use kernel::{Actor, Code, DecisionId, Known, Reject, Sector, SiteId, Subject, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::action::Action;
use crate::alternatives::Alternative;
use crate::constraints::{ConstraintSource, Constraints, sha256_of};
use crate::fact::FactValue;

/// Whether the act may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PolicyVerdict")]
pub enum Verdict {
    /// It may, under the decision's constraints.
    Allow,
    /// It may not.
    Deny,
}

/// A rule that determined the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PolicyReason")]
#[schemars(extend("additionalProperties" = true))]
pub struct Reason {
    /// The rule's id; `builtin.…` for the engine's own.
    pub policy_id: String,
    /// The rule's layer: `base`, `sector:mining`, `tenant:north`, `builtin`.
    pub layer: String,
    /// The rule's version.
    pub version: String,
    /// Why, for a person.
    pub text: String,
    /// What the caller can do about it, where something can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// A fact that the decision rests on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct FactUsed {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: FactValue,
    /// How old it was, in milliseconds; negative when its clock runs ahead of ours.
    pub age_ms: i64,
}

/// The engine's answer to one request.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The act in question.
    #[schemars(with = "String")]
    pub action: Action,
    /// Whether it may go on.
    pub verdict: Verdict,
    /// The rules that determined the verdict, in the order of their ids.
    pub reasons: Vec<Reason>,
    /// The limits under which it may go on; empty when denied.
    pub constraints: Constraints,
    /// Which rule set which limit.
    pub constraint_sources: Vec<ConstraintSource>,
    /// Who asked.
    pub principal: Actor,
    /// To which thing.
    pub resource: Subject,
    /// Which other things it is about.
    pub about: Vec<Subject>,
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub site: Known<SiteId>,
    /// In which sector.
    pub sector: Known<Sector>,
    /// Whether the tenant's vehicles are simulated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// What the tenant is entitled to.
    pub entitlements: BTreeSet<String>,
    /// Rules that were lifted for a time.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waivers: BTreeSet<String>,
    /// What was known, and how old it was.
    pub facts: Vec<FactUsed>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// SHA-256 of the bundle that decided.
    pub bundle: String,
    /// SHA-256 of the tenant's own rules, where it had any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_rules: Option<String>,
    /// What would be allowed instead, by the same rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// SHA-256 over action, principal, subjects, bundle, verdict and the reasons' rules: two decisions with the same
    /// one say the same, whatever the facts were.
    pub equality_digest: String,
}

#[derive(Serialize)]
struct Equality<'a> {
    action: Action,
    principal: &'a str,
    resource: &'a Subject,
    about: &'a [Subject],
    bundle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_rules: Option<&'a str>,
    verdict: Verdict,
    reasons: BTreeSet<(&'a str, &'a str)>,
}

impl Decision {
    /// Whether the act may go on.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// The ids of the rules that determined the verdict.
    pub fn policy_ids(&self) -> Vec<&str> {
        self.reasons.iter().map(|reason| reason.policy_id.as_str()).collect()
    }

    /// The reasons as one sentence each, for a person.
    pub fn reason_text(&self) -> String {
        let sentences: Vec<String> =
            self.reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.policy_id)).collect();
        sentences.join("; ")
    }

    /// The decision as JSON, as the journal has it.
    pub fn to_json(&self) -> serde_json::Value {
        // A struct of plain fields; serialization of those has no failure.
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }

    /// The decision, ready for the journal.
    pub fn to_record(&self) -> DecisionRecord {
        let mut about = vec![self.resource.clone()];
        about.extend(self.about.iter().cloned());
        DecisionRecord {
            id: self.id,
            bundle: self.bundle.clone(),
            allowed: self.is_allowed(),
            about,
            body: self.to_json(),
        }
    }

    /// The refusal that the caller gets when the decision is a denial.
    pub fn to_reject(&self) -> Reject {
        Reject::new(Code::PolicyViolation, format!("policy forbids {}: {}", self.action, self.reason_text()))
            .with_decision(self.to_json())
    }

    pub(crate) fn sealed(mut self) -> Self {
        let equality = Equality {
            action: self.action,
            principal: &self.principal.id,
            resource: &self.resource,
            about: &self.about,
            bundle: &self.bundle,
            own_rules: self.own_rules.as_deref(),
            verdict: self.verdict,
            reasons: self.reasons.iter().map(|reason| (reason.policy_id.as_str(), reason.version.as_str())).collect(),
        };
        self.equality_digest = sha256_of(&equality);
        self
    }
}

/// What a decision means to a command that asked for it: the record for the journal, and either the refusal or the limits
/// under which it may go on.
#[derive(Debug, Clone)]
pub struct PolicyAnswer {
    /// The decision, for the journal.
    pub records: Vec<DecisionRecord>,
    /// The refusal, if it was a denial.
    pub refusal: Option<Reject>,
    /// The limits, if it was allowed.
    pub constraints: Constraints,
}

impl From<Decision> for PolicyAnswer {
    fn from(decision: Decision) -> Self {
        Self {
            records: vec![decision.to_record()],
            refusal: (!decision.is_allowed()).then(|| decision.to_reject()),
            constraints: decision.constraints,
        }
    }
}

impl kernel::decided::Facts for PolicyAnswer {
    fn decisions(&self) -> &[DecisionRecord] {
        &self.records
    }
}
