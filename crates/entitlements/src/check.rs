//! What a subscription allows, why not, and what would: the ways to upgrade are those of the catalogue that change the
//! answer, and no others.

use schemars::JsonSchema;
use serde::Serialize;

use crate::catalogue::{Catalogue, Feature, Grant, Kind, Limit, Plan};
use crate::period::Period;
use crate::subscription::Subscription;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    pub feature: &'a str,
    /// The sector it is for.
    pub sector: Option<&'a str>,
    /// What the tenant is about to do.
    pub operation: Option<&'a str>,
    /// How much is used already.
    pub used: u64,
    /// How much more is wanted.
    pub requested: u64,
}

impl<'a> Ask<'a> {
    /// Whether one has a feature.
    #[must_use]
    pub fn feature(feature: &'a str) -> Self {
        Self { feature, sector: None, operation: None, used: 0, requested: 0 }
    }

    /// The same, in a sector.
    #[must_use]
    pub fn in_sector(self, sector: &'a str) -> Self {
        Self { sector: Some(sector), ..self }
    }

    /// The same, for an operation.
    #[must_use]
    pub fn to(self, operation: &'a str) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// The same, for more than is used.
    #[must_use]
    pub fn using(self, used: u64, requested: u64) -> Self {
        Self { used, requested, ..self }
    }
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// None for a feature that one has or has not.
    pub limits: Option<Limits>,
    /// The operation is done whatever the subscription says.
    pub exempt: bool,
    /// The subscription has ended and only its grace lasts.
    pub in_grace: bool,
}

/// How much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub limit: Limit,
    pub used: u64,
    /// None: as much as one likes.
    pub remaining: Option<u64>,
    pub unit: Option<String>,
    pub period: Period,
}

/// Why it is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The catalogue has no such feature.
    FeatureUnknown,
    /// The subscription names a plan that the catalogue does not have.
    PlanUnknown,
    NotYetValid,
    Expired,
    Suspended,
    /// The subscription is not for this sector.
    SectorNotIncluded,
    /// The feature is not for this sector, in no plan.
    NotInThisSector,
    FeatureNotIncluded,
    UsageLimitExceeded,
}

/// What is denied, and what would help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    pub reason: Reason,
    /// Such as `blast.coordination` or `vehicles.active>=52`.
    pub required: Vec<String>,
    pub upgrade_options: Vec<UpgradeOption>,
}

/// A way to get what was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UpgradeOption {
    pub kind: OptionKind,
    pub id: String,
    pub title: String,
    /// How many; more than one only of an add-on.
    pub count: u32,
    /// What it would bring, such as `vehicles.active=500`.
    pub unlocks: Vec<String>,
}

/// What one would get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OptionKind {
    Plan,
    AddOn,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Allowed(Allowed),
    Denied(Denied),
}

