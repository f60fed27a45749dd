//! Which trust bundle each connected vehicle keeps: an authority is replaced only when they know its successor.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{TenantId, VehicleId};

use super::backend::Known;
use crate::Gateway;

/// What vehicles said with their heartbeats.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    sequences: Mutex<HashMap<(TenantId, VehicleId), u64>>,
}

impl Acknowledgements {
    fn set(&self, tenant: &TenantId, vehicle: VehicleId, sequence: u64) {
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        sequences.insert((tenant.clone(), vehicle), sequence);
    }

    /// Vehicles whose trust bundle is older than this.
    pub fn behind(&self, sequence: u64) -> Vec<(TenantId, VehicleId)> {
        let sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = sequences.iter().filter(|(_, kept)| **kept < sequence);
        behind.map(|(vehicle, _)| vehicle.clone()).collect()
    }
}

impl Gateway {
    pub(super) fn acknowledged(&self, vehicle: &Known, sequence: u64) {
        self.bundles.set(&vehicle.tenant, vehicle.id, sequence);
    }

    /// Connected vehicles whose trust bundle is older than the one in force.
    pub fn behind_the_bundle(&self) -> Vec<(TenantId, VehicleId)> {
        let behind = self.bundles.behind(self.bundle_sequence());
        behind.into_iter().filter(|(tenant, vehicle)| self.sessions.is_open(tenant, *vehicle)).collect()
    }
}
