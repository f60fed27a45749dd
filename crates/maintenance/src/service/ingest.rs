//! What vehicles say, durable before it is acknowledged (PDM-1), and the features that follow from it (PDM-2).

use std::collections::BTreeMap;

use kernel::{Code, Reject, TenantId, Timestamp, VehicleId};
use prognostics::features::{Pushed, Row, Window};
use prognostics::messages::{Ack, Batch, FRAMES_MAX, Frame};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::{CommitError, Fault, ListQuery, Order};
use store::{CommandError, Expected, RowBody, RowWrite};

use super::{DIAGNOSTICS, FEATURES, Maintenance, READINGS, component_key};
use crate::diagnostics::{Kept, empty_window};

/// A vehicle is judged at most so often, in milliseconds.
const JUDGED_EVERY_MS: i64 = 2_000;

/// The readings of a component at a step of its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadingRow {
    /// By the vehicle's clock.
    pub at: Timestamp,
    /// When it came in.
    pub recorded_at: Timestamp,
    /// Counts the parts that were fitted in this place.
    pub unit: u32,
    pub usage: f64,
    /// In the order of the class's signals; null is missing.
    pub values: Vec<Option<f64>>,
}

impl Maintenance {
    /// What is known of a vehicle's diagnostics, with the version of its row; 0: none.
    pub(super) async fn kept(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<(Kept, u64)>, Fault> {
        let row = self.store.get(DIAGNOSTICS, tenant, &vehicle.to_string()).await?;
        row.map(|row| Ok((row.decode()?, row.version))).transpose()
    }

    /// What is known of a vehicle's diagnostics.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn diagnostics(&self, tenant: &TenantId, vehicle: VehicleId) -> Result<Option<Kept>, Fault> {
        Ok(self.kept(tenant, vehicle).await?.map(|(kept, _)| kept))
    }

    /// Takes a vehicle's frames: what it said before is taken once, what cannot be true is set aside.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for too many frames or such that do not ascend, `CONFLICT` where another message of the vehicle came
    /// at the same moment, a fault.
    pub async fn receive(&self, tenant: &TenantId, vehicle: VehicleId, batch: &Batch) -> Result<Ack, CommandError> {
        if batch.frames.len() > FRAMES_MAX {
            return Err(Reject::invalid_field("/frames", format!("must be at most {FRAMES_MAX}")).into());
        }
        if batch.frames.windows(2).any(|pair| pair[0].seq >= pair[1].seq) {
            return Err(Reject::invalid_field("/frames", "must have strictly ascending numbers").into());
        }
        let now = self.source.now();
        let (mut kept, version) = self.kept(tenant, vehicle).await?.unwrap_or_else(|| (Kept::new(batch.boot), 0));
        if kept.boot != batch.boot {
            (kept.boot, kept.through_seq) = (batch.boot, 0);
        }
        let mut windows = BTreeMap::new();
        let mut rows = Vec::new();
        let mut taken = 0_u64;
        for frame in batch.frames.iter().filter(|frame| frame.seq > kept.through_seq).cloned().collect::<Vec<_>>() {
            kept.through_seq = frame.seq;
            taken += 1;
            let fitted = kept.components.get(&frame.component).map_or(1, |known| known.unit);
            if frame.part.is_some_and(|part| part < fitted) {
                continue;
            }
            let Some(row) = kept.take(&frame, now) else { continue };
            let unit = kept.components.get(&frame.component).map_or(1, |known| known.unit);
            let window = self.window(tenant, vehicle, &mut windows, &frame).await?;
            match window.push(&row) {
                Ok(Pushed::Newest | Pushed::Late) => rows.push(reading(vehicle, &frame.component, unit, &row)?),
                Ok(Pushed::TooLate | Pushed::Duplicate) => {}
                Err(error) => {
                    tracing::debug!(%tenant, %vehicle, component = frame.component, %error, "a row is no use")
                }
            }
        }
        let ack = Ack {
            boot: batch.boot,
            through_seq: kept.through_seq,
            parts: kept.components.iter().map(|(name, known)| (name.clone(), known.unit)).collect(),
            confirm: self.to_confirm(tenant, vehicle).await?,
        };
        if taken == 0 {
            return Ok(ack);
        }
        for (component, window) in &windows {
            let key = component_key(vehicle, component);
            rows.push(RowWrite::put(FEATURES, key, Expected::Any, RowBody::new(window, Vec::new())?));
        }
        let judged = kept.assessed_at.map_or(now, |at| at.plus_ms(JUDGED_EVERY_MS).max(now));
        let expected = if version == 0 { Expected::Absent } else { Expected::Version(version) };
        let body = RowBody { due_at: Some(judged), ..RowBody::new(&kept, Vec::new())? };
        rows.push(RowWrite::put(DIAGNOSTICS, vehicle.to_string(), expected, body));
        self.write(tenant, rows).await?;
        metrics::counter!("atlasmesh_diagnostic_frames_total").increment(taken);
        tracing::debug!(%tenant, %vehicle, taken, through = ack.through_seq, "diagnostics are kept");
        Ok(ack)
    }

    async fn window<'a>(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        windows: &'a mut BTreeMap<String, Window>,
        frame: &Frame,
    ) -> Result<&'a mut Window, Fault> {
        use std::collections::btree_map::Entry;
        match windows.entry(frame.component.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let row = self.store.get(FEATURES, tenant, &component_key(vehicle, &frame.component)).await?;
                let unusable = |_| Fault::Misuse("a class of the catalogue has no features");
                let window = match row {
                    Some(row) => row.decode()?,
                    None => empty_window(frame.class).map_err(unusable)?,
                };
                Ok(vacant.insert(window))
            }
        }
    }

    /// Writes observations; another writer of the same vehicle is a conflict that the vehicle solves by saying it again.
    pub(super) async fn write(&self, tenant: &TenantId, rows: Vec<RowWrite>) -> Result<(), CommandError> {
        match self.store.write(tenant, rows).await {
            Ok(()) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
            Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Err(Reject::new(
                Code::Conflict,
                "something else about this vehicle came at the same moment: say it again",
            )
            .into()),
        }
    }

    /// The readings of a component, the newest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn readings(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        component: &str,
        limit: usize,
    ) -> Result<Vec<ReadingRow>, Fault> {
        let query = ListQuery {
            order: Order::Descending,
            limit,
            ..ListQuery::of("component", component_key(vehicle, component))
        };
        self.store.list(READINGS, tenant, query).await?.iter().map(store::Row::decode).collect()
    }
}

fn reading(vehicle: VehicleId, component: &str, unit: u32, row: &Row) -> Result<RowWrite, Fault> {
    let finite = |value: &f64| Some(*value).filter(|value| value.is_finite());
    let reading = ReadingRow {
        at: Timestamp::from_ms(row.at_ms),
        recorded_at: Timestamp::from_ms(row.recorded_ms),
        unit,
        usage: row.usage,
        values: row.values.iter().map(finite).collect(),
    };
    let index = component_key(vehicle, component);
    let key = format!("{index}/{unit:06}/{:020}", row.at_ms);
    Ok(RowWrite::put(READINGS, key, Expected::Any, RowBody::new(&reading, vec![index])?))
}
