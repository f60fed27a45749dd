//! The file: its schema, its version, its settings. Forward only; a file of a newer program is refused, not guessed at.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use store::port::Fault;

use crate::fault;

/// The schema that this program writes.
pub const SCHEMA: u32 = 2;

/// What takes a file from each schema to the next.
const STEPS: [&str; SCHEMA as usize] = [
    "
CREATE TABLE journal (
  tenant TEXT NOT NULL, idx INTEGER NOT NULL, event BLOB NOT NULL, leaf BLOB NOT NULL,
  envelope TEXT NOT NULL, links TEXT NOT NULL,
  PRIMARY KEY (tenant, idx)
) WITHOUT ROWID;
CREATE UNIQUE INDEX journal_event ON journal (tenant, event);
CREATE TABLE chains (
  tenant TEXT NOT NULL, subject TEXT NOT NULL, n INTEGER NOT NULL, idx INTEGER NOT NULL,
  PRIMARY KEY (tenant, subject, n)
) WITHOUT ROWID;
CREATE TABLE heads (
  tenant TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (tenant, size)
) WITHOUT ROWID;
CREATE TABLE frontiers (tenant TEXT PRIMARY KEY, frontier BLOB NOT NULL) WITHOUT ROWID;
",
    // What each table of rows was made for: its columns, indexes and fold.
    "CREATE TABLE shapes (name TEXT PRIMARY KEY, shape TEXT NOT NULL) WITHOUT ROWID;",
];

/// Prepared statements that a connection keeps: a few per table of the product.
const STATEMENTS_KEPT: usize = 256;

/// Opens the one connection that writes.
pub fn open_writer(database: &Path, pages_max: Option<u64>) -> Result<Connection, Fault> {
    let failed = |error| fault("open its database", error);
    let connection = Connection::open(database).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found > SCHEMA {
        return Err(Fault::NewerSchema { found, known: SCHEMA });
    }
    connection
        // What is deleted is overwritten: an erased value must not be found in the file's free pages.
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;",
        )
        .map_err(failed)?;
    if found < SCHEMA {
        let steps = STEPS[found as usize..].concat();
        let migrate = format!("BEGIN IMMEDIATE; {steps} PRAGMA user_version={SCHEMA}; COMMIT;");
        connection.execute_batch(&migrate).map_err(failed)?;
    }
    if let Some(pages) = pages_max {
        connection.execute_batch(&format!("PRAGMA max_page_count={pages};")).map_err(failed)?;
    }
    Ok(connection)
}

/// Opens a connection that can only read.
pub fn open_reader(database: &Path) -> Result<Connection, Fault> {
    let failed = |error| fault("open its database for reading", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}
