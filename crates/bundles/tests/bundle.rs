//! A bundle as a whole: the same events give the same bytes, and whatever changes in it is found and named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::convert::Infallible;

use bundles::Sha256Digest;
use bundles::archive::{Manifest, WriteError, Writer};
use common::{Key, bundle, check, files_of, journal, repacked, shuffled, unpacked};
use serde_json::Value;

#[test]
fn the_same_events_in_any_order_give_the_same_bytes() {
    let key = Key::new(1);
    let first = bundle(&journal(2_000), &key);
    assert_eq!(first, bundle(&journal(2_000), &key));
    assert_eq!(first, bundle(&shuffled(journal(2_000)), &key));
    assert_eq!(check(&first, &key).unwrap()["events"], 2_000);
}

#[test]
fn a_byte_flipped_in_any_file_is_found_and_named() {
    let key = Key::new(1);
    let tar = unpacked(&bundle(&journal(200), &key));
    let files = files_of(&tar);
    assert_eq!(files.len(), 7);
    for (name, from, size) in files {
        for at in [from, from + size / 3, from + size / 2, from + size - 1] {
            let mut changed = tar.clone();
            changed[at] ^= 0x01;
            let found = check(&repacked(&changed), &key).unwrap_err();
            assert!(found.contains(&name), "{name} at {at}: {found}");
        }
        // In its header and in the space behind it.
        let mut changed = tar.clone();
        changed[from - 412] ^= 0x01;
        assert!(check(&repacked(&changed), &key).unwrap_err().contains("a header is not"), "{name}");
        if size % 512 != 0 {
            let mut changed = tar.clone();
            changed[from + size] ^= 0x01;
            assert!(check(&repacked(&changed), &key).unwrap_err().contains(&name), "{name}");
        }
    }
}

#[test]
fn a_byte_flipped_in_the_archive_itself_is_found() {
    let key = Key::new(1);
    let archive = bundle(&journal(200), &key);
    for at in (0..archive.len()).step_by(97) {
        let mut changed = archive.clone();
        changed[at] ^= 0x10;
        // A bit of the frame that says nothing (RFC 8878: the unused bit of the descriptor) leaves the content as it was.
        if let Ok(predicate) = check(&changed, &key) {
            assert_eq!(unpacked(&changed), unpacked(&archive), "byte {at}: {predicate}");
        }
    }
    for cut in [1, 4, archive.len() / 2, archive.len() - 1] {
        assert!(check(&archive[..cut], &key).is_err(), "cut at {cut}");
    }
    assert!(check(&[archive.as_slice(), b"x"].concat(), &key).is_err());
    assert!(check(&[archive.as_slice(), archive.as_slice()].concat(), &key).is_err());
}

/// Changes the lines of the events, and the manifest with them when told so.
fn rewritten(tar: &[u8], with_manifest: bool, change: impl Fn(&mut Vec<String>)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let (mut manifest, mut signature) = (Vec::new(), Vec::new());
    for (name, from, size) in files_of(tar) {
        let content = &tar[from..from + size];
        match name.as_str() {
            "manifest.json" => manifest = content.to_vec(),
            "bundle.sigstore.json" => signature = content.to_vec(),
            name if name.starts_with("events/") => {
                let mut lines: Vec<String> =
                    String::from_utf8(content.to_vec()).unwrap().lines().map(String::from).collect();
                change(&mut lines);
                writer.add_bytes(name, (lines.join("\n") + "\n").as_bytes()).unwrap();
            }
            name => writer.add_bytes(name, content).unwrap(),
        }
    }
    let archive = writer.seal().unwrap().finish(Some(&signature)).unwrap();
    if with_manifest {
        return archive;
    }
    let mut tar = unpacked(&archive);
    let (_, from, size) = files_of(&tar).into_iter().find(|(name, ..)| name == "manifest.json").unwrap();
    let new: Manifest = serde_json::from_slice(&tar[from..from + size]).unwrap();
    let old: Manifest = serde_json::from_slice(&manifest).unwrap();
    // The sizes may have as many digits as before, or the manifest would not fit in its place.
    assert_eq!(new.text().unwrap().len(), old.text().unwrap().len());
    tar[from..from + size].copy_from_slice(&manifest);
    repacked(&tar)
}

