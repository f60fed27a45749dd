//! What a tenant has to comply with: the frameworks and forms that apply to it, and how often that is looked at.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::BundleId;
use kernel::{Aggregate, Decided, EventMeta, Reject, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bundle::Verdicts;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

kernel::domain_events! {
    /// What can happen to a profile.
    pub enum ProfileEvent {
        "compliance_profile.set" 1 => Set(ProfileSet),
        "compliance_profile.assessed" 1 => Assessed(ProfileAssessed),
    }
}

/// What a tenant has to comply with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ComplianceProfile")]
pub struct Profile {
    /// Frameworks whose clauses raise issues, as `GET /v1/compliance` names them.
    #[schemars(length(max = 40))]
    pub frameworks: BTreeSet<String>,
    /// Forms that are due to authorities, as `GET /v1/evidence/forms` names them.
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub forms: BTreeSet<String>,
    /// What forms ask for and no entry says, such as `reporting_entity`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// How often clauses are assessed, in minutes.
    #[serde(default = "hourly")]
    #[schemars(range(min = 1, max = 1440))]
    pub assess_every_minutes: u32,
    /// How often a bundle of everything since the last one is made, in days; never where nothing is said.
    #[schemars(range(min = 1, max = 366))]
    pub bundle_every_days: Option<u32>,
}

fn hourly() -> u32 {
    60
}

/// The profile was said, all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileSet {
    pub profile: Profile,
}

/// The clauses were assessed (EVD-7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileAssessed {
    pub verdicts: Verdicts,
    pub adherence: Option<f64>,
    pub open_issues: u32,
    /// The bundle that the schedule asked for with it.
    pub bundle: Option<BundleId>,
}

/// A profile and what came of it last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplianceProfile {
    pub profile: Profile,
    pub set_at: Timestamp,
    pub assessed_at: Option<Timestamp>,
    pub verdicts: Verdicts,
    pub adherence: Option<f64>,
    /// Up to when the schedule's bundles reach.
    pub bundled_until: Timestamp,
}

impl ComplianceProfile {
    /// Whether the schedule wants a bundle.
    pub fn wants_bundle(&self, now: Timestamp) -> bool {
        let every = self.profile.bundle_every_days.map(|days| i64::from(days) * DAY_MS);
        every.is_some_and(|every| now.since_ms(self.bundled_until) >= every)
    }
}

impl Aggregate for ComplianceProfile {
    type Id = TenantId;
    type Event = ProfileEvent;
    const KIND: &'static str = "compliance_profile";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &ProfileEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        match (state, event) {
            (state, ProfileEvent::Set(set)) => Some(Self {
                profile: set.profile.clone(),
                set_at: at,
                // What was assessed by another profile says nothing of this one.
                assessed_at: None,
                verdicts: Verdicts::default(),
                adherence: None,
                bundled_until: state.map_or(at, |known| known.bundled_until),
            }),
            (Some(mut known), ProfileEvent::Assessed(assessed)) => {
                known.assessed_at = Some(at);
                known.verdicts = assessed.verdicts;
                known.adherence = assessed.adherence;
                if assessed.bundle.is_some() {
                    known.bundled_until = at;
                }
                Some(known)
            }
            (None, ProfileEvent::Assessed(_)) => None,
        }
    }

    fn due_at(&self) -> Option<Timestamp> {
        let every = i64::from(self.profile.assess_every_minutes) * MINUTE_MS;
        Some(self.assessed_at.map_or(self.set_at, |at| at.plus_ms(every)))
    }
}

/// Says the profile, all of it.
pub fn set(
    state: Option<&ComplianceProfile>,
    profile: &Profile,
    frameworks: &[String],
    forms: &[String],
) -> Decided<ProfileEvent, ()> {
    let unknown = |field: &str, named: &BTreeSet<String>, known: &[String]| {
        let found = named.iter().find(|name| !known.contains(name))?;
        Some(Reject::invalid_field(field, format!("there is no {found}: {} are known", known.join(", "))))
    };
    let fault = unknown("/frameworks", &profile.frameworks, frameworks);
    if let Some(reject) = fault.or_else(|| unknown("/forms", &profile.forms, forms)) {
        return Decided::reject(reject);
    }
    if profile.settings.len() > 40 || profile.settings.iter().any(|(name, value)| name.len() > 60 || value.len() > 400)
    {
        let text = "has at most 40 settings, each of at most 400 bytes under a name of at most 60";
        return Decided::reject(Reject::invalid_field("/settings", text));
    }
    match state.is_some_and(|known| known.profile == *profile) {
        true => Decided::unchanged(()),
        false => Decided::accept([ProfileSet { profile: profile.clone() }.into()], ()),
    }
}

/// Notes what was found.
pub fn assessed(state: Option<&ComplianceProfile>, assessed: &ProfileAssessed) -> Decided<ProfileEvent, ()> {
    match state {
        Some(_) => Decided::accept([assessed.clone().into()], ()),
        None => Decided::unchanged(()),
    }
}
