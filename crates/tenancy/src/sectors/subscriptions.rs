//! What tenants subscribed to, and what that allows.

use entitlements::{Ask, Decision, Grant, check};
use kernel::{Actor, Ctx, Reject, TenantId};
use serde_json::{Value, json};
use store::{CommandError, Extras, execute_plain};

use super::Sectors;
use super::views::{EntitlementAnswer, SubscribedFeature, SubscriptionState};
use crate::tenant::Tenant;
use crate::tenant::sector::not_entitled;
use crate::tenant::subscription::{self, Subscribed};

/// The feature of which every vehicle in service takes one.
const VEHICLES: &str = "vehicles.active";

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Sectors {
    /// What a tenant subscribed to, with what it comes to.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn subscription(&self, tenant: &TenantId) -> Result<SubscriptionState, CommandError> {
        let known = self.tenant(tenant).await?;
        let subscription = known.subscription();
        let plan = self.catalogue.plan(&subscription.plan);
        let vehicles = self.used(tenant, VEHICLES).await?;
        let features = self.catalogue.features().map(|feature| {
            let granted = plan.and_then(|plan| self.catalogue.granted(plan, &subscription.add_ons, &feature.id));
            let limit = match granted {
                Some(Grant::Up(limit)) => Some(limit),
                _ => None,
            };
            let used = (feature.id == VEHICLES).then_some(vehicles);
            SubscribedFeature {
                id: feature.id.clone(),
                title: feature.title.clone(),
                kind: word(feature.kind),
                granted: !matches!(granted, None | Some(Grant::Has(false))),
                limit: limit.map(|limit| json!(limit)),
                used,
                remaining: limit.zip(used).and_then(|(limit, used)| limit.left(used)),
                unit: feature.unit.clone(),
            }
        });
        Ok(SubscriptionState {
            plan: subscription.plan.clone(),
            title: plan.map(|plan| plan.title.clone()).unwrap_or_default(),
            add_ons: subscription.add_ons.clone(),
            sectors: subscription.sectors.iter().cloned().collect(),
            valid_until: known.subscription.as_ref().and_then(|known| known.valid_until),
            suspended: subscription.suspended,
            features: features.collect(),
        })
    }

    /// Changes what a tenant subscribed to; `by` is the platform's administrator.
    ///
    /// # Errors
    /// `NOT_FOUND`; `INVALID_REQUEST` names what the catalogue does not have.
    pub async fn subscribe(
        &self,
        by: &Ctx,
        tenant: &TenantId,
        subscribed: &Subscribed,
        reason: &str,
    ) -> Result<SubscriptionState, CommandError> {
        let known = self.tenant(tenant).await?;
        if known.sector.is_none() {
            return Err(Reject::new(kernel::Code::NotFound, "the platform itself has no subscription").into());
        }
        let actor: Actor = by.actor.clone();
        let mut ctx = Ctx::new(&*self.parts.source, tenant.clone(), actor).of(known.about());
        ctx.simulated = known.simulated;
        execute_plain(&*self.parts.store, &ctx, tenant, Extras::default(), |state: Option<&Tenant>| {
            subscription::change(state, subscribed, &self.catalogue, (reason, &ctx.actor.id))
        })
        .await?;
        tracing::info!(%tenant, plan = subscribed.plan, "the subscription was changed");
        self.subscription(tenant).await
    }

    /// How much of a feature is used: what is counted at the moment itself.
    async fn used(&self, tenant: &TenantId, feature: &str) -> Result<u64, CommandError> {
        match feature {
            VEHICLES => Ok(self.parts.in_service.vehicles(tenant).await?.len() as u64),
            _ => Ok(0),
        }
    }

    /// Lets a vehicle be registered where the subscription has room for it. Nobody limits a tenant for whom nobody said what
    /// it subscribed to; and a vehicle that is there is never taken away for it.
    ///
    /// # Errors
    /// `ENTITLEMENT_REQUIRED` with what would help; a fault of the store.
    pub async fn may_add_vehicle(&self, ctx: &Ctx) -> Result<(), CommandError> {
        let known = self.tenant(&ctx.tenant).await?;
        if known.subscription.is_none() {
            return Ok(());
        }
        let used = self.used(&ctx.tenant, VEHICLES).await?;
        let ask = Ask::feature(VEHICLES).to("vehicle.register").using(used, 1);
        let ask = Ask { sector: known.sector.map(kernel::Sector::as_str), ..ask };
        match check(&self.catalogue, &known.subscription(), &ask, self.now_ms()) {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denied) => Err(not_entitled(&format!("more than {used} vehicles"), &denied).into()),
        }
    }

    /// Whether a tenant may use so much more of a feature, and what would help.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn check_entitlement(
        &self,
        tenant: &TenantId,
        feature: &str,
        sector: Option<kernel::Sector>,
        requested: u64,
    ) -> Result<EntitlementAnswer, CommandError> {
        let known = self.tenant(tenant).await?;
        let used = self.used(tenant, feature).await?;
        let ask = Ask { sector: sector.map(kernel::Sector::as_str), ..Ask::feature(feature).using(used, requested) };
        let (limit, used, remaining, mut answer) =
            match check(&self.catalogue, &known.subscription(), &ask, self.now_ms()) {
                Decision::Allowed(allowed) => {
                    let limits = allowed.limits;
                    let limit: Option<Value> = limits.as_ref().map(|limits| json!(limits.limit));
                    let used = limits.as_ref().map(|limits| limits.used);
                    (limit, used, limits.and_then(|limits| limits.remaining), EntitlementAnswer::of(feature, true))
                }
                Decision::Denied(denied) => {
                    let answer = EntitlementAnswer {
                        reason: Some(word(denied.reason)),
                        required: denied.required,
                        upgrade_options: denied.upgrade_options,
                        ..EntitlementAnswer::of(feature, false)
                    };
                    (None, None, None, answer)
                }
            };
        answer.limit = limit;
        answer.used = used;
        answer.remaining = remaining;
        Ok(answer)
    }
}

impl EntitlementAnswer {
    fn of(feature: &str, allowed: bool) -> Self {
        Self {
            feature: feature.to_owned(),
            allowed,
            reason: None,
            required: Vec::new(),
            upgrade_options: Vec::new(),
            limit: None,
            used: None,
            remaining: None,
        }
    }
}
