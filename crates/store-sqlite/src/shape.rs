//! Tables of rows get the shape that this program gives them when it first touches them: their columns, their indexes,
//! and rows that say what its fold says of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;
use rusqlite::{Connection, params, params_from_iter};
use store::port::{Fault, PAGE_LIMIT_MAX};
use store::{RowBody, TableSpec};

use crate::fault;

/// The tables that are known to have their shape.
#[derive(Debug, Default)]
pub struct Shaped(Mutex<BTreeSet<&'static str>>);

impl Shaped {
    /// Whether a table is known to have its shape.
    pub fn has(&self, table: TableSpec) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(table.name)
    }

    /// Remembers that a table has its shape.
    pub fn add(&self, table: TableSpec) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(table.name);
    }
}

/// How a table of the file relates to what the program asks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is none: it has no rows.
    Nothing,
    /// Another program made it.
    Another,
    /// As it is asked for.
    Same,
}

/// Everything that a change of makes another table: columns, indexes, fold.
fn shape(table: TableSpec) -> String {
    let indexes: Vec<String> = table.index_sets().map(|set| set.join("+")).collect();
    format!("columns {}; indexes {}; fold {}", table.columns.join(" "), indexes.join(" "), table.fold_version)
}

/// The name of the index by a set of columns.
pub fn index_name(table: TableSpec, set: &[&str]) -> String {
    format!("t_{}_by_{}", table.name, set.join("_"))
}

/// How the file's table relates to the program's.
pub fn look(connection: &Connection, table: TableSpec) -> Result<Found, Fault> {
    let failed = |error| fault("look at a table", error);
    let sql = "SELECT (SELECT shape FROM shapes WHERE name=?1), \
               EXISTS (SELECT 1 FROM sqlite_master WHERE type='table' AND name='t_' || ?1)";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let (found, exists): (Option<String>, bool) =
        statement.query_row([table.name], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    Ok(match found {
        _ if !exists => Found::Nothing,
        Some(found) if found == shape(table) => Found::Same,
        _ => Found::Another,
    })
}

/// Gives a table its shape, in one transaction of its own.
pub fn give(connection: &mut Connection, table: TableSpec) -> Result<(), Fault> {
    let found = look(connection, table)?;
    if found == Found::Same {
        return Ok(());
    }
    let failed = |error| fault("commit", error);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    if found == Found::Another {
        tracing::info!(table = table.name, "a table that an older program wrote gets its new columns and indexes");
        drop_indexes(&transaction, table).and_then(|()| fit_columns(&transaction, table)).map_err(failed)?;
        renew(&transaction, table)?;
    }
    transaction.execute_batch(&create(table)).map_err(failed)?;
    transaction
        .execute("INSERT OR REPLACE INTO shapes (name, shape) VALUES (?1, ?2)", params![table.name, shape(table)])
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The SQL that makes a table of rows, its filter columns, its indexes and the order in which rows fall due.
fn create(table: TableSpec) -> String {
    let name = table.name;
    let columns: String = table.columns.iter().map(|column| format!(", ix_{column} TEXT NOT NULL")).collect();
    let index = |set: &[&str]| {
        let columns: String = set.iter().map(|column| format!("ix_{column}, ")).collect();
        format!("CREATE INDEX {} ON t_{name} (tenant, {columns}key);", index_name(table, set))
    };
    let indexes: String = table.index_sets().map(index).collect();
    format!(
        "CREATE TABLE IF NOT EXISTS t_{name} (tenant TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, \
         due_at INTEGER, fold INTEGER NOT NULL, doc TEXT NOT NULL{columns}, PRIMARY KEY (tenant, key)) WITHOUT ROWID; \
         {indexes} CREATE INDEX t_{name}_due ON t_{name} (due_at, tenant, key) WHERE due_at IS NOT NULL;"
    )
}

fn texts(connection: &Connection, sql: &str, name: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([format!("t_{name}")], |row| row.get(0))?;
    rows.collect()
}

fn drop_indexes(connection: &Connection, table: TableSpec) -> rusqlite::Result<()> {
    let made = "SELECT name FROM sqlite_master WHERE type='index' AND tbl_name=?1 AND sql IS NOT NULL";
    texts(connection, made, table.name)?
        .iter()
        .try_for_each(|index| connection.execute_batch(&format!("DROP INDEX {index};")))
}

/// Adds filter columns that the file's table lacks and drops those that nothing asks for.
fn fit_columns(connection: &Connection, table: TableSpec) -> rusqlite::Result<()> {
    let found =
        texts(connection, "SELECT name FROM pragma_table_info(?1) WHERE name LIKE 'ix~_%' ESCAPE '~'", table.name)?;
    let asked: Vec<String> = table.columns.iter().map(|column| format!("ix_{column}")).collect();
    let change = |what: String| connection.execute_batch(&format!("ALTER TABLE t_{} {what};", table.name));
    for column in found.iter().filter(|column| !asked.contains(column)) {
        change(format!("DROP COLUMN {column}"))?;
    }
    for column in asked.iter().filter(|column| !found.contains(column)) {
        change(format!("ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"))?;
    }
    Ok(())
}

/// Writes again, page by page, what rows of an older program hold. Their versions stay: nothing happened to them.
fn renew(connection: &Connection, table: TableSpec) -> Result<(), Fault> {
    let Some(renew) = table.renew else { return Ok(()) };
    let failed = |error| fault("commit", error);
    let select = format!(
        "SELECT {}, tenant FROM t_{} WHERE (tenant, key) > (?1, ?2) ORDER BY tenant, key LIMIT ?3",
        crate::read::columns(table),
        table.name
    );
    let set: String = table.columns.iter().map(|column| format!(", ix_{column}=?")).collect();
    let update = format!("UPDATE t_{} SET due_at=?, fold=?, doc=?{set} WHERE tenant=? AND key=?", table.name);
    let tenant_at = 5 + table.columns.len();
    let (mut select, mut update) =
        (connection.prepare(&select).map_err(failed)?, connection.prepare(&update).map_err(failed)?);
    let mut after = (String::new(), String::new());
    loop {
        let read = |sql: &rusqlite::Row<'_>| Ok((sql.get::<_, String>(tenant_at)?, crate::read::row(table, sql, 0)?));
        let page = select.query_map(params![after.0, after.1, PAGE_LIMIT_MAX as i64], read).map_err(failed)?;
        let page: Vec<_> = page.collect::<Result<_, _>>().map_err(failed)?;
        for (tenant, row) in &page {
            let RowBody { due_at, index, fold_version, doc } = renew(&row.key, &row.body)?;
            let due_at = due_at.map(Timestamp::as_us);
            let fixed: [&dyn rusqlite::ToSql; 3] = [&due_at, &fold_version, &doc];
            let place: [&dyn rusqlite::ToSql; 2] = [tenant, &row.key];
            let columns = index.iter().map(|value| value as &dyn rusqlite::ToSql);
            update.execute(params_from_iter(fixed.into_iter().chain(columns).chain(place))).map_err(failed)?;
        }
        match page.last() {
            Some((tenant, row)) => after = (tenant.clone(), row.key.clone()),
            None => return Ok(()),
        }
    }
}
