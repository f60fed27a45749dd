//! Rows and the tables that hold them. Every table declares its class, because the class decides what may write it.

use kernel::{Aggregate, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::port::Fault;

/// What kind of truth a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowClass {
    /// The fold of a stream of the journal; written only together with events.
    State,
    /// What was last seen: positions, progress, watermarks. Never journaled; a threshold crossed becomes an event.
    Observation,
    /// What makes the product run: cursors, leases, idempotency, commands on their way. Rebuilt or forgotten safely.
    Machinery,
}

/// Makes what a row holds anew from its key and what it held, for rows that an older program wrote.
pub type Renew = fn(&str, &RowBody) -> Result<RowBody, Fault>;

/// A table: its name, its class, its filter columns, and the sets of them that lists filter by.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// The name, a lower-case word.
    pub name: &'static str,
    /// What kind of truth it holds.
    pub class: RowClass,
    /// Names of the filter columns, lower-case words.
    pub columns: &'static [&'static str],
    /// The sets of filter columns that have an index, where it is not each column alone.
    read_by: &'static [&'static [&'static str]],
    /// The version of the fold that made its rows; zero for what is not folded.
    pub fold_version: u32,
    /// How rows of an older program get what this one keeps of them.
    pub renew: Option<Renew>,
}

/// Two specifications are of the same table if they say the same of its rows; how rows are renewed is no part of that.
impl PartialEq for TableSpec {
    fn eq(&self, other: &Self) -> bool {
        let of = |spec: &Self| (spec.name, spec.class, spec.columns, spec.read_by, spec.fold_version);
        of(self) == of(other)
    }
}

impl Eq for TableSpec {}

impl TableSpec {
    const fn new(name: &'static str, class: RowClass, columns: &'static [&'static str]) -> Self {
        Self { name, class, columns, read_by: &[], fold_version: 0, renew: None }
    }

    /// A table of folded state.
    pub const fn state(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self::new(name, RowClass::State, columns)
    }

    /// A table of observations.
    pub const fn observations(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self::new(name, RowClass::Observation, columns)
    }

    /// A table of machinery.
    pub const fn machinery(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self::new(name, RowClass::Machinery, columns)
    }

    /// The table of an aggregate.
    pub const fn of<A: Aggregate>() -> Self {
        let renew: Renew = |key, body| RowBody::of(&decode::<A>(key, &body.doc)?);
        let table = Self::state(A::KIND, A::INDEXES).read_by(A::READ_BY);
        Self { fold_version: A::FOLD_VERSION, renew: Some(renew), ..table }
    }

    /// The same table with an index for each of these sets of filter columns, instead of one for each column alone.
    pub const fn read_by(self, sets: &'static [&'static [&'static str]]) -> Self {
        Self { read_by: sets, ..self }
    }

    /// The same table with a way to renew the rows of an older program: what a new filter column holds of them.
    pub const fn renewed_by(self, renew: Renew) -> Self {
        Self { renew: Some(renew), ..self }
    }

    /// The place of a filter column, if the table has it.
    pub fn column_position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|&name| name == column)
    }

    /// The sets of filter columns that have an index, each in the order of the index.
    pub fn index_sets(&self) -> impl Iterator<Item = &'static [&'static str]> + use<> {
        let alone = self.columns.iter().map(std::slice::from_ref);
        let alone = alone.take(if self.read_by.is_empty() { self.columns.len() } else { 0 });
        self.read_by.iter().copied().chain(alone)
    }

    /// The set of filter columns that these are, in the order of its index; `None` for no column.
    ///
    /// # Errors
    /// [`Fault::Misuse`] for columns of which the table has no index: a list would have to look at every row.
    pub fn index_for(&self, columns: &[&str]) -> Result<Option<&'static [&'static str]>, Fault> {
        if columns.is_empty() {
            return Ok(None);
        }
        let is_same = |set: &&[&str]| set.len() == columns.len() && set.iter().all(|column| columns.contains(column));
        let found = self.index_sets().find(is_same);
        found.map(Some).ok_or(Fault::Misuse("a list filters by columns that its table has no index for"))
    }
}

/// What a row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBody {
    /// When `Due` must be decided next.
    pub due_at: Option<Timestamp>,
    /// One value per filter column.
    pub index: Vec<String>,
    /// The version of the fold that made it; zero for what is not folded.
    pub fold_version: u32,
    /// The content, as JSON text.
    pub doc: String,
}

impl RowBody {
    /// A row of an observation or of machinery.
    pub fn new<T: Serialize>(doc: &T, index: Vec<String>) -> Result<Self, Fault> {
        Ok(Self { due_at: None, index, fold_version: 0, doc: encode(doc)? })
    }

    /// The row of an aggregate's state.
    pub fn of<A: Aggregate>(state: &A) -> Result<Self, Fault> {
        Ok(Self {
            due_at: state.due_at(),
            index: state.index_values(),
            fold_version: A::FOLD_VERSION,
            doc: encode(state)?,
        })
    }
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key within tenant and table.
    pub key: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// What it holds.
    pub body: RowBody,
}

impl Row {
    /// The content as a value of type `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        decode(&self.key, &self.body.doc)
    }
}

fn decode<T: DeserializeOwned>(key: &str, doc: &str) -> Result<T, Fault> {
    serde_json::from_str(doc).map_err(|source| Fault::Corrupt { what: format!("row {key}"), source: Box::new(source) })
}

fn encode<T: Serialize>(doc: &T) -> Result<String, Fault> {
    serde_json::to_string(doc)
        .map_err(|source| Fault::Corrupt { what: "a row to be written".into(), source: Box::new(source) })
}

/// What a writer believes of the row that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There is none.
    Absent,
    /// It has this version.
    Version(u64),
    /// Nothing: the last writer wins. For observations only one writer of which exists.
    Any,
}

/// One row to be written or, without a body, deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// Its table.
    pub table: TableSpec,
    /// Its key within tenant and table.
    pub key: String,
    /// What the writer believes of it.
    pub expected: Expected,
    /// What it will hold; `None` deletes it.
    pub body: Option<RowBody>,
}

impl RowWrite {
    /// Writes a row.
    pub fn put(table: TableSpec, key: impl Into<String>, expected: Expected, body: RowBody) -> Self {
        Self { table, key: key.into(), expected, body: Some(body) }
    }

    /// Deletes a row.
    pub fn delete(table: TableSpec, key: impl Into<String>, expected: Expected) -> Self {
        Self { table, key: key.into(), expected, body: None }
    }
}
