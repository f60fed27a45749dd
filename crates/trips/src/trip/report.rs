//! What a vehicle tells of its trip. Reports arrive late, doubled and out of order; each counts once, and one under an
//! old claim never counts (SAFE-7).

use kernel::id::BootId;
use kernel::{Code, Coordinate, Decided, Reject, RouteId, Timestamp, TripId, VehicleId};

use super::decide::Done;
use super::due;
use super::events::{
    TripArrivedDropoff, TripArrivedPickup, TripAssistNeeded, TripBoarded, TripCancelled, TripCompleted, TripDeparted,
    TripDispatched, TripEvent, TripFailed, TripPaused, TripResumed, TripSafeStopped,
};
use super::state::Trip;
use super::status::{Status, Step, check};
use super::types::{Assignment, Milestone, ReportRef, SnapshotRef, Summary};
use crate::limits::{WHOLE_NUMBER_MAX, eta, truncated, without_negative_zero};

/// One report of a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleReport {
    /// The vehicle, as its connection proved.
    pub vehicle: VehicleId,
    /// The trip that it is about.
    pub trip: TripId,
    /// The start of the vehicle's computer.
    pub boot: BootId,
    /// Counts the boot's reports, from 1.
    pub seq: u64,
    /// The claim that the vehicle believes in.
    pub claim_epoch: u64,
    /// By the vehicle's clock.
    pub vehicle_time: Timestamp,
    pub at: Coordinate,
    /// Distance of its life, in metres.
    pub odometer_m: f64,
    /// Driving mode: AUTONOMOUS, REMOTE, MANUAL, SERVICE, ESTOP.
    pub mode: String,
    /// People or load aboard, by its sensors.
    pub occupied: bool,
    pub kind: ReportKind,
}

/// What happened on a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportKind {
    Accepted {
        /// Until the pickup, in milliseconds.
        eta_ms: u64,
        route: RouteId,
    },
    Rejected {
        code: String,
        reason: String,
    },
    Departed,
    ArrivedPickup,
    /// It goes on with what it carries.
    Boarded,
    /// How far it is (TRIP-8). An observation, never journaled.
    Progress {
        /// Driven since departure, in metres.
        distance_m: f64,
        /// Still to drive, in metres.
        remaining_m: f64,
        /// Until the drop-off, in milliseconds.
        eta_ms: u64,
    },
    ArrivedDropoff,
    Completed(Summary),
    Paused {
        reason: String,
    },
    AssistNeeded {
        /// What for, as a stable code.
        kind: String,
        snapshot: Option<SnapshotRef>,
    },
    SafeStopped {
        /// The class of the stop: now, nearest_admissible, at_place.
        class: String,
        reason: String,
        /// Whether a vehicle may stand there.
        admissible: bool,
    },
    Resumed,
    /// It left the trip before its end and stands.
    Ended {
        reason: String,
    },
}

impl ReportKind {
    fn milestone(&self) -> Option<Milestone> {
        match self {
            Self::Accepted { .. } => Some(Milestone::Accepted),
            Self::Departed => Some(Milestone::Departed),
            Self::ArrivedPickup => Some(Milestone::ArrivedPickup),
            Self::Boarded => Some(Milestone::Boarded),
            Self::ArrivedDropoff => Some(Milestone::ArrivedDropoff),
            Self::Completed(_) => Some(Milestone::Completed),
            _ => None,
        }
    }

    /// Whether it only says that the vehicle stands or goes on: of a trip that is over this changes nothing.
    fn is_about_motion(&self) -> bool {
        matches!(
            self,
            Self::Progress { .. }
                | Self::Paused { .. }
                | Self::AssistNeeded { .. }
                | Self::SafeStopped { .. }
                | Self::Resumed
                | Self::Ended { .. }
        )
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Progress { distance_m, remaining_m, .. } => vec![*distance_m, *remaining_m],
            Self::Completed(summary) => vec![summary.distance_m, summary.energy_wh],
            _ => Vec::new(),
        }
    }
}

impl VehicleReport {
    fn reference(&self) -> ReportRef {
        ReportRef {
            boot: self.boot,
            seq: self.seq,
            claim_epoch: self.claim_epoch,
            vehicle_time: self.vehicle_time,
            at: Coordinate::new(without_negative_zero(self.at.lat()), without_negative_zero(self.at.lon()))
                .unwrap_or(self.at),
            odometer_m: without_negative_zero(self.odometer_m),
            mode: truncated(&self.mode),
            occupied: self.occupied,
        }
    }

    /// What cannot be written down exactly is refused: the journal would not give it back.
    fn check_numbers(&self) -> Result<(), Reject> {
        let is_finite = self.odometer_m.is_finite() && self.kind.numbers().into_iter().all(f64::is_finite);
        let duration_ms = match &self.kind {
            ReportKind::Completed(summary) => summary.duration_ms,
            _ => 0,
        };
        match is_finite && self.seq.max(duration_ms) <= WHOLE_NUMBER_MAX {
            true => Ok(()),
            false => {
                Err(Reject::new(Code::InvalidRequest, "a number of the vehicle's report is not finite or too large"))
            }
        }
    }
}

