//! What the file keeps through any death.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod world;

use std::fs;

use agent::durable::{FileError, Memory, Record, StateFile};
use link::v1;
use link::v1::command::Body;
use world::World;

/// The records of a short life with everything in it: a trip, a hold, a restart.
fn a_life() -> Vec<Record> {
    let mut world = World::new();
    world.connect();
    world.dispatch(1, 1);
    world.pass_s(3);
    world.command(0, Body::Stop(v1::Stop { class: v1::StopClass::Now.into(), ..Default::default() }));
    world.pass_s(3);
    world.restart();
    world.pass_s(2);
    world.records
}

fn fold(records: &[Record]) -> Memory {
    let mut memory = Memory::default();
    records.iter().cloned().for_each(|record| memory.apply(record));
    memory
}

#[test]
fn cut_at_any_byte_everything_before_the_cut_is_there_and_the_file_goes_on() {
    let records = a_life();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.state");
    let mut ends = vec![];
    {
        let (mut file, memory) = StateFile::open(folder.path()).unwrap();
        assert_eq!(memory, Memory::default());
        for record in &records {
            file.append(std::slice::from_ref(record)).unwrap();
            ends.push(fs::metadata(&path).unwrap().len() as usize);
        }
        file.sync().unwrap();
    }
    let whole = fs::read(&path).unwrap();
    assert_eq!(*ends.last().unwrap(), whole.len());
    let mut expected = Memory::default();
    let mut kept = 0;
    // Opening is slow where the disk is; the long middle of a dispatch is cut at every seventh byte only.
    for cut in (0..=whole.len()).filter(|cut| cut % 7 == 0 || ends.iter().any(|end| end.abs_diff(*cut) < 12)) {
        while kept < ends.len() && ends[kept] <= cut {
            expected.apply(records[kept].clone());
            kept += 1;
        }
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut file, memory) = StateFile::open(folder.path()).unwrap();
        assert_eq!(memory, expected, "cut at {cut}");
        file.append(&[Record::Epoch(1_000)]).unwrap();
        drop(file);
        let (_file, memory) = StateFile::open(folder.path()).unwrap();
        assert_eq!(memory.epoch, 1_000, "cut at {cut}");
    }
}

#[test]
fn records_that_belong_together_are_all_there_or_none_is() {
    let (first, records) = (Record::Epoch(1), [Record::Epoch(2), Record::Map("0a".into()), Record::Finished(2)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.state");
    let begins = {
        let (mut file, _) = StateFile::open(folder.path()).unwrap();
        file.append(std::slice::from_ref(&first)).unwrap();
        let begins = fs::metadata(&path).unwrap().len() as usize;
        file.append(&records).unwrap();
        begins
    };
    let whole = fs::read(&path).unwrap();
    let (before, after) = (fold(std::slice::from_ref(&first)), fold(&[&[first][..], &records].concat()));
    for cut in begins..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (_file, memory) = StateFile::open(folder.path()).unwrap();
        assert_eq!(memory, if cut == whole.len() { after.clone() } else { before.clone() }, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_ends_the_file_there_and_never_tells_a_lie() {
    let records = a_life();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.state");
    {
        let (mut file, _) = StateFile::open(folder.path()).unwrap();
        records.iter().for_each(|record| file.append(std::slice::from_ref(record)).unwrap());
    }
    let whole = fs::read(&path).unwrap();
    let prefixes: Vec<Memory> = (0..=records.len()).map(|n| fold(&records[..n])).collect();
    for at in (8..whole.len()).step_by(97) {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        fs::write(&path, &broken).unwrap();
        let (_file, memory) = StateFile::open(folder.path()).unwrap();
        assert!(prefixes.contains(&memory), "flipped at {at}");
    }
}

#[test]
fn compaction_keeps_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.state");
    let mut expected = Memory::default();
    let sample = a_life().into_iter().find(|record| matches!(record, Record::Sampled(_))).unwrap();
    {
        let (mut file, _) = StateFile::open(folder.path()).unwrap();
        for record in a_life() {
            file.append(std::slice::from_ref(&record)).unwrap();
            expected.apply(record);
        }
        let before = expected.samples.len();
        // A day of samples, all acknowledged.
        for _ in 0..20_000 {
            file.append(std::slice::from_ref(&sample)).unwrap();
        }
        let long = fs::metadata(&path).unwrap().len();
        file.compact_if_due(&expected).unwrap();
        let short = fs::metadata(&path).unwrap().len();
        assert!(short < long / 10, "{short} of {long} with {before} samples");
        file.append(&[Record::Epoch(77)]).unwrap();
        expected.apply(Record::Epoch(77));
    }
    let (_file, memory) = StateFile::open(folder.path()).unwrap();
    assert_eq!((memory.held, memory.trip, memory.reports), (expected.held, expected.trip, expected.reports));
    assert_eq!((memory.epoch, memory.last_sample), (77, expected.last_sample));
}

#[test]
fn two_agents_never_share_a_folder_and_a_foreign_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_file, _) = StateFile::open(folder.path()).unwrap();
    assert!(matches!(StateFile::open(folder.path()), Err(FileError::InUse { .. })));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("agent.state"), "the accounts of 2019").unwrap();
    assert!(matches!(StateFile::open(other.path()), Err(FileError::Foreign { .. })));
    assert_eq!(fs::read_to_string(other.path().join("agent.state")).unwrap(), "the accounts of 2019");
}
