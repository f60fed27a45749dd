//! Rules of the tenant's own that are in force: put there by two people, taken back by two, and known to the engine from the
//! start of the server.

use kernel::{Ctx, TenantId};
use policy::{PolicyAnswer, RuleWords};
use schemars::JsonSchema;
use serde::Serialize;
use store::CommandError;
use store::port::Fault as StoreFault;

use super::{Governance, wrong_text};
use crate::actions::{ACTIVATE_POLICY, ROLL_BACK_POLICY};
use crate::draft::{self, DraftId, PolicyDraft};
use crate::own_policies::{self, Generation, OwnPolicies, OwnPoliciesActivated, OwnPoliciesRolledBack};

/// The rules that decide for a tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PoliciesInForce")]
pub struct InForceRules {
    /// SHA-256 of the bundle that holds for everybody.
    pub bundle: String,
    /// The tenant's own rules in force.
    pub own: Option<Generation>,
    pub rules: Vec<RuleWords>,
    /// What was put in force, the newest first.
    pub generations: Vec<Generation>,
}

impl Governance {
    /// Tells the engine what is in force for every tenant. Called when the server starts.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn start(&self) -> Result<(), StoreFault> {
        for tenant in self.parts.store.logs().await? {
            self.tell_rules(&tenant).await?;
            self.tell_waivers(&tenant).await?;
        }
        Ok(())
    }

    /// Tells the engine the tenant's own rules. Where this program's bundle does not accept the text any more, everything is
    /// denied but what only reduces risk: nobody knows what the rules would have forbidden.
    async fn tell_rules(&self, tenant: &TenantId) -> Result<(), StoreFault> {
        let known = self.one::<OwnPolicies>(tenant, tenant).await?;
        let layer = match known.as_ref().and_then(OwnPolicies::in_force) {
            None => None,
            Some(generation) => match self.compile(tenant, &generation.text) {
                Ok(layer) => Some(layer),
                Err(fault) => {
                    let line = fault.line;
                    tracing::error!(%tenant, line, problem = fault.problem, "the tenant's own rules do not compile");
                    self.parts.policy.refuse_all(tenant, "the tenant's own rules do not compile with this program");
                    return Ok(());
                }
            },
        };
        self.parts.policy.put_own(tenant, layer);
        Ok(())
    }

    /// The rules that decide for a tenant.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn in_force(
        &self,
        tenant: &TenantId,
        sector: Option<kernel::Sector>,
    ) -> Result<InForceRules, StoreFault> {
        let bundle = self.parts.policy.active();
        let known = self.one::<OwnPolicies>(tenant, tenant).await?;
        let mut rules: Vec<RuleWords> = bundle.rule_words();
        let own_sector = sector.map(|sector| format!("sector:{sector}"));
        rules.retain(|rule| !rule.layer.starts_with("sector:") || Some(&rule.layer) == own_sector.as_ref());
        rules.retain(|rule| !rule.layer.starts_with("tenant:") || rule.layer == format!("tenant:{tenant}"));
        if let Some(own) = self.parts.policy.own(tenant) {
            rules.extend(bundle.own_rule_words(&own));
        }
        let mut generations = known.as_ref().map(|known| known.generations.clone()).unwrap_or_default();
        generations.reverse();
        Ok(InForceRules {
            bundle: bundle.digest().to_owned(),
            own: known.as_ref().and_then(OwnPolicies::in_force).cloned(),
            rules,
            generations,
        })
    }

    fn may_activate(&self, ctx: &Ctx, draft: &PolicyDraft, second: bool) -> PolicyAnswer {
        let tested = draft.tested.as_ref().filter(|tested| tested.digest == draft.digest);
        let replayed = draft.replayed.as_ref().filter(|replayed| replayed.digest == draft.digest);
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let allows_more = replayed.map_or(0, |replayed| replayed.counts.deny_to_allow + replayed.counts.looser);
        let question = self
            .ask(ctx, ACTIVATE_POLICY, second)
            // Where no case was run, one is missing.
            .fact("cases_failed", tested.map_or(1, |tested| count(tested.failed)))
            .fact("rules_untested", tested.map_or(0, |tested| count(tested.untested.len())))
            .fact("replayed", replayed.is_some())
            .fact("allows_more", i64::try_from(allows_more).unwrap_or(i64::MAX));
        self.decide(&question)
    }

    /// Whether an activation could be approved: everything but the second person.
    ///
    /// # Errors
    /// `POLICY_VIOLATION` with what is missing; `NOT_FOUND`.
    pub async fn ready_to_activate(&self, ctx: &Ctx, id: DraftId) -> Result<PolicyDraft, CommandError> {
        let draft = self.draft(&ctx.tenant, id).await?;
        draft::open(Some(&draft))?;
        match self.may_activate(ctx, &draft, true).refusal {
            Some(refusal) => Err(refusal.into()),
            None => Ok(draft),
        }
    }

    /// Puts a draft's rules in force; `ctx` names both people. Doing it again changes nothing.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`; `CONFLICT` where the draft is another text than was approved.
    pub async fn activate(&self, ctx: &Ctx, id: DraftId, digest: &str, reason: &str) -> Result<u64, CommandError> {
        let draft = self.draft(&ctx.tenant, id).await?;
        if draft.digest != digest {
            let text = "the draft was changed after it was asked for: ask again";
            return Err(kernel::Reject::new(kernel::Code::Conflict, text).into());
        }
        let layer = self.compile(&ctx.tenant, &draft.text).map_err(|fault| wrong_text(&fault))?;
        let policy = self.may_activate(ctx, &draft, ctx.actor.second_approver.is_some());
        let next = OwnPoliciesActivated {
            generation: 0,
            name: draft.name.clone(),
            text: draft.text.clone(),
            digest: layer.digest().to_owned(),
            draft: id,
            reason: reason.into(),
            by: ctx.actor.id.clone(),
            approved_by: ctx.actor.second_approver.clone(),
        };
        let generation =
            self.decided(ctx, policy, |state, policy| own_policies::activate(state, policy, &next)).await?;
        self.tell_rules(&ctx.tenant).await?;
        self.forget_shadow(&ctx.tenant, id);
        self.command::<PolicyDraft, ()>(ctx, &id, None, |state| draft::activated(state, generation)).await?;
        metrics::counter!("atlasmesh_policies_activated_total").increment(1);
        tracing::info!(tenant = %ctx.tenant, draft = %id, generation, "rules of the tenant's own are in force");
        Ok(generation)
    }

    /// Puts rules of before in force again; `ctx` names both people.
    ///
    /// # Errors
    /// `POLICY_VIOLATION`; `NOT_FOUND`; `ILLEGAL_TRANSITION`.
    pub async fn roll_back(&self, ctx: &Ctx, to: u64, reason: &str) -> Result<u64, CommandError> {
        let second = ctx.actor.second_approver.is_some();
        let policy = self.decide(&self.ask(ctx, ROLL_BACK_POLICY, second));
        let back = OwnPoliciesRolledBack {
            generation: 0,
            to,
            reason: reason.into(),
            by: ctx.actor.id.clone(),
            approved_by: ctx.actor.second_approver.clone(),
        };
        let generation =
            self.decided(ctx, policy, |state, policy| own_policies::roll_back(state, policy, &back)).await?;
        self.tell_rules(&ctx.tenant).await?;
        tracing::info!(tenant = %ctx.tenant, to, generation, "rules of the tenant's own were taken back");
        Ok(generation)
    }

    async fn decided(
        &self,
        ctx: &Ctx,
        policy: PolicyAnswer,
        decide: impl Fn(Option<&OwnPolicies>, &PolicyAnswer) -> kernel::Decided<own_policies::OwnPoliciesEvent, u64>
        + Send
        + Sync,
    ) -> Result<u64, CommandError> {
        let gather = |_| {
            let policy = policy.clone();
            async move { Ok(policy) }
        };
        let extras = store::Extras::default();
        let done = store::execute(&*self.parts.store, ctx, &ctx.tenant, extras, gather, decide).await?;
        Ok(done.reply)
    }
}
