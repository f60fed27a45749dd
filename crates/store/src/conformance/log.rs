//! The log: gap-free places, chains per subject, signed heads, and walls between tenants.

use journal::Frontier;
use kernel::envelope::NewEvent;
use kernel::{EventId, Subject, TenantId};
use pollster::block_on;

use super::{CountingSource, PlainSigner, THINGS, commit, ctx, event, tenant};
use crate::port::{Commit, CommitError, ListQuery, Store};
use crate::sequence::{HeadSigner, envelope};
use crate::table::Expected;

/// Places in the log, in the stream and in the chain of every other subject are gap-free.
pub(super) fn places_are_gap_free(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    for (n, key) in ["a", "b", "a", "a", "b"].into_iter().enumerate() {
        let ctx = ctx(&source, &tenant);
        let events = vec![event(&ctx, key), event(&ctx, key)];
        let given: Vec<EventId> = events.iter().map(|event| event.unsequenced().id).collect();
        let receipt = block_on(store.commit(Commit::new(tenant.clone(), Vec::new(), events).unwrap())).unwrap();
        let kept: Vec<EventId> = receipt.entries.iter().map(|entry| envelope(entry).unwrap().id).collect();
        assert_eq!(kept, given, "events keep their order");
        let places: Vec<u64> = receipt.entries.iter().map(|entry| entry.index).collect();
        assert_eq!(places, [2 * n as u64, 2 * n as u64 + 1]);
    }
    let stream = |key: &str| -> Vec<u64> {
        let entries = block_on(store.timeline(&tenant, &Subject::new(THINGS.name, key), 0, 100)).unwrap();
        entries.iter().map(|entry| envelope(entry).unwrap().stream_seq).collect()
    };
    assert_eq!(stream("a"), [1, 2, 3, 4, 5, 6]);
    assert_eq!(stream("b"), [1, 2, 3, 4]);
    let red = Subject::new("colour", "red");
    let behind: Vec<u64> =
        block_on(store.timeline(&tenant, &red, 7, 2)).unwrap().iter().map(|entry| entry.index).collect();
    assert_eq!(behind, [7, 8], "the chain of what events are about holds all ten, and pages");
    let third = block_on(store.entries(&tenant, 3, 1)).unwrap();
    let id = envelope(&third[0]).unwrap().id;
    assert_eq!(block_on(store.entry(&tenant, id)).unwrap().unwrap(), third[0]);
    verify(store, &tenant);
}

pub(super) fn tenants_never_see_each_other(store: &dyn Store) {
    let (source, north, south) = (CountingSource::default(), tenant("north-pit"), tenant("south-pit"));
    let receipt = commit(store, &source, &north, "canary", Expected::Absent).unwrap();
    let id = envelope(&receipt.entries[0]).unwrap().id;
    assert!(block_on(store.get(THINGS, &south, "canary")).unwrap().is_none());
    assert!(block_on(store.list(THINGS, &south, ListQuery::all())).unwrap().is_empty());
    assert!(block_on(store.entry(&south, id)).unwrap().is_none());
    assert!(block_on(store.entries(&south, 0, 10)).unwrap().is_empty());
    assert!(block_on(store.timeline(&south, &Subject::new(THINGS.name, "canary"), 0, 10)).unwrap().is_empty());
    assert!(block_on(store.leaves(&south, 0, 10)).unwrap().is_empty());
    assert!(block_on(store.head(&south)).unwrap().is_none());
    assert_eq!(block_on(store.logs()).unwrap(), std::slice::from_ref(&north));
    let other = commit(store, &source, &south, "canary", Expected::Absent).unwrap();
    assert_eq!(other.entries[0].index, 0, "each tenant's log counts for itself");
    assert_eq!(block_on(store.logs()).unwrap(), [north, south]);
}

pub(super) fn head_covers_every_entry(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    for n in 0..40u64 {
        let expected = if n == 0 { Expected::Absent } else { Expected::Version(n) };
        let receipt = commit(store, &source, &tenant, "a", expected).unwrap();
        let head = block_on(store.head(&tenant)).unwrap().unwrap();
        assert_eq!(head, receipt.head);
        assert_eq!(head.size, n + 1);
        verify(store, &tenant);
    }
}

pub(super) fn too_large_an_event_changes_nothing(store: &dyn Store) {
    let (source, tenant) = (CountingSource::default(), tenant("north-pit"));
    commit(store, &source, &tenant, "a", Expected::Absent).unwrap();
    let head = block_on(store.head(&tenant)).unwrap();
    let ctx = ctx(&source, &tenant);
    let large = serde_json::json!({ "text": "x".repeat(60_000) });
    let large = NewEvent::new(&ctx, Subject::new(THINGS.name, "a"), "thing.painted", 1, large);
    let result =
        block_on(store.commit(Commit::new(tenant.clone(), Vec::new(), vec![event(&ctx, "a"), large]).unwrap()));
    assert!(matches!(result, Err(CommitError::Fault(_))), "{result:?}");
    assert_eq!(block_on(store.head(&tenant)).unwrap(), head);
    commit(store, &source, &tenant, "a", Expected::Version(1)).unwrap();
    verify(store, &tenant);
}

/// The leaves give the root of the head, the head is signed, and every entry's leaf is that of its text.
pub(super) fn verify(store: &dyn Store, tenant: &TenantId) {
    let head = block_on(store.head(tenant)).unwrap().unwrap();
    let leaves = block_on(store.leaves(tenant, 0, head.size)).unwrap();
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    assert_eq!((frontier.size(), frontier.root()), (head.size, head.root));
    assert_eq!(head.note, PlainSigner.sign(tenant, head.size, head.root).unwrap());
    let entries = block_on(store.entries(tenant, 0, 1_000)).unwrap();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!((entry.index, entry.leaf), (index as u64, leaves[index]));
        let text = format!("{}{}", entry.envelope_json, entry.links_json);
        assert_eq!(entry.leaf, journal::Hash::of_leaf(text.as_bytes()));
    }
}
