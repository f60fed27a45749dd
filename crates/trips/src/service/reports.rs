//! What vehicles tell of their trips (TRIP-7 to TRIP-9).

use kernel::id::BootId;
use kernel::{Ctx, TenantId, Timestamp, TripId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::CommitError;
use store::{CommandError, Expected, Extras, RowBody, RowWrite, TableSpec};

use super::assistance::{Snapshot, snapshot_row};
use super::{Trips, no_such_trip, safety_extras};
use crate::limits::{eta, without_negative_zero};
use crate::trip::report::check_claim;
use crate::trip::{Command, Done, ReportKind, VehicleReport};

/// How far the vehicles of open trips are; the newest report of each.
pub const TRIP_PROGRESS: TableSpec = TableSpec::observations("trip_progress", &[]);

/// How far a trip's vehicle is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Driven since departure, in metres.
    pub distance_m: f64,
    /// Still to drive, in metres.
    pub remaining_m: f64,
    /// When it will be at the drop-off.
    pub eta: Timestamp,
    /// When it said so, by our clock.
    pub at: Timestamp,
    /// In which boot of its computer.
    pub boot: BootId,
    /// With which report of the boot.
    pub seq: u64,
}

impl Trips {
    /// Takes a vehicle's report. Doubled and late ones change nothing and are answered like the first.
    ///
    /// # Errors
    /// `STALE_CLAIM` when the claim is not the trip's current one: the vehicle stops (SAFE-7). `ILLEGAL_TRANSITION`
    /// when the trip's state does not allow it. `NOT_FOUND`. None of these goes away by sending it again.
    pub async fn report(&self, ctx: &Ctx, report: &VehicleReport) -> Result<Done, CommandError> {
        self.report_with_snapshot(ctx, report, None).await
    }

    /// The same, with what the vehicle shows: its bytes are kept with the event that names their digest.
    ///
    /// # Errors
    /// As [`Trips::report`].
    pub async fn report_with_snapshot(
        &self,
        ctx: &Ctx,
        report: &VehicleReport,
        shown: Option<&Snapshot>,
    ) -> Result<Done, CommandError> {
        if let ReportKind::Progress { distance_m, remaining_m, eta_ms } = report.kind {
            let eta = eta(ctx.now, eta_ms);
            let (distance_m, remaining_m) = (without_negative_zero(distance_m), without_negative_zero(remaining_m));
            let (at, boot, seq) = (ctx.now, report.boot, report.seq);
            return self.progressed(ctx, report, Progress { distance_m, remaining_m, eta, at, boot, seq }).await;
        }
        let rows = match (&report.kind, shown) {
            (ReportKind::AssistNeeded { snapshot: Some(named), .. }, Some(shown)) => {
                vec![snapshot_row(&named.sha256, shown)?]
            }
            _ => Vec::new(),
        };
        let extras = Extras { rows, ..safety_extras() };
        let command = Command::Report(Box::new(report.clone()));
        Ok(self.command(ctx, report.trip, &command, &[], extras).await?.reply)
    }

    async fn progressed(&self, ctx: &Ctx, report: &VehicleReport, new: Progress) -> Result<Done, CommandError> {
        let trip = self.get(&ctx.tenant, report.trip).await?.ok_or_else(no_such_trip)?;
        check_claim(&trip, report.vehicle, report.claim_epoch)?;
        let unchanged = Done { trip: trip.id, status: trip.status, changed: false };
        let finite = new.distance_m.is_finite() && new.remaining_m.is_finite();
        if trip.status.is_terminal() || !finite {
            return Ok(unchanged);
        }
        let key = report.trip.to_string();
        let row = self.store.get(TRIP_PROGRESS, &ctx.tenant, &key).await?;
        let known: Option<Progress> = row.map(|row| row.decode()).transpose()?;
        if known.is_some_and(|known| known.boot == new.boot && known.seq >= new.seq) {
            return Ok(unchanged);
        }
        let row = RowWrite::put(TRIP_PROGRESS, key, Expected::Any, RowBody::new(&new, Vec::new())?);
        match self.store.write(&ctx.tenant, vec![row]).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(unchanged),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// How far a trip's vehicle is, by its newest report.
    pub async fn progress(&self, tenant: &TenantId, trip: TripId) -> Result<Option<Progress>, CommandError> {
        let row = self.store.get(TRIP_PROGRESS, tenant, &trip.to_string()).await?;
        Ok(row.map(|row| row.decode()).transpose()?)
    }
}
