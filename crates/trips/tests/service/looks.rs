//! What dispatch reads while it has nothing to do: never more because more trips ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use journal::{Entry, Hash};
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};
use pollster::block_on;
use store::port::{Commit, CommitError, Fault, Head, ListQuery, Receipt};
use store::{MemoryStore, Row, RowWrite, Store, TableSpec};
use trips::Trip;

use crate::world::{World, able};

/// A store that counts what is read of it.
struct Counted {
    store: Arc<MemoryStore>,
    reads: AtomicUsize,
    trips: AtomicUsize,
}

impl Counted {
    fn read(&self) -> &MemoryStore {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

impl Store for Counted {
    fn get<'a>(
        &'a self,
        table: TableSpec,
        of: &'a TenantId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Row>, Fault>> {
        self.read().get(table, of, key)
    }
    fn list<'a>(
        &'a self,
        table: TableSpec,
        of: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>> {
        Box::pin(async move {
            let rows = self.read().list(table, of, query).await?;
            if table == TableSpec::of::<Trip>() {
                self.trips.fetch_add(rows.len(), Ordering::Relaxed);
            }
            Ok(rows)
        })
    }
    fn due(&self, table: TableSpec, at: Timestamp, max: usize) -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>> {
        self.read().due(table, at, max)
    }
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        self.store.commit(commit)
    }
    fn write<'a>(&'a self, of: &'a TenantId, rows: Vec<RowWrite>) -> BoxFuture<'a, Result<(), CommitError>> {
        self.store.write(of, rows)
    }
    fn entries<'a>(&'a self, of: &'a TenantId, from: u64, max: usize) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        self.read().entries(of, from, max)
    }
    fn timeline<'a>(
        &'a self,
        of: &'a TenantId,
        subject: &'a Subject,
        after: u64,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        self.read().timeline(of, subject, after, max)
    }
    fn entry<'a>(&'a self, of: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>> {
        self.read().entry(of, event)
    }
    fn head<'a>(&'a self, of: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>> {
        self.read().head(of)
    }
    fn leaves<'a>(&'a self, of: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>> {
        self.read().leaves(of, from, to)
    }
    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>> {
        self.read().logs()
    }
    fn committed(&self) -> u64 {
        self.store.committed()
    }
    fn advanced(&self, beyond: u64) -> Vec<TenantId> {
        self.store.advanced(beyond)
    }

    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()> {
        self.store.wait_committed(beyond)
    }
}

fn counted(world: &mut World) -> Arc<Counted> {
    let (reads, trips) = Default::default();
    let counted = Arc::new(Counted { store: Arc::clone(&world.store), reads, trips });
    world.services = World::service(&world.neighbours, counted.clone());
    counted
}

impl Counted {
    /// Given what was read so far, when dispatch looks, then so many reads are made, and so many trips read.
    #[track_caller]
    fn check(&self, world: &World, reads: usize, trips: usize) {
        self.reads.store(0, Ordering::Relaxed);
        self.trips.store(0, Ordering::Relaxed);
        assert_eq!(world.looks(), 0);
        assert_eq!((self.reads.load(Ordering::Relaxed), self.trips.load(Ordering::Relaxed)), (reads, trips));
    }
}

#[test]
fn a_tick_while_nothing_waits_reads_no_trip_that_ended() {
    let mut world = World::with(vec![able(0)]);
    for n in 0..20 {
        let trip = world.asks_for(n);
        block_on(world.services.trips.cancel(&world.ctx(), trip, "not needed")).unwrap();
    }
    let counted = counted(&mut world);
    // The tenants, claims to be repaired, and whether a trip waits in either of the two states.
    counted.check(&world, 4, 0);
    counted.check(&world, 4, 0);
}

#[test]
fn a_tick_while_all_step_aside_reads_no_vehicle_and_one_trip() {
    let mut world = World::with(vec![]);
    for n in 0..20 {
        world.asks_for(n);
    }
    let counted = counted(&mut world);
    assert_eq!(world.looks(), 0);
    // What dispatch itself wrote is read once, and is no news.
    world.looks();
    // The tenants, claims, whether a trip waits, and the end of the journal.
    counted.check(&world, 5, 1);
    let other = kernel::Subject::new("vehicle", crate::world::vehicle(7));
    world.happens_to(other, "vehicle.claim_taken", serde_json::json!({}));
    counted.check(&world, 5, 1);
}
