//! Which vehicles are connected to this process, and how to reach them. A vehicle has one session: a newer one ends
//! the older, whose socket may be half dead.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use commands::Touched;
use kernel::{TenantId, VehicleId};
use link::v1::ToVehicle;
use tokio::sync::{Notify, mpsc};

/// Messages that wait for one vehicle's socket: a route and some acknowledgements. A vehicle that takes none of them
/// is cut off and resumes later; it is not waited for.
pub const OUTBOUND_MAX: usize = 64;

/// One connected vehicle.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    /// Tells sessions of the same vehicle apart.
    pub number: u64,
    /// Messages on their way to the vehicle.
    pub outbound: mpsc::Sender<ToVehicle>,
    /// Rings when commands may be waiting.
    pub commands: Arc<Notify>,
    /// Whether the vehicle may keep other zones and closures than its site has: at first, and after each change there.
    pub rules_changed: Arc<AtomicBool>,
    /// Rings when a newer session took over.
    pub replaced: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Connected {
    last_number: u64,
    sessions: BTreeMap<(TenantId, VehicleId), SessionHandle>,
}

/// Every vehicle that is connected to this process.
#[derive(Debug, Default)]
pub struct Sessions {
    connected: Mutex<Connected>,
}

impl Sessions {
    fn with<T>(&self, act: impl FnOnce(&mut Connected) -> T) -> T {
        act(&mut self.connected.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a session and ends an older one of the same vehicle.
    pub fn open(&self, tenant: &TenantId, vehicle: VehicleId, outbound: mpsc::Sender<ToVehicle>) -> SessionHandle {
        self.with(|connected| {
            connected.last_number += 1;
            let handle = SessionHandle {
                number: connected.last_number,
                outbound,
                commands: Arc::new(Notify::new()),
                rules_changed: Arc::new(AtomicBool::new(true)),
                replaced: Arc::new(Notify::new()),
            };
            if let Some(older) = connected.sessions.insert((tenant.clone(), vehicle), handle.clone()) {
                older.replaced.notify_one();
            }
            metrics::gauge!("atlasmesh_link_sessions").set(connected.sessions.len() as f64);
            handle
        })
    }

    /// Removes a session, unless a newer one took its place.
    pub fn close(&self, tenant: &TenantId, vehicle: VehicleId, number: u64) {
        self.with(|connected| {
            let place = (tenant.clone(), vehicle);
            if connected.sessions.get(&place).is_some_and(|handle| handle.number == number) {
                connected.sessions.remove(&place);
            }
            metrics::gauge!("atlasmesh_link_sessions").set(connected.sessions.len() as f64);
        });
    }

    /// Lets a vehicle's session look for commands.
    pub fn notify(&self, tenant: &TenantId, vehicle: VehicleId) {
        self.with(|connected| {
            if let Some(handle) = connected.sessions.get(&(tenant.clone(), vehicle)) {
                handle.commands.notify_one();
            }
        });
    }

    /// Lets the sessions that have something to look for look.
    pub fn notify_touched(&self, tenant: &TenantId, touched: &Touched) {
        // First what holds at the site: no session may send an order by it before its vehicle knows it.
        if touched.all {
            self.notify_rules_changed(tenant);
        }
        touched.vehicles.iter().for_each(|vehicle| self.notify(tenant, *vehicle));
    }

    /// Lets the sessions of all vehicles of a tenant look for zones and closures.
    fn notify_rules_changed(&self, tenant: &TenantId) {
        self.with(|connected| {
            for (_, handle) in connected.sessions.iter().filter(|((whose, _), _)| whose == tenant) {
                handle.rules_changed.store(true, Ordering::Release);
                handle.commands.notify_one();
            }
        });
    }

    /// Sends from memory (SAFE-2). Answers whether a session took the message.
    pub fn send(&self, tenant: &TenantId, vehicle: VehicleId, message: ToVehicle) -> bool {
        let handle = self.with(|connected| connected.sessions.get(&(tenant.clone(), vehicle)).cloned());
        handle.is_some_and(|handle| handle.outbound.try_send(message).is_ok())
    }

    /// Ends a vehicle's session: what it may do is looked at anew.
    pub fn end(&self, tenant: &TenantId, vehicle: VehicleId) {
        self.with(|connected| {
            if let Some(handle) = connected.sessions.get(&(tenant.clone(), vehicle)) {
                handle.replaced.notify_one();
            }
        });
    }

    /// Whether a vehicle is connected to this process.
    pub fn is_open(&self, tenant: &TenantId, vehicle: VehicleId) -> bool {
        self.with(|connected| connected.sessions.contains_key(&(tenant.clone(), vehicle)))
    }

    pub fn len(&self) -> usize {
        self.with(|connected| connected.sessions.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
