//! One subscriber of the journal at work. It is woken by the tenants whose logs grew and reads only these; tenants are
//! served beside one another, each in order, so that a slow or failing one holds up nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kernel::TenantId;
use store::port::{Fault, Store};
use store::subscribe::{PUMP_BATCH_MAX, Subscriber, pump};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::loops::TENANTS_AT_ONCE;

/// How soon a tenant whose log could not be followed is tried again; each time twice as late …
const PAUSE: Duration = Duration::from_millis(250);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);

type Caught = (TenantId, Result<(), Fault>);

/// A subscriber and the tenants that it has to serve.
pub struct Follower {
    store: Arc<dyn Store>,
    subscriber: Arc<dyn Subscriber>,
    /// What follows once a tenant's rows are written.
    served: Arc<dyn Fn(&TenantId) + Send + Sync>,
    waiting: BTreeSet<TenantId>,
    busy: BTreeSet<TenantId>,
    working: JoinSet<Caught>,
    /// How often in a row a tenant failed.
    failures: BTreeMap<TenantId, u32>,
    /// Tenants that failed lately, and when they are tried again.
    paused: BTreeMap<TenantId, Instant>,
}

impl Follower {
    /// A subscriber over a store; `served` is called with each tenant whose rows were written.
    pub fn new(
        store: Arc<dyn Store>,
        subscriber: Arc<dyn Subscriber>,
        served: impl Fn(&TenantId) + Send + Sync + 'static,
    ) -> Self {
        let (waiting, busy, working, failures, paused) = Default::default();
        Self { store, subscriber, served: Arc::new(served), waiting, busy, working, failures, paused }
    }

    pub async fn run(mut self) {
        let mut level = self.store.committed();
        self.waiting = self.every_log().await;
        loop {
            self.begin();
            let store = Arc::clone(&self.store);
            let retry_at = self.paused.values().min().copied();
            tokio::select! {
                () = store.wait_committed(level) => {
                    // The level first: what is committed meanwhile is looked at twice rather than never.
                    let newer = store.committed();
                    let advanced = store.advanced(level).into_iter();
                    self.waiting.extend(advanced.filter(|tenant| !self.paused.contains_key(tenant)));
                    level = newer;
                }
                Some(caught) = self.working.join_next() => match caught {
                    Ok(caught) => self.caught_up(caught),
                    Err(panicked) => self.recover(&panicked).await,
                },
                () = at(retry_at) => self.retry(),
            }
        }
    }

