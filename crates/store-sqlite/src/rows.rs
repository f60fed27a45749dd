//! Writing rows inside the writer's transaction: check what the caller believes, then write.

use kernel::TenantId;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use store::port::{CommitError, Fault, Guard};
use store::{Expected, RowBody, RowWrite, TableSpec};

use crate::fault;

/// Whether the guard's row still says what the worker believes.
pub fn check_guard(connection: &Connection, guard: &Guard) -> Result<(), CommitError> {
    let Some(column) = guard.table.columns.first() else {
        return Err(Fault::Misuse("a guard's table has no filter column").into());
    };
    let sql = format!("SELECT ix_{column} FROM t_{} WHERE tenant=?1 AND key=?2", guard.table.name);
    let held: Option<String> = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([guard.tenant.as_str(), &guard.key], |row| row.get(0)).optional())
        .map_err(|error| fault("commit", error))?;
    if held.as_ref() == Some(&guard.value) { Ok(()) } else { Err(CommitError::Fenced(guard.key.clone())) }
}

/// Checks and writes one row. A conflict leaves the transaction to be undone to its savepoint by the caller.
pub fn write(connection: &Connection, tenant: &TenantId, write: &RowWrite) -> Result<(), CommitError> {
    let changed = match (&write.body, write.expected) {
        (Some(body), Expected::Absent) => insert(connection, tenant, write, body, "DO NOTHING"),
        (Some(body), Expected::Any) => insert(connection, tenant, write, body, &overwrite(write.table)),
        (Some(body), Expected::Version(version)) => update(connection, tenant, write, body, version),
        (None, expected) => delete(connection, tenant, write, expected),
    }
    .map_err(|error| fault("commit", error))?;
    match (changed, write.expected, &write.body) {
        (0, Expected::Any | Expected::Absent, None) => Ok(()),
        (1, expected, body) if body.is_some() || expected != Expected::Absent => Ok(()),
        _ => Err(CommitError::Conflict { table: write.table.name, key: write.key.clone() }),
    }
}

fn overwrite(table: TableSpec) -> String {
    let columns: String = table.columns.iter().map(|column| format!(", ix_{column}=excluded.ix_{column}")).collect();
    format!("DO UPDATE SET version=version+1, due_at=excluded.due_at, fold=excluded.fold, doc=excluded.doc{columns}")
}

fn insert(
    connection: &Connection,
    tenant: &TenantId,
    write: &RowWrite,
    body: &RowBody,
    conflict: &str,
) -> rusqlite::Result<usize> {
    let columns: String = write.table.columns.iter().map(|column| format!(", ix_{column}")).collect();
    let marks: String = write.table.columns.iter().map(|_| ", ?").collect();
    let sql = format!(
        "INSERT INTO t_{} (tenant, key, version, due_at, fold, doc{columns}) VALUES (?, ?, 1, ?, ?, ?{marks}) \
         ON CONFLICT (tenant, key) {conflict}",
        write.table.name
    );
    let due_at = body.due_at.map(kernel::Timestamp::as_us);
    let fixed: [&dyn ToSql; 5] = [&tenant.as_str(), &write.key, &due_at, &body.fold_version, &body.doc];
    let values = fixed.into_iter().chain(body.index.iter().map(|value| value as &dyn ToSql));
    connection.prepare_cached(&sql)?.execute(params_from_iter(values))
}

fn update(
    connection: &Connection,
    tenant: &TenantId,
    write: &RowWrite,
    body: &RowBody,
    version: u64,
) -> rusqlite::Result<usize> {
    let columns: String = write.table.columns.iter().map(|column| format!(", ix_{column}=?")).collect();
    let sql = format!(
        "UPDATE t_{} SET version=version+1, due_at=?, fold=?, doc=?{columns} WHERE tenant=? AND key=? AND version=?",
        write.table.name
    );
    let due_at = body.due_at.map(kernel::Timestamp::as_us);
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    let content: [&dyn ToSql; 3] = [&due_at, &body.fold_version, &body.doc];
    let place: [&dyn ToSql; 3] = [&tenant.as_str(), &write.key, &version];
    let values = content.into_iter().chain(body.index.iter().map(|value| value as &dyn ToSql)).chain(place);
    connection.prepare_cached(&sql)?.execute(params_from_iter(values))
}

fn delete(connection: &Connection, tenant: &TenantId, write: &RowWrite, expected: Expected) -> rusqlite::Result<usize> {
    let name = write.table.name;
    match expected {
        Expected::Version(version) => connection
            .prepare_cached(&format!("DELETE FROM t_{name} WHERE tenant=?1 AND key=?2 AND version=?3"))?
            .execute(rusqlite::params![tenant.as_str(), write.key, i64::try_from(version).unwrap_or(i64::MAX)]),
        Expected::Any | Expected::Absent => connection
            .prepare_cached(&format!("DELETE FROM t_{name} WHERE tenant=?1 AND key=?2"))?
            .execute(rusqlite::params![tenant.as_str(), write.key]),
    }
}
