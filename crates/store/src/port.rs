//! The storage port. Object-safe; its futures name no runtime. Every engine passes [`crate::conformance`].

use std::error::Error;

use journal::{Entry, Hash};
use kernel::envelope::NewEvent;
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};

use crate::table::{Row, RowClass, RowWrite, TableSpec};

/// The most rows or entries that one read answers: a page of some hundred kilobytes.
pub const PAGE_LIMIT_MAX: usize = 1_000;
/// The most events in one commit: a batch import stays far below; a transaction stays short.
pub const COMMIT_EVENTS_MAX: usize = 512;
/// The largest event body in bytes of JSON: an entry must fit a bundle of the log (C2SP tlog-tiles: 65,535 bytes).
pub const EVENT_BODY_BYTES_MAX: usize = 48 * 1024;

/// Infrastructure that failed. Nothing was changed unless the text says that it is unknown; the caller may retry.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The engine cannot answer now.
    #[error("the store cannot {what} now")]
    Unavailable {
        /// What it could not do.
        what: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no room left to write.
    #[error("the store's disk is full: free space on the disk of the data folder, then try again")]
    Full,
    /// More work waits than the limit allows.
    #[error("the store has too much work waiting: try again in a moment")]
    Overloaded,
    /// Something that was written cannot be read back.
    #[error("{what} cannot be read")]
    Corrupt {
        /// What cannot be read.
        what: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store was written by a newer version.
    #[error("the store has schema {found}, this program knows schemas up to {known}: start the newer program")]
    NewerSchema {
        /// The schema found.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// Another process holds the store.
    #[error("another process uses the data folder {folder}: stop it first")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The caller broke the port's contract: a defect of the program.
    #[error("a program error reached the store: {0}")]
    Misuse(&'static str),
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A row is not as the writer believed: read again, decide again.
    #[error("{table} {key} was changed meanwhile")]
    Conflict {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
    },
    /// A guard did not hold: the worker's lease went to another.
    #[error("the lease {0} is held by another")]
    Fenced(String),
    /// The engine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A condition on a row of machinery, checked inside the transaction: how a lease's fencing number holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The tenant of the row.
    pub tenant: TenantId,
    /// The table of the row.
    pub table: TableSpec,
    /// The key of the row.
    pub key: String,
    /// The value that its first filter column must have.
    pub value: String,
}

/// One transaction: rows and the events that explain them. Cannot be built without an event.
#[derive(Debug, Clone)]
pub struct Commit {
    tenant: TenantId,
    state: Vec<RowWrite>,
    events: Vec<NewEvent>,
    machinery: Vec<RowWrite>,
    guard: Option<Guard>,
}

impl Commit {
    /// A transaction of `tenant`. State rows must belong to state tables, and there must be an event, each of the same
    /// tenant; anything else is a defect of the program.
    pub fn new(tenant: TenantId, state: Vec<RowWrite>, events: Vec<NewEvent>) -> Result<Self, Fault> {
        if events.is_empty() || events.len() > COMMIT_EVENTS_MAX {
            return Err(Fault::Misuse("a commit needs 1 to 512 events"));
        }
        if events.iter().any(|event| event.unsequenced().tenant != tenant) {
            return Err(Fault::Misuse("an event belongs to another tenant than its commit"));
        }
        if state.iter().any(|write| write.table.class != RowClass::State) {
            return Err(Fault::Misuse("a state row names a table of another class"));
        }
        if state.iter().any(|write| write.expected == crate::Expected::Any) {
            return Err(Fault::Misuse("a state row must say what it expects"));
        }
        Ok(Self { tenant, state, events, machinery: Vec::new(), guard: None })
    }

    /// The same transaction with rows of machinery or observation.
    pub fn with_machinery(mut self, rows: Vec<RowWrite>) -> Result<Self, Fault> {
        if rows.iter().any(|write| write.table.class == RowClass::State) {
            return Err(Fault::Misuse("a state row was passed as machinery"));
        }
        self.machinery.extend(rows);
        Ok(self)
    }

    /// The same transaction under a guard.
    pub fn with_guard(mut self, guard: Option<Guard>) -> Self {
        self.guard = guard;
        self
    }

    /// Whose transaction this is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Every row to be written, state first.
    pub fn rows(&self) -> impl Iterator<Item = &RowWrite> {
        self.state.iter().chain(&self.machinery)
    }

    /// The events, in order.
    pub fn events(&self) -> &[NewEvent] {
        &self.events
    }

    /// The condition under which it may commit.
    pub fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }
}

/// What a commit answers: the entries that it wrote and the signed head that covers them.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The head after the commit.
    pub head: Head,
}

/// The signed head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of entries that it covers.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Hash,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// The order of a list, by key. Keys of ids sort by the time of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Which rows of a table.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Filter column and the value that it must have; every one must hold. The table has an index for just these
    /// columns, or the list is refused as a defect of the program.
    pub filters: Vec<(&'static str, String)>,
    /// Start behind this key.
    pub after: Option<String>,
    /// By key, upwards or downwards.
    pub order: Order,
    /// At most this many; capped at [`PAGE_LIMIT_MAX`].
    pub limit: usize,
}

impl ListQuery {
    /// All rows, in order of key, as many as a page holds.
    pub fn all() -> Self {
        Self { filters: Vec::new(), after: None, order: Order::Ascending, limit: PAGE_LIMIT_MAX }
    }

    /// The rows of which a filter column has a value.
    pub fn of(column: &'static str, value: impl Into<String>) -> Self {
        Self { filters: vec![(column, value.into())], ..Self::all() }
    }

    /// The filters in the order of the index that answers them; `None` where there is no filter.
    ///
    /// # Errors
    /// [`Fault::Misuse`] where the table has no such index.
    pub fn index_of(&self, table: TableSpec) -> Result<Option<IndexKey<'_>>, Fault> {
        let columns: Vec<&str> = self.filters.iter().map(|(column, _)| *column).collect();
        let Some(set) = table.index_for(&columns)? else { return Ok(None) };
        let value = |column: &&str| self.filters.iter().find(|(name, _)| name == column).map(|(_, value)| &**value);
        Ok(Some((set, set.iter().filter_map(value).collect())))
    }
}

