//! The point of decision: policy, asked with what is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use authzen::{Answer, Candidates, DecisionPoint, Evaluation, Properties, Search, Wanted};
use kernel::{Actor, Ctx, CtxSource, Subject};
use policy::{Action, Constraint, ConstraintSource, Decision, Engine, FactWords, Request};
use serde_json::{Value, json};
use tenancy::Authenticated;

use super::facts;
use super::known::{self, Known};
use crate::Gateway;
use crate::http::auth::Caller;

/// Answers for one request of one tenant.
pub struct Point<'g> {
    engine: &'g Engine,
    source: &'g Arc<dyn CtxSource>,
    who: &'g Authenticated,
    known: Known,
    /// Every action by its name; those that only reduce risk declare nothing.
    actions: BTreeMap<&'static str, Declared>,
}

/// An action with what it is asked with.
struct Declared {
    action: Action,
    /// The kinds of its resources, as subjects have them.
    kinds: Vec<String>,
    facts: Vec<FactWords>,
}

/// The kind of a subject from the name of an entity type: `WorkOrder` is `work_order`.
fn kind_of(entity: &str) -> String {
    let mut kind = String::new();
    for letter in entity.chars() {
        if letter.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    kind
}

/// Why a question is denied that policy is not even asked.
struct Unknown {
    rule: &'static str,
    text: String,
}

impl Gateway {
    pub(super) fn point<'g>(&'g self, caller: &'g Caller, known: Known) -> Point<'g> {
        let mut words: BTreeMap<String, _> =
            self.engine.active().vocabulary().into_iter().map(|words| (words.action.clone(), words)).collect();
        let all = crate::policy_modules().into_iter().flat_map(|module| module.actions).copied();
        let declared = all.map(|action| {
            let words = words.remove(action.as_str());
            let (resources, facts) = words.map(|words| (words.resources, words.facts)).unwrap_or_default();
            let kinds = resources.iter().map(|name| kind_of(name)).collect();
            (action.as_str(), Declared { action, kinds, facts })
        });
        let actions = declared.collect();
        Point { engine: &self.engine, source: &self.source, who: &caller.authenticated, known, actions }
    }
}

impl Point<'_> {
    /// As whom the subject may act. A person who says in which of their roles acts in that one.
    fn actors(&self, asked: &Evaluation) -> Vec<Actor> {
        let subject = &asked.subject;
        let mut actors = match subject.kind.as_str() {
            known::PRINCIPAL => self.known.people.get(&subject.id).cloned().unwrap_or_default(),
            known::ROLE => known::anybody(&subject.id).into_iter().collect(),
            _ => Vec::new(),
        };
        let chosen = subject.properties.get("role").and_then(Value::as_str);
        if actors.iter().any(|actor| Some(actor.role.as_str()) == chosen) {
            actors.retain(|actor| Some(actor.role.as_str()) == chosen);
        }
        actors
    }

    fn ask(&self, asked: &Evaluation) -> Result<(Decision, bool), Unknown> {
        let unknown = |rule, text| Unknown { rule, text };
        let name = &asked.action.name;
        let declared = self.actions.get(name.as_str());
        let declared = declared.ok_or_else(|| unknown("unknown-action", format!("there is no action {name}")))?;
        let resource = Subject::parse(&format!("{}/{}", asked.resource.kind, asked.resource.id));
        let resource = resource
            .ok_or_else(|| unknown("unknown-resource", "the resource is no thing of a kind with an id".into()))?;
        let thing = self.known.things.get(&(asked.resource.kind.clone(), asked.resource.id.clone()));
        let (facts, is_said) = facts::of_question(&declared.facts, thing, asked, self.source.now());
        let mut denied = None;
        for actor in self.actors(asked) {
            let mut ctx = Ctx::new(&**self.source, self.who.tenant.clone(), actor);
            ctx.simulated = self.who.simulated;
            ctx = self.who.sector.into_iter().fold(ctx, Ctx::in_sector);
            ctx = thing.into_iter().fold(ctx, |ctx, thing| ctx.at_site(thing.site.clone()));
            let request = Request::new(&ctx, declared.action, resource.clone())
                .entitled_to(self.who.entitlements.iter().cloned())
                .facts(facts.iter().cloned());
            let decision = self.engine.decide(&request);
            if decision.is_allowed() {
                return Ok((decision, is_said));
            }
            denied.get_or_insert(decision);
        }
        let nobody = || unknown("unknown-subject", "the subject is nobody who may act here".into());
        denied.map(|decision| (decision, is_said)).ok_or_else(nobody)
    }
}

