//! What time does to a trip. Each open state has a deadline with a meaning; silence counts only while vehicles could
//! be heard (SAFE-8). A trip leaves its vehicle only by the vehicle's own word, or once the claim has lapsed with a margin,
//! and never with people or load aboard (SAFE-7).

use kernel::{Decided, Timestamp, VehicleId};

use super::decide::{Done, VehicleLoss};
use super::events::{
    TripDeadlineMoved, TripEvent, TripExpired, TripReleased, TripStranded, TripUnassigned, TripVehicleSilent,
    TripWithdrawn,
};
use super::state::Trip;
use super::status::Status;
use super::types::{Assignment, ReportRef};
use super::{reroute, resume};
use crate::limits::{ACCEPT_TIMEOUT_MS, ClaimTiming, EXCLUSION_MS, REASSIGN_WAIT_MS, truncated};

/// The code of a loss because the vehicle is held.
pub(crate) const VEHICLE_HELD: &str = "VEHICLE_HELD";
/// The code of a dispatch that the vehicle refused because its route begins too far from it.
const FAR_FROM_START: &str = "REJECTED_FAR_FROM_START";
/// Why a silence does not count yet.
const UNHEARD: &str = "vehicles could not be heard for long enough";
/// Why a vehicle that was asked keeps the trip for now.
const UNANSWERED: &str = "the vehicle has neither answered nor been heard since it was asked, its claim has not lapsed";

