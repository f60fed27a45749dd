//! The suite bites: engines that each break one promise of the port are each caught by it, and the engine that they are
//! made of is not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use journal::{Entry, Hash};
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};
use pollster::block_on;
use store::conformance::{self, PlainSigner};
use store::port::{Commit, CommitError, Fault, Head, ListQuery, Receipt, Store};
use store::{Expected, MemoryStore, Row, RowClass, RowWrite, TableSpec};

/// What an engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    /// Rows of some acknowledged commits are gone.
    Loses,
    /// The events of a commit get their places in another order.
    Reorders,
    /// A commit that was acknowledged is carried out once more.
    Doubles,
    /// Of a commit that is refused a part stays.
    TearsCommits,
    /// Of rows that are refused a part stays.
    TearsWrites,
    /// One tenant reads what another has.
    Leaks(Read),
    /// What was acknowledged is durable only with the next commit.
    AnswersEarly,
    /// A worker that lost its lease still commits.
    IgnoresFencing,
    /// Whatever a writer believed of a row is taken for true.
    IgnoresVersions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Row,
    List,
    Entries,
    Timeline,
    Entry,
    Leaves,
    Head,
}

const DEFECTS: [Defect; 15] = [
    Defect::Loses,
    Defect::Reorders,
    Defect::Doubles,
    Defect::TearsCommits,
    Defect::TearsWrites,
    Defect::Leaks(Read::Row),
    Defect::Leaks(Read::List),
    Defect::Leaks(Read::Entries),
    Defect::Leaks(Read::Timeline),
    Defect::Leaks(Read::Entry),
    Defect::Leaks(Read::Leaves),
    Defect::Leaks(Read::Head),
    Defect::AnswersEarly,
    Defect::IgnoresFencing,
    Defect::IgnoresVersions,
];

/// What an engine has made durable, in order.
type Disk = Arc<Mutex<Vec<Commit>>>;

/// The memory engine over a disk of its own, with one defect or none.
struct Engine {
    memory: MemoryStore,
    disk: Disk,
    defect: Option<Defect>,
    early: Mutex<Option<Commit>>,
    commits: AtomicU64,
}

impl Engine {
    fn open(disk: &Disk, defect: Option<Defect>) -> Self {
        let memory = MemoryStore::new(Arc::new(PlainSigner));
        for commit in disk.lock().unwrap().iter() {
            block_on(memory.commit(commit.clone())).unwrap();
        }
        Self { memory, disk: disk.clone(), defect, early: Mutex::new(None), commits: AtomicU64::new(0) }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whose tenant's data a read answers: the first that there are, where it leaks.
    async fn whose(&self, read: Read, asked: &TenantId) -> Result<TenantId, Fault> {
        let first = self.memory.logs().await?.into_iter().next();
        Ok(first.filter(|_| self.has(Defect::Leaks(read))).unwrap_or_else(|| asked.clone()))
    }

    async fn changed(&self, commit: &Commit) -> Result<Commit, Fault> {
        let n = self.commits.fetch_add(1, Ordering::Relaxed);
        let (mut state, machinery): (Vec<RowWrite>, Vec<RowWrite>) =
            commit.rows().cloned().partition(|row| row.table.class == RowClass::State);
        let (mut events, mut guard) = (commit.events().to_vec(), commit.guard().cloned());
        match self.defect {
            Some(Defect::Loses) if n % 3 == 2 => state.clear(),
            Some(Defect::Reorders) => events.reverse(),
            Some(Defect::IgnoresFencing) => guard = None,
            Some(Defect::IgnoresVersions) => {
                for row in &mut state {
                    let known = self.memory.get(row.table, commit.tenant(), &row.key).await?;
                    row.expected = known.map_or(Expected::Absent, |known| Expected::Version(known.version));
                }
            }
            _ => {}
        }
        Ok(Commit::new(commit.tenant().clone(), state, events)?.with_machinery(machinery)?.with_guard(guard))
    }

    async fn carry_out(&self, asked: Commit) -> Result<Receipt, CommitError> {
        let commit = self.changed(&asked).await?;
        let done = self.memory.commit(commit.clone()).await;
        match (self.defect, &done) {
            (Some(Defect::TearsCommits), Err(CommitError::Conflict { .. })) => {
                let machinery = asked.rows().filter(|row| row.table.class != RowClass::State).cloned().collect();
                self.memory.write(asked.tenant(), machinery).await?;
            }
            (Some(Defect::Doubles), Ok(_)) => {
                let again = Commit::new(asked.tenant().clone(), Vec::new(), asked.events().to_vec())?;
                self.memory.commit(again).await?;
            }
            _ => {}
        }
        let receipt = done?;
        let durable = match self.defect {
            Some(Defect::AnswersEarly) => self.early.lock().unwrap().replace(commit),
            _ => Some(commit),
        };
        self.disk.lock().unwrap().extend(durable);
        Ok(receipt)
    }
}

impl Store for Engine {
    fn get<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Row>, Fault>> {
        Box::pin(async move { self.memory.get(table, &self.whose(Read::Row, tenant).await?, key).await })
    }

