//! Journaled state: the port that every storage engine implements, the in-memory engine, and the one way in which a
//! command changes anything.
//!
//! A change of state is one transaction that saves rows **and** appends the events that explain them. [`Commit`] can
//! not be built without an event, so there is no way to save state unexplained.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod command;
pub mod conformance;
pub mod cosigned;
mod decision_dedup;
pub mod due;
pub mod memory;
pub mod personal;
pub mod port;
pub mod replay;
pub mod seen;
pub mod sequence;
pub mod subscribe;
pub mod table;
pub mod tiles;
pub mod verify;

pub use command::{
    CommandError, Extras, IDEMPOTENCY, Idempotency, Loaded, Once, Outcome, execute, execute_once, execute_plain,
    list_all, load, load_page,
};
pub use memory::MemoryStore;
pub use port::{Commit, CommitError, Fault, Guard, Head, ListQuery, Order, Receipt, Store};
pub use table::{Expected, Row, RowBody, RowClass, RowWrite, TableSpec};
