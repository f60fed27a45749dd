//! Rows: versions, lists, due work, guards, classes.

use kernel::Timestamp;
use pollster::block_on;

use super::{CountingSource, NOTES, THINGS, body, commit, ctx, event, tenant};
use crate::port::{Commit, CommitError, Fault, Guard, ListQuery, Order, Store};
use crate::table::{Expected, RowBody, RowWrite};

pub(super) fn commit_is_read_back(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    assert!(block_on(store.get(THINGS, &tenant, "a")).unwrap().is_none());
    commit(store, &source, &tenant, "a", Expected::Absent).unwrap();
    let row = block_on(store.get(THINGS, &tenant, "a")).unwrap().unwrap();
    assert_eq!((row.version, &row.body), (1, &body("red")));
    commit(store, &source, &tenant, "a", Expected::Version(1)).unwrap();
    assert_eq!(block_on(store.get(THINGS, &tenant, "a")).unwrap().unwrap().version, 2);
}

pub(super) fn wrong_belief_changes_nothing(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    commit(store, &source, &tenant, "a", Expected::Absent).unwrap();
    let head = block_on(store.head(&tenant)).unwrap();
    for expected in [Expected::Absent, Expected::Version(2), Expected::Version(0)] {
        let result = commit(store, &source, &tenant, "a", expected);
        assert!(matches!(result, Err(CommitError::Conflict { .. })), "{expected:?} gives {result:?}");
    }
    let absent = commit(store, &source, &tenant, "b", Expected::Version(1));
    assert!(matches!(absent, Err(CommitError::Conflict { .. })), "{absent:?}");
    // A transaction with one good and one bad row changes neither.
    let ctx = ctx(&source, &tenant);
    let rows = vec![
        RowWrite::put(THINGS, "c", Expected::Absent, body("blue")),
        RowWrite::put(THINGS, "a", Expected::Absent, body("blue")),
    ];
    let both = Commit::new(tenant.clone(), rows, vec![event(&ctx, "c")]).unwrap();
    assert!(matches!(block_on(store.commit(both)), Err(CommitError::Conflict { .. })));
    assert!(block_on(store.get(THINGS, &tenant, "c")).unwrap().is_none());
    assert_eq!(block_on(store.head(&tenant)).unwrap(), head);
}

/// Whatever class a row has, nothing of a transaction that was refused stays.
pub(super) fn what_is_refused_leaves_nothing(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    commit(store, &source, &tenant, "a", Expected::Absent).unwrap();
    let head = block_on(store.head(&tenant)).unwrap();
    let note = |key: &str, expected: Expected| {
        let body = RowBody::new(&key, vec!["red".into(), "round".into(), "small".into()]).unwrap();
        RowWrite::put(NOTES, key, expected, body)
    };
    let context = ctx(&source, &tenant);
    let torn = |state: Expected, machinery: Expected| {
        let rows = vec![RowWrite::put(THINGS, "a", state, body("blue"))];
        let commit = Commit::new(tenant.clone(), rows, vec![event(&context, "a")]).unwrap();
        let commit = commit.with_machinery(vec![note("first", Expected::Any), note("second", machinery)]).unwrap();
        block_on(store.commit(commit)).map(drop)
    };
    let refused = [
        torn(Expected::Absent, Expected::Any),
        torn(Expected::Version(1), Expected::Version(9)),
        block_on(store.write(&tenant, vec![note("first", Expected::Any), note("second", Expected::Version(9))])),
    ];
    assert!(refused.iter().all(|done| matches!(done, Err(CommitError::Conflict { .. }))), "{refused:?}");
    assert!(block_on(store.list(NOTES, &tenant, ListQuery::all())).unwrap().is_empty());
    assert_eq!(block_on(store.get(THINGS, &tenant, "a")).unwrap().unwrap().body, body("red"));
    assert_eq!(block_on(store.head(&tenant)).unwrap(), head);
}

