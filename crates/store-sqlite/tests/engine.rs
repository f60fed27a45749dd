//! The embedded engine against the suite of every engine, and against what only a file can suffer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kernel::envelope::NewEvent;
use kernel::{Actor, BoxFuture, Ctx, Subject, TenantId};
use pollster::block_on;
use store::conformance::{self, CountingSource, PlainSigner};
use store::port::{Commit, CommitError, Fault, ListQuery, Store};
use store::{Expected, RowBody, RowClass, RowWrite, TableSpec};
use store_sqlite::{Options, SqliteStore};

const THINGS: TableSpec = TableSpec::state("things", &[]);

fn open(folder: &Path, pages_max: Option<u64>) -> Result<SqliteStore, Fault> {
    SqliteStore::open(&Options { folder: folder.to_owned(), pages_max }, Arc::new(PlainSigner))
}

#[test]
fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU64::new(0);
    conformance::run(&|| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(open(&folder.path().join(n.to_string()), None).unwrap())
    });
}

#[test]
fn every_list_reads_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).unwrap();
    conformance::lists_read_an_index(&store, &conformance::TABLES);
}

#[test]
fn survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    conformance::survives_reopening(&|| Arc::new(open(folder.path(), None).unwrap()));
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path(), None).unwrap();
    assert!(matches!(open(folder.path(), None), Err(Fault::InUse { .. })));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), None).unwrap());
    let database = folder.path().join("atlasmesh.sqlite");
    rusqlite::Connection::open(&database).unwrap().execute_batch("PRAGMA user_version=999").unwrap();
    let error = open(folder.path(), None).err().unwrap();
    assert!(matches!(error, Fault::NewerSchema { found: 999, .. }), "{error}");
    let version: u32 =
        rusqlite::Connection::open(&database).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 999);
}

/// Notes with their number as the value of every column, in one table of machinery or of state.
fn fill(store: &SqliteStore, table: TableSpec, count: usize) {
    let (source, tenant) = (CountingSource::default(), "north-pit".parse::<TenantId>().unwrap());
    let ctx = Ctx::new(&source, tenant.clone(), Actor::automation("test"));
    for n in 0..count {
        let body = RowBody::new(&n, vec![n.to_string(); table.columns.len()]).unwrap();
        let row = RowWrite::put(table, format!("{n:04}"), Expected::Absent, body);
        if table.class != RowClass::State {
            block_on(store.write(&tenant, vec![row])).unwrap();
            continue;
        }
        let event = NewEvent::new(&ctx, Subject::new(table.name, n), "thing.made", 1, serde_json::json!({ "n": n }));
        block_on(store.commit(Commit::new(tenant.clone(), vec![row], vec![event]).unwrap())).unwrap();
    }
}

/// What a newer program keeps of the rows of [`OLD`]: one column less, one more, and a fold that calls things otherwise.
const OLD: TableSpec = TableSpec::machinery("notes", &["colour", "size"]);
const NEW: TableSpec =
    TableSpec::machinery("notes", &["parity", "colour"]).read_by(&[&["colour", "parity"]]).renewed_by(|key, body| {
        let parity = if key.ends_with(['0', '2', '4', '6', '8']) { "even" } else { "odd" };
        Ok(RowBody { index: vec![parity.into(), "red".into()], doc: format!("[{}]", body.doc), ..body.clone() })
    });

/// A store as schema 1 left it: tables of rows that nobody wrote the shape of, with an index for each column.
fn as_schema_1(folder: &Path) {
    let old = "DROP TABLE shapes; PRAGMA user_version=1;
        DROP INDEX t_notes_by_colour; CREATE INDEX t_notes_colour ON t_notes (tenant, ix_colour, key);";
    rusqlite::Connection::open(folder.join("atlasmesh.sqlite")).unwrap().execute_batch(old).unwrap();
}

