//! The rules of a standing order. Pure: state, command and time in; events and an answer out.

use kernel::id::{PrincipalId, StandingId};
use kernel::{Code, Decided, Reject, Timestamp, TripId};

use super::events::{
    StandingCancelled, StandingCompleted, StandingOpened, StandingOrderEvent, StandingPaused, StandingTripAsked,
    StandingTripEnded,
};
use super::{Goal, StandingOrder, Status};
use crate::limits::{STANDING_RETRY_MS, truncated};
use crate::trip::{self, TripRequest};

/// What somebody wants of a standing order.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Open(Box<NewStandingOrder>),
    Asked {
        trip: TripId,
        payload_kg: f64,
    },
    Ended {
        trip: TripId,
        status: trip::Status,
        /// Its stable code and why, for a person.
        why: (String, String),
    },
    /// No trip can be asked for now.
    Refused(Reject),
    Cancel {
        reason: String,
        by: Option<PrincipalId>,
    },
}

/// A standing order that is asked for, with policy's answer to its first trip.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStandingOrder {
    pub request: TripRequest,
    pub goal: Goal,
    /// How many trips are open at once, at most.
    pub at_once: u64,
    pub requested_by: String,
    /// What policy and the map say to one of its trips.
    pub answer: Result<(), Reject>,
}

/// The answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub standing: StandingId,
}

type Verdict = Result<Vec<StandingOrderEvent>, Reject>;

/// Decides a command on the order `id`.
pub fn decide(
    id: StandingId,
    state: Option<&StandingOrder>,
    command: &Command,
    now: Timestamp,
) -> Decided<StandingOrderEvent, Done> {
    let verdict = match (state, command) {
        (None, Command::Open(new)) => open(id, new, now),
        (None, _) => Err(Reject::new(Code::NotFound, "there is no such standing order")),
        (Some(known), command) => of_known(known, command, now),
    };
    match verdict {
        Ok(events) => Decided::accept(events, Done { standing: id }),
        Err(reject) => Decided::reject(reject),
    }
}

fn open(id: StandingId, new: &NewStandingOrder, now: Timestamp) -> Verdict {
    new.answer.clone()?;
    let TripRequest { site, kind, stops, requirements, priority, .. } = new.request.clone();
    let (goal, at_once, requested_by) = (new.goal, new.at_once, new.requested_by.clone());
    let (standing, due_at) = (id, now);
    let opened =
        StandingOpened { standing, site, kind, stops, requirements, priority, goal, at_once, requested_by, due_at };
    Ok(vec![opened.into()])
}

fn of_known(known: &StandingOrder, command: &Command, now: Timestamp) -> Verdict {
    match command {
        Command::Open(_) => Ok(Vec::new()),
        Command::Asked { trip, payload_kg } if !known.open.contains_key(trip) => {
            let mut after = known.clone();
            after.open.insert(*trip, *payload_kg);
            let due_at = after.next().map(|_| now);
            Ok(vec![StandingTripAsked { trip: *trip, payload_kg: *payload_kg, due_at }.into()])
        }
        Command::Asked { .. } => Ok(Vec::new()),
        Command::Ended { trip, status, why } => Ok(ended(known, *trip, *status, why, now)),
        Command::Refused(reject) => Ok(paused(known, reject.code.as_str(), &reject.message, now)),
        Command::Cancel { .. } if known.status == Status::Cancelled => Ok(Vec::new()),
        Command::Cancel { reason, by } if known.status == Status::Active => {
            Ok(vec![StandingCancelled { reason: truncated(reason), by: *by }.into()])
        }
        Command::Cancel { .. } => Err(Reject::new(
            Code::IllegalTransition,
            "the standing order's goal is reached: there is nothing to call off",
        )),
    }
}

fn ended(
    known: &StandingOrder,
    trip: TripId,
    status: trip::Status,
    (code, reason): &(String, String),
    now: Timestamp,
) -> Vec<StandingOrderEvent> {
    let Some(load_kg) = known.open.get(&trip) else { return Vec::new() };
    let is_done = status == trip::Status::Completed;
    let moved_kg = if is_done { *load_kg } else { 0.0 };
    let mut after = known.clone();
    after.open.remove(&trip);
    after.moved_kg += moved_kg;
    after.trips_done += u64::from(is_done);
    let due_at = after.next().map(|_| now);
    let mut events = vec![StandingTripEnded { trip, status, moved_kg, due_at }.into()];
    if known.status != Status::Active {
        return events;
    }
    if after.is_reached() {
        let (trips_done, moved_kg) = (after.trips_done, after.moved_kg);
        events.push(StandingCompleted { trips_done, moved_kg }.into());
    } else if !is_done {
        // What failed once fails again at once: the next one waits a little.
        events.extend(paused(known, code, reason, now));
    }
    events
}

fn paused(known: &StandingOrder, code: &str, reason: &str, now: Timestamp) -> Vec<StandingOrderEvent> {
    if known.status != Status::Active {
        return Vec::new();
    }
    vec![
        StandingPaused { code: truncated(code), reason: truncated(reason), due_at: now.plus_ms(STANDING_RETRY_MS) }
            .into(),
    ]
}
