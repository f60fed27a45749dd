//! The embedded engine: one SQLite file for all tenants, one writer thread, group commit with `synchronous=FULL`.
//!
//! Load and decide run on the callers' threads. The writer only checks versions, appends, hashes, signs and commits:
//! whatever waits when it is free becomes one transaction with one fsync, a savepoint per command, so that a conflict
//! fails that command and never the batch. Receipts leave after the fsync.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod read;
mod readers;
mod rows;
mod schema;
mod shape;
mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use journal::{Entry, Hash};
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};
use rusqlite::Connection;
use store::conformance::{Explain, ReadPlan};
use store::port::{Commit, CommitError, Fault, Head, ListQuery, PAGE_LIMIT_MAX, Receipt, Store};
use store::sequence::HeadSigner;
use store::{Row, RowClass, RowWrite, TableSpec};
use tracing::Instrument;

use crate::readers::Readers;
use crate::shape::{Found, Shaped};
use crate::writer::{Change, Job, Progress, Writer};

/// The database's file in its folder.
const DATABASE: &str = "atlasmesh.sqlite";

/// Commands that may wait for the writer. At thousands of commands a second this is well below a second of work; a
/// caller beyond it is told to come back rather than to wait without an end.
pub const QUEUE_MAX: usize = 4_096;

/// How an engine is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds the database and its lock.
    pub folder: PathBuf,
    /// The most pages of 4 KiB that the database may take; `None` for as many as the disk has.
    pub pages_max: Option<u64>,
}

/// The embedded engine.
pub struct SqliteStore {
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Option<Readers>,
    shaped: Arc<Shaped>,
    progress: Arc<Progress>,
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// [`Fault::InUse`] when another process has it open, [`Fault::NewerSchema`] when a newer program wrote it,
    /// [`Fault::Unavailable`] for whatever the file system says.
    pub fn open(options: &Options, signer: Arc<dyn HeadSigner>) -> Result<Self, Fault> {
        fs::create_dir_all(&options.folder).map_err(|error| unavailable("make its folder", error))?;
        let lock = lock_folder(&options.folder)?;
        let database = options.folder.join(DATABASE);
        let connection = schema::open_writer(&database, options.pages_max)?;
        let progress = Arc::new(Progress::default());
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let shaped = Arc::new(Shaped::default());
        let writer = Writer::new(connection, signer, Arc::clone(&progress), Arc::clone(&shaped));
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| unavailable("start its writer", error))?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
            readers: Some(Readers::start(database)?),
            shaped,
            progress,
            _lock: lock,
        })
    }

    /// Transactions of the engine, each with one fsync, since it was opened: what group commit saves shows here.
    pub fn transactions(&self) -> u64 {
        self.progress.transactions()
    }

    fn submit(&self, job: Job) -> Result<(), Fault> {
        let Some(jobs) = &self.jobs else { return Err(Fault::Misuse("the store is closed")) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Fault::Overloaded,
            TrySendError::Disconnected(_) => stopped("commit"),
        })
    }

    fn readers(&self) -> Result<&Readers, Fault> {
        self.readers.as_ref().ok_or(Fault::Misuse("the store is closed"))
    }

    fn small<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.readers()?.small(query)
    }

    /// Whether the file has the table, in the shape that the program reads; without it there is nothing to read.
    async fn has(&self, table: TableSpec) -> Result<bool, Fault> {
        if self.shaped.has(table) {
            return Ok(true);
        }
        match self.small(|connection| shape::look(connection, table))? {
            Found::Nothing => Ok(false),
            Found::Same => {
                self.shaped.add(table);
                Ok(true)
            }
            Found::Another => self.shape(table).await.map(|()| true),
        }
    }

    async fn shape(&self, table: TableSpec) -> Result<(), Fault> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Shape { table, reply })?;
        answer.await.unwrap_or_else(|_| Err(stopped("commit")))
    }
}

impl Explain for SqliteStore {
    fn explain<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: &'a ListQuery,
    ) -> BoxFuture<'a, Result<ReadPlan, Fault>> {
        Box::pin(async move {
            self.shape(table).await?;
            self.small(|connection| read::explain(connection, table, tenant, query))
        })
    }
}

/// Writes a whole and consistent copy of a store, which may be in use, into another folder.
///
/// # Errors
/// [`Fault::Unavailable`] where there is no store, or a copy is there already.
pub fn backup(folder: &Path, to: &Path) -> Result<(), Fault> {
    fs::create_dir_all(to).map_err(|error| unavailable("make the backup's folder", error))?;
    let target = to.join(DATABASE);
    let source = schema::open_reader(&folder.join(DATABASE))?;
    let target = target.to_str().ok_or(Fault::Misuse("the name of a backup's folder is not UTF-8"))?;
    // One statement, one snapshot: writers go on meanwhile, and the copy needs no write-ahead log.
    let copied = source.execute("VACUUM INTO ?1", [target]);
    copied.map(drop).map_err(|error| unavailable("write the backup: is there one already?", error))
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The writer must be the last to close: only it can bring the write-ahead log back into the file.
        drop(self.readers.take());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // The writer ends after the work that it already has; a panic of it was reported to whom it concerned.
            let _ = writer.join();
        }
    }
}

