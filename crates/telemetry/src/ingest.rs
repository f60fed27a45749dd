//! Telemetry as the edges use it: batches in, acknowledgements out; the latest of each vehicle; history.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use kernel::id::BootId;
use kernel::{FieldError, TenantId, Timestamp, VehicleId};

use crate::chunk::Sealed;
use crate::log::{Log, SEGMENT_BYTES_MAX};
use crate::record::{Check, Observed};
use crate::sample::{RawSample, Sample};
use crate::segment;
use crate::verify::{self, Damage, Named};

/// The most samples of one batch.
pub const BATCH_MAX: usize = 1_000;

/// Why samples were not taken. Nothing of the call is acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// More than a batch may hold.
    #[error("a batch has at most {BATCH_MAX} samples")]
    TooMany,
    #[error("telemetry cannot be written or read: look at the disk of the data folder")]
    Disk(#[from] io::Error),
}

/// Samples of one boot of one vehicle.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub vehicle: VehicleId,
    pub boot: BootId,
    pub samples: &'a [RawSample],
    /// Numbers below this will never come: the vehicle no longer has them.
    pub kept_from_seq: u64,
}

/// What is durable now.
#[derive(Debug, Clone, PartialEq)]
pub struct Ack {
    /// Everything up to this number need not be sent again.
    pub through_seq: u64,
    pub accepted: Vec<Sample>,
    pub duplicates: usize,
    /// Samples that cannot be true: their numbers, and the field. They need not be sent again either.
    pub refused: Vec<(u64, FieldError)>,
}

/// The newest sample of a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    pub sample: Sample,
    pub boot: BootId,
    pub received_at: Timestamp,
}

/// All tenants' telemetry.
pub struct Ingest {
    folder: PathBuf,
    segment_bytes_max: u64,
    logs: Mutex<BTreeMap<TenantId, Arc<Log>>>,
    latest: Mutex<BTreeMap<(TenantId, VehicleId), Latest>>,
}

