//! The in-memory engine: the same contract as the durable ones, for simulations and tests. It passes the same suite.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use journal::{ChainTip, Entry, Hash};
use kernel::{BoxFuture, EventId, Subject, TenantId, Timestamp};

use crate::conformance::{Explain, ReadPlan};
use crate::port::{Commit, CommitError, Fault, Guard, Head, ListQuery, Order, PAGE_LIMIT_MAX, Receipt, Store};
use crate::sequence::{HeadSigner, LogTip};
use crate::table::{Expected, Row, RowClass, RowWrite, TableSpec};

/// Where a row stands in the order of an index: whose it is, the values of the index' columns, its key.
type Place = (TenantId, Vec<String>, String);

/// The order by key is that of an index without columns.
const BY_KEY: &[&str] = &[];

/// The rows of one table, and their orders: of each index, and of when they are due.
#[derive(Default)]
struct Rows {
    rows: BTreeMap<(TenantId, String), Row>,
    indexes: BTreeMap<&'static [&'static str], BTreeSet<Place>>,
    due: BTreeSet<(Timestamp, TenantId, String)>,
}

/// The part of an index that a list reads.
struct Part {
    index: &'static [&'static str],
    from: Bound<Place>,
    to: Bound<Place>,
}

impl Part {
    fn of(table: TableSpec, tenant: &TenantId, query: &ListQuery) -> Result<Self, Fault> {
        let (index, values) = query.index_of(table)?.unwrap_or((BY_KEY, Vec::new()));
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let at = |key: &str| (tenant.clone(), values.clone(), key.to_owned());
        let first = Bound::Included(at(""));
        // No key is behind this: the same values and one more.
        let end = Bound::Excluded((tenant.clone(), [&*values, &[String::new()]].concat(), String::new()));
        let (from, to) = match (query.order, &query.after) {
            (_, None) => (first, end),
            (Order::Ascending, Some(after)) => (Bound::Excluded(at(after)), end),
            (Order::Descending, Some(after)) => (first, Bound::Excluded(at(after))),
        };
        Ok(Self { index, from, to })
    }
}

impl Rows {
    fn put(&mut self, table: TableSpec, tenant: &TenantId, row: Row) {
        self.remove(table, tenant, &row.key);
        for index in table.index_sets().chain([BY_KEY]) {
            self.indexes.entry(index).or_default().insert(place(table, index, tenant, &row));
        }
        self.due.extend(row.body.due_at.map(|at| (at, tenant.clone(), row.key.clone())));
        self.rows.insert((tenant.clone(), row.key.clone()), row);
    }

    fn remove(&mut self, table: TableSpec, tenant: &TenantId, key: &str) {
        let Some(row) = self.rows.remove(&(tenant.clone(), key.to_owned())) else { return };
        for (index, places) in &mut self.indexes {
            places.remove(&place(table, index, tenant, &row));
        }
        if let Some(at) = row.body.due_at {
            self.due.remove(&(at, tenant.clone(), row.key));
        }
    }

    fn list(&self, tenant: &TenantId, query: &ListQuery, part: Part) -> Vec<Row> {
        let Some(places) = self.indexes.get(part.index) else { return Vec::new() };
        let range = places.range((part.from, part.to)).map(|(_, _, key)| key);
        let row = |key: &String| self.rows.get(&(tenant.clone(), key.clone())).cloned();
        let limit = query.limit.min(PAGE_LIMIT_MAX);
        match query.order {
            Order::Ascending => range.take(limit).filter_map(row).collect(),
            Order::Descending => range.rev().take(limit).filter_map(row).collect(),
        }
    }
}

fn place(table: TableSpec, index: &[&str], tenant: &TenantId, row: &Row) -> Place {
    let value = |column: &&str| row.body.index.get(table.column_position(column)?).cloned();
    (tenant.clone(), index.iter().filter_map(value).collect(), row.key.clone())
}

#[derive(Default)]
struct Log {
    tip: LogTip,
    entries: Vec<Entry>,
    chains: BTreeMap<Subject, Vec<u64>>,
    by_event: BTreeMap<EventId, u64>,
    head: Option<Head>,
}

#[derive(Default)]
struct State {
    tables: BTreeMap<&'static str, Rows>,
    logs: BTreeMap<TenantId, Log>,
    committed: u64,
    /// By tenant the level of its newest commit.
    advanced: BTreeMap<TenantId, u64>,
}

/// The engine that forgets everything when it is dropped.
pub struct MemoryStore {
    state: Mutex<State>,
    changed: Event,
    signer: Arc<dyn HeadSigner>,
}

