//! What the journal names of a boot is what its segments hold, for ever: whatever is changed there is found and named. And
//! what is no longer needed leaves memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kernel::id::{BootId, TypedId};
use kernel::{Bearing, Coordinate, TenantId, Timestamp, VehicleId};
use telemetry::{Batch, Ingest, Named, RawSample, Sealed, verify_segments};

const NOW: i64 = 1_795_489_212_000;

fn tenant() -> TenantId {
    "north-pit".parse().unwrap()
}

fn vehicle() -> VehicleId {
    VehicleId::from_u128(1)
}

fn boot(n: u128) -> BootId {
    BootId::from_u128(n)
}

fn sample(seq: u64, speed_mps: f64) -> RawSample {
    RawSample {
        seq,
        vehicle_time: Timestamp::from_ms(NOW + i64::try_from(seq).unwrap() * 1_000),
        position: Coordinate::new(-29.95, -71.3).unwrap(),
        heading: Bearing::from_degrees(90.0),
        speed_mps,
        battery_pct: 80.0,
        odometer_m: 10.0,
        mode: "AUTONOMOUS",
        trip: None,
        progress_m: 0.0,
        flags: 0,
    }
}

fn send_at(ingest: &Ingest, boot: BootId, seqs: impl Iterator<Item = u64>, speed_mps: f64) -> telemetry::Ack {
    let samples: Vec<RawSample> = seqs.map(|seq| sample(seq, speed_mps)).collect();
    let batch = Batch { vehicle: vehicle(), boot, samples: &samples, kept_from_seq: 0 };
    ingest.ingest(&tenant(), batch, Timestamp::from_ms(NOW)).unwrap()
}

fn send(ingest: &Ingest, boot: BootId, seqs: impl Iterator<Item = u64>) -> telemetry::Ack {
    send_at(ingest, boot, seqs, 5.0)
}

fn seal(ingest: &Ingest, boot: BootId) -> Sealed {
    ingest.seal(&tenant(), vehicle(), boot).unwrap().unwrap()
}

fn name(named: &mut Named, sealed: &Sealed) {
    named.entry((vehicle(), sealed.boot)).or_default().insert(sealed.chunks, sealed.root);
}

fn verified(folder: &Path, named: &Named) -> Result<u64, String> {
    let told = || ControlFlow::Continue(());
    verify_segments(folder, &tenant(), named, &told).unwrap().map_err(|damage| damage.to_string())
}

fn segment(folder: &Path, n: u64) -> PathBuf {
    folder.join("north-pit").join(format!("{n:010}.log"))
}

/// Two summaries of one boot, both named by the journal.
fn two_summaries(folder: &Path) -> Named {
    let ingest = Ingest::new(folder.to_owned());
    let mut named = Named::new();
    send(&ingest, boot(2), 1..=3);
    name(&mut named, &seal(&ingest, boot(2)));
    send(&ingest, boot(2), 4..=6);
    name(&mut named, &seal(&ingest, boot(2)));
    named
}

#[test]
fn a_summary_reads_no_segment_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    send(&ingest, boot(2), 1..=3);
    let first = seal(&ingest, boot(2));
    assert_eq!((first.chunks, first.first_seq, first.last_seq), (1, 1, 3));
    assert_eq!(seal(&ingest, boot(2)), first, "nothing came since");
    send(&ingest, boot(2), 4..=5);
    drop(ingest);
    let ingest = Ingest::new(folder.path().to_owned());
    send(&ingest, boot(2), 6..=6);
    // Whoever read the segment to make a digest would not find it.
    let path = segment(folder.path(), 1);
    let moved = path.with_extension("moved");
    fs::rename(&path, &moved).unwrap();
    let second = seal(&ingest, boot(2));
    fs::rename(&moved, &path).unwrap();
    assert_eq!((second.chunks, second.first_seq, second.last_seq), (2, 1, 6));
    let named = [((vehicle(), boot(2)), [(1, first.root), (2, second.root)].into())].into();
    assert_eq!(verified(folder.path(), &named), Ok(1));
    drop(ingest);
    let again = seal(&Ingest::new(folder.path().to_owned()), boot(2));
    assert_eq!(again, second, "a restart changes no digest");
    assert_eq!(Ingest::new(folder.path().to_owned()).seal(&tenant(), vehicle(), boot(9)).unwrap(), None);
}

#[test]
fn a_chunk_has_a_minute_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    send(&ingest, boot(2), 1..=61);
    assert_eq!(seal(&ingest, boot(2)).chunks, 1);
    send(&ingest, boot(2), 62..=200);
    assert_eq!(seal(&ingest, boot(2)).chunks, 4, "139 seconds are 61, 61 and 17");
}

