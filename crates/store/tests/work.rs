//! What runs behind commands: leases and due work, subscribers with their cursors, and the fold that checks the rows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Tally, TallyRaised, World, id, tenant, world};
use kernel::envelope::NewEvent;
use kernel::{BoxFuture, Clock, DomainEvent, Envelope, Subject, TenantId, Timestamp};
use pollster::block_on;
use store::due::{Backoff, DUE_BATCH_MAX, DueHandler, decide_rows, run_due, table_of, take_lease, take_round};
use store::port::PAGE_LIMIT_MAX;
use store::replay::fold_of;
use store::subscribe::{PUMP_BATCH_MAX, Subscriber, pump};
use store::{CommandError, Commit, Expected, Extras, Fault, Guard, RowBody, RowWrite, TableSpec};

const SEEN: TableSpec = TableSpec::machinery("test_seen", &[]);

fn lease(world: &World, holder: &str) -> Option<Guard> {
    block_on(take_lease(&*world.store, "due", holder, world.clock.now(), 1_000)).unwrap()
}

#[test]
fn one_worker_holds_a_lease_and_the_next_fences_it_off() {
    let world = world();
    let first = lease(&world, "a").unwrap();
    assert_eq!(lease(&world, "b"), None);
    world.clock.pass_ms(999);
    assert_eq!(lease(&world, "a"), Some(first.clone()), "renewed under the same number");
    world.clock.pass_ms(999);
    assert_eq!(lease(&world, "b"), None);
    world.clock.pass_ms(1);
    let second = lease(&world, "b").unwrap();
    assert_ne!(second, first);
    assert_eq!(lease(&world, "a"), None);
    let under = |guard: &Guard| world.raise(1, Extras { guard: Some(guard.clone()), ..Extras::default() });
    assert!(matches!(under(&first), Err(CommandError::Fenced(_))));
    under(&second).unwrap();
    assert_eq!(world.count(1), 1);
}

/// Notes each key that is due, fails over one, and loses the lease at another.
struct Noting {
    seen: Mutex<Vec<String>>,
    fails: String,
    fenced: String,
}

impl DueHandler for Noting {
    fn table(&self) -> TableSpec {
        table_of::<Tally>()
    }

    fn due<'a>(&'a self, _: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        self.seen.lock().unwrap().push(key.into());
        Box::pin(async move {
            match key {
                _ if key == self.fails => Err(Fault::Overloaded.into()),
                _ if key == self.fenced => Err(CommandError::Fenced("due".into())),
                _ => Ok(()),
            }
        })
    }
}

#[test]
fn one_that_fails_holds_up_no_other_and_a_lost_lease_ends_the_round() {
    let world = world();
    for n in 1..=4 {
        // The higher the count, the later it is due.
        (0..n).for_each(|_| drop(world.raise(n, Extras::default()).unwrap()));
    }
    let round = |fails, fenced| {
        let handler = Noting { seen: Mutex::default(), fails: id(fails).to_string(), fenced: id(fenced).to_string() };
        let guard = lease(&world, "a").unwrap();
        let decided = block_on(run_due(&*world.store, &world.clock, &handler, &guard)).unwrap();
        (decided, handler.seen.into_inner().unwrap())
    };
    let keys = |ids: &[u128]| ids.iter().map(|&n| id(n).to_string()).collect::<Vec<_>>();
    assert_eq!(round(9, 9), (4, keys(&[1, 2, 3, 4])));
    assert_eq!(round(2, 9), (3, keys(&[1, 2, 3, 4])));
    assert_eq!(round(9, 2), (1, keys(&[1, 2])));
}

/// Writes one row for each entry; fails once if it is told to.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<u64>>,
    fails: AtomicBool,
    meddles: Option<World>,
}