    async fn every_log(&self) -> BTreeSet<TenantId> {
        loop {
            match self.store.logs().await {
                Ok(logs) => return logs.into_iter().collect(),
                Err(fault) => tracing::warn!(subscriber = self.subscriber.name(), error = %fault, "the logs must wait"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn begin(&mut self) {
        let free = TENANTS_AT_ONCE.saturating_sub(self.busy.len());
        let next: Vec<TenantId> = self.waiting.difference(&self.busy).take(free).cloned().collect();
        for tenant in next {
            self.waiting.remove(&tenant);
            self.busy.insert(tenant.clone());
            let (store, subscriber) = (Arc::clone(&self.store), Arc::clone(&self.subscriber));
            let served = Arc::clone(&self.served);
            self.working.spawn(async move {
                let caught = catch_up(&*store, &*subscriber, &tenant).await;
                served(&tenant);
                (tenant, caught)
            });
        }
    }

    fn caught_up(&mut self, (tenant, caught): Caught) {
        self.busy.remove(&tenant);
        match caught {
            Ok(()) => drop(self.failures.remove(&tenant)),
            Err(fault) => {
                let times = self.failures.entry(tenant.clone()).or_default();
                let pause = PAUSE.saturating_mul(1 << (*times).min(12)).min(PAUSE_MAX);
                *times = times.saturating_add(1);
                tracing::warn!(subscriber = self.subscriber.name(), %tenant, error = %fault, ?pause, "a log must wait");
                self.waiting.remove(&tenant);
                self.paused.insert(tenant, Instant::now() + pause);
            }
        }
    }

    /// Which tenant's task panicked is not known: all of them are looked at again.
    async fn recover(&mut self, panicked: &tokio::task::JoinError) {
        tracing::error!(subscriber = self.subscriber.name(), error = %panicked, "a subscriber panicked");
        self.working.shutdown().await;
        self.waiting.append(&mut self.busy);
        tokio::time::sleep(PAUSE).await;
    }

    /// Tenants whose pause is over wait to be served again.
    fn retry(&mut self) {
        let now = Instant::now();
        self.waiting.extend(self.paused.extract_if(.., |_, at| *at <= now).map(|(tenant, _)| tenant));
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn catch_up(store: &dyn Store, subscriber: &dyn Subscriber, tenant: &TenantId) -> Result<(), Fault> {
    while pump(store, subscriber, tenant).await? == PUMP_BATCH_MAX {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kernel::envelope::NewEvent;
    use kernel::testing::HandClock;
    use kernel::{Actor, BoxFuture, Ctx, Envelope, Subject};
    use store::conformance::PlainSigner;
    use store::port::Commit;
    use store::{MemoryStore, RowWrite};
    use tokio::sync::{Notify, mpsc};

    use super::*;

    /// More than any of these tests writes.
    const ENTRIES_MAX: usize = 16;

    /// Tells each entry that it handled; hangs or fails for some tenants until it is let go.
    struct Subscribed {
        handled: mpsc::Sender<TenantId>,
        hangs: Option<TenantId>,
        fails: Mutex<Option<TenantId>>,
        go: Notify,
    }

    impl Subscriber for Subscribed {
        fn name(&self) -> &'static str {
            "test"
        }

        fn handle<'a>(&'a self, _: u64, event: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
            Box::pin(async move {
                if self.hangs.as_ref() == Some(&event.tenant) {
                    self.go.notified().await;
                }
                if self.fails.lock().unwrap().as_ref() == Some(&event.tenant) {
                    return Err(Fault::Overloaded);
                }
                self.handled.try_send(event.tenant.clone()).unwrap();
                Ok(Vec::new())
            })
        }
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    async fn happens(store: &dyn Store, tenant: &TenantId) {
        let ctx = Ctx::new(&HandClock::default(), tenant.clone(), Actor::automation("test"));
        let event = NewEvent::new(&ctx, Subject::new("thing", "a"), "thing.happened", 1, serde_json::json!({}));
        store.commit(Commit::new(tenant.clone(), Vec::new(), vec![event]).unwrap()).await.unwrap();
    }

    fn follow(
        hangs: Option<TenantId>,
        fails: Option<TenantId>,
    ) -> (Arc<dyn Store>, Arc<Subscribed>, mpsc::Receiver<TenantId>) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(PlainSigner)));
        let (handled, receiver) = mpsc::channel(ENTRIES_MAX);
        let subscriber = Arc::new(Subscribed { handled, hangs, fails: Mutex::new(fails), go: Notify::new() });
        tokio::spawn(Follower::new(Arc::clone(&store), subscriber.clone(), |_| {}).run());
        (store, subscriber, receiver)
    }

    #[tokio::test]
    async fn a_tenant_that_hangs_holds_up_no_other() {
        let (slow, quick) = (tenant("slow"), tenant("quick"));
        let (store, subscriber, mut handled) = follow(Some(slow.clone()), None);
        happens(&*store, &slow).await;
        for _ in 0..3 {
            happens(&*store, &quick).await;
            assert_eq!(handled.recv().await.unwrap(), quick);
        }
        subscriber.go.notify_one();
        assert_eq!(handled.recv().await.unwrap(), slow);
    }

    #[tokio::test]
    async fn a_tenant_that_fails_is_tried_again_and_holds_up_no_other() {
        let (broken, sound) = (tenant("broken"), tenant("sound"));
        let (store, subscriber, mut handled) = follow(None, Some(broken.clone()));
        happens(&*store, &broken).await;
        for _ in 0..3 {
            happens(&*store, &sound).await;
            assert_eq!(handled.recv().await.unwrap(), sound);
        }
        subscriber.fails.lock().unwrap().take();
        assert_eq!(handled.recv().await.unwrap(), broken);
        happens(&*store, &broken).await;
        assert_eq!(handled.recv().await.unwrap(), broken);
    }
}
