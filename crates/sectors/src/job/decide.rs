//! The rules of a job. It begins and ends by its trip.

use kernel::{Code, Decided, Reject, TripId};
use policy::PolicyAnswer;

use super::events::{JobAsked, JobBegun, JobCancelled, JobDone, JobEvent, JobFellBack, JobMovedAway, JobReleased};
use super::{Job, JobId, Status};
use crate::{Word, hazards};

type Answer = Decided<JobEvent, ()>;

/// The greatest mass of a container, in kilograms: beyond what any crane lifts.
pub const MASS_KG_MAX: f64 = 100_000.0;

fn missing() -> Answer {
    Decided::reject(Reject::new(Code::NotFound, "there is no such job"))
}

fn illegal(job: &Job, step: &str) -> Answer {
    let text = format!("a job that is {} has no step {step}", job.status.as_str());
    Decided::reject(Reject::new(Code::IllegalTransition, text))
}

/// Asks for a container to be moved.
pub fn ask(state: Option<&Job>, asked: &JobAsked) -> Answer {
    if state.is_some() {
        return Decided::unchanged(());
    }
    let wrong = |field: &str, text: String| Decided::reject(Reject::invalid_field(field, text));
    if let Some(unknown) = asked.hazards.iter().find(|class| !hazards::is_known(class)) {
        return wrong("/hazards", format!("{unknown} is no class of dangerous goods"));
    }
    if let Some((one, other)) = hazards::within(&asked.hazards) {
        return wrong("/hazards", format!("class {one} does not travel with class {other} in one container"));
    }
    if !(1.0..=MASS_KG_MAX).contains(&asked.mass_kg) {
        return wrong("/mass_kg", "must be 1 to 100000".into());
    }
    if asked.from == asked.to {
        return wrong("/to", "must be another place than where it comes from".into());
    }
    Decided::accept([asked.clone().into()], ())
}

/// The gate lets it go, where policy allows it.
pub fn release(state: Option<&Job>, seal: &str, word: Word<'_>, answer: &PolicyAnswer) -> Answer {
    match (state, &answer.refusal) {
        (None, _) => missing(),
        (Some(job), _) if job.status == Status::Released && job.seal.as_deref() == Some(seal) => Decided::unchanged(()),
        (Some(job), _) if job.status != Status::Waiting => illegal(job, "release"),
        (Some(_), Some(refusal)) => Decided::reject(refusal.clone()),
        (Some(_), None) => {
            let released = JobReleased { seal: seal.into(), by: word.by.into(), reason: word.reason.into() };
            Decided::accept([released.into()], ())
        }
    }
}

/// Calls it off. Only takes away, so nobody is asked (SAFE-1).
pub fn cancel(state: Option<&Job>, word: Word<'_>) -> Answer {
    match state {
        None => missing(),
        Some(job) if job.status == Status::Cancelled => Decided::unchanged(()),
        Some(job) if matches!(job.status, Status::Waiting | Status::Released) => {
            Decided::accept([JobCancelled { by: word.by.into(), reason: word.reason.into() }.into()], ())
        }
        Some(job) => illegal(job, "cancel"),
    }
}

/// A trip was asked for that names it.
pub fn begin(state: Option<&Job>, trip: TripId) -> Answer {
    match state {
        Some(job) if job.status == Status::Released => Decided::accept([JobBegun { trip }.into()], ()),
        // Ended, or another trip's already.
        _ => Decided::unchanged(()),
    }
}

fn ended(state: Option<&Job>, trip: TripId, event: JobEvent) -> Answer {
    match state {
        Some(job) if job.status == Status::UnderWay && job.trip == Some(trip) => Decided::accept([event], ()),
        _ => Decided::unchanged(()),
    }
}

/// Its trip has brought it.
pub fn finish(state: Option<&Job>, trip: TripId) -> Answer {
    ended(state, trip, JobDone { trip }.into())
}

/// Its trip ended without it.
pub fn fall_back(state: Option<&Job>, trip: TripId) -> Answer {
    ended(state, trip, JobFellBack { trip }.into())
}

/// Another job moved its container on.
pub fn move_away(state: Option<&Job>, by_job: JobId) -> Answer {
    match state {
        Some(job) if job.status == Status::Done && !job.moved_away => {
            Decided::accept([JobMovedAway { by_job }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}