pub(super) fn lists_filter_order_and_page(store: &dyn Store) {
    let (north, south) = (tenant("north-pit"), tenant("south-pit"));
    let note = |key: &str, colour: &str, shape: &str| {
        let body = RowBody::new(&key, vec![colour.into(), shape.into(), "small".into()]).unwrap();
        RowWrite::put(NOTES, key, Expected::Any, body)
    };
    let rows = vec![
        note("a", "red", "round"),
        note("b", "blue", "round"),
        note("c", "red", "square"),
        note("d", "red", "round"),
    ];
    block_on(store.write(&north, rows)).unwrap();
    block_on(store.write(&south, vec![note("e", "red", "round")])).unwrap();
    let keys = |query: ListQuery| -> String {
        block_on(store.list(NOTES, &north, query)).unwrap().iter().map(|row| row.key.as_str()).collect()
    };
    assert_eq!(keys(ListQuery::all()), "abcd");
    assert_eq!(keys(ListQuery::of("colour", "red")), "acd");
    assert_eq!(keys(ListQuery { order: Order::Descending, ..ListQuery::of("colour", "red") }), "dca");
    let both = vec![("colour", "red".to_owned()), ("shape", "round".to_owned())];
    assert_eq!(keys(ListQuery { filters: both, ..ListQuery::all() }), "ad");
    assert_eq!(keys(ListQuery { after: Some("a".into()), limit: 2, ..ListQuery::all() }), "bc");
    assert_eq!(keys(ListQuery { after: Some("c".into()), order: Order::Descending, ..ListQuery::all() }), "ba");
    let mut all = vec![("size", "small".to_owned()), ("shape", "round".to_owned()), ("colour", "red".to_owned())];
    for (after, order, expected) in [
        (None, Order::Ascending, "ad"),
        (None, Order::Descending, "da"),
        (Some("a"), Order::Ascending, "d"),
        (Some("d"), Order::Descending, "a"),
        (Some("a"), Order::Descending, ""),
    ] {
        let query = ListQuery { filters: all.clone(), after: after.map(str::to_owned), order, ..ListQuery::all() };
        assert_eq!(keys(query), expected, "{order:?} behind {after:?}");
    }
    all.push(("colour", "red".to_owned()));
    // What has no index of its own would be found by a look at every row.
    let without = [
        vec![("weight", "1".to_owned())],
        vec![("size", "small".to_owned())],
        vec![("colour", "red".to_owned()), ("size", "small".to_owned())],
        vec![("colour", "red".to_owned()), ("colour", "blue".to_owned())],
        all,
    ];
    for filters in without {
        let refused = block_on(store.list(NOTES, &north, ListQuery { filters, ..ListQuery::all() }));
        assert!(matches!(refused, Err(Fault::Misuse(_))), "{refused:?}");
    }
}

/// An index forgets what a row was: by value, by tenant, and when the row is deleted.
pub(super) fn lists_follow_what_rows_say_now(store: &dyn Store) {
    let (north, south) = (tenant("north-pit"), tenant("south-pit"));
    let note = |key: &str, colour: &str| {
        let body = RowBody::new(&key, vec![colour.into(), "round".into(), "small".into()]).unwrap();
        RowWrite::put(NOTES, key, Expected::Any, body)
    };
    let keys = |tenant, colour: &str| -> String {
        let query = ListQuery {
            filters: vec![("colour", colour.to_owned()), ("shape", "round".to_owned())],
            ..ListQuery::all()
        };
        let alone = block_on(store.list(NOTES, tenant, ListQuery::of("colour", colour))).unwrap();
        let both = block_on(store.list(NOTES, tenant, query)).unwrap();
        assert_eq!(alone, both);
        both.iter().map(|row| row.key.as_str()).collect()
    };
    block_on(store.write(&north, vec![note("a", "red"), note("b", "red"), note("c", "red")])).unwrap();
    block_on(store.write(&south, vec![note("a", "red")])).unwrap();
    block_on(store.write(&north, vec![note("a", "blue"), RowWrite::delete(NOTES, "b", Expected::Any)])).unwrap();
    assert_eq!(
        (keys(&north, "red").as_str(), keys(&north, "blue").as_str(), keys(&south, "red").as_str()),
        ("c", "a", "a")
    );
}