/// The columns of an index and a value for each.
pub type IndexKey<'a> = (&'static [&'static str], Vec<&'a str>);

/// A storage engine. Reads see every commit that was acknowledged before they began.
pub trait Store: Send + Sync {
    /// One row.
    fn get<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Row>, Fault>>;

    /// A page of rows.
    fn list<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>>;

    /// Rows of all tenants that are due at `now`, longest overdue first.
    fn due(&self, table: TableSpec, now: Timestamp, limit: usize)
    -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>>;

    /// Commits rows and events as one, durably, or nothing at all.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>>;

    /// Writes observations and machinery as one transaction, without events. State tables are refused.
    fn write<'a>(&'a self, tenant: &'a TenantId, rows: Vec<RowWrite>) -> BoxFuture<'a, Result<(), CommitError>>;

    /// Entries of a tenant's log from position `from` (from 0).
    fn entries<'a>(&'a self, tenant: &'a TenantId, from: u64, limit: usize)
    -> BoxFuture<'a, Result<Vec<Entry>, Fault>>;

    /// Entries of one subject's chain behind place `after_n` (places from 1).
    fn timeline<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a Subject,
        after_n: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>>;

    /// One entry by the event's id.
    fn entry<'a>(&'a self, tenant: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>>;

    /// The newest signed head of a tenant's log; `None` before its first entry.
    fn head<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>>;

    /// The leaf hashes of positions `from .. to`, for proofs.
    fn leaves<'a>(&'a self, tenant: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>>;

    /// Every tenant that has a log.
    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>>;

    /// How many transactions with events this engine has committed since it was opened: a level to wait on.
    fn committed(&self) -> u64;

    /// The tenants whose logs grew since [`Store::committed`] was `beyond`: who follows many logs reads only these.
    fn advanced(&self, beyond: u64) -> Vec<TenantId>;

    /// Resolves once [`Store::committed`] exceeds `beyond`.
    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()>;
}
