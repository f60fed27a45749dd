//! What a tenant has: a plan, add-ons, and for how long.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a tenant has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    pub tenant: String,
    pub plan: String,
    /// How many of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add_ons: BTreeMap<String, u32>,
    /// The sectors that the tenant works in.
    pub sectors: BTreeSet<String>,
    /// In milliseconds since 1970.
    pub valid_from_ms: i64,
    /// None: until it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until_ms: Option<i64>,
    /// How long everything goes on after the end, for whoever pays late.
    #[serde(default)]
    pub grace_ms: i64,
    #[serde(default)]
    pub suspended: bool,
}

impl Subscription {
    /// A subscription of a plan without an end.
    #[must_use]
    pub fn new(tenant: &str, plan: &str, sectors: &[&str], valid_from_ms: i64) -> Self {
        Self {
            tenant: tenant.to_owned(),
            plan: plan.to_owned(),
            add_ons: BTreeMap::new(),
            sectors: sectors.iter().map(|&sector| sector.to_owned()).collect(),
            valid_from_ms,
            valid_until_ms: None,
            grace_ms: 0,
            suspended: false,
        }
    }

    /// The same with so many of an add-on.
    #[must_use]
    pub fn with(mut self, add_on: &str, count: u32) -> Self {
        self.add_ons.insert(add_on.to_owned(), count);
        self
    }

    /// The moment from which nothing is allowed any more.
    #[must_use]
    pub fn ends_ms(&self) -> Option<i64> {
        self.valid_until_ms.map(|until| until.saturating_add(self.grace_ms.max(0)))
    }
}
