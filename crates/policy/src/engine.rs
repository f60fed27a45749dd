//! Deciding: one question against the bundle in force. Whatever is not certain is denied.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request as CedarRequest, RestrictedExpression,
};
use kernel::Sector;
use tracing::field::Empty;

use crate::action::Action;
use crate::bundle::{Bundle, Slice};
use crate::compile::{Limit, Rule, action_uid, constraint_from};
use crate::constraints::{ConstraintSource, Constraints};
use crate::decision::{Decision, FactUsed, Reason, Verdict};
use crate::fact::{Fact, FactValue};
use crate::monitor::{Checked, Compliance, Violation};
use crate::request::Request;
use crate::schema::{self, ActionSpec, NAMESPACE, REQUEST_ATTRIBUTE};

/// The layer of the engine's own rules.
const BUILTIN: &str = "builtin";

/// Decides by the bundle in force, which can be replaced at any moment; a decision sees one bundle only.
#[derive(Debug)]
pub struct Engine {
    active: RwLock<Arc<Bundle>>,
}

/// What one evaluation gave.
struct Outcome {
    verdict: Verdict,
    reasons: Vec<Reason>,
    constraints: Constraints,
    sources: Vec<ConstraintSource>,
}

impl Outcome {
    fn deny(reasons: Vec<Reason>) -> Self {
        Self { verdict: Verdict::Deny, reasons, constraints: Constraints::default(), sources: Vec::new() }
    }

    fn allow(reasons: Vec<Reason>, constraints: Constraints, sources: Vec<ConstraintSource>) -> Self {
        Self { verdict: Verdict::Allow, reasons, constraints, sources }
    }
}

fn builtin(rule: &str, text: String, advice: Option<&str>) -> Reason {
    Reason {
        policy_id: format!("{BUILTIN}.{rule}"),
        layer: BUILTIN.into(),
        version: "1".into(),
        text,
        advice: advice.map(str::to_owned),
    }
}

impl Engine {
    /// An engine that decides by a bundle.
    pub fn new(bundle: Bundle) -> Self {
        Self { active: RwLock::new(Arc::new(bundle)) }
    }

    /// The bundle in force.
    pub fn active(&self) -> Arc<Bundle> {
        // A bundle is replaced by one assignment, so a poisoned lock still holds a whole one.
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another bundle in force and returns the one before. Decisions under way end under the old one.
    pub fn activate(&self, bundle: Bundle) -> Arc<Bundle> {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *active, Arc::new(bundle))
    }

    /// Answers a request. Never fails: what cannot be decided is denied, with the reason. A restrictive action is
    /// always allowed (SAFE-1).
    pub fn decide(&self, request: &Request) -> Decision {
        let Request { id, action, tenant, resource, about, .. } = request;
        let trip = about.iter().chain([resource]).find(|subject| subject.kind() == "trip").map(|trip| trip.id());
        let span =
            tracing::debug_span!("policy.decide", decision = %id, %action, %tenant, %resource, trip, allowed = Empty);
        span.in_scope(|| {
            let decision = decide_by(&self.active(), request);
            span.record("allowed", decision.is_allowed());
            decision
        })
    }

    /// Checks a moving vehicle: [`Engine::decide`] on a [`Action::MonitorTrip`] request, read as compliance. A rule
    /// that is certainly violated counts even where another could not be evaluated.
    pub fn monitor(&self, request: &Request) -> Checked {
        let bundle = self.active();
        let decision = decide_by(&bundle, request);
        if decision.is_allowed() {
            return Checked { compliance: Compliance::Compliant, decision };
        }
        let violations: Vec<Violation> = decision
            .reasons
            .iter()
            .filter_map(|reason| {
                let response = bundle.rules.get(&reason.policy_id)?.response?;
                Some(Violation { rule: reason.policy_id.clone(), response, text: reason.text.clone() })
            })
            .collect();
        let compliance = match violations.is_empty() {
            true => Compliance::Unknown(decision.reasons.clone()),
            false => Compliance::Violations(violations),
        };
        Checked { compliance, decision }
    }
}

