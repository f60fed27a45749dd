//! A job of a yard: a container is moved from one place to another, once its gate has let it go.

pub mod decide;
pub mod events;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kernel::{Aggregate, EventMeta, SiteId, Subject, TripId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use events::{JobBegun, JobDone, JobFellBack};

pub use events::JobEvent;

use crate::{PlaceId, Step};

kernel::typed_id!(
    /// A job of a yard.
    JobId, "job"
);

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "JobState")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// For the gate.
    Waiting,
    Released,
    UnderWay,
    Done,
    Cancelled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub site: SiteId,
    pub container: String,
    pub from: PlaceId,
    pub to: PlaceId,
    pub hazards: BTreeSet<String>,
    pub mass_kg: f64,
    pub status: Status,
    pub seal: Option<String>,
    /// The trip that moves it, or moved it.
    pub trip: Option<TripId>,
    /// Whether another job moved its container on.
    pub moved_away: bool,
    pub steps: Vec<Step>,
}

impl Job {
    /// Whether its container stands at its destination, or is on its way there.
    pub fn stands(&self) -> bool {
        match self.status {
            Status::UnderWay => true,
            Status::Done => !self.moved_away,
            Status::Waiting | Status::Released | Status::Cancelled => false,
        }
    }
}

impl Aggregate for Job {
    type Id = JobId;
    type Event = JobEvent;
    const KIND: &'static str = "job";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["site", "stands_at", "under_way_by"];

    fn evolve(state: Option<Self>, event: &JobEvent, meta: &EventMeta) -> Option<Self> {
        use JobEvent as E;
        let at = meta.recorded_at;
        if let E::Asked(asked) = event {
            return Some(Self {
                site: asked.site.clone(),
                container: asked.container.clone(),
                from: asked.from,
                to: asked.to,
                hazards: asked.hazards.clone(),
                mass_kg: asked.mass_kg,
                status: Status::Waiting,
                seal: None,
                trip: None,
                moved_away: false,
                steps: vec![Step::new("ask", &asked.by, "", at)],
            });
        }
        let mut job = state?;
        let by_trip = |step: &str, trip: &TripId| Step::new(step, &trip.to_string(), "", at);
        let (status, step) = match event {
            E::Asked(_) => return Some(job),
            E::Released(released) => {
                job.seal = Some(released.seal.clone());
                (Status::Released, Step::new("release", &released.by, &released.reason, at))
            }
            E::Begun(begun) => {
                job.trip = Some(begun.trip);
                (Status::UnderWay, by_trip("begin", &begun.trip))
            }
            E::FellBack(fell_back) => {
                job.trip = None;
                (Status::Released, by_trip("fall_back", &fell_back.trip))
            }
            E::Done(done) => (Status::Done, by_trip("finish", &done.trip)),
            E::MovedAway(moved) => {
                job.moved_away = true;
                (job.status, Step::new("move_away", &moved.by_job.to_string(), "", at))
            }
            E::Cancelled(cancelled) => (Status::Cancelled, Step::new("cancel", &cancelled.by, &cancelled.reason, at)),
        };
        job.status = status;
        job.steps.push(step);
        Some(job)
    }

    fn index_values(&self) -> Vec<String> {
        let stands_at = if self.stands() { self.to.to_string() } else { String::new() };
        let under_way = self.trip.filter(|_| self.status == Status::UnderWay);
        vec![self.site.to_string(), stands_at, under_way.map(|trip| trip.to_string()).unwrap_or_default()]
    }

    fn about(event: &JobEvent, state: Option<&Self>) -> Vec<Subject> {
        let site = match event {
            JobEvent::Asked(asked) => Some(&asked.site),
            _ => state.map(|job| &job.site),
        };
        let trip = match event {
            JobEvent::Begun(JobBegun { trip })
            | JobEvent::FellBack(JobFellBack { trip })
            | JobEvent::Done(JobDone { trip }) => Some(Subject::new("trip", trip)),
            _ => None,
        };
        site.map(|site| Subject::new("site", site)).into_iter().chain(trip).collect()
    }
}