impl Decision {
    /// Whether it is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// What the subscription allows at a time in milliseconds since 1970. An exempt operation is always allowed.
#[must_use]
pub fn check(catalogue: &Catalogue, subscription: &Subscription, ask: &Ask<'_>, now_ms: i64) -> Decision {
    let found = decide(catalogue, subscription, ask, now_ms);
    match (ask.operation.is_some_and(|operation| catalogue.is_exempt(operation)), found) {
        (true, Ok(allowed)) => Decision::Allowed(Allowed { exempt: true, ..allowed }),
        (true, Err(_)) => Decision::Allowed(Allowed { limits: None, exempt: true, in_grace: false }),
        (false, Ok(allowed)) => Decision::Allowed(allowed),
        (false, Err(reason)) => Decision::Denied(Denied {
            reason,
            required: required(catalogue, ask, reason),
            upgrade_options: upgrades(catalogue, subscription, ask, reason),
        }),
    }
}

fn decide(catalogue: &Catalogue, subscription: &Subscription, ask: &Ask<'_>, now_ms: i64) -> Result<Allowed, Reason> {
    let feature = catalogue.feature(ask.feature).ok_or(Reason::FeatureUnknown)?;
    if subscription.suspended {
        return Err(Reason::Suspended);
    }
    if now_ms < subscription.valid_from_ms {
        return Err(Reason::NotYetValid);
    }
    if subscription.ends_ms().is_some_and(|end| now_ms >= end) {
        return Err(Reason::Expired);
    }
    let in_grace = subscription.valid_until_ms.is_some_and(|until| now_ms >= until);
    let plan = catalogue.plan(&subscription.plan).ok_or(Reason::PlanUnknown)?;
    if let Some(sector) = ask.sector {
        if !holds_for(&feature.sectors, sector) {
            return Err(Reason::NotInThisSector);
        }
        if !subscription.sectors.contains(sector) || !holds_for(&plan.sectors, sector) {
            return Err(Reason::SectorNotIncluded);
        }
    }
    let limits = granted(catalogue, plan, subscription, feature, ask)?;
    Ok(Allowed { limits, exempt: false, in_grace })
}

fn holds_for(sectors: &std::collections::BTreeSet<String>, sector: &str) -> bool {
    sectors.is_empty() || sectors.contains(sector)
}

fn granted(
    catalogue: &Catalogue,
    plan: &Plan,
    subscription: &Subscription,
    feature: &Feature,
    ask: &Ask<'_>,
) -> Result<Option<Limits>, Reason> {
    let limit = match catalogue.granted(plan, &subscription.add_ons, &feature.id) {
        None | Some(Grant::Has(false)) => return Err(Reason::FeatureNotIncluded),
        Some(Grant::Has(true)) => return Ok(None),
        Some(Grant::Up(limit)) => limit,
    };
    if limit == Limit::Most(0) {
        return Err(Reason::FeatureNotIncluded);
    }
    // Who asks for nothing only asks what there is.
    let wanted = ask.used.saturating_add(ask.requested);
    if ask.requested > 0 && !limit.covers(wanted) {
        return Err(Reason::UsageLimitExceeded);
    }
    let (unit, period) = (feature.unit.clone(), feature.period);
    let used = if feature.kind == Kind::Metered { ask.used } else { 0 };
    Ok(Some(Limits { limit, used, remaining: limit.left(used), unit, period }))
}

fn required(catalogue: &Catalogue, ask: &Ask<'_>, reason: Reason) -> Vec<String> {
    let Some(feature) = catalogue.feature(ask.feature) else { return Vec::new() };
    match reason {
        Reason::UsageLimitExceeded => vec![format!("{}>={}", feature.id, ask.used.saturating_add(ask.requested))],
        Reason::FeatureNotIncluded => vec![feature.id.clone()],
        Reason::SectorNotIncluded => ask.sector.map(|sector| format!("sector={sector}")).into_iter().collect(),
        Reason::NotYetValid | Reason::Expired | Reason::Suspended | Reason::PlanUnknown => {
            vec!["subscription".to_owned()]
        }
        Reason::FeatureUnknown | Reason::NotInThisSector => Vec::new(),
    }
}

/// Each plan and each add-on by which alone the answer would change. Nothing helps against what is no matter of the plan.
fn upgrades(catalogue: &Catalogue, subscription: &Subscription, ask: &Ask<'_>, reason: Reason) -> Vec<UpgradeOption> {
    let Some(feature) = catalogue.feature(ask.feature) else { return Vec::new() };
    if !matches!(reason, Reason::FeatureNotIncluded | Reason::UsageLimitExceeded) {
        return Vec::new();
    }
    let helps = |plan: &Plan, with: &Subscription| granted(catalogue, plan, with, feature, ask).is_ok();
    let unlocks = |plan: &Plan, with: &Subscription| match catalogue.granted(plan, &with.add_ons, &feature.id) {
        Some(Grant::Up(limit)) => vec![format!("{}={limit}", feature.id)],
        _ => vec![feature.id.clone()],
    };
    let current = catalogue.plan(&subscription.plan);
    let rank = current.map_or(0, |plan| plan.rank);
    let for_sector = |plan: &&Plan| ask.sector.is_none_or(|sector| holds_for(&plan.sectors, sector));
    let plans = catalogue.plans.iter().filter(|plan| plan.rank > rank).filter(for_sector);
    let plans = plans.filter(|plan| helps(plan, subscription)).map(|plan| UpgradeOption {
        kind: OptionKind::Plan,
        id: plan.id.clone(),
        title: plan.title.clone(),
        count: 1,
        unlocks: unlocks(plan, subscription),
    });
    let add_ons = current.into_iter().flat_map(|plan| {
        let fitting = catalogue.add_ons.values().filter(|add_on| add_on.goes_with(plan));
        fitting.filter_map(|add_on| {
            let had = subscription.add_ons.get(&add_on.id).copied().unwrap_or(0).min(add_on.most);
            let with = |more: u32| subscription.clone().with(&add_on.id, had.saturating_add(more));
            let count = least(add_on.most.saturating_sub(had), |more| helps(plan, &with(more)))?;
            Some(UpgradeOption {
                kind: OptionKind::AddOn,
                id: add_on.id.clone(),
                title: add_on.title.clone(),
                count,
                unlocks: unlocks(plan, &with(count)),
            })
        })
    });
    plans.chain(add_ons).collect()
}

/// The least number from 1 to `most` for which it holds, where it holds for every greater one too.
fn least(most: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    if most == 0 || !holds(most) {
        return None;
    }
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}
