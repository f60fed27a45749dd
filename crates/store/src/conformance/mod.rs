//! The suite that every engine passes. An engine's tests call [`run`] with a way to open a fresh store; a durable
//! engine also calls [`survives_reopening`].
//!
//! A finding panics with what was expected: this is test code that lives in the library so that engines in other
//! crates can use it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a finding of the suite is a panic")]

mod concurrent;
mod log;
mod rows;

use std::sync::Arc;

use journal::Hash;
use kernel::envelope::NewEvent;
use kernel::{Actor, BoxFuture, Clock, Ctx, CtxSource, Subject, TenantId, Timestamp};
use pollster::block_on;

use crate::port::{Commit, CommitError, Fault, ListQuery, Order, Receipt, Store};
use crate::sequence::HeadSigner;
use crate::table::{Expected, RowBody, RowWrite, TableSpec};

const THINGS: TableSpec = TableSpec::state("conformance_things", &["colour"]);
const NOTES: TableSpec = TableSpec::machinery("conformance_notes", &["colour", "shape", "size"]).read_by(&[
    &["colour"],
    &["shape", "colour"],
    &["colour", "shape", "size"],
]);

/// Signs heads with a digest: the suite needs a signature that is a function of the head, not a secret one.
#[derive(Debug, Clone, Copy)]
pub struct PlainSigner;

impl HeadSigner for PlainSigner {
    fn sign(&self, tenant: &TenantId, size: u64, root: Hash) -> Result<String, Fault> {
        Ok(format!("{tenant} {size} {root}"))
    }
}

/// A clock that stands still and entropy that counts, so that every run of the suite writes the same bytes.
#[derive(Debug, Default)]
pub struct CountingSource(std::sync::atomic::AtomicU64);

impl Clock for CountingSource {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_795_489_212_000)
    }
}

impl CtxSource for CountingSource {
    fn entropy(&self) -> u128 {
        u128::from(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) + 1
    }
}

/// How an engine reads a list, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    /// Whether only the rows that are answered are looked at, in the order in which they are answered.
    pub in_order: bool,
    /// What is read, step by step; an index is named by its columns.
    pub steps: Vec<String>,
}

/// An engine that tells how it would read a list.
pub trait Explain {
    /// How a list is read.
    ///
    /// # Errors
    /// Those of the list.
    fn explain<'a>(
        &'a self,
        table: TableSpec,
        tenant: &'a TenantId,
        query: &'a ListQuery,
    ) -> BoxFuture<'a, Result<ReadPlan, Fault>>;
}

/// Every list that can be asked of these tables looks only at the rows that it answers: of each set of columns that has
/// an index, in both orders, from the beginning and behind a key.
pub fn lists_read_an_index(engine: &dyn Explain, tables: &[TableSpec]) {
    for table in tables {
        for set in table.index_sets().chain([&[] as &[&str]]) {
            let filters: Vec<_> = set.iter().map(|column| (*column, "x".to_owned())).collect();
            for order in [Order::Ascending, Order::Descending] {
                for after in [None, Some("k".to_owned())] {
                    let query = ListQuery { filters: filters.clone(), order, after, ..ListQuery::all() };
                    let plan = block_on(engine.explain(*table, &tenant("north-pit"), &query)).unwrap();
                    let named = set.iter().all(|column| plan.steps.concat().contains(column));
                    assert!(plan.in_order && named, "{} by {query:?}: {plan:?}", table.name);
                }
            }
        }
    }
}

/// The tables of the suite itself, for [`lists_read_an_index`].
pub const TABLES: [TableSpec; 2] = [THINGS, NOTES];

/// Runs every check, each on a fresh store.
pub fn run(open: &dyn Fn() -> Arc<dyn Store>) {
    rows::commit_is_read_back(&*open());
    rows::wrong_belief_changes_nothing(&*open());
    rows::what_is_refused_leaves_nothing(&*open());
    rows::lists_filter_order_and_page(&*open());
    rows::lists_follow_what_rows_say_now(&*open());
    rows::due_rows_come_longest_overdue_first(&*open());
    rows::guard_fences(&*open());
    rows::classes_are_kept_apart(&*open());
    rows::rows_can_be_deleted(&*open());
    log::places_are_gap_free(&*open());
    log::tenants_never_see_each_other(&*open());
    log::head_covers_every_entry(&*open());
    log::too_large_an_event_changes_nothing(&*open());
    concurrent::no_update_is_lost(&open());
    concurrent::one_conflict_fails_alone(&open());
    concurrent::waiting_ends_with_a_commit(&open());
}

/// What was acknowledged before an engine was dropped is there when it is opened again.
pub fn survives_reopening(open: &dyn Fn() -> Arc<dyn Store>) {
    let source = CountingSource::default();
    let tenant = tenant("north-pit");
    let before = {
        let store = open();
        for n in 0..10 {
            commit(&*store, &source, &tenant, "a", if n == 0 { Expected::Absent } else { Expected::Version(n) })
                .unwrap();
        }
        block_on(store.head(&tenant)).unwrap()
    };
    let store = open();
    assert_eq!(block_on(store.head(&tenant)).unwrap(), before);
    assert_eq!(block_on(store.get(THINGS, &tenant, "a")).unwrap().unwrap().version, 10);
    let receipt = commit(&*store, &source, &tenant, "a", Expected::Version(10)).unwrap();
    assert_eq!(receipt.entries[0].index, 10, "the log goes on where it stood");
    log::verify(&*store, &tenant);
}

fn tenant(name: &str) -> TenantId {
    name.parse().expect("a tenant's name")
}

fn ctx(source: &CountingSource, tenant: &TenantId) -> Ctx {
    Ctx::new(source, tenant.clone(), Actor::automation("conformance"))
}

fn body(colour: &str) -> RowBody {
    RowBody::new(&serde_json::json!({ "colour": colour }), vec![colour.into()]).expect("a body")
}

fn event(ctx: &Ctx, key: &str) -> NewEvent {
    NewEvent::new(ctx, Subject::new(THINGS.name, key), "thing.painted", 1, serde_json::json!({ "key": key }))
        .about(vec![Subject::new("colour", "red")])
}

fn commit(
    store: &dyn Store,
    source: &CountingSource,
    tenant: &TenantId,
    key: &str,
    expected: Expected,
) -> Result<Receipt, CommitError> {
    let ctx = ctx(source, tenant);
    let row = RowWrite::put(THINGS, key, expected, body("red"));
    block_on(store.commit(Commit::new(tenant.clone(), vec![row], vec![event(&ctx, key)])?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::MemoryStore;

    fn open() -> MemoryStore {
        MemoryStore::new(Arc::new(super::PlainSigner))
    }

    #[test]
    fn the_memory_engine_conforms() {
        super::run(&|| Arc::new(open()));
    }

    #[test]
    fn the_memory_engine_reads_every_list_off_an_index() {
        super::lists_read_an_index(&open(), &super::TABLES);
    }
}
