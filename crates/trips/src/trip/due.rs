//! What time does to a trip. Each open state has a deadline with a meaning; silence counts only while vehicles could
//! be heard (SAFE-8); a silent vehicle's trip goes to another only after its claim has lapsed, with a margin, and never
//! with people or load aboard (SAFE-7).

use kernel::{Decided, Timestamp};

use super::decide::{Done, Loss};
use super::events::{
    TripDeadlineMoved, TripEvent, TripExpired, TripReleased, TripStranded, TripUnassigned, TripVehicleSilent,
};
use super::state::Trip;
use super::status::Status;
use super::types::{Assignment, ReportRef};
use super::{resume, way};
use crate::limits::{ClaimTiming, EXCLUSION_MS, REASSIGN_WAIT_MS, cut};

/// Why a silence does not count yet.
const UNHEARD: &str = "vehicles could not be heard for long enough";

/// What is known of a trip's vehicle when a deadline comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueFacts {
    /// Whether the trip's claim is the vehicle's current one.
    pub claim_is_current: bool,
    /// Until when the vehicle may move under the trip's newest claim by its own clock; `None` when it never could.
    pub claim_valid_until: Option<Timestamp>,
    /// Whether the vehicle is connected, so that it hears of the end of its claim at once.
    pub vehicle_online: bool,
    /// Since when vehicles can connect; `None` while they cannot.
    pub listener_up_since: Option<Timestamp>,
    /// The deadlines that follow from the claim's validity.
    pub timing: ClaimTiming,
}

impl DueFacts {
    /// When the vehicle certainly stands, if it stays silent.
    fn lapses_at(&self) -> Option<Timestamp> {
        self.claim_valid_until.map(|until| until.plus_ms(self.timing.lapse_margin_ms()))
    }

    fn claim_is_over(&self, now: Timestamp) -> bool {
        self.lapses_at().is_none_or(|lapses| lapses <= now)
    }

    /// Whether the vehicle certainly stands: its claim lapsed while it could have been renewed (SAFE-8).
    fn has_lapsed(&self, now: Timestamp) -> bool {
        let heard_long_enough =
            self.listener_up_since.is_some_and(|since| now.since_ms(since) >= self.timing.silence_grace_ms());
        heard_long_enough && self.claim_is_over(now)
    }

    /// Whether the vehicle could have answered what it was asked at `asked_at`: it is connected, and could be heard all
    /// the time since, or for long enough to come back and answer (SAFE-8).
    fn could_answer(&self, asked_at: Timestamp, now: Timestamp) -> bool {
        self.vehicle_online && self.was_heard_since(asked_at, now)
    }

    /// Whether vehicles could be heard all the time since, or for long enough to come back and answer (SAFE-8).
    fn was_heard_since(&self, asked_at: Timestamp, now: Timestamp) -> bool {
        let heard = |since: Timestamp| since <= asked_at || now.since_ms(since) >= self.timing.silence_grace_ms();
        self.listener_up_since.is_some_and(heard)
    }

    /// Whether the vehicle can lose the trip now: it hears of it, or it certainly stands.
    fn may_lose(&self, now: Timestamp) -> bool {
        self.vehicle_online || self.has_lapsed(now)
    }

    /// When vehicles could be heard for long enough.
    fn grace_ends(&self, now: Timestamp) -> Timestamp {
        self.listener_up_since.unwrap_or(now).plus_ms(self.timing.silence_grace_ms())
    }

    fn look_again_at(&self, now: Timestamp) -> Timestamp {
        let grace_ends = self.grace_ends(now);
        let next = self.lapses_at().unwrap_or(grace_ends).max(grace_ends);
        if next <= now { now.plus_ms(self.timing.look_again_ms()) } else { next }
    }
}

/// Decides a trip whose deadline came.
pub(crate) fn decide(trip: &Trip, facts: &DueFacts, now: Timestamp) -> Decided<TripEvent, Done> {
    if let Some(offered) = trip.rerouting.as_ref().filter(|offered| offered.due_at <= now)
        && facts.was_heard_since(offered.offered_at, now)
    {
        return way::failed(trip, "NO_ANSWER", "the vehicle did not take the other way in time", now);
    }
    if let Some(ordered) = trip.resuming.as_ref().filter(|ordered| ordered.due_at <= now)
        && facts.was_heard_since(ordered.ordered_at, now)
    {
        return resume::refused(trip, "NO_ANSWER", "the vehicle did not answer the order to go on in time", now);
    }
    if trip.due.is_none_or(|due| now < due) {
        return Done::unchanged(trip);
    }
    match trip.status {
        Status::Completed | Status::Cancelled | Status::Failed | Status::Expired => Done::unchanged(trip),
        Status::Scheduled => Done::becomes(trip, Status::Created, vec![TripReleased { due_at: now }.into()]),
        Status::Created | Status::Waiting => waited_long_enough(trip, facts, now),
        _ => match trip.assignment.as_ref() {
            Some(assignment) => with_vehicle(trip, assignment, facts, now),
            None => moved(trip, "no vehicle is known", false, now.plus_ms(facts.timing.look_again_ms())),
        },
    }
}

