//! The one writer: whatever waits when it is free becomes one transaction, a savepoint per command, one fsync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use event_listener::Event;
use futures_channel::oneshot::Sender;
use journal::{ChainTip, Entry, Hash};
use kernel::id::TypedId;
use kernel::{Subject, TenantId};
use rusqlite::{Connection, OptionalExtension, params};
use store::port::{Commit, CommitError, Fault, Head, Receipt};
use store::sequence::{HeadSigner, LogTip, envelope};
use store::{RowWrite, TableSpec};

use crate::shape::{self, Shaped};
use crate::{fault, read, rows};

/// Commands per transaction: enough that the fsync is a small part of the work, few enough that the first one's
/// receipt does not wait long for the last one's rows.
const BATCH_MAX: usize = 512;

/// Work for the writer.
pub enum Job {
    /// Something to be written.
    Change(Change),
    /// A table that is to be read has not the shape that this program gives it.
    Shape {
        /// Which.
        table: TableSpec,
        /// Who waits for it.
        reply: Sender<Result<(), Fault>>,
    },
}

/// What is written as one, or not at all.
pub enum Change {
    /// Rows and events.
    Commit {
        /// What to commit.
        commit: Box<Commit>,
        /// Who waits for it.
        reply: Sender<Result<Receipt, CommitError>>,
    },
    /// Rows of observation or machinery.
    Write {
        /// Whose.
        tenant: TenantId,
        /// The rows.
        rows: Vec<RowWrite>,
        /// Who waits for it.
        reply: Sender<Result<(), CommitError>>,
    },
}

/// How far the writer has come: a level to wait on.
#[derive(Debug, Default)]
pub struct Progress {
    committed: AtomicU64,
    transactions: AtomicU64,
    /// By level the tenants that committed with it, and by tenant its newest level.
    newest: Mutex<Newest>,
    changed: Event,
}

/// Which tenant committed last at which level.
#[derive(Debug, Default)]
struct Newest {
    by_level: BTreeSet<(u64, TenantId)>,
    by_tenant: BTreeMap<TenantId, u64>,
}

impl Progress {
    /// Transactions with events since the engine was opened.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Transactions of the engine, each with one fsync, since it was opened.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Acquire)
    }

    /// Resolves once [`Progress::committed`] exceeds `beyond`.
    pub async fn wait(&self, beyond: u64) {
        loop {
            let listener = self.changed.listen();
            if self.committed() > beyond {
                return;
            }
            listener.await;
        }
    }

    /// The tenants that committed since a level.
    pub fn advanced(&self, beyond: u64) -> Vec<TenantId> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest
            .by_level
            .iter()
            .rev()
            .take_while(|(level, _)| *level > beyond)
            .map(|(_, tenant)| tenant.clone())
            .collect()
    }

    fn advance<'a>(&self, tenants: impl Iterator<Item = &'a TenantId>) {
        self.transactions.fetch_add(1, Ordering::Release);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.committed();
        let mut level = before;
        for tenant in tenants {
            level += 1;
            if let Some(older) = newest.by_tenant.insert(tenant.clone(), level) {
                newest.by_level.remove(&(older, tenant.clone()));
            }
            newest.by_level.insert((level, tenant.clone()));
        }
        // The level last: who sees it finds its tenants.
        if level > before {
            self.committed.store(level, Ordering::Release);
            drop(newest);
            self.changed.notify(usize::MAX);
        }
    }
}

/// What a job came to inside a transaction that may still fail to commit.
type Applied = Result<Vec<Entry>, CommitError>;

/// The writer's state: its connection and the ends of the logs that it has touched.
pub struct Writer {
    connection: Connection,
    signer: Arc<dyn HeadSigner>,
    progress: Arc<Progress>,
    shaped: Arc<Shaped>,
    tips: BTreeMap<TenantId, LogTip>,
}

impl Writer {
    /// A writer on the only connection that writes.
    pub fn new(
        connection: Connection,
        signer: Arc<dyn HeadSigner>,
        progress: Arc<Progress>,
        shaped: Arc<Shaped>,
    ) -> Self {
        Self { connection, signer, progress, shaped, tips: BTreeMap::new() }
    }

