//! What the journal implies for vehicles: reads events behind a durable cursor and writes one command row for each that a
//! vehicle must hear of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{BoxFuture, Envelope, TenantId, VehicleId};
use store::RowWrite;
use store::port::{Fault, Store};
use store::subscribe::Subscriber;

use crate::rows::{StoredCommand, is_known};
use crate::{NewCommand, Sources};

/// The subscriber that turns events into commands.
pub struct Outbox {
    store: Arc<dyn Store>,
    sources: Sources,
    /// Vehicles whose sessions must look, once the rows are written.
    touched: Mutex<BTreeMap<TenantId, Touched>>,
}

/// Whose sessions must look for commands.
#[derive(Debug, Default)]
pub struct Touched {
    /// Vehicles that have a new command.
    pub vehicles: Vec<VehicleId>,
    /// Whether something changed that concerns every vehicle of the tenant.
    pub all: bool,
}

impl Outbox {
    /// The outbox over a store.
    pub fn new(store: Arc<dyn Store>, sources: Sources) -> Self {
        Self { store, sources, touched: Mutex::default() }
    }

    /// Whose sessions must look since this was asked last. Asked after the rows are written; a session that begins later
    /// looks by itself.
    pub fn take_touched(&self, tenant: &TenantId) -> Touched {
        self.touched().remove(tenant).unwrap_or_default()
    }

    fn touched(&self) -> MutexGuard<'_, BTreeMap<TenantId, Touched>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn implied(&self, event: &Envelope) -> Result<Option<NewCommand>, Fault> {
        if self.sources.iter().any(|source| source.concerns_all(event)) {
            // What each vehicle lacks, its session finds by itself: now, or when the vehicle comes back.
            self.touched().entry(event.tenant.clone()).or_default().all = true;
        }
        for source in self.sources.iter() {
            if let Some(command) = source.command_for(event).await? {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }
}

impl Subscriber for Outbox {
    fn name(&self) -> &'static str {
        "vehicle-commands"
    }

    fn handle<'a>(&'a self, _index: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            metrics::counter!("atlasmesh_events_total", "type" => event.r#type.clone()).increment(1);
            let tenant = &event.tenant;
            let Some(implied) = self.implied(event).await? else { return Ok(Vec::new()) };
            let NewCommand { id, vehicle, kind, claim_epoch, body } = implied;
            let trip = (event.stream.kind() == "trip").then(|| event.stream.id());
            // A moment, not a time: the row is written with the cursor.
            drop(tracing::debug_span!("command.issue", %tenant, trip, %vehicle, command = %id, kind));
            self.touched().entry(tenant.clone()).or_default().vehicles.push(vehicle);
            // A stop that left from memory is known already (SAFE-2).
            if is_known(&*self.store, tenant, vehicle, id).await? {
                return Ok(Vec::new());
            }
            let command = StoredCommand::new(id, vehicle, kind, claim_epoch, event.recorded_at, body);
            Ok(vec![command.insert(id)?])
        })
    }
}
