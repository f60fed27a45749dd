//! A verification of a whole log: in parts where there is much, ended where nobody wants it any more, and it finds the
//! same either way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::{Tally, World, id, tenant};
use journal::checkpoint::{Checkpoint, origin};
use journal::{Hash, NoteVerifier};
use kernel::TenantId;
use kernel::testing::HandClock;
use keys::{Audit, Key, KeyPair, Signer};
use pollster::block_on;
use store::due::table_of;
use store::replay::{Fold, fold_of};
use store::sequence::HeadSigner;
use store::verify::{LogReport, Progress, VerifyError, verify_holding};
use store::{Commit, Expected, Extras, Fault, MemoryStore, RowBody, RowWrite};

const TALLIES: u128 = 9;

struct AuditSigner;

fn key() -> Key<Audit> {
    Key::from_seed(&[7; 32]).unwrap()
}

impl HeadSigner for AuditSigner {
    fn sign(&self, tenant: &TenantId, size: u64, root: Hash) -> Result<String, Fault> {
        Ok(Checkpoint { origin: origin(tenant), size, root }.sign(&key()).unwrap())
    }
}

fn raised() -> World {
    let world = World { store: Arc::new(MemoryStore::new(Arc::new(AuditSigner))), clock: HandClock::default() };
    (0..2 * TALLIES).for_each(|n| drop(world.raise(n % TALLIES, Extras::default()).unwrap()));
    world
}

/// What a verification with so many states at once finds, and how often it told how far it was.
fn verified(world: &World, states_max: usize, until: usize) -> (Result<LogReport, VerifyError>, Vec<Progress>) {
    let told = Mutex::new(Vec::new());
    let watch = |progress| {
        let mut told = told.lock().unwrap();
        told.push(progress);
        if told.len() < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let folds = || -> Vec<Box<dyn Fold>> { vec![fold_of::<Tally>()] };
    let key = NoteVerifier::new(&tenant(), key().verifying_key());
    let found = block_on(verify_holding(states_max, &*world.store, &tenant(), &key, &folds, &watch));
    (found, told.into_inner().unwrap())
}

#[test]
fn parts_find_what_the_whole_finds() {
    let world = raised();
    let (whole, told) = verified(&world, 100, usize::MAX);
    let whole = whole.unwrap();
    assert_eq!((whole.size, whole.rows_replayed), (18, Some(9)));
    assert_eq!(told.last(), Some(&Progress { entries_done: 18, entries_total: 18, rows_compared: 9 }));
    for states_max in [1, 2, 4] {
        let (parts, told) = verified(&world, states_max, usize::MAX);
        assert_eq!(parts.unwrap(), whole, "{states_max} at once");
        let last = told.last().unwrap();
        assert!(last.entries_done == last.entries_total && last.entries_total >= 2 * 18, "it was read again: {last:?}");
    }
}

#[test]
fn a_row_that_was_changed_is_found_whichever_part_it_is_in() {
    for changed in 0..TALLIES {
        let world = raised();
        let body = RowBody::of(&Tally { count: 7 }).unwrap();
        let row = RowWrite::put(table_of::<Tally>(), id(changed).to_string(), Expected::Version(2), body);
        let event = kernel::envelope::NewEvent::new(
            &world.ctx(),
            kernel::Subject::new("note", 1),
            "note.made",
            1,
            serde_json::json!({}),
        );
        block_on(world.store.commit(Commit::new(tenant(), vec![row], vec![event]).unwrap())).unwrap();
        for states_max in [2, 100] {
            let found = verified(&world, states_max, usize::MAX).0.unwrap_err();
            assert!(matches!(&found, VerifyError::Rows(finding) if finding.key == id(changed).to_string()), "{found}");
        }
    }
}

#[test]
fn it_ends_when_nobody_wants_it() {
    let world = raised();
    let all = verified(&world, 2, usize::MAX).1.len();
    for until in 1..=all {
        let (found, told) = verified(&world, 2, until);
        assert!(matches!(found, Err(VerifyError::Ended)), "{until}: {found:?}");
        assert!(told.len() <= until + 2, "{until}: it went on for {} pages", told.len());
    }
}

#[test]
fn a_row_that_changes_meanwhile_is_no_finding() {
    let found = |times: u64| {
        let world = raised();
        let left = AtomicU64::new(times);
        let watch = |_| {
            if left.load(Ordering::Relaxed) > 0 {
                left.fetch_sub(1, Ordering::Relaxed);
                drop(world.raise(1, Extras::default()).unwrap());
            }
            ControlFlow::Continue(())
        };
        let folds = || -> Vec<Box<dyn Fold>> { vec![fold_of::<Tally>()] };
        let key = NoteVerifier::new(&tenant(), key().verifying_key());
        block_on(verify_holding(100, &*world.store, &tenant(), &key, &folds, &watch))
    };
    assert_eq!(found(7).unwrap().size, 18 + 7, "it follows the log");
    let unsettled = found(u64::MAX).unwrap_err();
    assert!(matches!(unsettled, VerifyError::Unsettled(_)), "{unsettled}");
}
