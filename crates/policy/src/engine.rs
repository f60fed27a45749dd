//! Deciding: one question against the bundle in force and the tenant's own rules. Whatever is not certain is denied.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, Entity, EntityId, EntityUid, PolicySet,
    Request as CedarRequest, RestrictedExpression,
};
use kernel::{Sector, TenantId, Timestamp};
use tracing::field::Empty;

use crate::action::Action;
use crate::alternatives::{self, Alternative, Modify, ROUNDS_MAX};
use crate::bundle::{Bundle, Slice};
use crate::compile::{Limit, Rule, action_uid, constraint_from};
use crate::constraints::{ConstraintSource, Constraints};
use crate::decision::{Decision, FactUsed, Reason, Verdict};
use crate::fact::{Fact, FactValue};
use crate::monitor::{Checked, Compliance, Violation};
use crate::own_layer::OwnLayer;
use crate::request::Request;
use crate::schema::{self, ActionSpec, REQUEST_ATTRIBUTE};

/// The layer of the engine's own rules.
const BUILTIN: &str = "builtin";

/// Decides by the bundle in force, which can be replaced at any moment; a decision sees one bundle only.
#[derive(Debug)]
pub struct Engine {
    active: RwLock<Arc<Bundle>>,
    own: RwLock<HashMap<TenantId, Own>>,
}

/// What one tenant has beside the bundle.
#[derive(Debug, Default, Clone)]
struct Own {
    layer: Option<Arc<OwnLayer>>,
    waivers: Arc<[Waiver]>,
    /// Why nothing is decided for the tenant.
    broken: Option<Arc<str>>,
}

/// A rule that is lifted for a tenant, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The id of the rule.
    pub rule: String,
    /// From when on it holds again.
    pub until: Timestamp,
}

/// The rules that one question meets.
pub(crate) struct Rules<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) own: Option<&'a OwnLayer>,
    /// Why nothing is decided.
    pub(crate) broken: Option<&'a str>,
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
        Self { active: RwLock::new(Arc::new(bundle)), own: RwLock::default() }
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

    fn own_of(&self, tenant: &TenantId) -> Own {
        self.own.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned().unwrap_or_default()
    }

    /// The rules of a tenant's own that are in force.
    pub fn own(&self, tenant: &TenantId) -> Option<Arc<OwnLayer>> {
        self.own_of(tenant).layer
    }

    /// Puts rules of a tenant's own in force, or none.
    pub fn put_own(&self, tenant: &TenantId, layer: Option<OwnLayer>) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        let own = own.entry(tenant.clone()).or_default();
        own.layer = layer.map(Arc::new);
        own.broken = None;
    }

    /// Denies whatever a tenant asks, but for what only reduces risk: it has rules of its own that cannot be read.
    pub fn refuse_all(&self, tenant: &TenantId, why: &str) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.entry(tenant.clone()).or_default().broken = Some(why.into());
    }

    /// The waivers that a tenant has from now on.
    pub fn put_waivers(&self, tenant: &TenantId, waivers: Vec<Waiver>) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.entry(tenant.clone()).or_default().waivers = waivers.into();
    }

    /// Answers a request. Never fails: what cannot be decided is denied, with the reason. A restrictive action is
    /// always allowed (SAFE-1).
    pub fn decide(&self, request: &Request) -> Decision {
        let Request { id, action, tenant, resource, about, .. } = request;
        let trip = about.iter().chain([resource]).find(|subject| subject.kind() == "trip").map(|trip| trip.id());
        let span =
            tracing::debug_span!("policy.decide", decision = %id, %action, %tenant, %resource, trip, allowed = Empty);
        span.in_scope(|| {
            let own = self.own_of(tenant);
            let rules = (own.layer.as_deref(), own.broken.as_deref());
            let decision = self.decide_by(rules, &own.waivers, request);
            span.record("allowed", decision.is_allowed());
            decision
        })
    }

    /// What would be decided with other rules of the tenant's own: nothing follows from it.
    pub fn explain(&self, request: &Request, own: Option<&OwnLayer>) -> Decision {
        self.decide_by((own, None), &self.own_of(&request.tenant).waivers, request)
    }

    fn decide_by(
        &self,
        (own, broken): (Option<&OwnLayer>, Option<&str>),
        waivers: &[Waiver],
        request: &Request,
    ) -> Decision {
        let bundle = self.active();
        let rules = Rules { bundle: &bundle, own, broken };
        match waivers.is_empty() || request.waivers.is_some() {
            true => rules.decide(request),
            false => {
                let valid = waivers.iter().filter(|waiver| request.now < waiver.until);
                let waived = Some(valid.map(|waiver| waiver.rule.clone()).collect());
                rules.decide(&Request { waivers: waived, ..request.clone() })
            }
        }
    }

    /// Checks a moving vehicle: [`Engine::decide`] on a [`Action::MonitorTrip`] request, read as compliance. A rule
    /// that is certainly violated counts even where another could not be evaluated.
    pub fn monitor(&self, request: &Request) -> Checked {
        let own = self.own_of(&request.tenant);
        let bundle = self.active();
        let rules = Rules { bundle: &bundle, own: own.layer.as_deref(), broken: None };
        let decision = self.decide_by((own.layer.as_deref(), own.broken.as_deref()), &own.waivers, request);
        if decision.is_allowed() {
            return Checked { compliance: Compliance::Compliant, decision };
        }
        let violations: Vec<Violation> = decision
            .reasons
            .iter()
            .filter_map(|reason| {
                let response = rules.rule(&reason.policy_id)?.response?;
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

impl<'a> Rules<'a> {
    fn rule(&self, id: &str) -> Option<&'a Rule> {
        self.bundle.rules.get(id).or_else(|| self.own.and_then(|own| own.rules.get(id)))
    }

    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let outcome = evaluate(self, request);
        let alternatives = match outcome.verdict {
            Verdict::Allow => Vec::new(),
            Verdict::Deny => self.alternative(request, &outcome).into_iter().collect(),
        };
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
            simulated: request.simulated,
            entitlements: request.entitlements.clone(),
            waivers: request.waivers.clone().unwrap_or_default(),
            facts: facts.collect(),
            decided_at: request.now,
            bundle: self.bundle.digest().to_owned(),
            own_rules: self.own.map(|own| own.digest().to_owned()),
            alternatives,
            equality_digest: String::new(),
        };
        decision.sealed()
    }

    /// What would be allowed instead, where every rule that denies says what would have to change.
    fn alternative(&self, request: &Request, denied: &Outcome) -> Option<Alternative> {
        let modifies = |reasons: &[Reason]| -> Option<Vec<&'a Modify>> {
            reasons.iter().map(|reason| self.rule(&reason.policy_id)?.modify.as_ref()).collect()
        };
        let mut asked = alternatives::apply(request, &modifies(&denied.reasons)?)?;
        for _ in 0..ROUNDS_MAX {
            let outcome = evaluate(self, &asked);
            if outcome.verdict == Verdict::Allow {
                return Some(Alternative { changes: alternatives::changes(&request.facts, &asked.facts) });
            }
            asked = alternatives::apply(&asked, &modifies(&outcome.reasons)?)?;
        }
        None
    }
}