impl Ingest {
    /// Telemetry in a folder; each tenant's log is opened when it is first used.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, segment_bytes_max: SEGMENT_BYTES_MAX, logs: Mutex::default(), latest: Mutex::default() }
    }

    /// The same with segments of another size.
    pub fn with_segments_of(mut self, bytes_max: u64) -> Self {
        self.segment_bytes_max = bytes_max;
        self
    }

    fn log(&self, tenant: &TenantId) -> io::Result<Arc<Log>> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(tenant) {
            return Ok(Arc::clone(log));
        }
        let (log, recent) = Log::open(&self.folder.join(tenant.as_str()), self.segment_bytes_max)?;
        for record in recent {
            if let Observed::Sample(sample) = record.observed {
                let received_at = sample.vehicle_time;
                self.note(tenant, record.vehicle, Latest { sample, boot: record.boot, received_at });
            }
        }
        let log = Arc::new(log);
        logs.insert(tenant.clone(), Arc::clone(&log));
        Ok(log)
    }

    /// The newest is the newest by the vehicle's clock: what comes late does not move a vehicle back.
    fn note(&self, tenant: &TenantId, vehicle: VehicleId, newer: Latest) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (tenant.clone(), vehicle);
        let is_newer = latest.get(&place).is_none_or(|known| {
            (newer.sample.vehicle_time, newer.sample.seq) > (known.sample.vehicle_time, known.sample.seq)
        });
        if is_newer {
            latest.insert(place, newer);
        }
    }

    /// Takes a batch; returns when everything acknowledged is on the disk.
    ///
    /// # Errors
    /// Too large a batch, or the disk.
    pub fn ingest(&self, tenant: &TenantId, batch: Batch<'_>, received_at: Timestamp) -> Result<Ack, TelemetryError> {
        if batch.samples.len() > BATCH_MAX {
            return Err(TelemetryError::TooMany);
        }
        let ack = self.log(tenant)?.append((batch.vehicle, batch.boot), |sequence| {
            let mut ack = Ack { through_seq: 0, accepted: Vec::new(), duplicates: 0, refused: Vec::new() };
            for raw in batch.samples {
                if sequence.contains(raw.seq) {
                    ack.duplicates += 1;
                    continue;
                }
                sequence.note(raw.seq);
                match raw.validate(received_at) {
                    Ok(sample) => ack.accepted.push(sample),
                    Err(field) => ack.refused.push((raw.seq, field)),
                }
            }
            sequence.give_up_below(batch.kept_from_seq);
            ack.through_seq = sequence.through();
            (ack.accepted.iter().cloned().map(Observed::Sample).collect(), ack)
        })?;
        for sample in &ack.accepted {
            self.note(tenant, batch.vehicle, Latest { sample: sample.clone(), boot: batch.boot, received_at });
        }
        Ok(ack)
    }

    /// Keeps checks in the vehicle's segment (TRIP-8).
    ///
    /// # Errors
    /// The disk.
    pub fn record_checks(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        boot: BootId,
        checks: Vec<Check>,
    ) -> Result<(), TelemetryError> {
        let observed = checks.into_iter().map(Observed::Check).collect();
        Ok(self.log(tenant)?.append((vehicle, boot), |_| (observed, ()))?)
    }

    /// Seals what a boot recorded up to now, for a summary in the journal; `None` where nothing came of it. What is answered
    /// is on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn seal(&self, tenant: &TenantId, vehicle: VehicleId, boot: BootId) -> Result<Option<Sealed>, TelemetryError> {
        Ok(self.log(tenant)?.seal((vehicle, boot))?)
    }

    /// How far a boot has come.
    ///
    /// # Errors
    /// The disk.
    pub fn through(&self, tenant: &TenantId, vehicle: VehicleId, boot: BootId) -> Result<u64, TelemetryError> {
        Ok(self.log(tenant)?.through((vehicle, boot))?)
    }

    /// The newest sample of a vehicle.
    ///
    /// # Errors
    /// The disk.
    pub fn latest(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Latest>, TelemetryError> {
        self.log(tenant)?;
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(latest.get(&(tenant.clone(), vehicle)).cloned())
    }

    /// Samples of a vehicle in a time range, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The disk.
    pub fn history(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(BootId, Sample)>, TelemetryError> {
        let mut samples: Vec<(BootId, Sample)> = self
            .log(tenant)?
            .read(vehicle, from, to)?
            .into_iter()
            .filter_map(|record| match record.observed {
                Observed::Sample(sample) => Some((record.boot, sample)),
                Observed::Check(_) | Observed::Seal(_) => None,
            })
            .collect();
        samples.sort_by_key(|(boot, sample)| (sample.vehicle_time, *boot, sample.seq));
        samples.truncate(limit);
        Ok(samples)
    }

    /// How many boots of a tenant's vehicles are in memory.
    ///
    /// # Errors
    /// The disk.
    pub fn boots_in_memory(&self, tenant: &TenantId) -> Result<usize, TelemetryError> {
        Ok(self.log(tenant)?.boots())
    }
}

/// Copies the telemetry of every tenant, which may be in use, into a folder that is made. The copy has at least what was
/// acknowledged before.
///
/// # Errors
/// The disk.
pub fn copy_segments(folder: &Path, to: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_dir() {
            segment::copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Compares the segments of a tenant, in the folder of all tenants' telemetry, with their manifests and with what the journal
/// names; answers how many segments there are. It may be in use. `told` hears after each segment, and may end it, without
/// a damage.
///
/// # Errors
/// The disk; the inner error is the first damage.
pub fn verify_segments(
    folder: &Path,
    tenant: &TenantId,
    named: &Named,
    told: &dyn Fn() -> ControlFlow<()>,
) -> Result<Result<u64, Damage>, TelemetryError> {
    Ok(verify::verify(&folder.join(tenant.as_str()), named, told)?)
}
