//! The embedded engine: one SQLite file for all tenants, one writer thread, group commit with `synchronous=FULL`.
//!
//! Load and decide run on the callers' threads. The writer only checks versions, appends, hashes, signs and commits:
//! whatever waits when it is free becomes one transaction with one fsync, a savepoint per command, so that a conflict
//! fails that command and never the batch. Receipts leave after the fsync.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod read;
mod rows;
mod schema;
mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use journal::{Entry, Hash};
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};
use rusqlite::Connection;
use store::port::{Commit, CommitError, Fault, Head, ListQuery, Receipt, Store};
use store::sequence::HeadSigner;
use store::{Row, RowClass, RowWrite, TableSpec};
use tracing::Instrument;

use crate::writer::{Job, Progress, Writer};

/// The database's file in its folder.
const DATABASE: &str = "atlasmesh.sqlite";

/// Commands that may wait for the writer. At thousands of commands a second this is well below a second of work; a
/// caller beyond it is told to come back rather than to wait without an end.
pub const QUEUE_MAX: usize = 4_096;

/// Read connections: as many readers as can be busy on a small machine; more of them only wait for the same disk.
const READERS_MAX: usize = 8;

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
    readers: Mutex<Vec<Connection>>,
    database: PathBuf,
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
        let writer = Writer::new(connection, signer, Arc::clone(&progress));
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| unavailable("start its writer", error))?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
            readers: Mutex::new(Vec::new()),
            database,
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
            TrySendError::Disconnected(_) => stopped(),
        })
    }

    fn read<T>(&self, what: &'static str, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.database)?,
        };
        let answer = query(&connection);
        if answer.is_err() {
            tracing::debug!(what, "a read failed");
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_MAX {
            readers.push(connection);
        }
        answer
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
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
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

fn stopped() -> Fault {
    unavailable("commit", std::io::Error::other("its writer has stopped: look at the log for why, then restart"))
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
        now(self.read("get", |connection| read::get(connection, table, tenant, key)))
    }

    fn list<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>> {
        now(self.read("list", |connection| read::list(connection, table, tenant, &query)))
    }

    fn due(&self, table: TableSpec, at: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>> {
        now(self.read("due", |connection| read::due(connection, table, at, limit)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        let span = span_of(&commit);
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(Job::Commit { commit: Box::new(commit), reply });
        let waiting = async move {
            submitted?;
            let receipt = answer.await.unwrap_or_else(|_| Err(stopped().into()));
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
        let submitted = self.submit(Job::Write { tenant: tenant.clone(), rows, reply });
        Box::pin(async move {
            submitted?;
            answer.await.unwrap_or_else(|_| Err(stopped().into()))
        })
    }

    fn entries<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        now(self.read("entries", |connection| read::entries(connection, tenant, from, limit)))
    }

    fn timeline<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a Subject,
        after_n: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        now(self.read("timeline", |connection| read::timeline(connection, tenant, subject, after_n, limit)))
    }

    fn entry<'a>(&'a self, tenant: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>> {
        now(self.read("entry", |connection| read::entry(connection, tenant, event)))
    }

    fn head<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>> {
        now(self.read("head", |connection| read::head(connection, tenant)))
    }

    fn leaves<'a>(&'a self, tenant: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>> {
        now(self.read("leaves", |connection| read::leaves(connection, tenant, from, to)))
    }

    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>> {
        now(self.read("logs", read::logs))
    }

    fn committed(&self) -> u64 {
        self.progress.committed()
    }

    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()> {
        Box::pin(self.progress.wait(beyond))
    }
}
