//! What the tests share: a journal, a key, and a bundle of both.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use bundles::archive::{Limits, Sealed, Writer};
use bundles::oscal::{Assessment, assessment_results, mapping_collection, poam};
use bundles::statement::{self, EVIDENCE_BUNDLE, Signer, Statement};
use bundles::verify_md::{KeyKind, Names, verify_md};
use bundles::{Event, Mapping, Subject, assess, shipped};
use serde_json::{Value, json};

/// 30 November 2026, 00:00 in UTC.
pub const NOW_MS: i64 = 1_795_996_800_000;
const MINUTE_MS: i64 = 60_000;

pub fn mapping() -> Mapping {
    Mapping::compile(&shipped()).unwrap()
}

/// A journal with trips, decisions, an update that failed and was mended, and a violation that was not.
pub fn journal(entries: u64) -> Vec<Event> {
    (0..entries).map(|index| event(index, entries)).collect()
}

pub fn event(index: u64, entries: u64) -> Event {
    let vehicle = format!("vehicle-{:03}", index % 40);
    let (kind, body) = match index % 10 {
        0 => ("trip.created", json!({"trip": index, "purpose": "freight"})),
        1 | 2 => (
            "policy.decided",
            json!({"verdict": if index.is_multiple_of(3) { "deny" } else { "allow" }, "facts": [index, 7]}),
        ),
        3 => ("trip.compliance_summary", json!({"compliant": 60, "violating": 0, "unknown": 0})),
        4 => ("vehicle.mode_changed", json!({"from": "manual", "to": "automated"})),
        5 if index == 15 => ("trip.violation_opened", json!({"violation": "v-1", "rule": "speed"})),
        5 if index == 25 => ("trip.violation_closed", json!({"violation": "v-1", "rule": "speed"})),
        5 if index == 35 => ("trip.violation_opened", json!({"violation": "v-2", "rule": "zone"})),
        5 => ("trip.completed", json!({"metres": index * 17})),
        6 => ("incident.opened", json!({"severity": "high"})),
        7 => ("identity.svid_issued", json!({"serial": index})),
        8 => ("witness.cosigned", json!({"size": index})),
        _ => ("update.checked", json!({"allowed": true})),
    };
    let age = i64::try_from(entries - index).unwrap() * MINUTE_MS;
    Event {
        index,
        id: format!("event-{index:08}"),
        r#type: kind.into(),
        at_ms: NOW_MS - age,
        body,
        actor: "agent".into(),
        subjects: vec![
            Subject::new("vehicle", vehicle),
            Subject::new("site", ["north", "south"][(index % 2) as usize]),
        ],
    }
}

/// The same events in another order, the same each time.
pub fn shuffled(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    events
}

pub struct Key(Ed25519KeyPair);

impl Key {
    pub fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], self.public().as_slice()].concat()
    }

    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public()).verify(message, signature).is_ok()
    }
}

impl Signer for Key {
    type Error = Infallible;

    fn key_id(&self) -> &str {
        "evidence-2026"
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

/// A bundle of events in any order.
pub fn bundle(events: &[Event], key: &Key) -> Vec<u8> {
    let sealed = packed(events);
    let predicate = json!({"complete": true, "events": events.len()});
    let statement = Statement::about("manifest.json", sealed.digest, EVIDENCE_BUNDLE, predicate);
    let text = statement::sign(&statement, key).unwrap().text().unwrap();
    sealed.finish(Some(text.as_bytes())).unwrap()
}

pub fn packed(events: &[Event]) -> Sealed<Vec<u8>> {
    let mapping = mapping();
    let results = assess(&mapping, events, NOW_MS).unwrap();
    let assessment = Assessment {
        system: "north fleet",
        from_ms: NOW_MS - 86_400_000,
        to_ms: NOW_MS,
        at_ms: NOW_MS,
        mapping: &mapping,
        results: &results,
        proof: |index| format!("../proofs/{index}.tlog-proof"),
    };
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_key(|event| event.index);
    let lines =
        sorted.into_iter().map(|event| Ok::<_, Infallible>((event.index, serde_json::to_value(event).unwrap())));
    let names = Names {
        archive: "bundle.tar.zst",
        key: "key.pem",
        key_kind: KeyKind::Ed25519,
        timestamp_roots: None,
        log: false,
    };
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add_bytes("VERIFY.md", verify_md(&names).unwrap().as_bytes()).unwrap();
    writer.add_events("events", lines).unwrap();
    writer.add_bytes("oscal/assessment-results.json", assessment_results(&assessment).unwrap().as_bytes()).unwrap();
    writer
        .add_bytes("oscal/mapping-collection.json", mapping_collection(&mapping, NOW_MS).unwrap().as_bytes())
        .unwrap();
    writer.add_bytes("oscal/poam.json", poam(&assessment, &[]).unwrap().unwrap().as_bytes()).unwrap();
    writer.seal().unwrap()
}

/// The statement of a bundle, when everything is as it was signed; otherwise what is wrong, with the name of the file.
pub fn check(archive: &[u8], key: &Key) -> Result<Value, String> {
    let signed_by = |_: &str, message: &[u8], signature: &[u8]| key.verifies(message, signature);
    let verified = bundles::verify::verify(archive, &Limits::default(), signed_by, |_, _, _| Ok(()));
    verified.map(|verified| verified.statement.predicate).map_err(|error| error.to_string())
}

/// The files of a bundle as they stand in its `tar`: name, place and size.
pub fn files_of(tar: &[u8]) -> Vec<(String, usize, usize)> {
    let (mut at, mut files) = (0, Vec::new());
    while tar[at] != 0 {
        let name =
            String::from_utf8(tar[at..at + 100].iter().copied().take_while(|byte| *byte != 0).collect()).unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&tar[at + 124..at + 135]).unwrap(), 8).unwrap();
        files.push((name, at + 512, size));
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

pub fn unpacked(archive: &[u8]) -> Vec<u8> {
    zstd::decode_all(archive).unwrap()
}

/// Any `tar` as an archive, as a stranger would pack it.
pub fn repacked(tar: &[u8]) -> Vec<u8> {
    zstd::encode_all(tar, 3).unwrap()
}