impl MemoryStore {
    /// An empty store whose heads `signer` signs.
    pub fn new(signer: Arc<dyn HeadSigner>) -> Self {
        Self { state: Mutex::new(State::default()), changed: Event::new(), signer }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, commit: &Commit) -> Result<Receipt, CommitError> {
        let mut state = self.lock();
        state.check(commit.tenant(), commit.rows(), commit.guard())?;
        let log = state.logs.entry(commit.tenant().clone()).or_default();
        let mark = log.tip.mark();
        let (entries, head) = match log.append(commit, &*self.signer) {
            Ok(appended) => appended,
            Err(fault) => {
                log.tip.undo_to(mark);
                return Err(fault.into());
            }
        };
        for entry in &entries {
            log.remember(entry)?;
        }
        log.tip.settle();
        log.head = Some(head.clone());
        state.apply(commit.tenant(), commit.rows());
        state.committed += 1;
        let level = state.committed;
        state.advanced.insert(commit.tenant().clone(), level);
        drop(state);
        self.changed.notify(usize::MAX);
        Ok(Receipt { entries, head })
    }

    fn write_now(&self, tenant: &TenantId, rows: &[RowWrite]) -> Result<(), CommitError> {
        if rows.iter().any(|row| row.table.class == RowClass::State) {
            return Err(Fault::Misuse("state rows are written with events only").into());
        }
        let mut state = self.lock();
        state.check(tenant, rows.iter(), None)?;
        state.apply(tenant, rows.iter());
        Ok(())
    }
}

fn chain_tip(chains: &BTreeMap<Subject, Vec<u64>>, entries: &[Entry], subject: &Subject) -> Option<ChainTip> {
    let places = chains.get(subject)?;
    let last = entries.get(usize::try_from(*places.last()?).ok()?)?;
    Some(ChainTip { n: places.len() as u64, leaf: last.leaf })
}

impl Log {
    fn append(&mut self, commit: &Commit, signer: &dyn HeadSigner) -> Result<(Vec<Entry>, Head), Fault> {
        let mut entries = Vec::with_capacity(commit.events().len());
        for event in commit.events() {
            let (chains, stored) = (&self.chains, &self.entries);
            entries.push(self.tip.append(event.clone(), |subject| Ok(chain_tip(chains, stored, subject)))?);
        }
        let head = self.tip.sign(signer, commit.tenant())?;
        Ok((entries, head))
    }

    fn remember(&mut self, entry: &Entry) -> Result<(), Fault> {
        let envelope = crate::sequence::envelope(entry)?;
        self.by_event.insert(envelope.id, entry.index);
        for subject in std::iter::once(&envelope.stream).chain(&envelope.about) {
            self.chains.entry(subject.clone()).or_default().push(entry.index);
        }
        self.entries.push(entry.clone());
        Ok(())
    }
}

impl State {
    fn row(&self, table: TableSpec, tenant: &TenantId, key: &str) -> Option<&Row> {
        self.tables.get(table.name)?.rows.get(&(tenant.clone(), key.to_owned()))
    }

    fn check<'a>(
        &self,
        tenant: &TenantId,
        writes: impl Iterator<Item = &'a RowWrite>,
        guard: Option<&Guard>,
    ) -> Result<(), CommitError> {
        if let Some(guard) = guard {
            let held = self.row(guard.table, &guard.tenant, &guard.key).and_then(|row| row.body.index.first());
            if held != Some(&guard.value) {
                return Err(CommitError::Fenced(guard.key.clone()));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for write in writes {
            if !seen.insert((write.table.name, write.key.as_str())) {
                return Err(Fault::Misuse("a transaction writes the same row twice").into());
            }
            let version = self.row(write.table, tenant, &write.key).map(|row| row.version);
            let as_believed = match write.expected {
                Expected::Absent => version.is_none(),
                Expected::Version(believed) => version == Some(believed),
                Expected::Any => true,
            };
            if !as_believed {
                return Err(CommitError::Conflict { table: write.table.name, key: write.key.clone() });
            }
        }
        Ok(())
    }

    fn apply<'a>(&mut self, tenant: &TenantId, writes: impl Iterator<Item = &'a RowWrite>) {
        for write in writes {
            let rows = self.tables.entry(write.table.name).or_default();
            let Some(body) = &write.body else {
                rows.remove(write.table, tenant, &write.key);
                continue;
            };
            let place = (tenant.clone(), write.key.clone());
            let version = rows.rows.get(&place).map_or(0, |row| row.version) + 1;
            rows.put(write.table, tenant, Row { key: write.key.clone(), version, body: body.clone() });
        }
    }

    fn list(&self, table: TableSpec, tenant: &TenantId, query: &ListQuery) -> Result<Vec<Row>, Fault> {
        let part = Part::of(table, tenant, query)?;
        Ok(self.tables.get(table.name).map(|rows| rows.list(tenant, query, part)).unwrap_or_default())
    }

    fn due(&self, table: TableSpec, now: Timestamp, limit: usize) -> Vec<(TenantId, Row)> {
        let Some(rows) = self.tables.get(table.name) else { return Vec::new() };
        let due = rows.due.iter().take_while(|(at, ..)| *at <= now).take(limit.min(PAGE_LIMIT_MAX));
        let row = |tenant: &TenantId, key: &String| rows.rows.get(&(tenant.clone(), key.clone())).cloned();
        due.filter_map(|(_, tenant, key)| Some((tenant.clone(), row(tenant, key)?))).collect()
    }
}