fn lock_folder(folder: &Path) -> Result<File, Fault> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(folder.join("atlasmesh.lock"))
        .map_err(|error| unavailable("open its lock", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Fault::InUse { folder: folder.display().to_string() }),
        Err(fs::TryLockError::Error(error)) => Err(unavailable("take its lock", error)),
    }
}

pub(crate) fn unavailable(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unavailable { what, source: Box::new(source) }
}

fn stopped(what: &'static str) -> Fault {
    unavailable(what, std::io::Error::other("its thread has stopped: look at the log for why, then restart"))
}

/// Tells a full disk from other failures of SQLite.
pub(crate) fn fault(what: &'static str, error: rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode::{DiskFull, SystemIoFailure};
    match error.sqlite_error_code() {
        Some(DiskFull) => Fault::Full,
        // A limit on the size of files, or a quota, shows as a failed write.
        Some(SystemIoFailure) if what == "commit" => Fault::Full,
        _ => unavailable(what, error),
    }
}

fn span_of(commit: &Commit) -> tracing::Span {
    let (tenant, events) = (commit.tenant(), commit.events());
    let stream = events.first().map(|event| event.unsequenced().stream.as_str());
    tracing::debug_span!("commit", %tenant, stream, events = events.len(), log_size = tracing::field::Empty)
}

fn now<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Store for SqliteStore {
    fn get<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Row>, Fault>> {
        Box::pin(async move {
            match self.has(table).await? {
                true => self.small(|connection| read::get(connection, table, tenant, key)),
                false => Ok(None),
            }
        })
    }

    fn list<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>> {
        Box::pin(async move {
            query.index_of(table)?;
            if !self.has(table).await? {
                return Ok(Vec::new());
            }
            let (tenant, limit) = (tenant.clone(), query.limit.min(PAGE_LIMIT_MAX));
            let page = move |connection: &Connection, limit| {
                read::list(connection, table, &tenant, &ListQuery { limit, ..query.clone() })
            };
            self.readers()?.page(limit, page).await
        })
    }

    fn due(&self, table: TableSpec, at: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>> {
        Box::pin(async move {
            if !self.has(table).await? {
                return Ok(Vec::new());
            }
            let page = move |connection: &Connection, limit| read::due(connection, table, at, limit);
            self.readers()?.page(limit.min(PAGE_LIMIT_MAX), page).await
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        let span = span_of(&commit);
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(Job::Change(Change::Commit { commit: Box::new(commit), reply }));
        let waiting = async move {
            submitted?;
            let receipt = answer.await.unwrap_or_else(|_| Err(stopped("commit").into()));
            if let Ok(receipt) = &receipt {
                tracing::Span::current().record("log_size", receipt.head.size);
            }
            receipt
        };
        Box::pin(waiting.instrument(span))
    }

    fn write<'a>(&'a self, tenant: &'a TenantId, rows: Vec<RowWrite>) -> BoxFuture<'a, Result<(), CommitError>> {
        if rows.iter().any(|row| row.table.class == RowClass::State) {
            return now(Err(Fault::Misuse("state rows are written with events only").into()));
        }
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(Job::Change(Change::Write { tenant: tenant.clone(), rows, reply }));
        Box::pin(async move {
            submitted?;
            answer.await.unwrap_or_else(|_| Err(stopped("commit").into()))
        })
    }

    fn entries<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async move {
            let tenant = tenant.clone();
            let page = move |connection: &Connection, limit| read::entries(connection, &tenant, from, limit);
            self.readers()?.page(limit.min(PAGE_LIMIT_MAX), page).await
        })
    }

    fn timeline<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a Subject,
        after_n: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async move {
            let (tenant, subject) = (tenant.clone(), subject.clone());
            let page =
                move |connection: &Connection, limit| read::timeline(connection, &tenant, &subject, after_n, limit);
            self.readers()?.page(limit.min(PAGE_LIMIT_MAX), page).await
        })
    }

    fn entry<'a>(&'a self, tenant: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>> {
        now(self.small(|connection| read::entry(connection, tenant, event)))
    }

    fn head<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>> {
        now(self.small(|connection| read::head(connection, tenant)))
    }

    fn leaves<'a>(&'a self, tenant: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>> {
        Box::pin(async move {
            let tenant = tenant.clone();
            let leaves = move |connection: &Connection| read::leaves(connection, &tenant, from, to);
            match to.saturating_sub(from) <= readers::SMALL as u64 {
                true => self.small(leaves),
                false => self.readers()?.large(leaves).await,
            }
        })
    }

    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>> {
        now(self.small(read::logs))
    }

    fn committed(&self) -> u64 {
        self.progress.committed()
    }

    fn advanced(&self, beyond: u64) -> Vec<TenantId> {
        self.progress.advanced(beyond)
    }

    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()> {
        Box::pin(self.progress.wait(beyond))
    }
}
