//! A vehicle's report, from the words of the wire to those of trips.

use kernel::VehicleId;
use link::TripReport;
use trips::trip::types::Summary;
use trips::trip::{ReportKind, VehicleReport};

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
