//! The embedded engine against the suite of every engine, and against what only a file can suffer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::path::Path;
use std::sync::Arc;

use kernel::envelope::NewEvent;
use kernel::{Actor, Ctx, Subject, TenantId};
use pollster::block_on;
use store::conformance::{self, CountingSource, PlainSigner};
use store::port::{Commit, CommitError, Fault, Store};
use store::{Expected, RowBody, RowWrite, TableSpec};
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
