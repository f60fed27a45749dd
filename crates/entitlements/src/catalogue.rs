//! What can be had: features, plans that grant them, add-ons that grant more. All of it is data, so that what an upgrade
//! would bring is computed and never promised by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::period::Period;

/// What kind of thing a feature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One has it or not.
    Boolean,
    /// A number that holds, such as days of retention.
    Static,
    /// A number that is used up.
    Metered,
}

/// A feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feature {
    pub id: String,
    pub title: String,
    pub kind: Kind,
    /// What is counted.
    pub unit: Option<String>,
    pub period: Period,
    /// The only sectors that have it; none are all.
    pub sectors: BTreeSet<String>,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    Most(u64),
    /// Written `unlimited`.
    Unlimited(Unlimited),
}

/// The word for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    Unlimited,
}

impl Limit {
    /// No limit.
    pub const UNLIMITED: Self = Self::Unlimited(Unlimited::Unlimited);

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Most(a), Self::Most(b)) => Self::Most(a.saturating_add(b)),
            _ => Self::UNLIMITED,
        }
    }

    fn times(self, count: u32) -> Self {
        match self {
            Self::Most(most) => Self::Most(most.saturating_mul(u64::from(count))),
            Self::Unlimited(_) => self,
        }
    }

    /// Whether so much is within it.
    #[must_use]
    pub fn covers(self, amount: u64) -> bool {
        match self {
            Self::Most(most) => amount <= most,
            Self::Unlimited(_) => true,
        }
    }

    /// How much is left after `used`; none: as much as one likes.
    #[must_use]
    pub fn left(self, used: u64) -> Option<u64> {
        match self {
            Self::Most(most) => Some(most.saturating_sub(used)),
            Self::Unlimited(_) => None,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Most(most) => write!(f, "{most}"),
            Self::Unlimited(_) => f.write_str("unlimited"),
        }
    }
}

/// What a plan or an add-on grants of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Grant {
    Has(bool),
    Up(Limit),
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub id: String,
    pub title: String,
    /// Plans with a higher rank cost more; upgrades are offered from the lowest on.
    pub rank: u32,
    /// The sectors that it can be had for; none are all.
    pub sectors: BTreeSet<String>,
    /// Everything that it grants, of the plans that it includes too.
    pub grants: BTreeMap<String, Grant>,
}

/// More of something, over a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddOn {
    pub id: String,
    pub title: String,
    /// The plans that it can be had with; none are all.
    pub plans: BTreeSet<String>,
    pub grants: BTreeMap<String, Grant>,
    /// The most that one subscription can have of it.
    pub most: u32,
}

/// What can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    pub version: String,
    pub(crate) features: BTreeMap<String, Feature>,
    /// By rank.
    pub(crate) plans: Vec<Plan>,
    pub(crate) add_ons: BTreeMap<String, AddOn>,
    pub(crate) exempt: BTreeSet<String>,
    pub(crate) digest: String,
}

impl Catalogue {
    /// A feature.
    #[must_use]
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        self.features.get(id)
    }

    /// The features by their ids.
    pub fn features(&self) -> impl Iterator<Item = &Feature> {
        self.features.values()
    }

    /// A plan.
    #[must_use]
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The plans, the lowest rank first.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// An add-on.
    #[must_use]
    pub fn add_on(&self, id: &str) -> Option<&AddOn> {
        self.add_ons.get(id)
    }

    /// SHA-256 over the text, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether an operation is done whatever the tenant pays for: a limit never stops a moving vehicle, and never blocks stop,
    /// return or evidence.
    #[must_use]
    pub fn is_exempt(&self, operation: &str) -> bool {
        self.exempt.contains(operation)
    }

    /// The operations that no limit blocks.
    pub fn exempt(&self) -> impl Iterator<Item = &str> {
        self.exempt.iter().map(String::as_str)
    }

    /// What a plan with add-ons grants of a feature. Add-ons that do not go with the plan grant nothing.
    /// What a plan with add-ons grants of a feature.
    #[must_use]
    pub fn granted(&self, plan: &Plan, add_ons: &BTreeMap<String, u32>, feature: &str) -> Option<Grant> {
        let mut granted = plan.grants.get(feature).copied();
        for (id, &count) in add_ons {
            let Some(add_on) = self.add_ons.get(id).filter(|add_on| add_on.goes_with(plan)) else { continue };
            let count = count.min(add_on.most);
            let Some(&more) = add_on.grants.get(feature).filter(|_| count > 0) else { continue };
            granted = Some(match (granted, more) {
                (Some(Grant::Up(limit)), Grant::Up(more)) => Grant::Up(limit.plus(more.times(count))),
                (_, Grant::Up(more)) => Grant::Up(more.times(count)),
                (had, Grant::Has(has)) => Grant::Has(has || had == Some(Grant::Has(true))),
            });
        }
        granted
    }
}

impl AddOn {
    pub(crate) fn goes_with(&self, plan: &Plan) -> bool {
        self.plans.is_empty() || self.plans.contains(&plan.id)
    }
}
