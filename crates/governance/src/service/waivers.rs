//! Waivers: a rule that says that it can be waived is lifted for a time, by two people.

use kernel::{Code, Ctx, Reject, TenantId, Timestamp};
use policy::{PolicyAnswer, Waiver};
use store::port::{Fault as StoreFault, Guard, ListQuery};
use store::{CommandError, TableSpec};

use super::Governance;
use crate::actions::GRANT_WAIVER;
use crate::waiver::{self, KnownWaiver, WaiverGranted, WaiverId};

/// Waivers of one answer.
const WAIVERS_MAX: usize = 200;

impl Governance {
    pub(super) async fn tell_waivers(&self, tenant: &TenantId) -> Result<(), StoreFault> {
        let query = ListQuery { filters: vec![("state", "active".to_owned())], ..ListQuery::all() };
        let rows = self.parts.store.list(TableSpec::of::<KnownWaiver>(), tenant, query).await?;
        let known = rows.iter().map(store::Row::decode::<KnownWaiver>).collect::<Result<Vec<_>, _>>()?;
        let waivers = known.into_iter().map(|known| Waiver { rule: known.rule, until: known.until });
        self.parts.policy.put_waivers(tenant, waivers.collect());
        Ok(())
    }

    /// The waivers of a tenant, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn waivers(&self, tenant: &TenantId) -> Result<Vec<(WaiverId, KnownWaiver)>, StoreFault> {
        self.page::<KnownWaiver>(tenant, WAIVERS_MAX).await
    }

    fn may_waive(&self, ctx: &Ctx, rule: &str, until: Timestamp, second: bool) -> Result<PolicyAnswer, Reject> {
        let rules = self.parts.policy.active().rule_words();
        let own = self.parts.policy.own(&ctx.tenant);
        let own = own.map(|own| self.parts.policy.active().own_rule_words(&own)).unwrap_or_default();
        let Some(known) = rules.iter().chain(&own).find(|known| known.id == rule) else {
            return Err(Reject::invalid_field("/rule", "is the id of no rule that is in force: list them"));
        };
        if until <= ctx.now {
            return Err(Reject::invalid_field("/until", "is past"));
        }
        let hours = until.since_ms(ctx.now).div_euclid(3_600_000);
        let question = self.ask(ctx, GRANT_WAIVER, second).fact("waivable", known.waivable).fact("hours", hours);
        Ok(self.decide(&question))
    }

    /// Whether a waiver could be approved: everything but the second person.
    ///
    /// # Errors
    /// `INVALID_REQUEST`; `POLICY_VIOLATION` with what is missing.
    pub fn ready_to_waive(&self, ctx: &Ctx, rule: &str, until: Timestamp) -> Result<(), Reject> {
        self.may_waive(ctx, rule, until, true)?.refusal.map_or(Ok(()), Err)
    }

    /// Lifts a rule until a time; `ctx` names both people.
    ///
    /// # Errors
    /// `INVALID_REQUEST`; `POLICY_VIOLATION`.
    pub async fn grant_waiver(
        &self,
        ctx: &Ctx,
        id: WaiverId,
        rule: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<(), CommandError> {
        let policy = self.may_waive(ctx, rule, until, ctx.actor.second_approver.is_some())?;
        let granted = WaiverGranted {
            rule: rule.into(),
            until,
            reason: reason.into(),
            by: ctx.actor.id.clone(),
            approved_by: ctx.actor.second_approver.clone(),
        };
        let gather = |_| {
            let policy = policy.clone();
            async move { Ok(policy) }
        };
        let decide = |state: Option<&KnownWaiver>, policy: &PolicyAnswer| waiver::grant(state, policy, &granted);
        store::execute(&*self.parts.store, ctx, &id, store::Extras::default(), gather, decide).await?;
        tracing::info!(tenant = %ctx.tenant, waiver = %id, rule, "a rule was waived");
        self.tell_waivers(&ctx.tenant).await?;
        Ok(())
    }

    /// Ends a waiver: the rule holds again at once.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn end_waiver(&self, ctx: &Ctx, id: WaiverId, reason: &str) -> Result<KnownWaiver, CommandError> {
        let by = ctx.actor.id.clone();
        self.command::<KnownWaiver, ()>(ctx, &id, None, |state| waiver::end(state, reason, &by)).await?;
        self.tell_waivers(&ctx.tenant).await?;
        let known = self.one::<KnownWaiver>(&ctx.tenant, &id).await?;
        known.ok_or_else(|| Reject::new(Code::NotFound, "there is no such waiver: list them first").into())
    }

    /// Notes that a waiver's time is over; the engine heeds the time by itself.
    pub(crate) async fn waiver_due(&self, tenant: &TenantId, id: WaiverId, guard: Guard) -> Result<(), CommandError> {
        let about = self.parts.tenants.about(tenant).await?;
        let ctx = Ctx::automation(&*self.parts.source, tenant.clone(), about, "governance.waivers");
        let now = ctx.now;
        self.command::<KnownWaiver, ()>(&ctx, &id, Some(guard), |state| waiver::expire(state, now)).await?;
        self.tell_waivers(tenant).await?;
        Ok(())
    }
}