pub(super) fn due_rows_come_longest_overdue_first(store: &dyn Store) {
    let (north, south) = (tenant("north-pit"), tenant("south-pit"));
    let due = |key: &str, at: Option<i64>| {
        let body = RowBody {
            due_at: at.map(Timestamp::from_ms),
            ..RowBody::new(&key, vec!["red".into(), "round".into(), "small".into()]).unwrap()
        };
        RowWrite::put(NOTES, key, Expected::Any, body)
    };
    block_on(store.write(&north, vec![due("late", Some(30)), due("never", None), due("later", Some(50))])).unwrap();
    block_on(store.write(&south, vec![due("first", Some(10))])).unwrap();
    let keys = |now: i64, limit: usize| -> Vec<String> {
        let rows = block_on(store.due(NOTES, Timestamp::from_ms(now), limit)).unwrap();
        rows.into_iter().map(|(tenant, row)| format!("{tenant}/{}", row.key)).collect()
    };
    assert_eq!(keys(40, 10), ["south-pit/first", "north-pit/late"]);
    assert_eq!(keys(50, 2), ["south-pit/first", "north-pit/late"]);
    assert_eq!(keys(50, 10), ["south-pit/first", "north-pit/late", "north-pit/later"]);
    block_on(store.write(&south, vec![due("first", None)])).unwrap();
    assert_eq!(keys(40, 10), ["north-pit/late"]);
}

pub(super) fn guard_fences(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    let lease = |value: &str| {
        let body = RowBody::new(&value, vec![value.into(), "lease".into(), "small".into()]).unwrap();
        block_on(store.write(&tenant, vec![RowWrite::put(NOTES, "lease", Expected::Any, body)])).unwrap();
    };
    let guarded = |key: &str, value: &str| {
        let ctx = ctx(&source, &tenant);
        let row = RowWrite::put(THINGS, key, Expected::Absent, body("red"));
        let guard = Guard { tenant: tenant.clone(), table: NOTES, key: "lease".into(), value: value.into() };
        let commit = Commit::new(tenant.clone(), vec![row], vec![event(&ctx, key)]).unwrap();
        block_on(store.commit(commit.with_guard(Some(guard))))
    };
    assert!(matches!(guarded("a", "1"), Err(CommitError::Fenced(_))), "a guard without its row holds nothing");
    lease("1");
    guarded("a", "1").unwrap();
    lease("2");
    assert!(matches!(guarded("b", "1"), Err(CommitError::Fenced(_))));
    assert!(block_on(store.get(THINGS, &tenant, "b")).unwrap().is_none());
    guarded("b", "2").unwrap();
}

pub(super) fn classes_are_kept_apart(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    let state = vec![RowWrite::put(THINGS, "a", Expected::Absent, body("red"))];
    let unexplained = block_on(store.write(&tenant, state.clone()));
    assert!(matches!(unexplained, Err(CommitError::Fault(Fault::Misuse(_)))), "{unexplained:?}");
    assert!(block_on(store.get(THINGS, &tenant, "a")).unwrap().is_none());
    assert!(Commit::new(tenant.clone(), state, Vec::new()).is_err(), "no commit without an event");
    let foreign = event(&ctx(&source, &super::tenant("south-pit")), "a");
    assert!(Commit::new(tenant, Vec::new(), vec![foreign]).is_err(), "no event of another tenant");
}

pub(super) fn rows_can_be_deleted(store: &dyn Store) {
    let tenant = tenant("north-pit");
    let put = RowWrite::put(
        NOTES,
        "a",
        Expected::Absent,
        RowBody::new(&1, vec!["red".into(), "round".into(), "small".into()]).unwrap(),
    );
    block_on(store.write(&tenant, vec![put])).unwrap();
    let stale = block_on(store.write(&tenant, vec![RowWrite::delete(NOTES, "a", Expected::Version(2))]));
    assert!(matches!(stale, Err(CommitError::Conflict { .. })), "{stale:?}");
    block_on(store.write(&tenant, vec![RowWrite::delete(NOTES, "a", Expected::Version(1))])).unwrap();
    assert!(block_on(store.get(NOTES, &tenant, "a")).unwrap().is_none());
    assert!(block_on(store.list(NOTES, &tenant, ListQuery::of("colour", "red"))).unwrap().is_empty());
}
