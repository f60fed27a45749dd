//! What runs beside the requests: due work under a lease, subscribers behind their cursors, dispatch in batches, and
//! stops that wait to be journaled. Each loop waits on a level (how many commits there were, what time it is), so that
//! nothing that happened while it was busy is missed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use store::due::{DueHandler, run_due, take_lease};
use store::port::{Fault, Store};
use store::subscribe::{PUMP_BATCH_MAX, Subscriber, pump};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::wiring::Parts;

/// How often due work is looked for: the finest deadline of a trip is a second.
const DUE_EVERY: Duration = Duration::from_millis(200);
/// How long a worker's lease lasts without renewal: a process that was stopped for longer has lost its work.
const LEASE_TTL_MS: i64 = 10_000;
/// The window in which trips and vehicles are gathered into one batch (TRIP-6): short, so that few who wait do not.
const BATCH_WINDOW: Duration = Duration::from_millis(100);
/// How often stops that the store could not take are tried again.
const RECONCILE_EVERY: Duration = Duration::from_secs(1);

/// The loops of a running server.
pub struct Loops {
    tasks: JoinSet<()>,
}

impl Loops {
    /// Returns when every loop has ended.
    pub async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Starts every loop.
pub fn start(parts: &Parts, stopping: &watch::Receiver<bool>) -> Loops {
    let mut tasks = JoinSet::new();
    tasks.spawn(until_stopped(stopping.clone(), due_work(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), follow_journal(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), dispatch(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), reconcile(parts.clone())));
    Loops { tasks }
}

async fn until_stopped(mut stopping: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        // A sender that is gone means the process is ending anyway.
        _ = stopping.wait_for(|stop| *stop) => {}
        () = work => {}
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn due_work(parts: Parts) {
    let holder = format!("{}-{:x}", std::process::id(), parts.source.entropy());
    let mut tick = every(DUE_EVERY);
    loop {
        tick.tick().await;
        if let Err(fault) = due_round(&parts, &holder).await {
            tracing::warn!(error = %fault, "due work must wait");
        }
    }
}

async fn due_round(parts: &Parts, holder: &str) -> Result<(), Fault> {
    let now = parts.source.now();
    let Some(guard) = take_lease(&*parts.store, "due", holder, now, LEASE_TTL_MS).await? else { return Ok(()) };
    for handler in &parts.due {
        run_due(&*parts.store, &*parts.source, &**handler, &guard).await?;
    }
    Ok(())
}

async fn follow_journal(parts: Parts) {
    loop {
        let level = parts.store.committed();
        for subscriber in &parts.subscribers {
            if let Err(fault) = catch_up(&*parts.store, &**subscriber).await {
                tracing::warn!(subscriber = subscriber.name(), error = %fault, "a subscriber must wait");
            }
        }
        parts.outbox.ring(&parts.gateway);
        // A subscriber that failed is tried again after a while even if nothing new is committed.
        let _ = tokio::time::timeout(RECONCILE_EVERY, parts.store.wait_committed(level)).await;
    }
}

async fn catch_up(store: &dyn Store, subscriber: &dyn Subscriber) -> Result<(), Fault> {
    for tenant in store.logs().await? {
        while pump(store, subscriber, &tenant).await? == PUMP_BATCH_MAX {}
    }
    Ok(())
}

async fn dispatch(parts: Parts) {
    let mut window = every(BATCH_WINDOW);
    loop {
        let level = parts.store.committed();
        if let Err(error) = parts.gateway.trips.run_batches().await {
            tracing::warn!(%error, "dispatch must wait");
        }
        // Either something changed, or a wait ran out: both can make a pair possible that was not.
        let _ = tokio::time::timeout(Duration::from_secs(1), parts.store.wait_committed(level)).await;
        window.tick().await;
    }
}

async fn reconcile(parts: Parts) {
    let mut tick = every(RECONCILE_EVERY);
    loop {
        tick.tick().await;
        if let Err(error) = parts.gateway.reconcile_emergency().await {
            tracing::debug!(%error, "emergency orders wait for the store");
        }
    }
}

/// What the loops need, for [`Parts`].
pub type DueHandlers = Vec<Arc<dyn DueHandler>>;
/// What the loops need, for [`Parts`].
pub type Subscribers = Vec<Arc<dyn Subscriber>>;