fn decide_by(bundle: &Bundle, request: &Request) -> Decision {
    let outcome = evaluate(bundle, request);
    let facts = request.facts.iter().map(|fact| FactUsed {
        name: fact.name.clone(),
        value: fact.value.clone(),
        age_ms: request.now.since_ms(fact.observed_at),
    });
    let decision = Decision {
        id: request.id,
        action: request.action,
        verdict: outcome.verdict,
        reasons: outcome.reasons,
        constraints: outcome.constraints,
        constraint_sources: outcome.sources,
        principal: request.principal.clone(),
        resource: request.resource.clone(),
        about: request.about.clone(),
        tenant: request.tenant.clone(),
        site: request.site.clone(),
        sector: request.sector.clone(),
        entitlements: request.entitlements.clone(),
        facts: facts.collect(),
        decided_at: request.now,
        bundle: bundle.digest().to_owned(),
        equality_digest: String::new(),
    };
    decision.sealed()
}

fn evaluate(bundle: &Bundle, request: &Request) -> Outcome {
    if request.action.is_restrictive() {
        let text = format!("{} only reduces risk and needs no decision (SAFE-1)", request.action);
        return Outcome::allow(vec![builtin("restrictive", text, None)], Constraints::default(), Vec::new());
    }
    let Some(&sector) = request.sector.as_option() else {
        return Outcome::deny(vec![sector_unknown("the sector is not known".into())]);
    };
    let Some(slice) = bundle.slice(request.action, sector, &request.tenant) else {
        return Outcome::deny(vec![sector_unknown(format!("the policy bundle has no layer for sector {sector}"))]);
    };
    let Some(spec) = bundle.actions.get(&request.action) else {
        let text = format!("the policy bundle does not know {}", request.action);
        return Outcome::deny(vec![builtin("action-unknown", text, None)]);
    };
    let problems = fact_problems(request, spec);
    if !problems.is_empty() {
        return Outcome::deny(problems);
    }
    match question(bundle, request, sector, spec) {
        Ok((cedar, entities)) => answer(bundle, slice, request, &cedar, &entities),
        Err(problem) => Outcome::deny(vec![builtin("request-invalid", problem, None)]),
    }
}

fn sector_unknown(text: String) -> Reason {
    builtin("sector-unknown", text, Some("Bind the tenant to a sector that the policy bundle has a layer for."))
}

/// Everything that is wrong with the facts: missing, stale, of another type, unknown, told twice.
fn fact_problems(request: &Request, spec: &ActionSpec) -> Vec<Reason> {
    let action = request.action;
    let mut told: BTreeMap<&str, &Fact> = BTreeMap::new();
    let mut problems = Vec::new();
    for fact in &request.facts {
        let name = fact.name.as_str();
        if told.insert(name, fact).is_some() {
            problems.push(builtin("fact-twice", format!("the fact {name} was told twice"), None));
        }
        let Some(wanted) = spec.facts.get(name) else {
            problems.push(builtin("fact-unknown", format!("{action} knows no fact {name}"), None));
            continue;
        };
        let given = fact.value.type_name();
        if given != wanted.type_name {
            let text = format!("the fact {name} must be a {}, not a {given}", wanted.type_name);
            problems.push(builtin("fact-type", text, None));
        }
        let age_ms = request.now.since_ms(fact.observed_at);
        // A fact from the future is as suspect as an old one: one of the two clocks is wrong.
        if let Some(limit) = wanted.max_age_ms.filter(|limit| age_ms.saturating_abs() > *limit) {
            let text = format!("the fact {name} is {age_ms} ms old; {action} needs one of at most {limit} ms");
            problems.push(builtin("fact-stale", text, Some("Wait for a fresh report of the vehicle.")));
        }
    }
    for (name, _) in spec.facts.iter().filter(|(name, spec)| spec.required && !told.contains_key(name.as_str())) {
        problems.push(builtin("fact-missing", format!("{action} needs the fact {name}"), None));
    }
    problems
}

