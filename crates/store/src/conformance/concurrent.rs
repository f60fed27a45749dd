//! Many writers at once: nothing acknowledged is lost, nothing is done twice, and one's conflict is not another's.

use std::sync::Arc;

use kernel::Subject;
use pollster::block_on;

use super::{CountingSource, THINGS, commit, ctx, event, tenant};
use crate::port::{Commit, CommitError, Store};
use crate::table::{Expected, RowBody, RowWrite};

const WRITERS: u64 = 8;
const ROUNDS: u64 = 25;

/// Every writer counts one shared row up; a conflict is tried again. The row must have counted every acknowledgement.
pub(super) fn no_update_is_lost(store: &Arc<dyn Store>) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    commit(&**store, &source, &tenant, "shared", Expected::Absent).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    loop {
                        let version = block_on(store.get(THINGS, &tenant, "shared")).unwrap().unwrap().version;
                        match commit(&**store, &source, &tenant, "shared", Expected::Version(version)) {
                            Ok(_) => break,
                            Err(CommitError::Conflict { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            });
        }
    });
    let row = block_on(store.get(THINGS, &tenant, "shared")).unwrap().unwrap();
    assert_eq!(row.version, 1 + WRITERS * ROUNDS);
    assert_eq!(block_on(store.head(&tenant)).unwrap().unwrap().size, 1 + WRITERS * ROUNDS);
    super::log::verify(&**store, &tenant);
}

/// Half of the writers always believe something wrong; the others' commits, batched with theirs, all succeed.
pub(super) fn one_conflict_fails_alone(store: &Arc<dyn Store>) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (source, tenant) = (&source, &tenant);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = format!("{writer}-{round}");
                    let expected = if writer % 2 == 0 { Expected::Absent } else { Expected::Version(7) };
                    let result = commit(&**store, source, tenant, &key, expected);
                    assert_eq!(result.is_ok(), writer % 2 == 0, "{key} gives {result:?}");
                    let found = block_on(store.get(THINGS, tenant, &key)).unwrap();
                    assert_eq!(found.is_some(), writer % 2 == 0, "{key} is read at once after its acknowledgement");
                }
            });
        }
    });
    assert_eq!(block_on(store.head(&tenant)).unwrap().unwrap().size, WRITERS / 2 * ROUNDS);
    super::log::verify(&**store, &tenant);
}

pub(super) fn waiting_ends_with_a_commit(store: &Arc<dyn Store>) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    let before = store.committed();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(store.wait_committed(before)));
        let ctx = ctx(&source, &tenant);
        let row = RowWrite::put(THINGS, "a", Expected::Absent, RowBody::new(&1, vec!["red".into()]).unwrap());
        let about = event(&ctx, "a").about(vec![Subject::new("vehicle", "b")]);
        block_on(store.commit(Commit::new(tenant.clone(), vec![row], vec![about]).unwrap())).unwrap();
        waiting.join().unwrap();
    });
    assert!(store.committed() > before);
    assert_eq!(store.advanced(before), vec![tenant.clone()]);
    // Another tenant's commit is only its own.
    let (level, other) = (store.committed(), super::tenant("south-pit"));
    let about = event(&ctx(&source, &other), "a");
    block_on(store.commit(Commit::new(other.clone(), Vec::new(), vec![about]).unwrap())).unwrap();
    assert_eq!(store.advanced(level), vec![other.clone()]);
    let mut both = store.advanced(before);
    both.sort();
    assert_eq!(both, [tenant, other]);
    assert!(store.advanced(store.committed()).is_empty());
}
