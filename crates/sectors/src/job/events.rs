//! What happens to a job.

use std::collections::BTreeSet;

use kernel::{SiteId, TripId};
use serde::{Deserialize, Serialize};

use super::JobId;
use crate::PlaceId;

kernel::domain_events! {
    /// What can happen to a job.
    pub enum JobEvent {
        "job.asked" 1 => Asked(JobAsked),
        "job.released" 1 => Released(JobReleased),
        "job.begun" 1 => Begun(JobBegun),
        "job.fell_back" 1 => FellBack(JobFellBack),
        "job.done" 1 => Done(JobDone),
        "job.moved_away" 1 => MovedAway(JobMovedAway),
        "job.cancelled" 1 => Cancelled(JobCancelled),
    }
}

/// A container is to be moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobAsked {
    pub site: SiteId,
    pub container: String,
    pub from: PlaceId,
    pub to: PlaceId,
    /// Classes of its dangerous goods.
    pub hazards: BTreeSet<String>,
    pub mass_kg: f64,
    pub by: String,
}

/// The gate lets it go, under this seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobReleased {
    pub seal: String,
    pub by: String,
    pub reason: String,
}

/// A trip moves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBegun {
    pub trip: TripId,
}

/// Its trip ended without it; it is released as before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobFellBack {
    pub trip: TripId,
}

/// Its container stands where it was to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDone {
    pub trip: TripId,
}

/// Its container stands there no more: another job moved it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobMovedAway {
    pub by_job: JobId,
}

/// It is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCancelled {
    pub by: String,
    pub reason: String,
}
