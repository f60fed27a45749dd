//! What a vehicle reports of a trip, from the words of the wire to those of trips.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::VehicleId;
use link::delivery::Delivery;
use link::{CommandReport, TripReport};
use store::CommandError;
use trips::trip::types::{SnapshotRef, Summary};
use trips::trip::{ReportKind, VehicleReport};
use trips::{Snapshot, WayAnswer};

use super::backend::{Known, SessionError};
use super::commands::{self, Question};
use crate::Gateway;

impl Gateway {
    /// Tells trips what the vehicle said to what it was asked: another way, to go on, a person's answer.
    pub(super) async fn command_answered(&self, vehicle: &Known, report: &CommandReport) -> Result<(), SessionError> {
        let refused = match report.state {
            // What holds the vehicle until its trip ends is accepted for as long.
            Delivery::Done | Delivery::Accepted => None,
            Delivery::Rejected | Delivery::Expired => Some((report.code.clone(), report.reason.clone())),
            Delivery::Issued | Delivery::Delivered => return Ok(()),
        };
        let asked = commands::question(&*self.store, &vehicle.tenant, vehicle.id, report.command).await?;
        let Some(question) = asked else { return Ok(()) };
        let ctx = vehicle.ctx(self);
        let taken = match question {
            Question::Reroute(trip, route) => {
                let answer = WayAnswer { vehicle: vehicle.id, route, refused };
                self.trips.reroute_answered(&ctx, trip, answer).await
            }
            Question::Resume(trip, route) => self.trips.resume_answered(&ctx, trip, route, refused).await,
            // It obeys, and leaves the trip once it stands.
            Question::Leave(..) if report.state != Delivery::Done => return Ok(()),
            Question::Leave(trip, claim_epoch) => self.trips.vehicle_left(&ctx, trip, claim_epoch).await,
            Question::Assist(assist, answer) => self.trips.assistance_spoken(&ctx, assist, answer, refused).await,
        };
        match taken {
            Ok(()) => Ok(()),
            Err(CommandError::Reject(reject)) => {
                tracing::info!(?question, %reject, "an answer is of no use any more");
                Ok(())
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// What a report shows, as trips keeps it.
pub fn shown(report: &TripReport) -> Option<Snapshot> {
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
        Told::AssistNeeded { kind, snapshot } => {
            let named = |shown: link::Snapshot| SnapshotRef {
                sha256: journal::Hash::of_bytes(&shown.bytes).to_string(),
                media_type: shown.media_type,
            };
            ReportKind::AssistNeeded { kind, snapshot: snapshot.map(named) }
        }
        Told::Ended { reason } => ReportKind::Ended { reason },
    }
}
