//! Answers that do not end by themselves: how many of them a tenant may hold open, and what ends them all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Code, Reject, TenantId};
use tokio::sync::watch;

/// Streams that one tenant may hold open where the operator says nothing: the screens and programs of a large fleet. Each
/// costs a task, a file descriptor and at most a page of events that are shared with the others.
pub const PER_TENANT: usize = 1_024;

/// How long a reader whose buffers are full may take nothing: longer than a page that is busy drawing, shorter than
/// what it would still want to see. It can come back and resume.
pub const SLOW_READER: Duration = Duration::from_secs(10);

/// The open streams of a process.
#[derive(Debug)]
pub struct Streams {
    per_tenant_max: usize,
    open: Arc<Open>,
    stopping: watch::Receiver<bool>,
}

/// What is open, by tenant and together.
#[derive(Debug)]
struct Open {
    by_tenant: Mutex<BTreeMap<TenantId, usize>>,
    together: watch::Sender<usize>,
}

/// The right to one stream, for as long as it lives.
#[derive(Debug)]
pub struct Slot {
    tenant: TenantId,
    open: Arc<Open>,
    stopping: watch::Receiver<bool>,
}

impl Streams {
    /// None yet, and never more than so many of one tenant; all of them end when `stopping` becomes true.
    pub fn new(per_tenant_max: usize, stopping: watch::Receiver<bool>) -> Self {
        let open = Open { by_tenant: Mutex::default(), together: watch::Sender::new(0) };
        Self { per_tenant_max, open: Arc::new(open), stopping }
    }

    /// One more stream of a tenant.
    ///
    /// # Errors
    /// `OVERLOADED` when it has as many as it may.
    pub fn open(&self, tenant: &TenantId) -> Result<Slot, Reject> {
        let mut by_tenant = self.open.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_tenant.entry(tenant.clone()).or_default();
        if *count >= self.per_tenant_max {
            let text = format!("the tenant has {count} streams open already: close one first");
            return Err(Reject::new(Code::Overloaded, text));
        }
        *count += 1;
        self.open.together.send_modify(|together| *together += 1);
        metrics::gauge!("atlasmesh_streams").increment(1);
        Ok(Slot { tenant: tenant.clone(), open: Arc::clone(&self.open), stopping: self.stopping.clone() })
    }

    /// Returns when the process is stopping.
    pub async fn stopped(&self) {
        until_stopped(self.stopping.clone()).await;
    }

    /// Returns when none is open: whoever listened on a WebSocket was told that the server stops.
    pub async fn ended(&self) {
        // The sender lives as long as `self`.
        let _ = self.open.together.subscribe().wait_for(|together| *together == 0).await;
    }
}

impl Slot {
    /// Returns when the process is stopping.
    pub async fn stopped(&self) {
        until_stopped(self.stopping.clone()).await;
    }
}

async fn until_stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the process is ending anyway.
    let _ = stopping.wait_for(|stop| *stop).await;
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_tenant = self.open.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_tenant.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                by_tenant.remove(&self.tenant);
            }
        }
        self.open.together.send_modify(|together| *together -= 1);
        metrics::gauge!("atlasmesh_streams").decrement(1);
    }
}