    /// Works until every sender is gone.
    pub fn run(mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let others = std::iter::from_fn(|| waiting.try_recv().ok());
            let jobs: Vec<Job> = std::iter::once(first).chain(others.take(BATCH_MAX - 1)).collect();
            let batch: Vec<Change> = jobs.into_iter().filter_map(|job| self.ready(job)).collect();
            if !batch.is_empty() {
                self.process(batch);
            }
        }
    }

    /// Gives every table of a job its shape, and answers what is left to do.
    fn ready(&mut self, job: Job) -> Option<Change> {
        match job {
            Job::Shape { table, reply } => {
                // Whoever has stopped waiting is not told.
                drop(reply.send(self.shape(table)));
                None
            }
            Job::Change(change) => {
                let shaped = change.tables().try_for_each(|table| self.shape(table));
                if let Err(fault) = shaped {
                    report(&fault);
                    change.fail(fault);
                    return None;
                }
                Some(change)
            }
        }
    }

    fn shape(&mut self, table: TableSpec) -> Result<(), Fault> {
        if !self.shaped.has(table) {
            shape::give(&mut self.connection, table)?;
            self.shaped.add(table);
        }
        Ok(())
    }

    /// A batch that the engine cannot commit as one is tried one by one, so that a command that fails by itself (the
    /// last that did not fit the disk) does not take the others with it.
    fn process(&mut self, batch: Vec<Change>) {
        match self.transact(&batch) {
            Ok((applied, heads)) => {
                let done = applied.iter().zip(&batch).filter(|(done, _)| done.is_ok());
                self.progress.advance(done.filter_map(|(_, job)| job.committed_tenant()));
                for (job, applied) in batch.into_iter().zip(applied) {
                    job.answer(applied, &heads);
                }
            }
            Err(fault) => match <[Change; 1]>::try_from(batch) {
                Ok([job]) => {
                    report(&fault);
                    job.fail(fault);
                }
                Err(batch) => {
                    tracing::warn!(error = %fault, jobs = batch.len(), "a batch failed and is tried one by one");
                    for job in batch {
                        self.process(vec![job]);
                    }
                }
            },
        }
    }

    fn transact(&mut self, batch: &[Change]) -> Result<(Vec<Applied>, BTreeMap<TenantId, Head>), Fault> {
        let done = self.sql("BEGIN IMMEDIATE").and_then(|()| {
            let applied = batch.iter().map(|job| self.apply_alone(job)).collect::<Result<Vec<_>, _>>()?;
            let heads = self.sign_heads(batch, &applied)?;
            self.sql("COMMIT")?;
            Ok((applied, heads))
        });
        match done {
            Ok(done) => {
                self.tips.values_mut().for_each(LogTip::settle);
                Ok(done)
            }
            Err(fault) => {
                self.tips.clear();
                if !self.connection.is_autocommit() {
                    self.sql("ROLLBACK")?;
                }
                Err(fault)
            }
        }
    }

    fn sql(&self, sql: &str) -> Result<(), Fault> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(|error| fault("commit", error))?;
        Ok(())
    }

    /// One job between savepoints. The outer error is the engine's and ends the whole transaction.
    fn apply_alone(&mut self, job: &Change) -> Result<Applied, Fault> {
        self.sql("SAVEPOINT command")?;
        let applied = match job {
            Change::Commit { commit, .. } => self.apply_commit(commit),
            Change::Write { tenant, rows, .. } => self.apply_rows(tenant, rows.iter()).map(|()| Vec::new()),
        };
        match applied {
            Err(CommitError::Fault(fault @ (Fault::Full | Fault::Unavailable { .. }))) => return Err(fault),
            Err(_) => {
                self.sql("ROLLBACK TO command")?;
            }
            Ok(_) => {}
        }
        self.sql("RELEASE command")?;
        Ok(applied)
    }

    fn apply_rows<'a>(
        &mut self,
        tenant: &TenantId,
        rows: impl Iterator<Item = &'a RowWrite>,
    ) -> Result<(), CommitError> {
        for row in rows {
            rows::write(&self.connection, tenant, row)?;
        }
        Ok(())
    }

    fn apply_commit(&mut self, commit: &Commit) -> Result<Vec<Entry>, CommitError> {
        if let Some(guard) = commit.guard() {
            rows::check_guard(&self.connection, guard)?;
        }
        self.apply_rows(commit.tenant(), commit.rows())?;
        if !self.tips.contains_key(commit.tenant()) {
            let frontier = read::frontier(&self.connection, commit.tenant())?;
            self.tips.insert(commit.tenant().clone(), LogTip::new(frontier));
        }
        let tip = self.tips.entry(commit.tenant().clone()).or_default();
        let mark = tip.mark();
        append(&self.connection, tip, commit).map_err(|fault| {
            tip.undo_to(mark);
            CommitError::Fault(fault)
        })
    }

    fn sign_heads(&mut self, batch: &[Change], applied: &[Applied]) -> Result<BTreeMap<TenantId, Head>, Fault> {
        let mut heads = BTreeMap::new();
        for (job, applied) in batch.iter().zip(applied) {
            let Change::Commit { commit, .. } = job else { continue };
            if applied.is_err() || heads.contains_key(commit.tenant()) {
                continue;
            }
            let Some(tip) = self.tips.get(commit.tenant()) else { continue };
            let head = tip.sign(&*self.signer, commit.tenant())?;
            keep_head(&self.connection, commit.tenant(), tip, &head).map_err(|error| fault("commit", error))?;
            heads.insert(commit.tenant().clone(), head);
        }
        Ok(heads)
    }
}

