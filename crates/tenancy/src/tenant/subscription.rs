//! What a tenant subscribed to. The platform's administrator says it; the catalogue says what it means.

use std::collections::{BTreeMap, BTreeSet};

use entitlements::{Catalogue, Subscription};
use kernel::{Decided, FieldError, Reject, Sector, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tenant, TenantEvent};

/// The plan of a tenant for whom nobody said another: everything that is not bound to a sector of its own.
pub const DEFAULT_PLAN: &str = "enterprise";
/// How long everything goes on after the end of a subscription, for whoever pays late.
pub const GRACE_MS: i64 = 14 * 86_400_000;

/// A subscription as a tenant has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribed {
    #[schemars(length(min = 1, max = 64))]
    pub plan: String,
    /// How many of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add_ons: BTreeMap<String, u32>,
    /// The sectors that it may work in.
    #[schemars(length(min = 1, max = 4))]
    pub sectors: BTreeSet<Sector>,
    /// None: until it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    #[serde(default)]
    pub suspended: bool,
}

/// It is another from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionChanged {
    pub subscribed: Subscribed,
    pub reason: String,
    pub by: String,
}

impl Tenant {
    /// What the tenant subscribed to, in the words of the catalogue.
    pub fn subscription(&self) -> Subscription {
        let of = |plan: &str, sectors: &[&str]| {
            Subscription::new(self.name.as_str(), plan, sectors, self.created_at.as_ms())
        };
        let Some(known) = &self.subscription else {
            let own: Vec<&str> = self.home().into_iter().map(Sector::as_str).collect();
            return of(DEFAULT_PLAN, &own);
        };
        let sectors: Vec<&str> = known.sectors.iter().map(|sector| sector.as_str()).collect();
        Subscription {
            add_ons: known.add_ons.clone(),
            valid_until_ms: known.valid_until.map(|until| until.as_ms()),
            grace_ms: GRACE_MS,
            suspended: known.suspended,
            ..of(&known.plan, &sectors)
        }
    }
}

fn wrong(field: &str, message: String) -> FieldError {
    FieldError { field: field.to_owned(), message }
}

/// What the catalogue does not have.
fn problems(subscribed: &Subscribed, catalogue: &Catalogue) -> Vec<FieldError> {
    let Some(plan) = catalogue.plan(&subscribed.plan) else {
        let plans: Vec<&str> = catalogue.plans().iter().map(|plan| plan.id.as_str()).collect();
        return vec![wrong("/plan", format!("is none of the plans {}", plans.join(", ")))];
    };
    let sectors = subscribed.sectors.iter().map(|sector| sector.as_str());
    let sectors = sectors.filter(|sector| !plan.sectors.is_empty() && !plan.sectors.contains(*sector));
    let sectors = sectors.map(|sector| wrong("/sectors", format!("the plan {} is not for {sector}", plan.id)));
    let add_ons = subscribed.add_ons.iter().filter_map(|(id, count)| {
        let field = format!("/add_ons/{id}");
        let Some(add_on) = catalogue.add_on(id) else { return Some(wrong(&field, "is no add-on".into())) };
        if !add_on.plans.is_empty() && !add_on.plans.contains(&plan.id) {
            return Some(wrong(&field, format!("is not had with the plan {}", plan.id)));
        }
        (*count > add_on.most).then(|| wrong(&field, format!("is had at most {} times", add_on.most)))
    });
    sectors.chain(add_ons).collect()
}

/// Changes what a tenant subscribed to.
pub fn change(
    state: Option<&Tenant>,
    subscribed: &Subscribed,
    catalogue: &Catalogue,
    (reason, by): (&str, &str),
) -> Decided<TenantEvent, ()> {
    let Some(tenant) = state else { return Decided::reject(super::no_tenant()) };
    let problems = problems(subscribed, catalogue);
    if !problems.is_empty() {
        return Decided::reject(Reject::invalid(problems));
    }
    if tenant.subscription.as_ref() == Some(subscribed) {
        return Decided::unchanged(());
    }
    let changed = SubscriptionChanged { subscribed: subscribed.clone(), reason: reason.into(), by: by.into() };
    Decided::accept([changed.into()], ())
}
