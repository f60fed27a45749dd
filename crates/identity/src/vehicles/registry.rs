//! What is in force of every vehicle's identity, in memory: looked up at each handshake and with each message, in a time
//! that does not grow with what was revoked.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use kernel::{TenantId, Timestamp, VehicleId};

use super::identity::{IdentityStatus, Refusal, VehicleIdentity};

/// What a certificate of a vehicle is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    InForce,
    /// To be stopped and to be heard.
    Quarantined,
    Refused(Refusal),
}

#[derive(Debug, Clone)]
struct Entry {
    tenant: TenantId,
    status: IdentityStatus,
    epoch: u64,
    /// The one in force, and the one before it.
    devices: Vec<String>,
    svids: Vec<String>,
    superseded: Vec<String>,
    changed_at: Timestamp,
}

/// Every identity that may still be presented.
#[derive(Debug, Default)]
pub struct Registry {
    entries: RwLock<BTreeMap<VehicleId, Entry>>,
}

impl Registry {
    /// Takes over what an identity has become.
    pub fn set(&self, tenant: &TenantId, vehicle: VehicleId, identity: &VehicleIdentity) {
        let entry = Entry {
            tenant: tenant.clone(),
            status: identity.status,
            epoch: identity.epoch,
            devices: identity
                .device
                .iter()
                .map(|device| &device.serial)
                .chain(&identity.device_before)
                .cloned()
                .collect(),
            svids: identity.svids.iter().map(|svid| svid.serial.clone()).collect(),
            superseded: identity.superseded.clone(),
            changed_at: identity.changed_at,
        };
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // Two commands that were carried out together may arrive here in another order.
        if entries.get(&vehicle).is_none_or(|known| known.changed_at <= entry.changed_at) {
            entries.insert(vehicle, entry);
        }
    }

    fn look<R>(&self, vehicle: VehicleId, look: impl FnOnce(Option<&Entry>) -> R) -> R {
        look(self.entries.read().unwrap_or_else(PoisonError::into_inner).get(&vehicle))
    }

    /// What an X509-SVID is good for.
    pub fn svid(&self, tenant: &TenantId, vehicle: VehicleId, serial: &str) -> Standing {
        self.look(vehicle, |entry| match entry.filter(|entry| entry.tenant == *tenant) {
            None => Standing::Refused(Refusal::Unknown),
            Some(entry) if entry.svids.iter().any(|known| known == serial) => match entry.status {
                IdentityStatus::Quarantined => Standing::Quarantined,
                _ => Standing::InForce,
            },
            Some(entry) if matches!(entry.status, IdentityStatus::Revoked | IdentityStatus::Retired) => {
                Standing::Refused(Refusal::Revoked)
            }
            Some(entry) if entry.superseded.iter().any(|known| known == serial) => {
                Standing::Refused(Refusal::Superseded)
            }
            Some(_) => Standing::Refused(Refusal::Unknown),
        })
    }

    /// What a device certificate is good for.
    pub fn device(&self, tenant: &TenantId, vehicle: VehicleId, serial: &str) -> Standing {
        self.look(vehicle, |entry| match entry.filter(|entry| entry.tenant == *tenant) {
            Some(entry) if entry.devices.iter().any(|known| known == serial) => match entry.status {
                IdentityStatus::Quarantined => Standing::Quarantined,
                _ => Standing::InForce,
            },
            Some(_) => Standing::Refused(Refusal::Revoked),
            None => Standing::Refused(Refusal::Unknown),
        })
    }

    /// The credential epoch, for tokens.
    pub fn epoch(&self, vehicle: VehicleId) -> Option<u64> {
        self.look(vehicle, |entry| entry.map(|entry| entry.epoch))
    }

    /// Whether a vehicle's identity waits for it to stand.
    pub fn is_quarantined(&self, vehicle: VehicleId) -> bool {
        self.look(vehicle, |entry| entry.is_some_and(|entry| entry.status == IdentityStatus::Quarantined))
    }
}