#[test]
fn every_byte_that_was_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let named = two_summaries(folder.path());
    assert_eq!(verified(folder.path(), &named), Ok(1));
    let path = segment(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        let finding = verified(folder.path(), &named).expect_err(&format!("byte {at}"));
        assert!(finding.contains("segment 1"), "byte {at}: {finding}");
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let finding = verified(folder.path(), &named).expect_err(&format!("cut at {length}"));
        assert!(finding.contains(&vehicle().to_string()), "cut at {length}: {finding}");
    }
    fs::remove_dir_all(folder.path().join("north-pit")).unwrap();
    assert!(verified(folder.path(), &named).unwrap_err().contains("the segments hold 0"));
}

#[test]
fn a_segment_that_was_written_anew_with_good_checksums_is_not_what_the_journal_names() {
    let (folder, forged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let named = two_summaries(folder.path());
    let ingest = Ingest::new(forged.path().to_owned());
    send(&ingest, boot(2), 1..=3);
    seal(&ingest, boot(2));
    send_at(&ingest, boot(2), 4..=6, 1.0);
    seal(&ingest, boot(2));
    assert_eq!(verified(forged.path(), &Named::new()), Ok(1), "in itself it is whole");
    fs::copy(segment(forged.path(), 1), segment(folder.path(), 1)).unwrap();
    let finding = verified(folder.path(), &named).unwrap_err();
    assert!(finding.starts_with("segment 1: the journal names another digest of the first 2 chunks"), "{finding}");
    assert!(finding.contains(&vehicle().to_string()) && finding.contains("samples 1 to 6"), "{finding}");
}

/// Segments so small that some hundred samples fill several.
fn small_segments(folder: &Path) -> Ingest {
    Ingest::new(folder.to_owned()).with_segments_of(8 * 1_024)
}

#[test]
fn closed_segments_are_what_their_manifests_and_the_journal_say() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = small_segments(folder.path());
    let mut named = Named::new();
    for from in (1..200).step_by(10) {
        send(&ingest, boot(2), from..from + 10);
        name(&mut named, &seal(&ingest, boot(2)));
    }
    let segments = verified(folder.path(), &named).unwrap();
    assert!(segments > 3, "{segments}");
    let history = |ingest: &Ingest, from: i64, to: i64| {
        let (from, to) = (Timestamp::from_ms(NOW + from * 1_000), Timestamp::from_ms(NOW + to * 1_000));
        let found = ingest.history(&tenant(), vehicle(), from, to, 1_000).unwrap();
        found.into_iter().map(|(_, sample)| sample.seq).collect::<Vec<_>>()
    };
    assert!(history(&ingest, 1, 200).into_iter().eq(1..=200));
    assert!(history(&ingest, 30, 90).into_iter().eq(30..=90));
    drop(ingest);
    assert!(history(&small_segments(folder.path()), 1, 200).into_iter().eq(1..=200));
    let path = segment(folder.path(), 2);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        let finding = verified(folder.path(), &named).expect_err(&format!("byte {at}"));
        assert!(finding.starts_with("segment 2"), "byte {at}: {finding}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(verified(folder.path(), &named), Err("segment 2: it is gone".into()));
    fs::write(&path, whole).unwrap();
    let manifests = fs::read_dir(folder.path().join("north-pit")).unwrap().map(|entry| entry.unwrap().path());
    let second = manifests.into_iter().find(|path| path.to_string_lossy().contains("/0000000002_")).unwrap();
    fs::remove_file(second).unwrap();
    assert_eq!(verified(folder.path(), &named), Err("segment 2: it has no manifest".into()));
}

#[test]
fn old_boots_leave_memory_and_what_comes_late_of_them_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = small_segments(folder.path());
    let mut named = Named::new();
    for n in 1..=300 {
        send(&ingest, boot(n), [1, 2, 5].into_iter());
        name(&mut named, &seal(&ingest, boot(n)));
    }
    let in_memory = ingest.boots_in_memory(&tenant()).unwrap();
    assert!(in_memory < 60, "{in_memory} of 300 boots are in memory");
    assert_eq!(ingest.through(&tenant(), vehicle(), boot(1)).unwrap(), 2);
    for ingest in [ingest, small_segments(folder.path())] {
        let late = send(&ingest, boot(1), [2, 5].into_iter());
        assert_eq!((late.accepted.len(), late.duplicates), (0, 2));
        drop(ingest);
    }
    let ingest = small_segments(folder.path());
    assert_eq!(send(&ingest, boot(1), [3, 4].into_iter()).through_seq, 5);
    let sealed = seal(&ingest, boot(1));
    assert_eq!((sealed.chunks, sealed.last_seq), (2, 5));
    name(&mut named, &sealed);
    drop(ingest);
    let ingest = small_segments(folder.path());
    assert_eq!(ingest.through(&tenant(), vehicle(), boot(1)).unwrap(), 5, "the restart knows it too");
    assert_eq!(seal(&ingest, boot(1)), sealed);
    verified(folder.path(), &named).unwrap();
}