    fn list<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>> {
        Box::pin(async move { self.memory.list(table, &self.whose(Read::List, tenant).await?, query).await })
    }

    fn due(
        &self,
        table: TableSpec,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>> {
        self.memory.due(table, now, limit)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        Box::pin(self.carry_out(commit))
    }

    fn write<'a>(&'a self, tenant: &'a TenantId, rows: Vec<RowWrite>) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async move {
            let done = self.memory.write(tenant, rows.clone()).await;
            if self.has(Defect::TearsWrites) && matches!(done, Err(CommitError::Conflict { .. })) {
                for row in rows {
                    // Those that are refused are the ones that were torn off.
                    let _ = self.memory.write(tenant, vec![row]).await;
                }
            }
            done
        })
    }

    fn entries<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async move { self.memory.entries(&self.whose(Read::Entries, tenant).await?, from, limit).await })
    }

    fn timeline<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a Subject,
        after_n: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async move {
            self.memory.timeline(&self.whose(Read::Timeline, tenant).await?, subject, after_n, limit).await
        })
    }

    fn entry<'a>(&'a self, tenant: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>> {
        Box::pin(async move { self.memory.entry(&self.whose(Read::Entry, tenant).await?, event).await })
    }

    fn head<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>> {
        Box::pin(async move { self.memory.head(&self.whose(Read::Head, tenant).await?).await })
    }

    fn leaves<'a>(&'a self, tenant: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>> {
        Box::pin(async move { self.memory.leaves(&self.whose(Read::Leaves, tenant).await?, from, to).await })
    }

    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>> {
        self.memory.logs()
    }

    fn committed(&self) -> u64 {
        self.memory.committed()
    }

    fn advanced(&self, beyond: u64) -> Vec<TenantId> {
        self.memory.advanced(beyond)
    }

    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()> {
        self.memory.wait_committed(beyond)
    }
}

/// The whole suite, as a durable engine's tests run it.
fn suite(defect: Option<Defect>) {
    conformance::run(&|| Arc::new(Engine::open(&Disk::default(), defect)));
    let disk = Disk::default();
    conformance::survives_reopening(&|| Arc::new(Engine::open(&disk, defect)));
}

#[test]
fn the_engine_without_a_defect_conforms() {
    suite(None);
}

#[test]
fn every_broken_engine_is_caught() {
    let caught = |defect: &&Defect| catch_unwind(AssertUnwindSafe(|| suite(Some(**defect)))).is_err();
    let missed: Vec<&Defect> = DEFECTS.iter().filter(|defect| !caught(defect)).collect();
    assert!(missed.is_empty(), "the suite passes engines with {missed:?}");
}
