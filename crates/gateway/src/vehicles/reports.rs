//! What a vehicle reports of a trip, from the words of the wire to those of trips.

use kernel::VehicleId;
use link::delivery::Delivery;
use link::{CommandReport, TripReport};
use store::CommandError;
use trips::WayAnswer;
use trips::trip::types::Summary;
use trips::trip::{ReportKind, VehicleReport};

use super::backend::{Known, SessionError};
use super::commands;
use crate::Gateway;

impl Gateway {
    /// Tells trips what became of another way that the vehicle was offered.
    pub(super) async fn command_answered(&self, vehicle: &Known, report: &CommandReport) -> Result<(), SessionError> {
        let refused = match report.state {
            Delivery::Done => None,
            Delivery::Rejected | Delivery::Expired => Some((report.code.clone(), report.reason.clone())),
            Delivery::Issued | Delivery::Delivered | Delivery::Accepted => return Ok(()),
        };
        let offered = commands::offered_way(&*self.store, &vehicle.tenant, vehicle.id, report.command).await?;
        let Some((trip, route)) = offered else { return Ok(()) };
        let answer = WayAnswer { vehicle: vehicle.id, route, refused };
        match self.trips.reroute_answered(&vehicle.ctx(self), trip, answer).await {
            Ok(()) => Ok(()),
            Err(CommandError::Reject(reject)) => {
                tracing::info!(%trip, %reject, "the answer to another way is of no use any more");
                Ok(())
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// The report as trips takes it.
pub fn of_link(vehicle: VehicleId, report: TripReport) -> VehicleReport {
    VehicleReport {
        vehicle,
        trip: report.trip,
        boot: report.boot,
        seq: report.seq,
        claim_epoch: report.claim_epoch,
        vehicle_time: report.vehicle_time,
        at: report.position.at,
        odometer_m: report.odometer_m,
        mode: report.mode.as_str().into(),
        occupied: report.occupied,
        kind: kind(report.kind),
    }
}

fn kind(kind: link::ReportKind) -> ReportKind {
    use link::ReportKind as Told;
    match kind {
        Told::Accepted { eta_ms, route } => ReportKind::Accepted { eta_ms, route },
        Told::Rejected { code, reason } => ReportKind::Rejected { code, reason },
        Told::Departed => ReportKind::Departed,
        Told::ArrivedPickup => ReportKind::ArrivedPickup,
        Told::Boarded => ReportKind::Boarded,
        Told::Progress { distance_m, remaining_m, eta_ms } => ReportKind::Progress { distance_m, remaining_m, eta_ms },
        Told::ArrivedDropoff => ReportKind::ArrivedDropoff,
        Told::Completed { distance_m, duration_ms, energy_wh } => {
            ReportKind::Completed(Summary { distance_m, duration_ms, energy_wh })
        }
        Told::SafeStopped { class, reason, admissible } => {
            let class = match class {
                link::StopClass::Now => "now",
                link::StopClass::NearestAdmissible => "nearest_admissible",
                link::StopClass::AtPlace => "at_place",
            };
            ReportKind::SafeStopped { class: class.into(), reason, admissible }
        }
        Told::Resumed => ReportKind::Resumed,
        Told::Paused { reason } => ReportKind::Paused { reason },
        Told::AssistNeeded { kind } => ReportKind::AssistNeeded { kind },
        Told::Ended { reason } => ReportKind::Ended { reason },
    }
}