type Verdict = Result<Decided<TripEvent, Done>, Reject>;

/// Checks that a report is about the trip's current claim.
///
/// # Errors
/// `STALE_CLAIM`: the vehicle stops and waits for a new dispatch.
pub(crate) fn check_claim(trip: &Trip, vehicle: VehicleId, claim_epoch: u64) -> Result<&Assignment, Reject> {
    let current = trip.assignment.as_ref();
    current.filter(|held| held.vehicle == vehicle && held.claim_epoch == claim_epoch).ok_or_else(|| {
        let message =
            format!("claim {claim_epoch} of the vehicle is not the trip's current claim; the trip is {}", trip.status);
        Reject::new(Code::StaleClaim, message)
    })
}

pub(crate) fn decide(trip: &Trip, report: &VehicleReport, now: Timestamp) -> Verdict {
    report.check_numbers()?;
    let heard_through = trip.reports.get(&report.boot).copied().unwrap_or_default();
    if report.seq <= heard_through {
        return Ok(Done::unchanged(trip));
    }
    let assignment = check_claim(trip, report.vehicle, report.claim_epoch)?;
    let is_past = report.kind.milestone().is_some_and(|milestone| milestone <= assignment.milestone);
    let is_next_stop = report.kind == ReportKind::Boarded && has_next_stop(trip);
    if is_past && !is_next_stop || trip.status.is_terminal() && report.kind.is_about_motion() {
        return Ok(Done::unchanged(trip));
    }
    let due_at = now.plus_ms(trip.claim_timing().look_again_ms());
    match report.kind.milestone() {
        Some(_) => milestone(trip, assignment, report, now, due_at),
        None => edge(trip, assignment, report, now, due_at),
    }
}

fn has_next_stop(trip: &Trip) -> bool {
    let next = usize::try_from(trip.stop_index).unwrap_or(usize::MAX).saturating_add(1);
    trip.status == Status::AtDropoff && next < trip.stops.len()
}

fn milestone(
    trip: &Trip,
    assignment: &Assignment,
    report: &VehicleReport,
    now: Timestamp,
    due_at: Timestamp,
) -> Verdict {
    let reference = report.reference();
    let (step, to, event): (Step, Status, TripEvent) = match &report.kind {
        ReportKind::Accepted { eta_ms, route } => {
            check(trip.status, Step::Accept)?;
            let offered = trip.route.as_ref().map(|offered| offered.route);
            if offered != Some(*route) {
                let message = format!("the vehicle accepted {route}, which is not the trip's route");
                return Err(Reject::new(Code::Conflict, message));
            }
            let pickup_expected_at = eta(now, *eta_ms);
            let event = TripDispatched { pickup_expected_at, report: reference, due_at };
            (Step::Accept, Status::Dispatched, event.into())
        }
        ReportKind::Departed => (Step::Depart, Status::ToPickup, TripDeparted { report: reference, due_at }.into()),
        ReportKind::ArrivedPickup => {
            (Step::ArrivePickup, Status::AtPickup, TripArrivedPickup { report: reference, due_at }.into())
        }
        ReportKind::Boarded => {
            let occupied = trip.kind.carries() || report.occupied;
            let event = TripBoarded { occupied, stop_index: trip.stop_index + 1, report: reference, due_at };
            let step = if has_next_stop(trip) { Step::NextStop } else { Step::Board };
            (step, Status::OnTrip, event.into())
        }
        ReportKind::ArrivedDropoff => {
            let event = TripArrivedDropoff { stop_index: trip.stop_index, report: reference, due_at };
            (Step::ArriveDropoff, Status::AtDropoff, event.into())
        }
        ReportKind::Completed(_) if has_next_stop(trip) => {
            let message = "a trip that has a next stop cannot complete: the vehicle goes on to that stop";
            return Err(Reject::new(Code::IllegalTransition, message));
        }
        ReportKind::Completed(summary) => {
            let summary = Summary {
                distance_m: without_negative_zero(summary.distance_m),
                energy_wh: without_negative_zero(summary.energy_wh),
                ..*summary
            };
            completed(trip, assignment, summary, reference)
        }
        _ => return Ok(Done::unchanged(trip)),
    };
    check(trip.status, step)?;
    Ok(Done::becomes(trip, to, vec![event]))
}

/// The end of the path: of the trip, or of the diversion that it was called off with.
fn completed(trip: &Trip, held: &Assignment, summary: Summary, report: ReportRef) -> (Step, Status, TripEvent) {
    let (vehicle, claim_epoch) = (held.vehicle, held.claim_epoch);
    let Some(diversion) = &trip.diversion else {
        let event = TripCompleted { vehicle, claim_epoch, summary, report };
        return (Step::Complete, Status::Completed, event.into());
    };
    let event = TripCancelled {
        reason: diversion.reason.clone(),
        by: diversion.by,
        vehicle: Some(vehicle),
        claim_epoch: Some(claim_epoch),
        report: Some(report),
        summary: Some(summary),
    };
    // The people or load have left where the vehicle stood for it.
    let step = if trip.status == Status::AtDropoff { Step::Cancel } else { Step::Complete };
    (step, Status::Cancelled, event.into())
}