fn report(fault: &Fault) {
    let cause = std::error::Error::source(fault).map(ToString::to_string);
    tracing::error!(error = %fault, cause, "a transaction failed");
}

fn append(connection: &Connection, tip: &mut LogTip, commit: &Commit) -> Result<Vec<Entry>, Fault> {
    let tenant = commit.tenant();
    let mut entries = Vec::with_capacity(commit.events().len());
    for event in commit.events() {
        let entry = tip.append(event.clone(), |subject| stored_tip(connection, tenant, subject))?;
        insert_entry(connection, tenant, &entry)?;
        entries.push(entry);
    }
    Ok(entries)
}

fn stored_tip(connection: &Connection, tenant: &TenantId, subject: &Subject) -> Result<Option<ChainTip>, Fault> {
    let sql = "SELECT c.n, j.leaf FROM chains c JOIN journal j ON j.tenant=c.tenant AND j.idx=c.idx \
               WHERE c.tenant=?1 AND c.subject=?2 ORDER BY c.n DESC LIMIT 1";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let found = statement.query_row([tenant.as_str(), subject.as_str()], |row| {
                Ok(ChainTip { n: row.get::<_, i64>(0)?.unsigned_abs(), leaf: Hash::from_bytes(row.get(1)?) })
            });
            found.optional()
        })
        .map_err(|error| fault("commit", error))
}

fn insert_entry(connection: &Connection, tenant: &TenantId, entry: &Entry) -> Result<(), Fault> {
    let envelope = envelope(entry)?;
    let index = i64::try_from(entry.index).map_err(|_| Fault::Misuse("a log is too long"))?;
    let event = envelope.id.as_u128().to_be_bytes();
    let failed = |error| fault("commit", error);
    connection
        .prepare_cached(
            "INSERT INTO journal (tenant, idx, event, leaf, envelope, links) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            let leaf = entry.leaf.as_bytes();
            statement.execute(params![tenant.as_str(), index, event, leaf, entry.envelope_json, entry.links_json])
        })
        .map_err(failed)?;
    for link in
        entry.links().map_err(|source| Fault::Corrupt { what: "an entry's links".into(), source: Box::new(source) })?
    {
        let n = i64::try_from(link.n).map_err(|_| Fault::Misuse("a chain is too long"))?;
        connection
            .prepare_cached("INSERT INTO chains (tenant, subject, n, idx) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| statement.execute(params![tenant.as_str(), link.subject.as_str(), n, index]))
            .map_err(failed)?;
    }
    Ok(())
}

fn keep_head(connection: &Connection, tenant: &TenantId, tip: &LogTip, head: &Head) -> rusqlite::Result<()> {
    let size = i64::try_from(head.size).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO heads (tenant, size, root, note) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![tenant.as_str(), size, head.root.as_bytes(), head.note])?;
    connection
        .prepare_cached(
            "INSERT INTO frontiers (tenant, frontier) VALUES (?1, ?2) ON CONFLICT (tenant) DO UPDATE SET frontier=excluded.frontier",
        )?
        .execute(params![tenant.as_str(), tip.frontier().to_bytes()])?;
    Ok(())
}

impl Change {
    /// Every table that the job touches.
    fn tables(&self) -> Box<dyn Iterator<Item = TableSpec> + '_> {
        match self {
            Change::Commit { commit, .. } => {
                Box::new(commit.rows().map(|row| row.table).chain(commit.guard().map(|guard| guard.table)))
            }
            Change::Write { rows, .. } => Box::new(rows.iter().map(|row| row.table)),
        }
    }

    /// Whose log grows with it.
    fn committed_tenant(&self) -> Option<&TenantId> {
        match self {
            Change::Commit { commit, .. } => Some(commit.tenant()),
            Change::Write { .. } => None,
        }
    }

    /// Answers after the fsync. Whoever has stopped waiting is not told; what was committed stays committed.
    fn answer(self, applied: Applied, heads: &BTreeMap<TenantId, Head>) {
        match self {
            Change::Commit { commit, reply } => {
                let receipt = applied.and_then(|entries| match heads.get(commit.tenant()) {
                    Some(head) => Ok(Receipt { entries, head: head.clone() }),
                    None => Err(Fault::Misuse("a commit has no head").into()),
                });
                let _ = reply.send(receipt);
            }
            Change::Write { reply, .. } => {
                let _ = reply.send(applied.map(|_| ()));
            }
        }
    }

    fn fail(self, fault: Fault) {
        match self {
            Change::Commit { reply, .. } => drop(reply.send(Err(fault.into()))),
            Change::Write { reply, .. } => drop(reply.send(Err(fault.into()))),
        }
    }
}
