//! Blasts of a mine, and jobs of a yard.

use std::collections::BTreeSet;

use kernel::id::RestrictionId;
use kernel::{Coordinate, SiteId, Timestamp, TripId};
use schemars::JsonSchema;
use sectors::blast::Phase;
use sectors::job::{Job, Status};
use sectors::{Blast, BlastId, JobId, PlaceId, Step};
use serde::{Deserialize, Serialize};

use super::places::CORNERS_MAX;
use super::{Name, Sentence};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlastRequest {
    pub site: SiteId,
    pub name: Name,
    #[schemars(length(min = 3, max = CORNERS_MAX))]
    pub area: Vec<Coordinate>,
    pub fire_at: Timestamp,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardRequest {
    pub reason: Sentence,
    /// Where access is guarded.
    #[schemars(length(min = 1, max = 50))]
    pub posts: Vec<Name>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExaminationRequest {
    pub reason: Sentence,
    /// Whether everything went off and the face stands.
    pub safe: bool,
}

view! {
    BlastView of it: (BlastId, Blast) {
        next: Vec<String> = it.1.next().iter().map(|step| (*step).to_owned()).collect(),
        waits_for: Option<String> = it.1.waits_for(),
        id: BlastId = it.0,
        site: SiteId = it.1.site,
        name: String = it.1.name,
        area: Vec<Coordinate> = it.1.area,
        fire_at: Timestamp = it.1.fire_at,
        state: Phase = it.1.phase,
        posts: Vec<String> = it.1.posts,
        /// The closure of its area.
        restriction: Option<RestrictionId> = it.1.restriction,
        /// Whether it was not fired when it was to be.
        overdue: bool = it.1.overdue,
        /// After a misfire, from when on it may be examined again.
        examine_from: Option<Timestamp> = it.1.examine_from,
        steps: Vec<Step> = it.1.steps,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    pub site: SiteId,
    pub container: Name,
    pub from: PlaceId,
    pub to: PlaceId,
    /// Classes of its dangerous goods, such as `5.1`.
    pub hazards: Option<BTreeSet<String>>,
    #[schemars(range(min = 1, max = 100_000))]
    pub mass_kg: f64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobReleaseRequest {
    pub seal: Name,
    pub reason: Sentence,
}

#[derive(Serialize, JsonSchema)]
pub struct JobView {
    pub id: JobId,
    pub site: SiteId,
    pub container: String,
    pub from: PlaceId,
    pub to: PlaceId,
    pub hazards: BTreeSet<String>,
    pub mass_kg: f64,
    pub state: Status,
    pub seal: Option<String>,
    /// The trip that moves it, or moved it.
    pub trip: Option<TripId>,
    /// What speaks against setting it down where it is to go.
    pub conflicts: BTreeSet<String>,
    pub steps: Vec<Step>,
}

impl JobView {
    pub fn of(id: JobId, job: Job, conflicts: BTreeSet<String>) -> Self {
        let Job { site, container, from, to, hazards, mass_kg, status: state, seal, trip, moved_away: _, steps } = job;
        Self { id, site, container, from, to, hazards, mass_kg, state, seal, trip, conflicts, steps }
    }
}
