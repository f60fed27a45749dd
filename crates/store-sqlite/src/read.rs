//! Reads, each one statement on a read-only connection: a consistent snapshot without waiting for the writer.

use journal::{Entry, Frontier, Hash};
use kernel::id::TypedId;
use kernel::{EventId, Subject, TenantId, Timestamp};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use store::conformance::ReadPlan;
use store::port::{Fault, Head, ListQuery, Order, PAGE_LIMIT_MAX};
use store::{Row, RowBody, TableSpec};

use crate::{fault, shape};

type SqlRow<'a> = rusqlite::Row<'a>;

pub fn columns(table: TableSpec) -> String {
    let indexes: String = table.columns.iter().map(|column| format!(", ix_{column}")).collect();
    format!("key, version, due_at, fold, doc{indexes}")
}

pub fn row(table: TableSpec, sql: &SqlRow<'_>, first: usize) -> rusqlite::Result<Row> {
    let index = (0..table.columns.len()).map(|at| sql.get(first + 5 + at)).collect::<Result<_, _>>()?;
    let due_at: Option<i64> = sql.get(first + 2)?;
    Ok(Row {
        key: sql.get(first)?,
        version: sql.get::<_, i64>(first + 1)?.unsigned_abs(),
        body: RowBody {
            due_at: due_at.map(Timestamp::from_us),
            index,
            fold_version: sql.get(first + 3)?,
            doc: sql.get(first + 4)?,
        },
    })
}

fn many<T>(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    values: &[&dyn ToSql],
    mut each: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| fault(what, error))?;
    let rows = statement.query_map(params_from_iter(values), |sql| each(sql)).map_err(|error| fault(what, error))?;
    rows.collect::<Result<_, _>>().map_err(|error| fault(what, error))
}

fn limit_sql(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_LIMIT_MAX)).unwrap_or(i64::MAX)
}

fn place_sql(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub fn get(connection: &Connection, table: TableSpec, tenant: &TenantId, key: &str) -> Result<Option<Row>, Fault> {
    let sql = format!("SELECT {} FROM t_{} WHERE tenant=?1 AND key=?2", columns(table), table.name);
    let found = many(connection, "read a row", &sql, &[&tenant.as_str(), &key], |sql| row(table, sql, 0))?;
    Ok(found.into_iter().next())
}

/// The statement of a list, and its values. An index is named, so that SQLite fails rather than looks at every row.
fn list_sql(table: TableSpec, tenant: &TenantId, query: &ListQuery) -> Result<(String, Vec<Value>), Fault> {
    let mut values = vec![Value::from(tenant.as_str().to_owned())];
    let mut conditions = "tenant=?".to_owned();
    let by = match query.index_of(table)? {
        None => String::new(),
        Some((set, wanted)) => {
            conditions.extend(set.iter().map(|column| format!(" AND ix_{column}=?")));
            values.extend(wanted.into_iter().map(|value| Value::from(value.to_owned())));
            format!(" INDEXED BY {}", shape::index_name(table, set))
        }
    };
    let (beyond, order) = match query.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    if let Some(after) = &query.after {
        conditions += &format!(" AND key{beyond}?");
        values.push(Value::from(after.clone()));
    }
    values.push(Value::from(limit_sql(query.limit)));
    let (columns, name) = (columns(table), table.name);
    Ok((format!("SELECT {columns} FROM t_{name}{by} WHERE {conditions} ORDER BY key {order} LIMIT ?"), values))
}

pub fn list(
    connection: &Connection,
    table: TableSpec,
    tenant: &TenantId,
    query: &ListQuery,
) -> Result<Vec<Row>, Fault> {
    let (sql, values) = list_sql(table, tenant, query)?;
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    many(connection, "list rows", &sql, &values, |sql| row(table, sql, 0))
}

/// What SQLite says of how it reads a list.
pub fn explain(
    connection: &Connection,
    table: TableSpec,
    tenant: &TenantId,
    query: &ListQuery,
) -> Result<ReadPlan, Fault> {
    let (sql, values) = list_sql(table, tenant, query)?;
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let steps: Vec<String> = many(connection, "explain a list", &sql, &values, |sql| sql.get(3))?;
    let in_order = matches!(&*steps, [only] if only.starts_with("SEARCH "));
    Ok(ReadPlan { in_order, steps })
}

pub fn due(
    connection: &Connection,
    table: TableSpec,
    at: Timestamp,
    limit: usize,
) -> Result<Vec<(TenantId, Row)>, Fault> {
    let sql = format!(
        "SELECT tenant, {} FROM t_{} WHERE due_at <= ?1 ORDER BY due_at, tenant, key LIMIT ?2",
        columns(table),
        table.name
    );
    let found = many(connection, "list due rows", &sql, &[&at.as_us(), &limit_sql(limit)], |sql| {
        Ok((sql.get::<_, String>(0)?, row(table, sql, 1)?))
    })?;
    found.into_iter().map(|(tenant, row)| Ok((tenant_of(&tenant)?, row))).collect()
}

fn tenant_of(text: &str) -> Result<TenantId, Fault> {
    text.parse().map_err(|source| Fault::Corrupt { what: format!("the tenant {text:?}"), source: Box::new(source) })
}

fn hash(bytes: &[u8]) -> rusqlite::Result<Hash> {
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| rusqlite::Error::InvalidColumnType(0, "hash".into(), rusqlite::types::Type::Blob))?;
    Ok(Hash::from_bytes(bytes))
}

