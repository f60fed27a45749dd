//! Emission states of sites, and clearances of people and vehicles.

use kernel::{SiteId, Timestamp};
use schemars::JsonSchema;
use sectors::clearance::{Clearance, Cleared, Level};
use sectors::emission::{Emission, Emissions};
use serde::{Deserialize, Serialize};

use super::Sentence;
use super::approvals::Approval;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EmissionAsked {
    pub site: Option<SiteId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmissionRequest {
    pub state: Emissions,
    pub reason: Sentence,
}

#[derive(Serialize, JsonSchema)]
pub struct EmissionView {
    pub site: SiteId,
    pub state: Emissions,
    /// Who said so, where somebody did.
    pub by: Option<String>,
    /// The second person, where two were needed.
    pub approved_by: Option<String>,
    pub reason: Option<String>,
    pub since: Option<Timestamp>,
}

impl EmissionView {
    pub fn of(site: SiteId, known: Option<Emission>) -> Self {
        let state = known.as_ref().map_or_else(Emissions::default, |known| known.state);
        let since = known.as_ref().map(|known| known.since);
        let approved_by = known.as_ref().and_then(|known| known.approved_by.clone());
        let (by, reason) = known.map(|known| (known.by, known.reason)).unzip();
        Self { site, state, by, approved_by, reason, since }
    }
}

/// What came of a wish: the state that holds now, or the approval that a second person decides.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EmissionAnswer {
    Now(EmissionView),
    Asked(Box<Approval>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearanceRequest {
    pub level: Level,
    pub until: Timestamp,
    pub reason: Sentence,
}

#[derive(Serialize, JsonSchema)]
pub struct ClearanceView {
    pub kind: Cleared,
    pub id: String,
    pub level: Level,
    pub until: Timestamp,
    /// Whether it holds now.
    pub in_force: bool,
    pub granted_by: String,
    pub granted_at: Timestamp,
    pub reason: String,
}

impl ClearanceView {
    pub fn of(known: Clearance, now: Timestamp) -> Self {
        let in_force = now < known.of.until;
        let Clearance { of, granted_at } = known;
        let (kind, id, level, until) = (of.kind, of.id, of.level, of.until);
        Self { kind, id, level, until, in_force, granted_by: of.by, granted_at, reason: of.reason }
    }
}
