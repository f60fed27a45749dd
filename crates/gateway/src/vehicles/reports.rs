//! What a vehicle reports of a trip, from the words of the wire to those of trips.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::VehicleId;
use link::TripReport;
use trips::Snapshot;
use trips::trip::types::{SnapshotRef, Summary};
use trips::trip::{ReportKind, VehicleReport};

/// What a report shows, as trips keeps it.
pub fn snapshot(report: &TripReport) -> Option<Snapshot> {
    match &report.kind {
        link::ReportKind::AssistNeeded { snapshot: Some(snapshot), .. } => {
            Some(Snapshot { media_type: snapshot.media_type.clone(), base64: STANDARD.encode(&snapshot.bytes) })
        }
        _ => None,
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
    use link::ReportKind as Reported;
    match kind {
        Reported::Accepted { eta_ms, route } => ReportKind::Accepted { eta_ms, route },
        Reported::Rejected { code, reason } => ReportKind::Rejected { code, reason },
        Reported::Departed => ReportKind::Departed,
        Reported::ArrivedPickup => ReportKind::ArrivedPickup,
        Reported::Boarded => ReportKind::Boarded,
        Reported::Progress { distance_m, remaining_m, eta_ms } => {
            ReportKind::Progress { distance_m, remaining_m, eta_ms }
        }
        Reported::ArrivedDropoff => ReportKind::ArrivedDropoff,
        Reported::Completed { distance_m, duration_ms, energy_wh } => {
            ReportKind::Completed(Summary { distance_m, duration_ms, energy_wh })
        }
        Reported::SafeStopped { class, reason, admissible } => {
            let class = match class {
                link::StopClass::Now => "now",
                link::StopClass::NearestAdmissible => "nearest_admissible",
                link::StopClass::AtPlace => "at_place",
            };
            ReportKind::SafeStopped { class: class.into(), reason, admissible }
        }
        Reported::Resumed => ReportKind::Resumed,
        Reported::Paused { reason } => ReportKind::Paused { reason },
        Reported::AssistNeeded { kind, snapshot } => {
            let named = |snapshot: link::Snapshot| SnapshotRef {
                sha256: journal::Hash::of_bytes(&snapshot.bytes).to_string(),
                media_type: snapshot.media_type,
            };
            ReportKind::AssistNeeded { kind, snapshot: snapshot.map(named) }
        }
        Reported::Ended { reason } => ReportKind::Ended { reason },
    }
}