impl Subscriber for Listener {
    fn name(&self) -> &'static str {
        "test_listener"
    }

    fn handle<'a>(&'a self, index: u64, _: &'a Envelope) -> BoxFuture<'a, Result<Vec<RowWrite>, Fault>> {
        Box::pin(async move {
            if self.fails.swap(false, Ordering::Relaxed) {
                return Err(Fault::Overloaded);
            }
            if let Some(world) = &self.meddles {
                // Another replica handles the same entries meanwhile.
                pump(&*world.store, &Listener::default(), &tenant()).await?;
            }
            self.heard.lock().unwrap().push(index);
            let body = RowBody::new(&index, Vec::new())?;
            Ok(vec![RowWrite::put(SEEN, format!("{index:04}"), Expected::Absent, body)])
        })
    }
}

#[test]
fn a_subscriber_hears_every_entry_in_order_and_none_twice() {
    let world = world();
    let total = PUMP_BATCH_MAX + 10;
    (0..total).for_each(|_| drop(world.raise(1, Extras::default()).unwrap()));
    let listener = Listener { fails: AtomicBool::new(true), ..Listener::default() };
    let go = || block_on(pump(&*world.store, &listener, &tenant()));
    assert!(matches!(go(), Err(Fault::Overloaded)), "a fault repeats the entries");
    assert_eq!((go().unwrap(), go().unwrap(), go().unwrap()), (PUMP_BATCH_MAX, 10, 0));
    assert_eq!(*listener.heard.lock().unwrap(), (0..total as u64).collect::<Vec<_>>());
    world.raise(2, Extras::default()).unwrap();
    assert_eq!(go().unwrap(), 1);
    assert_eq!(block_on(pump(&*world.store, &listener, &"east-port".parse().unwrap())).unwrap(), 0);
    let get = |index: u64| block_on(world.store.get(SEEN, &tenant(), &format!("{index:04}"))).unwrap();
    assert!((0..=total as u64).all(|index| get(index).is_some_and(|row| row.version == 1)));
}

#[test]
fn of_two_replicas_one_has_the_effect() {
    let world = world();
    world.raise(1, Extras::default()).unwrap();
    let store = std::sync::Arc::clone(&world.store);
    let slow = Listener { meddles: Some(world), ..Listener::default() };
    assert_eq!(block_on(pump(&*store, &slow, &tenant())).unwrap(), 0, "the other was faster");
    assert_eq!(block_on(store.get(SEEN, &tenant(), "0000")).unwrap().unwrap().version, 1);
}

/// What the fold finds in a world.
fn replayed(world: &World) -> Option<String> {
    let mut fold = fold_of::<Tally>();
    for entry in block_on(world.store.entries(&tenant(), 0, PAGE_LIMIT_MAX)).unwrap() {
        if let Err(finding) = fold.take(&entry.envelope().unwrap()) {
            return Some(finding.to_string());
        }
    }
    block_on(fold.compare(&*world.store, &tenant(), &|_| ControlFlow::Continue(())))
        .unwrap()
        .map(|finding| finding.to_string())
}

/// Commits a row and an event that need not fit.
fn commit(world: &World, row: Option<RowWrite>, stream: Subject, body: serde_json::Value) {
    let event = NewEvent::new(&world.ctx(), stream, "tally.raised", 1, body);
    let commit = Commit::new(tenant(), row.into_iter().collect(), vec![event]).unwrap();
    block_on(world.store.commit(commit)).unwrap();
}

#[test]
fn rows_that_the_journal_explains_are_found_good() {
    let world = world();
    (0..5).for_each(|n| drop(world.raise(n % 3, Extras::default()).unwrap()));
    world.ask_denied(1, "r", Extras::default());
    assert_eq!(replayed(&world), None);
}

