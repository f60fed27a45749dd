//! Every sample of a vehicle on a trip is checked against policy (TRIP-8). The checks go into the vehicle's hashed
//! segments; a summary that names their digests goes into the journal.

use kernel::id::BootId;
use kernel::{Ctx, TripId};
use store::CommandError;
use store::port::Fault;
use telemetry::{Sample, Sealed};
use trips::{Check, CheckVerdict, RecordedChunks, SampleFacts};

use super::backend::{Known, SessionError};
use crate::Gateway;

impl Gateway {
    pub(super) async fn check_compliance(
        &self,
        vehicle: &Known,
        boot: BootId,
        samples: &[Sample],
    ) -> Result<(), SessionError> {
        let ctx = vehicle.ctx(self);
        let mut checks = Vec::new();
        let mut summaries: Vec<TripId> = Vec::new();
        for sample in samples {
            let Some(trip) = sample.trip else { continue };
            match self.compliance.monitor(&ctx, trip, &facts(vehicle, boot, sample)).await {
                Ok(None) => {}
                Ok(Some(check)) => {
                    if check.summary_due && !summaries.contains(&trip) {
                        summaries.push(trip);
                    }
                    checks.push(record(&check, sample));
                }
                // A check that the domain refuses, such as of a trip that ended meanwhile, is no fault of the session.
                Err(CommandError::Reject(reject)) => tracing::info!(%trip, %reject, "a sample is not checked"),
                Err(other) => return Err(other.into()),
            }
        }
        if !checks.is_empty() {
            metrics::counter!("atlasmesh_compliance_checks_total").increment(checks.len() as u64);
            tokio::task::block_in_place(|| self.telemetry.record_checks(&vehicle.tenant, vehicle.id, boot, checks))?;
        }
        for trip in summaries {
            self.summarize(&ctx, trip).await?;
        }
        Ok(())
    }

    /// Journals what was checked of a trip, with the digests of what the vehicle recorded.
    pub(super) async fn summarize(&self, ctx: &Ctx, trip: TripId) -> Result<(), SessionError> {
        let seal = |vehicle, boot| {
            let sealed = tokio::task::block_in_place(|| self.telemetry.seal(&ctx.tenant, vehicle, boot));
            let sealed =
                sealed.map_err(|error| Fault::Unavailable { what: "seal telemetry", source: Box::new(error) })?;
            Ok(sealed.map(recorded))
        };
        match self.compliance.summarize(ctx, trip, &seal).await {
            Ok(()) => Ok(()),
            Err(CommandError::Reject(reject)) => {
                tracing::info!(%trip, %reject, "no summary");
                Ok(())
            }
            Err(other) => Err(other.into()),
        }
    }
}

fn recorded(sealed: Sealed) -> RecordedChunks {
    let Sealed { boot, chunks, root, first_seq, last_seq } = sealed;
    RecordedChunks { boot, chunks, root, first_seq, last_seq }
}

fn facts(vehicle: &Known, boot: BootId, sample: &Sample) -> SampleFacts {
    SampleFacts {
        vehicle: vehicle.id,
        boot,
        sampled_at: sample.vehicle_time,
        at: sample.position,
        speed_mps: sample.speed_mps,
        battery_pct: sample.battery_pct,
        mode: sample.mode.clone(),
        occupied: sample.flags & link::flags::OCCUPIED != 0,
        progress_m: sample.progress_m,
    }
}

fn record(check: &Check, sample: &Sample) -> telemetry::Check {
    let verdict = match check.verdict {
        CheckVerdict::Compliant => "compliant",
        CheckVerdict::Violating => "violating",
        CheckVerdict::Unknown => "unknown",
    };
    telemetry::Check {
        trip: check.trip,
        at: check.sampled_at,
        seq: sample.seq,
        verdict: verdict.into(),
        rules: check.rules.iter().cloned().collect(),
        policy_bundle: check.policy_bundle.clone(),
    }
}
