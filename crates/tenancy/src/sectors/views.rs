//! What is told of sectors, features, flags and subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use entitlements::UpgradeOption;
use kernel::{Sector, Timestamp, TripId};
use overlays::limits::{Bound, KeptBy, Limits};
use overlays::terms::Terms;
use overlays::ui::Ui;
use overlays::{Clause, Parameter, Signal};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::tenant::sector::FlagChoice;

/// What is in force for a tenant: everything that its page and its programs need of the sector.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SectorInForce {
    pub sector: Option<Sector>,
    pub title: String,
    /// Of the overlay; empty where none was activated.
    pub version: String,
    /// SHA-256 of the overlay's manifest.
    pub digest: String,
    /// Counts activations, roll-backs and choices of flags.
    pub generation: u64,
    /// Whether an overlay was activated.
    pub active: bool,
    pub activated_at: Option<Timestamp>,
    pub activated_by: Option<String>,
    /// Whether one step back is possible.
    pub can_roll_back: bool,
    pub terms: Terms,
    pub ui: Ui,
    /// As SVG.
    pub logo: String,
    /// Features that are effective.
    pub features: BTreeSet<String>,
    /// What each flag answers now.
    pub flags: BTreeMap<String, Value>,
    pub limits: Vec<SectorLimit>,
    pub parameters: Vec<Parameter>,
    pub signals: Vec<Signal>,
    pub clauses: Vec<Clause>,
}

/// A limit of an overlay.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SectorLimit {
    pub limit: String,
    /// The part of the site that it is for; none is everywhere.
    pub scope: Option<String>,
    /// A number, a list, a window of time, or true.
    pub value: Value,
    /// What sets it.
    pub rules: BTreeSet<String>,
    /// What keeps it: `policy` at each trip, `routes` where such places were drawn on the map, or `nothing` of the product.
    pub kept_by: LimitKeeper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitKeeper {
    Policy,
    Routes,
    Nothing,
}

impl From<KeptBy> for LimitKeeper {
    fn from(kept_by: KeptBy) -> Self {
        match kept_by {
            KeptBy::Policy => Self::Policy,
            KeptBy::Routes => Self::Routes,
            KeptBy::Nothing => Self::Nothing,
        }
    }
}

pub(crate) fn limits_of(limits: &Limits) -> Vec<SectorLimit> {
    let value = |bound: &Bound| match bound {
        Bound::AtMost(number) | Bound::AtLeast(number) => json!(number),
        Bound::AllOf(names) | Bound::OneOf(names) => json!(names),
        Bound::Needed => json!(true),
        Bound::Within(windows) => json!(windows),
    };
    let one = limits.iter().map(|(place, limit)| SectorLimit {
        limit: place.limit.clone(),
        scope: place.scope.clone(),
        value: value(&limit.bound),
        rules: limit.rules.clone(),
        kept_by: place.kept_by().into(),
    });
    one.collect()
}

/// A sector that a tenant can have.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SectorOffer {
    pub sector: Sector,
    pub title: String,
    pub version: String,
    pub digest: String,
    pub active: bool,
    /// Whether the subscription allows it.
    pub entitled: bool,
    /// What the subscription lacks.
    pub missing: Vec<String>,
    pub upgrade_options: Vec<UpgradeOption>,
    /// Features without which it is not activated.
    pub requires: BTreeSet<String>,
    /// Features that work in addition.
    pub uses: BTreeSet<String>,
}

/// Why the subscription does not allow something.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Lacking {
    /// Such as `FEATURE_NOT_INCLUDED`.
    pub reason: String,
    pub required: Vec<String>,
    pub upgrade_options: Vec<UpgradeOption>,
}

/// What an activation would change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SectorPreview {
    pub sector: Sector,
    pub allowed: bool,
    pub denial: Option<Lacking>,
    pub parts: Vec<PartPreview>,
    /// Trips under way that would be refused by the sector's rules.
    pub trips: Vec<TripPreview>,
    /// Vehicles that were not admitted to the sector, by name: they are given no trips there.
    pub vehicles_not_admitted: Vec<String>,
    pub vehicles: usize,
}

/// What changes of one part.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PartPreview {
    /// `policies`, `limits`, `flags`, `features`, `words`, `appearance`.
    pub part: String,
    pub changes: Vec<String>,
}

/// What a trip under way would lose.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TripPreview {
    pub trip: TripId,
    pub loses: Vec<String>,
}

/// A part of the product that says no to a feature, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RefusedBy {
    Installed,
    Entitled,
    Flag,
    Policy,
}

/// Whether a feature is effective, and which of the four says no.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EffectiveFeature {
    pub feature: String,
    pub title: String,
    pub installed: bool,
    pub entitled: bool,
    pub flag: bool,
    pub policy: bool,
    pub effective: bool,
    pub refused_by: Option<RefusedBy>,
    /// In one sentence.
    pub why: String,
}

/// A flag, as it answers for the tenant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FlagState {
    pub key: String,
    /// `release`, `ops-kill`, `entitlement`, `experiment`.
    pub class: String,
    pub owner: String,
    /// The last day on which it should be there.
    pub expires: Option<String>,
    pub variants: BTreeMap<String, Value>,
    /// The variant that is the safe side, of a switch.
    pub safe: Option<String>,
    pub variant: Option<String>,
    pub value: Option<Value>,
    /// In the words of OFREP.
    pub reason: String,
    pub chosen: Option<ChosenVariant>,
}

/// What a tenant chose instead of a flag's rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChosenVariant {
    pub variant: String,
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
}

impl From<FlagChoice> for ChosenVariant {
    fn from(choice: FlagChoice) -> Self {
        let FlagChoice { variant, reason, by, at } = choice;
        Self { variant, by, at, reason }
    }
}

/// What a tenant subscribed to, with what it comes to.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SubscriptionState {
    pub plan: String,
    pub title: String,
    pub add_ons: BTreeMap<String, u32>,
    pub sectors: Vec<String>,
    pub valid_until: Option<Timestamp>,
    pub suspended: bool,
    pub features: Vec<SubscribedFeature>,
}

/// A feature, as a subscription has it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SubscribedFeature {
    pub id: String,
    pub title: String,
    /// `boolean`, `static`, `metered`.
    pub kind: String,
    pub granted: bool,
    /// A number, or `unlimited`.
    pub limit: Option<Value>,
    pub used: Option<u64>,
    pub remaining: Option<u64>,
    pub unit: Option<String>,
}

/// Whether something may be used, and what would help.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EntitlementAnswer {
    pub feature: String,
    pub allowed: bool,
    pub reason: Option<String>,
    pub required: Vec<String>,
    pub upgrade_options: Vec<UpgradeOption>,
    pub limit: Option<Value>,
    pub used: Option<u64>,
    pub remaining: Option<u64>,
}