fn waited_long_enough(trip: &Trip, facts: &DueFacts, now: Timestamp) -> Decided<TripEvent, Done> {
    if now < trip.expires_at {
        // A trip without a route stays due: planning it is the deadline's work, done before this is asked.
        return Done::unchanged(trip);
    }
    if facts.listener_up_since.is_none_or(|since| trip.expires_at < since) && now < facts.grace_ends(now) {
        // It waited while no vehicle could be asked; those that come back are asked first.
        return moved(trip, UNHEARD, false, facts.grace_ends(now));
    }
    let last = trip.wait.as_ref().map_or("no vehicle was found in time", |wait| wait.reason.as_str());
    Done::becomes(trip, Status::Expired, vec![TripExpired { reason: last.into() }.into()])
}

fn with_vehicle(trip: &Trip, assignment: &Assignment, facts: &DueFacts, now: Timestamp) -> Decided<TripEvent, Done> {
    let lapsed = facts.has_lapsed(now);
    let lose = |code: &str, reason: &str| unassign(trip, assignment, code, reason, None, now);
    let silent = "nothing was heard of the vehicle until its claim had lapsed";
    match trip.status {
        Status::Assigned if lapsed || facts.could_answer(assignment.assigned_at, now) => {
            lose("NO_ANSWER", "the vehicle did not answer in time")
        }
        Status::Assigned if facts.vehicle_online => moved(trip, UNHEARD, false, facts.grace_ends(now)),
        Status::Dispatched | Status::ToPickup if lapsed => lose("VEHICLE_SILENT", silent),
        Status::Stranded if !trip.occupied && facts.may_lose(now) => {
            lose("VEHICLE_STRANDED", "the vehicle cannot go on and nobody is aboard")
        }
        _ if may_leave_standing(trip) && lapsed => lose("VEHICLE_SILENT", silent),
        _ if may_leave_standing(trip) && facts.vehicle_online && !facts.claim_is_current => {
            lose("CLAIM_ENDED", "the vehicle stands and its claim has ended")
        }
        _ if lapsed && !assignment.silence_told => {
            let event = TripVehicleSilent {
                vehicle: assignment.vehicle,
                occupied: trip.occupied,
                reason: format!("{silent}; a person must look, the trip is not given to another by itself"),
                due_at: now.plus_ms(facts.timing.look_again_ms()),
            };
            Done::becomes(trip, trip.status, vec![event.into()])
        }
        _ if lapsed => moved(trip, "the vehicle is still silent", false, now.plus_ms(facts.timing.look_again_ms())),
        _ if facts.claim_is_over(now) => moved(trip, UNHEARD, false, facts.look_again_at(now)),
        _ => moved(trip, "the vehicle's claim has not lapsed", facts.vehicle_online, facts.look_again_at(now)),
    }
}

/// Whether the vehicle stands unoccupied, so that the trip may go to another.
pub(super) fn may_leave_standing(trip: &Trip) -> bool {
    !trip.occupied && (trip.status.is_interrupted() || trip.status == Status::Stranded)
}

fn moved(trip: &Trip, reason: &str, heard: bool, due_at: Timestamp) -> Decided<TripEvent, Done> {
    let event = TripDeadlineMoved { reason: reason.into(), heard, due_at };
    Done::becomes(trip, trip.status, vec![event.into()])
}

/// The trip waits for another vehicle; one that stood is stranded first, as the table of transitions has it.
pub(super) fn unassign(
    trip: &Trip,
    assignment: &Assignment,
    code: &str,
    reason: &str,
    report: Option<ReportRef>,
    now: Timestamp,
) -> Decided<TripEvent, Done> {
    let mut events: Vec<TripEvent> = Vec::new();
    if trip.status.is_interrupted() {
        events.push(TripStranded { reason: cut(reason), due_at: now }.into());
    }
    let event = TripUnassigned {
        vehicle: assignment.vehicle,
        claim_epoch: assignment.claim_epoch,
        code: cut(code),
        reason: cut(reason),
        excluded_until: now.plus_ms(EXCLUSION_MS),
        report,
        due_at: trip.expires_at.max(now.plus_ms(REASSIGN_WAIT_MS)),
    };
    events.push(event.into());
    Done::becomes(trip, Status::Waiting, events)
}

/// A hold took effect on the trip's vehicle, or its identity ended: an unoccupied trip waits for another vehicle, at
/// once if this one hears of it, else when it certainly stands.
pub(crate) fn lose_vehicle(trip: &Trip, loss: &Loss, now: Timestamp) -> Decided<TripEvent, Done> {
    let Some(assignment) = trip.assignment.as_ref().filter(|_| trip.vehicle() == Some(loss.vehicle)) else {
        return Done::unchanged(trip);
    };
    if trip.occupied || !(trip.status.is_before_pickup() || may_leave_standing(trip)) {
        return Done::unchanged(trip);
    }
    if loss.facts.may_lose(now) {
        return unassign(trip, assignment, &loss.code, &loss.reason, None, now);
    }
    let due_at = loss.facts.look_again_at(now);
    match trip.due {
        Some(due) if due <= due_at => Done::unchanged(trip),
        _ => moved(
            trip,
            &format!("{}; the vehicle is not connected, its claim has not lapsed", loss.reason),
            false,
            due_at,
        ),
    }
}