#[test]
fn rows_of_an_older_program_get_their_columns_and_indexes_at_the_first_touch() {
    for schema_1 in [false, true] {
        for read_first in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let tenant: TenantId = "north-pit".parse().unwrap();
            // More than one page of them.
            fill(&open(folder.path(), None).unwrap(), OLD, 1_100);
            if schema_1 {
                as_schema_1(folder.path());
            }
            let store = open(folder.path(), None).unwrap();
            if !read_first {
                let body = RowBody::new(&1, vec!["odd".into(), "blue".into()]).unwrap();
                block_on(store.write(&tenant, vec![RowWrite::put(NEW, "blue", Expected::Absent, body)])).unwrap();
            }
            let filters = vec![("parity", "odd".to_owned()), ("colour", "red".to_owned())];
            let odd = block_on(store.list(NEW, &tenant, ListQuery { filters, ..ListQuery::all() })).unwrap();
            assert_eq!(odd.len(), 550, "{schema_1} {read_first}");
            assert_eq!((odd[549].key.as_str(), odd[549].version, odd[549].body.doc.as_str()), ("1099", 1, "[1099]"));
            let alone = block_on(store.list(NEW, &tenant, ListQuery::of("colour", "red")));
            assert!(matches!(alone, Err(Fault::Misuse(_))), "{alone:?}");
            conformance::lists_read_an_index(&store, &[NEW]);
            drop(store);
            // Renewed once: the next start finds the shape.
            let row = block_on(open(folder.path(), None).unwrap().get(NEW, &tenant, "1099")).unwrap().unwrap();
            assert_eq!(row.body.doc, "[1099]");
        }
    }
}

#[test]
fn a_table_that_nobody_wrote_is_read_as_empty_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(folder.path(), None).unwrap(), "north-pit".parse().unwrap());
    assert!(block_on(store.get(NEW, &tenant, "a")).unwrap().is_none());
    assert!(block_on(store.list(NEW, &tenant, ListQuery::all())).unwrap().is_empty());
    assert!(block_on(store.due(NEW, kernel::Timestamp::from_ms(1), 9)).unwrap().is_empty());
    let sql = "SELECT count(*) FROM sqlite_master WHERE name='t_notes'";
    let database = rusqlite::Connection::open(folder.path().join("atlasmesh.sqlite")).unwrap();
    assert_eq!(database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

/// What a read answers that is over when it is first looked at: it did not leave the caller's thread.
fn at_once<T>(mut reading: BoxFuture<'_, Result<Vec<T>, Fault>>) -> usize {
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found.unwrap().len(),
        Poll::Pending => panic!("it left the caller's thread"),
    }
}

#[test]
fn small_reads_stay_on_the_callers_thread_and_large_ones_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(folder.path(), None).unwrap(), "north-pit".parse().unwrap());
    fill(&store, THINGS, 400);
    let list = |limit| store.list(THINGS, &tenant, ListQuery { limit, ..ListQuery::all() });
    assert_eq!((at_once(list(20)), block_on(list(1_000)).unwrap().len()), (20, 400));
    let entries = |from| store.entries(&tenant, from, 1_000);
    assert_eq!((at_once(entries(390)), block_on(entries(0)).unwrap().len()), (10, 400), "what there is counts");
    let leaves = |to| store.leaves(&tenant, 0, to);
    assert_eq!((at_once(leaves(20)), block_on(leaves(400)).unwrap().len()), (20, 400));
    assert_eq!(at_once(store.timeline(&tenant, &Subject::new("things", 7), 0, 1_000)), 1);
}

fn grow(store: &SqliteStore, source: &CountingSource, n: usize) -> Result<u64, CommitError> {
    let tenant: TenantId = "north-pit".parse().unwrap();
    let ctx = Ctx::new(source, tenant.clone(), Actor::automation("test"));
    let key = format!("thing-{n}");
    let body = RowBody::new(&"x".repeat(4_000), Vec::new()).unwrap();
    let event = NewEvent::new(&ctx, Subject::new("things", &key), "thing.made", 1, serde_json::json!({ "n": n }));
    let row = RowWrite::put(THINGS, key, Expected::Absent, body);
    block_on(store.commit(Commit::new(tenant, vec![row], vec![event])?)).map(|receipt| receipt.head.size)
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let source = CountingSource::default();
    let store = open(folder.path(), Some(120)).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match grow(&store, &source, acknowledged) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000, "the limit never showed");
    };
    assert!(matches!(error, CommitError::Fault(Fault::Full)), "{error}");
    assert!(acknowledged > 10, "only {acknowledged} commits fitted");
    drop(store);
    // With room again it goes on exactly behind the last acknowledged one.
    let store = open(folder.path(), None).unwrap();
    assert_eq!(grow(&store, &source, acknowledged).unwrap(), acknowledged as u64 + 1);
}
