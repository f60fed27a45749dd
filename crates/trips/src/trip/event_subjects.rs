//! Whom an event of a trip is about, and from which report of a vehicle it follows.

use kernel::VehicleId;

use super::events::TripEvent;
use super::types::ReportRef;

/// The vehicle that an event names itself.
pub(super) fn named_vehicle(event: &TripEvent) -> Option<VehicleId> {
    match event {
        TripEvent::Assigned(body) => Some(body.vehicle),
        TripEvent::Unassigned(body) => Some(body.vehicle),
        TripEvent::Completed(body) => Some(body.vehicle),
        TripEvent::Cancelled(body) => body.vehicle,
        TripEvent::Failed(body) => body.vehicle,
        TripEvent::VehicleSilent(body) => Some(body.vehicle),
        TripEvent::ViolationOpened(body) => Some(body.vehicle),
        TripEvent::ViolationClosed(body) => Some(body.vehicle),
        TripEvent::ComplianceSummary(body) => Some(body.vehicle),
        TripEvent::Rerouted(body) => Some(body.vehicle),
        TripEvent::RerouteFailed(body) => Some(body.vehicle),
        TripEvent::Diverted(body) => Some(body.vehicle),
        TripEvent::ResumeOrdered(body) => Some(body.vehicle),
        TripEvent::ResumeRefused(body) => Some(body.vehicle),
        TripEvent::Withdrawn(body) => Some(body.vehicle),
        _ => None,
    }
}

/// The report that an event follows from.
pub(crate) fn report_of(event: &TripEvent) -> Option<&ReportRef> {
    match event {
        TripEvent::Dispatched(body) => Some(&body.report),
        TripEvent::Departed(body) => Some(&body.report),
        TripEvent::ArrivedPickup(body) => Some(&body.report),
        TripEvent::Boarded(body) => Some(&body.report),
        TripEvent::ArrivedDropoff(body) => Some(&body.report),
        TripEvent::Completed(body) => Some(&body.report),
        TripEvent::Paused(body) => Some(&body.report),
        TripEvent::AssistNeeded(body) => Some(&body.report),
        TripEvent::SafeStopped(body) => Some(&body.report),
        TripEvent::Resumed(body) => Some(&body.report),
        TripEvent::Unassigned(body) => body.report.as_ref(),
        TripEvent::Failed(body) => body.report.as_ref(),
        TripEvent::Cancelled(body) => body.report.as_ref(),
        _ => None,
    }
}