/// What is known of a trip's vehicle when a deadline comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueFacts {
    /// Whether the trip's claim is the vehicle's current one.
    pub claim_is_current: bool,
    /// Until when the vehicle may move under the trip's newest claim by its own clock; `None` when it never could.
    pub claim_valid_until: Option<Timestamp>,
    /// Whether the vehicle counts as connected. It counts for a while after its last word, so nothing that is safe only
    /// if the vehicle hears of it may follow from this.
    pub vehicle_online: bool,
    /// When the vehicle was heard last.
    pub vehicle_heard_at: Option<Timestamp>,
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

    /// Whether the vehicle could have answered what it was asked at `asked_at`: it was heard afterwards, and could be
    /// heard all the time since, or for long enough to come back and answer (SAFE-8).
    fn could_answer(&self, asked_at: Timestamp, now: Timestamp) -> bool {
        self.vehicle_heard_at.is_some_and(|heard_at| asked_at < heard_at) && self.was_heard_since(asked_at, now)
    }

    /// Whether vehicles could be heard all the time since, or for long enough to come back and answer (SAFE-8).
    fn was_heard_since(&self, asked_at: Timestamp, now: Timestamp) -> bool {
        let heard = |since: Timestamp| since <= asked_at || now.since_ms(since) >= self.timing.silence_grace_ms();
        self.listener_up_since.is_some_and(heard)
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
        return reroute::failed(trip, "NO_ANSWER", "the vehicle did not take the other way in time", now);
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
    let lose = |code: &str, reason: &str| lose(trip, assignment, code, reason, facts, now);
    let silent = "nothing was heard of the vehicle until its claim had lapsed";
    if let Some(withdrawal) = trip.withdrawal.as_ref().filter(|_| may_leave(trip)) {
        return lose(&withdrawal.code, &withdrawal.reason);
    }
    match trip.status {
        Status::Assigned if lapsed || facts.could_answer(assignment.assigned_at, now) => {
            lose("NO_ANSWER", "the vehicle did not answer in time")
        }
        Status::Assigned if !facts.was_heard_since(assignment.assigned_at, now) => {
            moved(trip, UNHEARD, false, facts.grace_ends(now))
        }
        // Its answer may be on its route: it is asked nothing else until it is heard again.
        Status::Assigned => {
            moved(trip, UNANSWERED, false, facts.look_again_at(now).min(now.plus_ms(ACCEPT_TIMEOUT_MS)))
        }
        Status::Dispatched | Status::ToPickup if lapsed => lose("VEHICLE_SILENT", silent),
        Status::Stranded if !trip.occupied => lose("VEHICLE_STRANDED", "the vehicle cannot go on and nobody is aboard"),
        _ if may_leave_standing(trip) && lapsed => lose("VEHICLE_SILENT", silent),
        _ if may_leave_standing(trip) && facts.vehicle_online && !facts.claim_is_current => {
            lose("CLAIM_ENDED", "the vehicle stands and its claim has ended")
        }
        _ if lapsed && !assignment.silence_reported => {
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

/// Whether nobody and nothing is aboard and the vehicle has not reached its people or load, or stands, so that the trip
/// may go to another.
fn may_leave(trip: &Trip) -> bool {
    !trip.occupied && trip.status.is_before_pickup() || may_leave_standing(trip)
}

/// Whether the vehicle stands unoccupied, so that the trip may go to another.
pub(super) fn may_leave_standing(trip: &Trip) -> bool {
    !trip.occupied && (trip.status.is_interrupted() || trip.status == Status::Stranded)
}

fn moved(trip: &Trip, reason: &str, heard: bool, due_at: Timestamp) -> Decided<TripEvent, Done> {
    let event = TripDeadlineMoved { reason: reason.into(), heard, due_at };
    Done::becomes(trip, trip.status, vec![event.into()])
}

/// Until when the vehicle is not asked again for this trip. What keeps a held vehicle away is its hold; and the position
/// that comes with [`FAR_FROM_START`] lets the next route begin at the vehicle, unless the same comes of that again.
fn excluded_until(trip: &Trip, vehicle: VehicleId, code: &str, now: Timestamp) -> Timestamp {
    let again = trip
        .excluded
        .iter()
        .any(|before| before.vehicle == vehicle && before.code == code && now.since_ms(before.until) < EXCLUSION_MS);
    match code {
        VEHICLE_HELD => now,
        FAR_FROM_START if !again => now,
        _ => now.plus_ms(EXCLUSION_MS),
    }
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
        events.push(TripStranded { reason: truncated(reason), due_at: now }.into());
    }
    let event = TripUnassigned {
        vehicle: assignment.vehicle,
        claim_epoch: assignment.claim_epoch,
        code: truncated(code),
        reason: truncated(reason),
        excluded_until: excluded_until(trip, assignment.vehicle, code, now),
        report,
        due_at: trip.expires_at.max(now.plus_ms(REASSIGN_WAIT_MS)),
    };
    events.push(event.into());
    Done::becomes(trip, Status::Waiting, events)
}

/// Takes the trip from its vehicle: at once where that certainly stands, else as soon as it has said that it left
/// (SAFE-7), for which it is told to and its claim is not renewed any more.
fn lose(
    trip: &Trip,
    assignment: &Assignment,
    code: &str,
    reason: &str,
    facts: &DueFacts,
    now: Timestamp,
) -> Decided<TripEvent, Done> {
    if facts.has_lapsed(now) {
        return unassign(trip, assignment, code, reason, None, now);
    }
    let due_at = facts.look_again_at(now);
    if let Some(withdrawal) = &trip.withdrawal {
        let reason = format!("{}; the vehicle has not said that it left, its claim has not lapsed", withdrawal.reason);
        return match trip.due {
            Some(due) if now < due => Done::unchanged(trip),
            _ => moved(trip, &truncated(&reason), false, due_at),
        };
    }
    let due_at = trip.due.filter(|due| now < *due).map_or(due_at, |due| due.min(due_at));
    Done::becomes(trip, trip.status, withdraw(trip, assignment, code, reason, due_at).into_iter().collect())
}

/// Tells the vehicle to leave the trip, unless it was told already.
pub(super) fn withdraw(
    trip: &Trip,
    assignment: &Assignment,
    code: &str,
    reason: &str,
    due_at: Timestamp,
) -> Option<TripEvent> {
    let Assignment { vehicle, claim_epoch, .. } = *assignment;
    let event = TripWithdrawn { vehicle, claim_epoch, code: truncated(code), reason: truncated(reason), due_at };
    trip.withdrawal.is_none().then(|| event.into())
}

/// The vehicle says that it is not on the trip, or not any more: it stands, or has never set out.
pub(crate) fn vehicle_left(
    trip: &Trip,
    vehicle: VehicleId,
    claim_epoch: u64,
    now: Timestamp,
) -> Decided<TripEvent, Done> {
    let held = trip.assignment.as_ref().filter(|held| held.vehicle == vehicle && held.claim_epoch == claim_epoch);
    match (held, &trip.withdrawal) {
        (Some(held), Some(withdrawal)) if trip.status.has_vehicle() && may_leave(trip) => {
            unassign(trip, held, &withdrawal.code, &withdrawal.reason, None, now)
        }
        _ => Done::unchanged(trip),
    }
}

/// A hold took effect on the trip's vehicle, or its identity ended: an unoccupied trip waits for another vehicle.
pub(crate) fn lose_vehicle(trip: &Trip, loss: &VehicleLoss, now: Timestamp) -> Decided<TripEvent, Done> {
    match trip.assignment.as_ref().filter(|_| trip.vehicle() == Some(loss.vehicle)) {
        Some(assignment) if may_leave(trip) => lose(trip, assignment, &loss.code, &loss.reason, &loss.facts, now),
        _ => Done::unchanged(trip),
    }
}