#[test]
fn an_event_removed_moved_or_added_is_found() {
    let key = Key::new(1);
    let tar = unpacked(&bundle(&journal(200), &key));
    type Change = fn(&mut Vec<String>);
    let changes: [(&str, Change); 4] = [
        ("removed", |lines| drop(lines.remove(50))),
        ("moved", |lines| lines.swap(50, 51)),
        ("added", |lines| lines.push(lines[0].clone())),
        ("changed", |lines| lines[50] = lines[50].replace("agent", "tnega")),
    ];
    for (what, change) in changes {
        let found = check(&rewritten(&tar, false, change), &key).unwrap_err();
        assert!(found.starts_with("events/00000000.ndjson "), "{what}: {found}");
        let found = check(&rewritten(&tar, true, change), &key).unwrap_err();
        assert!(found.starts_with("manifest.json was changed"), "{what} with its manifest: {found}");
    }
    assert!(check(&rewritten(&tar, true, |_| ()), &key).is_ok());
}

#[test]
fn another_key_does_not_verify() {
    let archive = bundle(&journal(20), &Key::new(1));
    let found = check(&archive, &Key::new(2)).unwrap_err();
    assert_eq!(found, "bundle.sigstore.json: the key `evidence-2026` did not sign this");
}

#[test]
fn a_writer_takes_nothing_out_of_order() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add_bytes("b", b"1").unwrap();
    assert!(matches!(writer.add_bytes("a", b"1"), Err(WriteError::Order { .. })));
    assert!(matches!(writer.add_bytes("b", b"1"), Err(WriteError::Order { .. })));
    assert!(matches!(writer.add_bytes("manifest.json", b"1"), Err(WriteError::Reserved { .. })));
    assert!(matches!(writer.add_bytes("c/../d", b"1"), Err(WriteError::Path { .. })));
    assert!(matches!(writer.add("c", 2, &mut b"1".as_slice()), Err(WriteError::Size { .. })));
    assert!(matches!(writer.add("d", 2, &mut b"123".as_slice()), Err(WriteError::Size { .. })));
    let events = [(3, Value::Null), (3, Value::Null)].map(Ok::<_, Infallible>);
    assert!(matches!(writer.add_events("e", events), Err(WriteError::Events { .. })));
    let failing = writer.add_events("e", [Err("the store is down")]).unwrap_err();
    assert_eq!(failing.to_string(), "the events cannot be read: the store is down");
}

#[test]
fn events_are_cut_into_parts_that_fit_in_memory() {
    let long = "x".repeat(3 << 20);
    let events = (0..7).map(|index| Ok::<_, Infallible>((index, Value::String(long.clone()))));
    let mut writer = Writer::new(Vec::new()).unwrap();
    assert_eq!(writer.add_events("events", events).unwrap(), 7);
    let sealed = writer.seal().unwrap();
    let names: Vec<&str> = sealed.manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["00", "01", "02", "03"].map(|number| format!("events/000000{number}.ndjson")));
}

/// Changes only when the format does, or zstd: the second digest is of the archive, the first of what is signed.
#[test]
fn the_bytes_are_those_of_the_golden_example() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let events =
        (0..3).map(|index| Ok::<_, Infallible>((index, serde_json::json!({"index": index, "type": "trip.created"}))));
    writer.add_events("events", events).unwrap();
    let sealed = writer.seal().unwrap();
    assert_eq!(
        sealed.manifest.text().unwrap(),
        "{\"files\":[{\"bytes\":102,\"path\":\"events/00000000.ndjson\",\"sha256\":\
         \"a20f43bea9442e0ebea077803c8da1718a191cb4d47752b06ba4238821774138\"}],\"version\":1}"
    );
    assert_eq!(sealed.digest.to_string(), "1625196e020bfffdf2cc65d2186b38402d17ea69c47ccbb51e3dbedf4640d7a8");
    assert_eq!(
        Sha256Digest::of(&sealed.finish(None).unwrap()).to_string(),
        "f281490ce8397b94d1e010a4498a5de196d208cd143330cf5425a46dcb3e857c"
    );
}
