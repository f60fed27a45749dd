//! What runs beside the requests: due work under a lease, subscribers behind their cursors, dispatch in batches, and
//! stops that wait to be journaled. Each loop waits on a level (how many commits there were, what time it is), so that
//! nothing that happened while it was busy is missed.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kernel::TenantId;
use store::due::{Backoff, DueHandler, decide_rows, take_lease, take_round};
use store::port::Guard;
use store::subscribe::Subscriber;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::follower::Follower;
use super::wiring::Parts;
use super::witnesses;

/// How often due work is looked for: the finest deadline of a trip is a second.
const DUE_EVERY: Duration = Duration::from_millis(200);
/// How often the lease is renewed: three times within its life.
const LEASE_RENEWAL: Duration = Duration::from_millis(3_000);
/// Tenants that one table's due work, or one subscriber, serves at a time: more than the processors, so that those that
/// wait for a disk or a neighbour leave room.
pub const TENANTS_AT_ONCE: usize = 16;
/// How long a worker's lease lasts without renewal: a process that was stopped for longer has lost its work.
const LEASE_TTL_MS: i64 = 10_000;
/// The window in which trips and vehicles are gathered into one batch (TRIP-6): short, so that few who wait do not.
const BATCH_WINDOW: Duration = Duration::from_millis(100);
/// How often dispatch looks at every tenant, whatever happened there.
const SWEEP: Duration = Duration::from_secs(1);
/// How often the newest heads are published, so that each commit is covered within a second.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);
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

pub fn start(parts: &Parts, stopping: &watch::Receiver<bool>) -> Loops {
    let mut tasks = JoinSet::new();
    let (lease, leased) = watch::channel(None);
    tasks.spawn(until_stopped(stopping.clone(), hold_lease(parts.clone(), lease)));
    for handler in &parts.due {
        tasks.spawn(until_stopped(stopping.clone(), due_work(parts.clone(), Arc::clone(handler), leased.clone())));
    }
    for subscriber in &parts.subscribers {
        let follower = Follower::new(Arc::clone(&parts.store), Arc::clone(subscriber), |_| {});
        tasks.spawn(until_stopped(stopping.clone(), follower.run()));
    }
    // Sessions look once the rows are written.
    let (outbox, gateway) = (Arc::clone(&parts.outbox), Arc::clone(&parts.gateway));
    let follower = Follower::new(Arc::clone(&parts.store), parts.outbox.clone(), move |tenant| {
        gateway.sessions.notify_touched(tenant, &outbox.take_touched(tenant));
    });
    tasks.spawn(until_stopped(stopping.clone(), follower.run()));
    tasks.spawn(until_stopped(stopping.clone(), dispatch(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), reconcile(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), publish_heads(parts.clone())));
    tasks.spawn(until_stopped(stopping.clone(), witnesses::run(parts.clone())));
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

/// Holds the lease under which this process does what is due, and tells who works under it.
async fn hold_lease(parts: Parts, lease: watch::Sender<Option<Guard>>) {
    let holder = format!("{}-{:x}", std::process::id(), parts.source.entropy());
    let mut tick = every(LEASE_RENEWAL);
    loop {
        tick.tick().await;
        match take_lease(&*parts.store, "due", &holder, parts.source.now(), LEASE_TTL_MS).await {
            Ok(guard) => drop(lease.send_replace(guard)),
            // What is done under the old one is fenced where another took it meanwhile.
            Err(fault) => tracing::warn!(error = %fault, "the lease of due work is not renewed"),
        }
    }
}

/// Does what is due in one table: tenants beside one another, so that a slow one holds up nobody else.
async fn due_work(parts: Parts, handler: Arc<dyn DueHandler>, leased: watch::Receiver<Option<Guard>>) {
    let mut backoff = Backoff::default();
    let mut working: JoinSet<(TenantId, Vec<(String, bool)>)> = JoinSet::new();
    let mut busy = BTreeSet::new();
    let mut tick = every(DUE_EVERY);
    loop {
        tokio::select! {
            Some(done) = working.join_next() => {
                // A handler that panicked has logged it; its tenant is free again once its task is.
                let Ok((tenant, rows)) = done else { busy.clear(); continue };
                rows.iter().for_each(|(key, failed)| backoff.note(&tenant, key, *failed, parts.source.now()));
                busy.remove(&tenant);
            }
            _ = tick.tick(), if busy.len() < TENANTS_AT_ONCE => {
                let Some(guard) = leased.borrow().clone() else { continue };
                let now = parts.source.now();
                let is_busy = |tenant: &TenantId| busy.contains(tenant);
                let round = match take_round(&*parts.store, handler.table(), now, &mut backoff, is_busy).await {
                    Ok(round) => round,
                    Err(fault) => {
                        tracing::warn!(table = handler.table().name, error = %fault, "due work must wait");
                        continue;
                    }
                };
                for (tenant, rows) in round {
                    busy.insert(tenant.clone());
                    let (handler, guard) = (Arc::clone(&handler), guard.clone());
                    working.spawn(async move {
                        let done = decide_rows(&*handler, &guard, &tenant, rows).await;
                        (tenant, done)
                    });
                }
            }
        }
    }
}

/// Looks for vehicles for what waits, tenants beside one another: those whose logs grew in each window, and all of them from
/// time to time, because a wait that ran out makes a pair possible too.
async fn dispatch(parts: Parts) {
    let mut level = parts.store.committed();
    let (mut waiting, mut busy): (BTreeSet<TenantId>, BTreeSet<TenantId>) = Default::default();
    let mut working: JoinSet<TenantId> = JoinSet::new();
    let (mut window, mut sweep) = (every(BATCH_WINDOW), every(SWEEP));
    loop {
        tokio::select! {
            biased;
            Some(done) = working.join_next() => match done {
                Ok(tenant) => drop(busy.remove(&tenant)),
                // Whose task panicked is not known: the others are looked at again with the next sweep.
                Err(panicked) => {
                    tracing::error!(error = %panicked, "dispatch panicked");
                    busy.clear();
                }
            },
            _ = sweep.tick() => match parts.store.logs().await {
                Ok(logs) => waiting.extend(logs),
                Err(fault) => tracing::warn!(error = %fault, "dispatch must wait"),
            },
            _ = window.tick() => {
                let newer = parts.store.committed();
                waiting.extend(parts.store.advanced(level));
                level = newer;
                let free = TENANTS_AT_ONCE.saturating_sub(busy.len());
                let next: Vec<TenantId> = waiting.difference(&busy).take(free).cloned().collect();
                for tenant in next.into_iter().filter(|tenant| waiting.remove(tenant) && !tenant.is_platform()) {
                    busy.insert(tenant.clone());
                    let dispatch = Arc::clone(&parts.dispatch);
                    working.spawn(async move {
                        if let Err(error) = dispatch.run_batches_of(&tenant).await {
                            tracing::warn!(%tenant, %error, "dispatch must wait");
                        }
                        tenant
                    });
                }
            }
        }
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

async fn publish_heads(parts: Parts) {
    let mut tick = every(PUBLISH_EVERY);
    loop {
        let level = parts.store.committed();
        if let Err(fault) = parts.gateway.heads.publish(&*parts.store).await {
            tracing::warn!(error = %fault, "no head is published");
        }
        tick.tick().await;
        // An idle log publishes nothing.
        parts.store.wait_committed(level).await;
    }
}

/// What the loops need, for [`Parts`].
pub type DueHandlers = Vec<Arc<dyn DueHandler>>;
/// What the loops need, for [`Parts`]; the outbox is followed apart.
pub type Subscribers = Vec<Arc<dyn Subscriber>>;