fn entry_of(sql: &SqlRow<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        index: sql.get::<_, i64>(0)?.unsigned_abs(),
        leaf: hash(sql.get_ref(1)?.as_blob()?)?,
        envelope_json: sql.get(2)?,
        links_json: sql.get(3)?,
    })
}

pub fn entries(connection: &Connection, tenant: &TenantId, from: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
    let sql = "SELECT idx, leaf, envelope, links FROM journal WHERE tenant=?1 AND idx>=?2 ORDER BY idx LIMIT ?3";
    many(connection, "read the log", sql, &[&tenant.as_str(), &place_sql(from), &limit_sql(limit)], entry_of)
}

pub fn timeline(
    connection: &Connection,
    tenant: &TenantId,
    subject: &Subject,
    after_n: u64,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let sql = "SELECT j.idx, j.leaf, j.envelope, j.links FROM chains c JOIN journal j ON j.tenant=c.tenant AND j.idx=c.idx \
               WHERE c.tenant=?1 AND c.subject=?2 AND c.n>?3 ORDER BY c.n LIMIT ?4";
    let values: [&dyn ToSql; 4] = [&tenant.as_str(), &subject.as_str(), &place_sql(after_n), &limit_sql(limit)];
    many(connection, "read a timeline", sql, &values, entry_of)
}

pub fn entry(connection: &Connection, tenant: &TenantId, event: EventId) -> Result<Option<Entry>, Fault> {
    let sql = "SELECT idx, leaf, envelope, links FROM journal WHERE tenant=?1 AND event=?2";
    let id = event.as_u128().to_be_bytes().to_vec();
    Ok(many(connection, "read an entry", sql, &[&tenant.as_str(), &id], entry_of)?.into_iter().next())
}

pub fn head(connection: &Connection, tenant: &TenantId) -> Result<Option<Head>, Fault> {
    let sql = "SELECT size, root, note FROM heads WHERE tenant=?1 ORDER BY size DESC LIMIT 1";
    let found = many(connection, "read a head", sql, &[&tenant.as_str()], |sql| {
        Ok(Head {
            size: sql.get::<_, i64>(0)?.unsigned_abs(),
            root: hash(sql.get_ref(1)?.as_blob()?)?,
            note: sql.get(2)?,
        })
    })?;
    Ok(found.into_iter().next())
}

pub fn leaves(connection: &Connection, tenant: &TenantId, from: u64, to: u64) -> Result<Vec<Hash>, Fault> {
    let sql = "SELECT leaf FROM journal WHERE tenant=?1 AND idx>=?2 AND idx<?3 ORDER BY idx";
    let values: [&dyn ToSql; 3] = [&tenant.as_str(), &place_sql(from), &place_sql(to)];
    many(connection, "read leaves", sql, &values, |sql| hash(sql.get_ref(0)?.as_blob()?))
}

pub fn logs(connection: &Connection) -> Result<Vec<TenantId>, Fault> {
    let sql = "SELECT tenant FROM frontiers ORDER BY tenant";
    many(connection, "list logs", sql, &[], |sql| sql.get::<_, String>(0))?.iter().map(|text| tenant_of(text)).collect()
}

pub fn frontier(connection: &Connection, tenant: &TenantId) -> Result<Frontier, Fault> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT frontier FROM frontiers WHERE tenant=?1")
        .and_then(|mut statement| statement.query_row([tenant.as_str()], |sql| sql.get(0)).optional())
        .map_err(|error| fault("read the end of a log", error))?;
    bytes.map_or(Ok(Frontier::default()), |bytes| {
        Frontier::from_bytes(&bytes).map_err(|source| Fault::Corrupt {
            what: format!("the end of the log of {tenant}"),
            source: Box::new(source),
        })
    })
}
