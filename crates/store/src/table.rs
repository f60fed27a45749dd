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

/// A table: its name, its class, and the columns that lists filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// The name, a lower-case word.
    pub name: &'static str,
    /// What kind of truth it holds.
    pub class: RowClass,
    /// Names of the filter columns, lower-case words.
    pub indexes: &'static [&'static str],
}

impl TableSpec {
    /// A table of folded state.
    pub const fn state(name: &'static str, indexes: &'static [&'static str]) -> Self {
        Self { name, class: RowClass::State, indexes }
    }

    /// A table of observations.
    pub const fn observations(name: &'static str, indexes: &'static [&'static str]) -> Self {
        Self { name, class: RowClass::Observation, indexes }
    }

    /// A table of machinery.
    pub const fn machinery(name: &'static str, indexes: &'static [&'static str]) -> Self {
        Self { name, class: RowClass::Machinery, indexes }
    }

    /// The table of an aggregate.
    pub const fn of<A: Aggregate>() -> Self {
        Self::state(A::KIND, A::INDEXES)
    }

    /// The place of a filter column, if the table has it.
    pub fn index_position(&self, column: &str) -> Option<usize> {
        self.indexes.iter().position(|&name| name == column)
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
        serde_json::from_str(&self.body.doc)
            .map_err(|source| Fault::Corrupt { what: format!("row {}", self.key), source: Box::new(source) })
    }
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
