//! Answers that do not end by themselves: how many of them a tenant may hold open, and what ends them all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Code, Reject, TenantId};
use tokio::sync::watch;

/// Streams that one tenant may hold open: a control room full of screens. Each costs a task and a file descriptor.
pub const STREAMS_PER_TENANT_MAX: usize = 64;

/// How long a reader whose buffers are full may take nothing: longer than a page that is busy drawing, shorter than
/// what it would still want to see. It can come back and resume.
pub const SLOW_READER: Duration = Duration::from_secs(10);

/// The open streams of a process.
#[derive(Debug)]
pub struct Streams {
    open: Arc<Mutex<BTreeMap<TenantId, usize>>>,
    stopping: watch::Receiver<bool>,
}

/// The right to one stream, for as long as it lives.
#[derive(Debug)]
pub struct Slot {
    tenant: TenantId,
    open: Arc<Mutex<BTreeMap<TenantId, usize>>>,
    stopping: watch::Receiver<bool>,
}

impl Streams {
    /// None yet; all of them end when `stopping` becomes true.
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { open: Arc::default(), stopping }
    }

    /// One more stream of a tenant.
    ///
    /// # Errors
    /// `OVERLOADED` when it has as many as it may.
    pub fn open(&self, tenant: &TenantId) -> Result<Slot, Reject> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(tenant.clone()).or_default();
        if *count >= STREAMS_PER_TENANT_MAX {
            let text = format!("the tenant has {STREAMS_PER_TENANT_MAX} streams open already: close one first");
            return Err(Reject::new(Code::Overloaded, text));
        }
        *count += 1;
        metrics::gauge!("atlasmesh_streams").increment(1);
        Ok(Slot { tenant: tenant.clone(), open: Arc::clone(&self.open), stopping: self.stopping.clone() })
    }

    /// Returns when the process is stopping.
    pub async fn stopped(&self) {
        until_stopped(self.stopping.clone()).await;
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
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tenant);
            }
        }
        metrics::gauge!("atlasmesh_streams").decrement(1);
    }
}
