//! Dispatch: which vehicle takes which trip (TRIP-6). Trips that wait together are decided together: [`pairs`] says
//! which pairs are possible and what each costs, [`assignment`] finds the best of all assignments; [`batch`] gathers,
//! asks policy about each chosen pair, takes the claim and gives the trip its vehicle. Trips take turns, and vehicles
//! are looked at by fitness and nearness, so that what cannot be served hides nothing that can.

pub mod assignment;
pub mod batch;
mod changes;
mod choice;
pub mod claims;
mod denials;
mod nearest;
mod outcome;
pub mod pairs;
mod retry;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::TenantId;

pub use batch::{BATCH_WINDOW_MS, BatchReport};

use self::batch::TenantMemory;
use crate::service::Trips;

/// Gives vehicles to trips that wait. What it remembers between looks only saves work: a process that starts again
/// looks at every trip.
#[derive(Debug)]
pub struct Dispatch {
    trips: Arc<Trips>,
    memory: Mutex<BTreeMap<TenantId, TenantMemory>>,
}

impl Dispatch {
    /// Dispatch of these trips. One of it serves a process.
    pub fn new(trips: Arc<Trips>) -> Self {
        Self { trips, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<TenantId, TenantMemory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