impl DecisionPoint for Point<'_> {
    fn evaluate(&self, asked: &Evaluation) -> Answer {
        match self.ask(asked) {
            Ok((decision, is_said)) => answer(&decision, is_said),
            Err(Unknown { rule, text }) => {
                let id = format!("access.{rule}");
                Answer::with(false, refusal(std::slice::from_ref(&id), &format!("{text} ({id})"), &text))
            }
        }
    }

    fn candidates(&self, search: &Search, limit: usize) -> Candidates {
        let Wanted::Actions { resource, .. } = &search.wanted else {
            let Candidates { names, more } = &self.known.candidates;
            return Candidates {
                names: names.iter().take(limit).cloned().collect(),
                more: *more || names.len() > limit,
            };
        };
        let applies = |declared: &Declared| declared.kinds.contains(&resource.kind);
        let names = self.actions.iter().filter(|(_, declared)| applies(declared)).map(|(name, _)| (*name).to_owned());
        let names: Vec<String> = names.filter(|name| search.after().is_none_or(|after| **name > *after)).collect();
        Candidates { more: names.len() > limit, names: names.into_iter().take(limit).collect() }
    }
}

/// What there is to say of a denial, in the words that clients of AuthZEN read.
fn refusal(ids: &[String], admin: &str, user: &str) -> Properties {
    let mut context = Properties::new();
    context.insert("evaluation".into(), json!("advisory"));
    context.insert("reason".into(), json!(ids.first()));
    context.insert("reason_admin".into(), json!({ "en": admin }));
    context.insert("reason_user".into(), json!({ "en": user }));
    context.insert("reasons".into(), json!(ids));
    context
}

/// A decision as an answer. Where it rests on nothing that the client said and there is no limit to keep, yes is all of it.
fn answer(decision: &Decision, is_said: bool) -> Answer {
    if !decision.is_allowed() {
        let ids: Vec<String> = decision.policy_ids().into_iter().map(str::to_owned).collect();
        let sentences = decision.reasons.iter().map(|reason| match &reason.advice {
            Some(advice) => format!("{}. {advice}", reason.text.trim_end_matches('.')),
            None => reason.text.clone(),
        });
        let user = sentences.collect::<Vec<_>>().join(" ");
        let mut context = refusal(&ids, &decision.reason_text(), &user);
        context.insert("decision_id".into(), json!(decision.id));
        return Answer::with(false, context);
    }
    let constraints: Vec<Value> = decision.constraint_sources.iter().filter_map(limit).collect();
    if constraints.is_empty() && !is_said {
        return Answer::plain(true);
    }
    let mut context = Properties::new();
    context.insert("evaluation".into(), json!("advisory"));
    context.insert("decision_id".into(), json!(decision.id));
    if !constraints.is_empty() {
        context.insert("constraints".into(), constraints.into());
    }
    Answer::with(true, context)
}

/// A limit of a rule: every one holds, so that of two for a field the tighter one does. `None` where it limits nothing.
fn limit(source: &ConstraintSource) -> Option<Value> {
    let operator = match source.constraint {
        Constraint::MaxSpeedMps(_)
        | Constraint::MaxPayloadKg(_)
        | Constraint::MaxPassengers(_)
        | Constraint::MaxTripDistanceM(_)
        | Constraint::ValidForS(_) => "<=",
        Constraint::MinBatteryPct(_) | Constraint::ProbationTrips(_) => ">=",
        Constraint::AvoidedZones(_) => "not_in",
        Constraint::AllowedModes(_) | Constraint::AllowedZones(_) | Constraint::AllowedSectors(_) => "in",
        Constraint::RequiredCapabilities(_) => "contains_all",
    };
    let value = serde_json::to_value(&source.constraint).ok()?.get_mut("value").map(Value::take)?;
    let is_none = matches!(operator, "not_in" | "contains_all") && value.as_array().is_some_and(Vec::is_empty);
    let field = source.constraint.kind();
    (!is_none).then(|| json!({ "field": field, "operator": operator, "value": value, "policy_id": source.policy_id }))
}
