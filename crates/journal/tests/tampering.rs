//! Whoever owns the database changes it. Each way is found, and the finding names the entry.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::checkpoint::{origin, origin_at, sign_checkpoint};
use journal::receipt::{InclusionReceipt, Level, SELF_ASSERTED};
use journal::{
    ChainTip, Checkpoint, Entry, Finding, Frontier, Hash, JournalError, Link, LogVerifier, NoteVerifier, proof,
    verify_log,
};
use kernel::envelope::NewEvent;
use kernel::{Actor, Clock, Ctx, CtxSource, Subject, TenantId, Timestamp};
use keys::{Audit, Key, KeyPair, Signer};
use proptest::prelude::*;
use serde_json::json;

#[derive(Default)]
struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_795_489_212_000)
    }
}

impl CtxSource for Counting {
    fn entropy(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn tenant() -> TenantId {
    "north-pit".parse().unwrap()
}

fn key() -> Key<Audit> {
    Key::from_seed(&[7; 32]).unwrap()
}

fn verifier() -> NoteVerifier {
    NoteVerifier::new(&tenant(), key().verifying_key())
}

/// A log under construction, as a storage engine would write it.
#[derive(Default, Clone)]
struct Log {
    entries: Vec<Entry>,
    tips: BTreeMap<Subject, ChainTip>,
    frontier: Frontier,
}

impl Log {
    /// Trips that take turns, on vehicles that take turns.
    fn of(events: u64) -> Self {
        let (source, mut log) = (Counting::default(), Self::default());
        for n in 0..events {
            let ctx = Ctx::new(&source, tenant(), Actor::automation("test"));
            let event = NewEvent::new(&ctx, Subject::new("trip", n % 3), "trip.moved", 1, json!({ "n": n, "x": 0.1 }))
                .about(vec![Subject::new("vehicle", n % 2), Subject::new("site", "pit-1")]);
            log.append(event);
        }
        log
    }

    fn append(&mut self, event: NewEvent) {
        let next = |subject: &Subject| Ok::<_, Infallible>(self.tips.get(subject).copied());
        let links = Link::all(event.unsequenced(), next).unwrap();
        let entry = Entry::build(self.frontier.size(), &event.sequenced(links[0].n), &links).unwrap();
        self.frontier.push(entry.leaf);
        for link in links {
            self.tips.insert(link.subject, ChainTip { n: link.n, leaf: entry.leaf });
        }
        self.entries.push(entry);
    }

    fn note(&self) -> String {
        sign_checkpoint(&key(), &origin(&tenant()), self.frontier.size(), self.frontier.root()).unwrap()
    }

    fn verify(&self, note: &str) -> Result<journal::Report, Finding> {
        verify_log(&tenant(), self.entries.iter().cloned(), note, &verifier())
    }
}

/// Changes the entries of a log of twelve and says which one the verifier names, and how.
fn check(what: &str, change: impl FnOnce(&mut Vec<Entry>), index: Option<u64>, says: &str) {
    let mut log = Log::of(12);
    let note = log.note();
    log.verify(&note).unwrap();
    change(&mut log.entries);
    let finding = log.verify(&note).expect_err(what);
    assert_eq!((finding.index, &finding.tenant), (index, &tenant()), "{what}: {finding}");
    assert!(finding.what.contains(says), "{what}: {finding}");
}

/// The entry with the leaf that its texts have, as a careful forger would write it.
fn with_leaf(mut entry: Entry) -> Entry {
    entry.leaf = Hash::of_leaf(&entry.leaf_data());
    entry
}

/// An entry whose envelope was changed and that was written anew in canonical form.
fn forged(entry: &Entry, change: impl FnOnce(&mut serde_json::Value)) -> Entry {
    let mut value: serde_json::Value = serde_json::from_str(&entry.envelope_json).unwrap();
    change(&mut value);
    with_leaf(Entry { envelope_json: canonical(&value), ..entry.clone() })
}

fn relinked(entry: &Entry, change: impl FnOnce(&mut Vec<Link>)) -> Entry {
    let mut links = entry.links().unwrap();
    change(&mut links);
    with_leaf(Entry { links_json: canonical(&links), ..entry.clone() })
}

/// RFC 8785: the order of keys in a plain text depends on which other crates are built along.
fn canonical(value: &impl serde::Serialize) -> String {
    serde_json_canonicalizer::to_string(value).unwrap()
}

#[test]
fn a_log_that_nobody_touched_is_verified() {
    for events in [0, 1, 2, 12, 100] {
        let log = Log::of(events);
        let report = log.verify(&log.note()).unwrap();
        assert_eq!((report.size, report.root, report.subjects), (events, log.frontier.root(), log.tips.len()));
    }
}

#[test]
fn each_byte_of_each_entry_counts() {
    let log = Log::of(4);
    let note = log.note();
    for index in 0..log.entries.len() {
        let length = log.entries[index].leaf_data().len() + 32;
        for at in 0..length {
            let mut changed = log.clone();
            let entry = &mut changed.entries[index];
            let (envelope, links) = (entry.envelope_json.len(), entry.links_json.len());
            let flip = |text: &str, at: usize| {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1;
                String::from_utf8(bytes).unwrap()
            };
            if at < envelope {
                entry.envelope_json = flip(&entry.envelope_json, at);
            } else if at < envelope + links {
                entry.links_json = flip(&entry.links_json, at - envelope);
            } else {
                let mut leaf = *entry.leaf.as_bytes();
                leaf[at - envelope - links] ^= 1;
                entry.leaf = Hash::from_bytes(leaf);
            }
            let finding = changed.verify(&note).expect_err("a changed byte");
            assert_eq!(finding.index, Some(index as u64), "byte {at} of {index}: {finding}");
        }
    }
}

#[test]
fn moved_missing_and_added_entries_are_named() {
    check("one is missing", |entries| drop(entries.remove(5)), Some(6), "entry 5 is missing");
    check("the first is missing", |entries| drop(entries.remove(0)), Some(1), "entry 0 is missing");
    check("one stands twice", |entries| entries.insert(5, entries[4].clone()), Some(4), "entry 5 should stand here");
    check("two changed places", |entries| entries.swap(3, 4), Some(4), "entry 3 is missing");
    check("the last is cut off", |entries| drop(entries.pop()), None, "covers 12 entries where the log holds 11");
    let renumbered = |entries: &mut Vec<Entry>| {
        entries.remove(5);
        (0..).zip(entries).for_each(|(index, entry)| entry.index = index);
    };
    check("one is missing, the rest renumbered", renumbered, Some(5), "goes on at 7 where 6 is next");
    let more = |entries: &mut Vec<Entry>| *entries = Log::of(13).entries;
    check("one was added behind the head", more, None, "covers 12 entries where the log holds 13");
}

#[test]
fn what_a_careful_forger_writes_is_named() {
    let envelope = |index: usize, change: fn(&mut serde_json::Value)| {
        move |entries: &mut Vec<Entry>| entries[index] = forged(&entries[index], change)
    };
    check("a body", envelope(5, |e| e["body"]["n"] = json!(6)), Some(6), "the chain of site/pit-1 goes on after");
    check("the last body", envelope(11, |e| e["body"]["n"] = json!(6)), None, "its root is");
    check("an actor", envelope(2, |e| e["actor"]["id"] = json!("other")), Some(3), "the chain of site/pit-1");
    check("a tenant", envelope(5, |e| e["tenant"] = json!("south-pit")), Some(5), "belongs to the log of south-pit");
    check("a place in the stream", envelope(5, |e| e["stream_seq"] = json!(1)), Some(5), "its links are not");
    check("a subject", envelope(5, |e| e["about"] = json!(["site/pit-1"])), Some(5), "its links are not");
    check("an unknown field", envelope(5, |e| e["extra"] = json!(1)), Some(5), "the envelope cannot be read");
    check("not an envelope", envelope(5, |e| *e = json!({})), Some(5), "the envelope cannot be read");
    let links = |index: usize, change: fn(&mut Vec<Link>)| {
        move |entries: &mut Vec<Entry>| entries[index] = relinked(&entries[index], change)
    };
    check("a link less", links(5, |links| drop(links.pop())), Some(5), "its links are not");
    check("another's previous", links(5, |links| links[1].previous = Hash::ZERO), Some(5), "goes on after 0000");
    check("a gap", links(5, |links| links[2].n += 1), Some(5), "the chain of site/pit-1 goes on at 7 where 6 is next");
    check("a subject renamed", links(5, |l| l[1].subject = Subject::new("vehicle", 9)), Some(5), "its links are not");
}

#[test]
fn text_that_is_not_canonical_is_named() {
    let spaced = |entries: &mut Vec<Entry>| {
        let text = entries[5].envelope_json.replacen(':', ": ", 1);
        entries[5] = with_leaf(Entry { envelope_json: text, ..entries[5].clone() });
    };
    check("a space", spaced, Some(5), "canonical form");
    let other_number = |entries: &mut Vec<Entry>| {
        let text = entries[5].envelope_json.replacen("0.1", "1e-1", 1);
        entries[5] = with_leaf(Entry { envelope_json: text, ..entries[5].clone() });
    };
    check("a number in another form", other_number, Some(5), "canonical form");
    let trailing = |entries: &mut Vec<Entry>| {
        let text = format!("{}\n", entries[5].links_json);
        entries[5] = with_leaf(Entry { links_json: text, ..entries[5].clone() });
    };
    check("a line's end", trailing, Some(5), "canonical form");
    let twice = |entries: &mut Vec<Entry>| {
        let text = entries[5].envelope_json.replacen("\"n\":", "\"n\":99,\"n\":", 1);
        entries[5] = with_leaf(Entry { envelope_json: text, ..entries[5].clone() });
    };
    check("a key twice in the body", twice, Some(5), "canonical form");
}

#[test]
fn a_finding_names_the_event() {
    let mut log = Log::of(12);
    let note = log.note();
    let id = log.entries[5].envelope().unwrap().id;
    log.entries[5].leaf = Hash::ZERO;
    let finding = log.verify(&note).unwrap_err();
    let text =
        format!("log of north-pit, entry 5 (trip.moved {id}): its text was changed: the hash of it is not the leaf");
    assert_eq!(finding.to_string(), text);
}

#[test]
fn heads_on_the_way_narrow_down_a_replaced_tail() {
    let log = Log::of(12);
    let mut early = log.clone();
    early.entries.truncate(8);
    early.frontier = Frontier::default();
    early.entries.iter().for_each(|entry| early.frontier.push(entry.leaf));
    let mut verification = LogVerifier::new(tenant());
    log.entries[..8].iter().for_each(|entry| verification.take(entry).unwrap());
    verification.check_head(&early.note(), &verifier()).unwrap();
    let mut tail = log.entries[8..].to_vec();
    let last = tail.len() - 1;
    tail[last] = forged(&tail[last], |envelope| envelope["body"]["n"] = json!(0));
    tail.iter().for_each(|entry| verification.take(entry).unwrap());
    let finding = verification.finish(&log.note(), &verifier()).unwrap_err();
    assert!(finding.what.contains("from 8 on was replaced"), "{finding}");
}

#[test]
fn each_byte_of_the_signed_head_counts() {
    let log = Log::of(3);
    let note = log.note();
    for at in 0..note.len() {
        for bit in [1, 0x20] {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let finding = log.verify(&changed).expect_err("a changed byte");
            assert_eq!(finding.index, None, "byte {at}: {finding}");
        }
    }
    for length in 0..note.len() {
        if let Some(cut) = note.get(..length) {
            assert!(log.verify(cut).is_err(), "cut to {length}");
        }
    }
}

#[test]
fn a_head_must_be_this_logs_and_signed_by_its_key() {
    let (log, other_key) = (Log::of(3), Key::<Audit>::from_seed(&[8; 32]).unwrap());
    let (size, root) = (log.frontier.size(), log.frontier.root());
    let forged = sign_checkpoint(&other_key, &origin(&tenant()), size, root).unwrap();
    let opened = Checkpoint::open(&forged, &verifier());
    assert!(matches!(opened, Err(JournalError::NotSigned { .. })), "{opened:?}");
    let elsewhere = sign_checkpoint(&key(), &origin_at("log.example", &tenant()), size, root).unwrap();
    assert!(matches!(Checkpoint::open(&elsewhere, &verifier()), Err(JournalError::OtherLog { .. })));
    let named = NoteVerifier::named(&origin_at("log.example", &tenant()), key().verifying_key()).unwrap();
    assert_eq!(Checkpoint::open(&elsewhere, &named).unwrap().size, 3);
    let renewed = NoteVerifier::new(&tenant(), other_key.verifying_key()).or_earlier(key().verifying_key());
    log.verify(&log.note()).unwrap();
    assert_eq!(Checkpoint::open(&log.note(), &renewed).unwrap(), Checkpoint::open(&forged, &renewed).unwrap());
    let bad_name = sign_checkpoint(&key(), "a b", size, root);
    assert!(matches!(bad_name, Err(JournalError::OriginName)), "{bad_name:?}");
}

#[test]
fn signatures_of_others_are_passed_over_and_a_false_one_condemns() {
    let log = Log::of(3);
    let (note, line) = (log.note(), |note: &str| note.lines().last().unwrap().to_owned());
    let other = Key::<Audit>::from_seed(&[8; 32]).unwrap();
    let witness = sign_checkpoint(&other, "witness.example/w1", 3, log.frontier.root()).unwrap();
    let cosigned = format!("{note}{}\n", line(&witness));
    log.verify(&cosigned).unwrap();
    let other_head = sign_checkpoint(&key(), &origin(&tenant()), 4, log.frontier.root()).unwrap();
    let condemned = Checkpoint::open(&format!("{note}{}\n", line(&other_head)), &verifier());
    assert!(matches!(condemned, Err(JournalError::Signature { .. })), "{condemned:?}");
    let many = format!("{note}{}", format!("{}\n", line(&witness)).repeat(64));
    assert!(matches!(Checkpoint::open(&many, &verifier()), Err(JournalError::Note(_))));
    let huge = format!("{note}{}", "x".repeat(70_000));
    assert!(matches!(Checkpoint::open(&huge, &verifier()), Err(JournalError::Note(_))));
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let log = Log::of(12);
    let leaves: Vec<Hash> = log.entries.iter().map(|entry| entry.leaf).collect();
    let receipt = |index: usize| {
        InclusionReceipt::provable(log.entries[index].clone(), proof::inclusion(&leaves, index).unwrap(), log.note())
    };
    for index in 0..log.entries.len() {
        let good = receipt(index);
        assert_eq!((good.level, good.trust), (Level::Provable, SELF_ASSERTED));
        assert_eq!(good.verify(&verifier()).unwrap().size, 12);
        let wrong = [
            InclusionReceipt { index: good.index ^ 1, ..good.clone() },
            InclusionReceipt { envelope: good.envelope.replacen("trip.moved", "trip.ended", 1), ..good.clone() },
            InclusionReceipt { links: receipt((index + 1) % 12).links, ..good.clone() },
            InclusionReceipt { path: good.path[1..].to_vec(), ..good.clone() },
            InclusionReceipt { checkpoint: Log::of(11).note(), ..good.clone() },
        ];
        for receipt in wrong {
            assert!(matches!(receipt.verify(&verifier()), Err(JournalError::Proof)), "{index}: {receipt:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_replaced_leaf_is_found(size in 1u64..60, place in any::<prop::sample::Index>(), n in 100u64..200) {
        let mut log = Log::of(size);
        let note = log.note();
        let at = place.index(log.entries.len());
        log.entries[at] = forged(&log.entries[at], |envelope| envelope["body"]["n"] = json!(n));
        let finding = log.verify(&note).unwrap_err();
        // The entry after it in a chain tells; the last of all its chains shows in the root alone.
        prop_assert!(finding.index.is_none_or(|index| index > at as u64), "{}", finding);
    }

    #[test]
    fn nothing_that_claims_to_be_a_note_makes_the_verifier_panic(text in "\\PC*", lines in "[\u{2014} a-zA-Z0-9+/=\n]{0,200}") {
        prop_assert!(Checkpoint::open(&text, &verifier()).is_err());
        let note = format!("atlasmesh.local/log/north-pit\n3\n{lines}");
        prop_assert!(Checkpoint::open(&note, &verifier()).is_err());
        prop_assert!(text.parse::<NoteVerifier>().is_err());
        let _ = Entry::from_leaf_data(0, text.as_bytes());
    }

    #[test]
    fn any_body_reads_back_the_same(numbers in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..20), text in any::<String>()) {
        let ctx = Ctx::new(&Counting::default(), tenant(), Actor::automation("test"));
        let event = NewEvent::new(&ctx, Subject::new("trip", 1), "trip.moved", 1, json!({ "numbers": numbers, (format!("{text} ")): text }));
        let mut log = Log::default();
        log.append(event);
        let read: Vec<f64> = serde_json::from_value(log.entries[0].envelope().unwrap().body["numbers"].clone()).unwrap();
        prop_assert_eq!(&read, &numbers);
        log.verify(&log.note()).unwrap();
    }
}