fn evaluate(rules: &Rules<'_>, request: &Request) -> Outcome {
    let bundle = rules.bundle;
    if request.action.is_restrictive() {
        let text = format!("{} only reduces risk and needs no decision (SAFE-1)", request.action);
        return Outcome::allow(vec![builtin("restrictive", text, None)], Constraints::default(), Vec::new());
    }
    if let Some(why) = rules.broken {
        let advice = "Roll back to rules that this program reads, or write them anew.";
        return Outcome::deny(vec![builtin("own-rules-unreadable", why.to_owned(), Some(advice))]);
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
        Ok((cedar, entities)) => answer(rules, slice, request, &cedar, &entities),
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

fn uid(bundle: &Bundle, kind: &str, id: &str) -> Result<EntityUid, String> {
    let of = bundle.types.get(kind).ok_or_else(|| format!("{kind} is no kind of thing"))?;
    Ok(EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id)))
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
    let uid = |kind: &str, id: &str| uid(bundle, kind, id);
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
        (
            "waivers".into(),
            RestrictedExpression::new_set(request.waivers.iter().flatten().map(|rule| text(rule.as_str()))),
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

/// The rules of two sets that are satisfied, in the order of their ids, and those that failed, as reasons. The sets are of
/// the bundle and of the tenant's own layer, which has nothing that permits: the first decides what is permitted.
fn satisfied<'b>(
    rules: &Rules<'b>,
    sets: [Option<&PolicySet>; 2],
    cedar: &CedarRequest,
    entities: &Entities,
) -> (CedarDecision, Vec<&'b Rule>, Vec<Reason>) {
    let (mut decision, mut found, mut failures) = (CedarDecision::Deny, Vec::new(), Vec::new());
    for (at, set) in sets.into_iter().enumerate() {
        let Some(set) = set.filter(|set| at == 0 || !set.is_empty()) else { continue };
        let response = Authorizer::new().is_authorized(cedar, set, entities);
        let fired: Vec<&Rule> = response.diagnostics().reason().filter_map(|id| rules.rule(id.as_ref())).collect();
        failures.extend(
            response
                .diagnostics()
                .errors()
                .map(|error| builtin("evaluation-error", format!("a rule could not be evaluated: {error}"), None)),
        );
        match at {
            0 => decision = response.decision(),
            _ if fired.iter().any(|rule| rule.limit.is_none()) => {
                // A forbid of the tenant's own over what the bundle permits: the permits explain nothing any more.
                if decision == CedarDecision::Allow {
                    found.clear();
                }
                decision = CedarDecision::Deny;
            }
            _ => {}
        }
        found.extend(fired);
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    failures.sort_by(|a, b| a.text.cmp(&b.text));
    (decision, found, failures)
}

fn answer(rules: &Rules<'_>, slice: &Slice, request: &Request, cedar: &CedarRequest, entities: &Entities) -> Outcome {
    let own = rules.own.and_then(|own| own.slice(request.action));
    let deciding = [Some(&slice.deciding), own.map(|own| &own.deciding)];
    let (decision, fired, mut failures) = satisfied(rules, deciding, cedar, entities);
    let mut reasons: Vec<Reason> = fired.iter().map(|rule| reason(rule, request)).collect();
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
    let constraining = [Some(&slice.constraining), own.map(|own| &own.constraining)];
    let (_, limiting, failures) = satisfied(rules, constraining, cedar, entities);
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