fn type_name(kind: &str) -> Result<EntityTypeName, String> {
    format!("{NAMESPACE}::{kind}").parse().map_err(|_| format!("{kind} is no kind of thing"))
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    Ok(EntityUid::from_type_name_and_id(type_name(kind)?, EntityId::new(id)))
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn expression(value: &FactValue) -> Result<RestrictedExpression, String> {
    Ok(match value {
        FactValue::Bool(value) => RestrictedExpression::new_bool(*value),
        FactValue::Long(value) => RestrictedExpression::new_long(*value),
        FactValue::Decimal(value) => RestrictedExpression::new_decimal(
            FactValue::decimal_literal(*value).ok_or_else(|| format!("{value} is no decimal number"))?,
        ),
        FactValue::String(value) => text(value.as_str()),
        FactValue::Set(values) => RestrictedExpression::new_set(values.iter().map(|value| text(value.as_str()))),
    })
}

/// The kind of a subject as an entity type: `work_order` is `WorkOrder`.
fn entity_kind(kind: &str) -> String {
    kind.split('_')
        .flat_map(|word| word.chars().take(1).map(|first| first.to_ascii_uppercase()).chain(word.chars().skip(1)))
        .collect()
}

fn question(
    bundle: &Bundle,
    request: &Request,
    sector: Sector,
    spec: &ActionSpec,
) -> Result<(CedarRequest, Entities), String> {
    let kind = entity_kind(request.resource.kind());
    if !spec.resource_types.iter().any(|of| of.rsplit("::").next() == Some(kind.as_str())) {
        return Err(format!(
            "{} is asked about a {}, not about {}",
            request.action,
            spec.resource_types.join(" or "),
            request.resource
        ));
    }
    let (principal, resource) = (uid("Principal", &request.principal.id)?, uid(&kind, request.resource.id())?);
    let tenant = || ("tenant".to_owned(), text(request.tenant.as_str()));
    let actor = HashMap::from([
        tenant(),
        ("kind".into(), text(word(&request.principal.kind))),
        ("role".into(), RestrictedExpression::new_entity_uid(uid(schema::ROLE, &request.principal.role)?)),
        ("authentication".into(), text(word(&request.principal.authentication))),
    ]);
    let entities = [
        Entity::new(principal.clone(), actor, HashSet::new()).map_err(|error| error.to_string())?,
        Entity::new(resource.clone(), HashMap::from([tenant()]), HashSet::new()).map_err(|error| error.to_string())?,
    ];
    let entities = Entities::from_entities(entities, Some(&bundle.schema)).map_err(|error| error.to_string())?;
    let action = action_uid(request.action).ok_or_else(|| format!("{} is no action's name", request.action))?;
    let context = context(request, sector)?;
    let cedar = CedarRequest::new(principal, action, resource, context, Some(&bundle.schema));
    Ok((cedar.map_err(|error| error.to_string())?, entities))
}

/// The name of a variant, as serde writes it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn context(request: &Request, sector: Sector) -> Result<Context, String> {
    let mut about = vec![
        ("sector".to_owned(), text(sector.as_str())),
        ("simulated".into(), RestrictedExpression::new_bool(request.simulated)),
        (
            "entitlements".into(),
            RestrictedExpression::new_set(request.entitlements.iter().map(|name| text(name.as_str()))),
        ),
    ];
    if let Some(site) = request.site.as_option() {
        about.push(("site".into(), text(site.as_str())));
    }
    let about = RestrictedExpression::new_record(about).map_err(|error| error.to_string())?;
    let mut pairs = vec![(REQUEST_ATTRIBUTE.to_owned(), about)];
    for fact in &request.facts {
        pairs.push((
            fact.name.clone(),
            expression(&fact.value).map_err(|error| format!("the fact {}: {error}", fact.name))?,
        ));
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// The rules of a set that are satisfied, in the order of their ids, and those that failed, as reasons.
fn satisfied<'b>(
    bundle: &'b Bundle,
    set: &PolicySet,
    cedar: &CedarRequest,
    entities: &Entities,
) -> (CedarDecision, Vec<&'b Rule>, Vec<Reason>) {
    let response = Authorizer::new().is_authorized(cedar, set, entities);
    let mut rules: Vec<&Rule> =
        response.diagnostics().reason().filter_map(|id| bundle.rules.get::<str>(id.as_ref())).collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut failures: Vec<Reason> = response
        .diagnostics()
        .errors()
        .map(|error| builtin("evaluation-error", format!("a rule could not be evaluated: {error}"), None))
        .collect();
    failures.sort_by(|a, b| a.text.cmp(&b.text));
    (response.decision(), rules, failures)
}

fn answer(bundle: &Bundle, slice: &Slice, request: &Request, cedar: &CedarRequest, entities: &Entities) -> Outcome {
    let (decision, rules, mut failures) = satisfied(bundle, &slice.deciding, cedar, entities);
    let mut reasons: Vec<Reason> = rules.iter().map(|rule| reason(rule, request)).collect();
    if decision == CedarDecision::Deny && reasons.is_empty() && failures.is_empty() {
        let text = format!("no rule permits {} to the role {}", request.action, request.principal.role);
        return Outcome::deny(vec![builtin("no-permit", text, None)]);
    }
    if decision == CedarDecision::Deny || !failures.is_empty() {
        if decision == CedarDecision::Allow {
            reasons.clear();
        }
        reasons.append(&mut failures);
        return Outcome::deny(reasons);
    }
    let (_, limiting, failures) = satisfied(bundle, &slice.constraining, cedar, entities);
    if !failures.is_empty() {
        return Outcome::deny(failures);
    }
    match merge(&limiting, request) {
        Ok((constraints, sources)) => Outcome::allow(reasons, constraints, sources),
        Err(reason) => Outcome::deny(vec![reason]),
    }
}

fn merge(rules: &[&Rule], request: &Request) -> Result<(Constraints, Vec<ConstraintSource>), Reason> {
    let mut sources = Vec::new();
    for rule in rules {
        let constraint = match &rule.limit {
            None => continue,
            Some(Limit::Fixed(constraint)) => constraint.clone(),
            Some(Limit::FromFact { kind, fact }) => {
                let Some(fact) = request.facts.iter().find(|given| given.name == *fact) else { continue };
                constraint_from(kind, &fact.value).ok_or_else(|| {
                    let text = format!("{}: the fact {} is no value of {kind}", rule.id, fact.name);
                    builtin("evaluation-error", text, None)
                })?
            }
        };
        sources.push(ConstraintSource {
            policy_id: rule.id.clone(),
            layer: rule.layer.to_string(),
            purpose: rule.purpose.clone(),
            constraint,
        });
    }
    let merged = sources
        .iter()
        .fold(Constraints::default(), |all, source| all.meet(&Constraints::from(source.constraint.clone())));
    merged.check().map_err(|error| {
        let involved = |source: &&ConstraintSource| {
            let kind = source.constraint.kind();
            kind == error.limit || (error.limit == "allowed_zones" && kind == "avoided_zones")
        };
        let rules: Vec<&str> = sources.iter().filter(involved).map(|source| source.policy_id.as_str()).collect();
        let text = format!("no vehicle could keep the limits of {} together: {error}", rules.join(" and "));
        builtin("constraints-unsatisfiable", text, Some("Change one of the rules named."))
    })?;
    Ok((merged, sources))
}

fn reason(rule: &Rule, request: &Request) -> Reason {
    Reason {
        policy_id: rule.id.clone(),
        layer: rule.layer.to_string(),
        version: rule.version.clone(),
        text: rendered(&rule.reason, request),
        advice: rule.advice.clone(),
    }
}

/// A rule's text with `{fact}` replaced by the fact's value; `{sector}`, `{role}` and `{action}` are known too.
fn rendered(template: &str, request: &Request) -> String {
    let mut text = template
        .replace("{sector}", request.sector.as_option().copied().map_or("unknown", Sector::as_str))
        .replace("{role}", &request.principal.role)
        .replace("{action}", Action::as_str(request.action));
    for fact in &request.facts {
        text = text.replace(&format!("{{{}}}", fact.name), &fact.value.to_string());
    }
    text
}