impl Explain for MemoryStore {
    fn explain<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: &'a ListQuery,
    ) -> BoxFuture<'a, Result<ReadPlan, Fault>> {
        let plan =
            |part: Part| ReadPlan { in_order: true, steps: vec![format!("range of the index by {:?}", part.index)] };
        ready(Part::of(table, tenant, query).map(plan))
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Store for MemoryStore {
    fn get<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Row>, Fault>> {
        ready(Ok(self.lock().row(table, tenant, key).cloned()))
    }

    fn list<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: ListQuery,
    ) -> BoxFuture<'a, Result<Vec<Row>, Fault>> {
        ready(self.lock().list(table, tenant, &query))
    }

    fn due(
        &self,
        table: TableSpec,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(TenantId, Row)>, Fault>> {
        ready(Ok(self.lock().due(table, now, limit)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        ready(self.commit_now(&commit))
    }

    fn write<'a>(&'a self, tenant: &'a TenantId, rows: Vec<RowWrite>) -> BoxFuture<'a, Result<(), CommitError>> {
        ready(self.write_now(tenant, &rows))
    }

    fn entries<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let state = self.lock();
        let entries = state.logs.get(tenant).map(|log| log.entries.as_slice()).unwrap_or_default();
        ready(Ok(entries.iter().skip(from).take(limit.min(PAGE_LIMIT_MAX)).cloned().collect()))
    }

    fn timeline<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a Subject,
        after_n: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Fault>> {
        let state = self.lock();
        let after = usize::try_from(after_n).unwrap_or(usize::MAX);
        let found = state.logs.get(tenant).map(|log| {
            let places = log.chains.get(subject).map(Vec::as_slice).unwrap_or_default();
            let page = places.iter().skip(after).take(limit.min(PAGE_LIMIT_MAX));
            page.filter_map(|&index| log.entries.get(usize::try_from(index).ok()?).cloned()).collect()
        });
        ready(Ok(found.unwrap_or_default()))
    }

    fn entry<'a>(&'a self, tenant: &'a TenantId, event: EventId) -> BoxFuture<'a, Result<Option<Entry>, Fault>> {
        let state = self.lock();
        let found = state.logs.get(tenant).and_then(|log| {
            let index = log.by_event.get(&event)?;
            log.entries.get(usize::try_from(*index).ok()?).cloned()
        });
        ready(Ok(found))
    }

    fn head<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<Head>, Fault>> {
        ready(Ok(self.lock().logs.get(tenant).and_then(|log| log.head.clone())))
    }

    fn leaves<'a>(&'a self, tenant: &'a TenantId, from: u64, to: u64) -> BoxFuture<'a, Result<Vec<Hash>, Fault>> {
        let state = self.lock();
        let entries = state.logs.get(tenant).map(|log| log.entries.as_slice()).unwrap_or_default();
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(entries.len());
        let part = entries.get(at(from)..at(to)).unwrap_or_default();
        ready(Ok(part.iter().map(|entry| entry.leaf).collect()))
    }

    fn logs(&self) -> BoxFuture<'_, Result<Vec<TenantId>, Fault>> {
        ready(Ok(self.lock().logs.keys().cloned().collect()))
    }

    fn committed(&self) -> u64 {
        self.lock().committed
    }

    fn advanced(&self, beyond: u64) -> Vec<TenantId> {
        let state = self.lock();
        state.advanced.iter().filter(|(_, level)| **level > beyond).map(|(tenant, _)| tenant.clone()).collect()
    }

    fn wait_committed(&self, beyond: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let listener = self.changed.listen();
                if self.committed() > beyond {
                    return;
                }
                listener.await;
            }
        })
    }
}