fn edge(trip: &Trip, assignment: &Assignment, report: &VehicleReport, now: Timestamp, due_at: Timestamp) -> Verdict {
    let reference = report.reference();
    let (step, to, event): (Step, Status, TripEvent) = match &report.kind {
        ReportKind::Rejected { code, reason } => {
            return gave_up(trip, assignment, report, &format!("REJECTED_{}", truncated(code)), reason, now);
        }
        ReportKind::Ended { reason } => return ended(trip, assignment, report, reason, now),
        ReportKind::Paused { reason } => {
            // Standing for a stronger reason already: a pause adds nothing.
            if trip.status.is_interrupted() {
                return Ok(Done::unchanged(trip));
            }
            (Step::Pause, Status::Paused, TripPaused { reason: truncated(reason), report: reference, due_at }.into())
        }
        ReportKind::AssistNeeded { kind, snapshot } => {
            let event =
                TripAssistNeeded { kind: truncated(kind), snapshot: snapshot.clone(), report: reference, due_at };
            (Step::AwaitAssist, Status::AwaitingAssist, event.into())
        }
        ReportKind::SafeStopped { class, reason, admissible } => {
            let (class, reason, admissible) = (truncated(class), truncated(reason), *admissible);
            let event = TripSafeStopped { class, reason, admissible, report: reference, due_at };
            (Step::SafeStop, Status::SafeStopped, event.into())
        }
        ReportKind::Resumed => {
            let Some(to) = trip.left else {
                check(trip.status, Step::Resume)?;
                return Ok(Done::unchanged(trip));
            };
            (Step::Resume, to, TripResumed { to, report: reference, due_at }.into())
        }
        // An observation: the service writes it, the journal does not need it.
        _ => return Ok(Done::unchanged(trip)),
    };
    if trip.status == to {
        return Ok(Done::unchanged(trip));
    }
    check(trip.status, step)?;
    match (&trip.blocked, step) {
        // It stands because no route leads on: it needs a person (SAFE-9).
        (Some(blocked), Step::SafeStop) => {
            let assist =
                TripAssistNeeded { kind: blocked.code.clone(), snapshot: None, report: report.reference(), due_at };
            Ok(Done::becomes(trip, Status::AwaitingAssist, vec![event, assist.into()]))
        }
        _ => Ok(Done::becomes(trip, to, vec![event])),
    }
}

/// The vehicle gives the trip back.
fn gave_up(
    trip: &Trip,
    assignment: &Assignment,
    report: &VehicleReport,
    code: &str,
    reason: &str,
    now: Timestamp,
) -> Verdict {
    check(trip.status, Step::Unassign)?;
    if trip.occupied_after(report.occupied) {
        let message = "a trip with people or load aboard cannot be given back: a person must decide";
        return Err(Reject::new(Code::IllegalTransition, message));
    }
    Ok(due::unassign(trip, assignment, code, reason, Some(report.reference()), now))
}

/// The vehicle left the trip and stands. Before the pickup, and where it stood unoccupied already, another takes over;
/// with people or load aboard a person must decide; else the trip failed.
fn ended(trip: &Trip, assignment: &Assignment, report: &VehicleReport, reason: &str, now: Timestamp) -> Verdict {
    let code = "VEHICLE_LEFT_TRIP";
    if trip.occupied_after(report.occupied) {
        if matches!(trip.status, Status::AwaitingAssist | Status::Stranded) {
            return Ok(Done::unchanged(trip));
        }
        check(trip.status, Step::AwaitAssist)?;
        let due_at = now.plus_ms(trip.claim_timing().look_again_ms());
        let kind = format!("vehicle_left_trip: {}", truncated(reason));
        let event = TripAssistNeeded { kind, snapshot: None, report: report.reference(), due_at };
        return Ok(Done::becomes(trip, Status::AwaitingAssist, vec![event.into()]));
    }
    let report = Some(report.reference());
    if trip.status.is_before_pickup() || due::may_leave_standing(trip) {
        let (code, reason) = trip.withdrawal.as_ref().map_or((code, reason), |taken| (&taken.code, &taken.reason));
        return Ok(due::unassign(trip, assignment, code, reason, report, now));
    }
    check(trip.status, Step::Fail)?;
    let (vehicle, claim_epoch) = (Some(assignment.vehicle), Some(assignment.claim_epoch));
    let event = TripFailed { code: code.into(), reason: truncated(reason), vehicle, claim_epoch, report };
    Ok(Done::becomes(trip, Status::Failed, vec![event.into()]))
}
