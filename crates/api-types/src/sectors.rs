//! Sectors, subscriptions, features and flags.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Sector, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tenancy::tenant::subscription::Subscribed;

use super::Sentence;

/// A change of what a tenant subscribed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Of the catalogue.
    #[schemars(length(min = 1, max = 64))]
    pub plan: String,
    /// How many of each.
    #[serde(default)]
    pub add_ons: BTreeMap<String, u32>,
    /// The sectors that the tenant may work in.
    #[schemars(length(min = 1, max = 4))]
    pub sectors: BTreeSet<Sector>,
    pub valid_until: Option<Timestamp>,
    #[serde(default)]
    pub suspended: bool,
    pub reason: Sentence,
}

impl NewSubscription {
    /// What is subscribed, and why.
    pub fn split(self) -> (Subscribed, String) {
        let Self { plan, add_ons, sectors, valid_until, suspended, reason } = self;
        (Subscribed { plan, add_ons, sectors, valid_until, suspended }, reason.0)
    }
}

/// What somebody wants to use.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntitlementAsked {
    #[schemars(length(min = 1, max = 64))]
    pub feature: String,
    pub sector: Option<Sector>,
    /// How much more is wanted.
    #[serde(default)]
    pub requested: u64,
}

/// A variant of a flag; none leaves it to the flag's own rule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagChosen {
    #[schemars(length(min = 1, max = 100))]
    pub variant: Option<String>,
    pub reason: Sentence,
}

/// What a client of OFREP sends: the context, and what is not ours.
#[derive(Deserialize, JsonSchema)]
pub struct OfrepAsked {
    #[serde(default)]
    pub context: Option<Value>,
}