#[test]
fn whatever_the_journal_does_not_explain_is_found() {
    let body = || TallyRaised { by: 1 };
    let raised = || common::TallyEvent::from(body()).body();
    let row = |state: RowBody, expected| Some(RowWrite::put(table_of::<Tally>(), id(1).to_string(), expected, state));
    let tally = |count| RowBody::of(&Tally { count }).unwrap();
    let (own, other) = (|| Subject::new("tally", id(1)), || Subject::new("note", 1));
    let later = Some(Timestamp::from_ms(7));
    let rows = [
        (row(tally(1), Expected::Version(1)), own(), raised(), "the row holds"),
        (row(RowBody { due_at: later, ..tally(2) }, Expected::Version(1)), own(), raised(), "the row is due at"),
        (row(RowBody { index: vec!["odd".into()], ..tally(2) }, Expected::Version(1)), own(), raised(), "columns"),
        (row(tally(2), Expected::Version(1)), other(), raised(), "the row holds"),
        (None, own(), raised(), "the row holds"),
        (None, own(), serde_json::json!({ "by": "one" }), "cannot be read"),
        (None, Subject::new("tally", id(2)), raised(), "the journal's events have no row"),
    ];
    for (row, stream, body, expected) in rows {
        let world = world();
        world.raise(1, Extras::default()).unwrap();
        commit(&world, row, stream, body);
        let found = replayed(&world).unwrap_or_default();
        assert!(found.contains(expected), "expected {expected}, found {found}");
    }
    let world = world();
    commit(&world, row(tally(1), Expected::Absent), other(), raised());
    assert!(replayed(&world).unwrap().contains("the row has no events in the journal"));
}

/// Fails over every key but one.
struct Failing {
    sound: String,
    tried: Mutex<Vec<String>>,
}

impl DueHandler for Failing {
    fn table(&self) -> TableSpec {
        SEEN
    }

    fn due<'a>(&'a self, _: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        self.tried.lock().unwrap().push(key.into());
        let sound = key == self.sound;
        Box::pin(async move { if sound { Ok(()) } else { Err(Fault::Overloaded.into()) } })
    }
}

#[test]
fn rows_that_fail_hold_up_nothing_behind_them_and_are_tried_less_and_less() {
    let world = world();
    let guard = lease(&world, "a").unwrap();
    let failing = DUE_BATCH_MAX + 44;
    let due = |n: usize| RowBody { due_at: Some(Timestamp::from_ms(n as i64)), ..RowBody::new(&n, vec![]).unwrap() };
    for n in 0..=failing {
        let row = RowWrite::put(SEEN, format!("{n:04}"), Expected::Absent, due(n));
        block_on(world.store.write(&tenant(), vec![row])).unwrap();
    }
    let handler = Failing { sound: format!("{failing:04}"), tried: Mutex::default() };
    let mut backoff = Backoff::default();
    let mut round = |world: &World| {
        let now = world.clock.now();
        let round = block_on(take_round(&*world.store, SEEN, now, &mut backoff, |_| false)).unwrap();
        for (tenant, rows) in round {
            for (key, failed) in block_on(decide_rows(&handler, &guard, &tenant, rows)) {
                backoff.note(&tenant, &key, failed, now);
            }
        }
        std::mem::take(&mut *handler.tried.lock().unwrap())
    };
    assert_eq!(round(&world).len(), DUE_BATCH_MAX);
    // The sound one is the last of all, behind those that fail.
    assert_eq!(round(&world).last(), Some(&handler.sound));
    assert_eq!(round(&world), vec![handler.sound.clone()], "what failed is stepped over");
    world.clock.pass_ms(1_000);
    assert_eq!(round(&world).len(), DUE_BATCH_MAX);
    world.clock.pass_ms(1_000);
    let again = round(&world);
    assert!(again.iter().all(|key| key.as_str() >= format!("{DUE_BATCH_MAX:04}").as_str()), "twice as late: {again:?}");
    // A tenant whose rows are at work is left alone.
    let none = block_on(take_round(&*world.store, SEEN, world.clock.now(), &mut Backoff::default(), |_| true)).unwrap();
    assert!(none.is_empty());
}
