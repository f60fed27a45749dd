//! A question to the engine: who wants to do what to which thing, where, and what is known.

use std::collections::BTreeSet;

use kernel::{Actor, Ctx, DecisionId, Known, Sector, SiteId, Subject, TenantId, Timestamp};

use crate::action::Action;
use crate::fact::{Fact, FactValue};

/// A question to the engine. Built from a [`Ctx`], so that the same command asks the same question.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub(crate) id: DecisionId,
    pub(crate) action: Action,
    pub(crate) principal: Actor,
    pub(crate) resource: Subject,
    pub(crate) about: Vec<Subject>,
    pub(crate) tenant: TenantId,
    pub(crate) site: Known<SiteId>,
    pub(crate) sector: Known<Sector>,
    pub(crate) simulated: bool,
    pub(crate) entitlements: BTreeSet<String>,
    pub(crate) now: Timestamp,
    pub(crate) facts: Vec<Fact>,
    /// Rules that are lifted; none: those that the engine knows of.
    pub(crate) waivers: Option<BTreeSet<String>>,
}

impl Request {
    /// May the context's actor do `action` to `resource`? Tenant, site, sector and time are the context's.
    pub fn new(ctx: &Ctx, action: Action, resource: Subject) -> Self {
        Self {
            id: ctx.new_id(),
            action,
            principal: ctx.actor.clone(),
            resource,
            about: Vec::new(),
            tenant: ctx.tenant.clone(),
            site: ctx.site.clone(),
            sector: ctx.sector.clone(),
            simulated: ctx.simulated,
            entitlements: BTreeSet::new(),
            now: ctx.now,
            facts: Vec::new(),
            waivers: None,
        }
    }

    /// The same question, which is also about another subject, e.g. the trip of an assignment.
    pub fn about(mut self, subject: Subject) -> Self {
        if subject != self.resource && !self.about.contains(&subject) {
            self.about.push(subject);
        }
        self
    }

    /// The same question of a tenant with these entitlements.
    pub fn entitled_to(mut self, entitlements: impl IntoIterator<Item = String>) -> Self {
        self.entitlements.extend(entitlements);
        self
    }

    /// The same question with these facts.
    pub fn facts(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts.extend(facts);
        self
    }

    /// The same question with one fact that is true now.
    pub fn fact(self, name: &str, value: impl Into<FactValue>) -> Self {
        let now = self.now;
        self.facts([Fact::new(name, value, now)])
    }

    /// The id that the decision will have.
    pub fn decision_id(&self) -> DecisionId {
        self.id
    }

    /// The act in question.
    pub fn action(&self) -> Action {
        self.action
    }
}
