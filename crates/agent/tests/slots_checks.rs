//! What the update machine refuses, and what it does when bytes change behind its back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test may panic")]

mod slots_world;

use std::fs;

use agent::slots::{
    Check, Disk, FolderDisk, Image, Machine, Mark, Place, Slot, SlotError, Stage, Tail, Verdict, verdict,
};
use proptest::prelude::*;
use slots_world::disk::{NAMES, SimulatedDisk, TEARS};
use slots_world::{CHUNK_BYTES, IMAGE_BYTES, Script, Story, bytes, download, factory_disk, image, install, update};

type Simulated = Machine<SimulatedDisk>;

fn start(disk: &SimulatedDisk) -> Simulated {
    let mut machine = Machine::open(disk.clone(), Some(image(1))).unwrap();
    machine.boot().unwrap();
    machine
}

/// A vehicle that runs and has committed the image with the counter 2, in slot B.
fn updated_disk() -> SimulatedDisk {
    let disk = factory_disk();
    let mut story = Story::new(disk.clone(), Script::Good, 1);
    assert!(matches!(story.live(&[]).0, Stage::Committed { .. }));
    disk
}

/// Changes a byte of a file.
fn spoil(disk: &SimulatedDisk, name: &str, at: usize) {
    let mut bytes = disk.peek(name);
    bytes[at] ^= 0x40;
    disk.put(name, &bytes);
}

#[track_caller]
fn refused(result: Result<(), SlotError>, check: Check) {
    match result {
        Err(SlotError::Integrity { check: actual }) => assert_eq!(actual, check),
        other => panic!("{other:?} instead of {check:?}"),
    }
}

#[track_caller]
fn out_of_order(result: Result<(), SlotError>) {
    assert!(matches!(result, Err(SlotError::OutOfOrder { .. })), "{result:?}");
}

#[test]
fn chunks_that_are_not_the_announced_ones_leave_no_trace() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    machine.begin(update(2)).unwrap();
    let whole = bytes(2);
    let chunks: Vec<&[u8]> = whole.chunks(CHUNK_BYTES as usize).collect();
    machine.write_chunk(0, chunks[0]).unwrap();

    refused(machine.write_chunk(1, chunks[0]), Check::ChunkDigest { index: 1 });
    refused(machine.write_chunk(1, &chunks[1][1..]), Check::ChunkLength { index: 1, expected: 1024, actual: 1023 });
    refused(machine.write_chunk(1, whole), Check::ChunkLength { index: 1, expected: 1024, actual: 2600 });
    out_of_order(machine.write_chunk(2, chunks[2]));
    out_of_order(machine.finish_download());
    assert_eq!(machine.stage(), Stage::Downloading { received: 1024 });
    assert_eq!(disk.peek("download").len(), 1024);
    // What is there already is no error: the answer to the first time was lost.
    machine.write_chunk(0, chunks[0]).unwrap();
    assert_eq!(machine.download_offset(), 1024);
}

#[test]
fn endless_data_ends_at_the_length() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    download(&mut machine, 2);
    for index in [3, 4, 1 << 40, u64::MAX] {
        refused(machine.write_chunk(index, &[0; 1024]), Check::EndlessData { index });
    }
    refused(machine.write_chunk(2, &[0; 1024]), Check::ChunkLength { index: 2, expected: 552, actual: 1024 });
    assert_eq!(disk.peek("download").len(), IMAGE_BYTES);
}

#[test]
fn a_chunk_replaced_under_the_download_is_fetched_again() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    download(&mut machine, 2);
    spoil(&disk, "download", 1500);
    refused(machine.finish_download(), Check::ChunkDigest { index: 1 });
    assert_eq!(machine.stage(), Stage::Downloading { received: 1024 });
    install(&mut machine, 2);
    assert_eq!(machine.stage(), Stage::Installed);
}

#[test]
fn a_download_that_is_taken_away_is_fetched_again() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    download(&mut machine, 2);
    disk.remove("download").unwrap();
    refused(machine.finish_download(), Check::ChunkDigest { index: 0 });
    install(&mut machine, 2);
    assert_eq!(machine.stage(), Stage::Installed);
}

#[test]
fn a_download_changed_between_check_and_use_is_never_booted() {
    for (change, check) in [(Some(2000), Check::SlotDigest { slot: Slot::B }), (None, Check::DownloadDigest)] {
        let disk = factory_disk();
        let mut machine = start(&disk);
        download(&mut machine, 2);
        machine.finish_download().unwrap();
        match change {
            Some(at) => spoil(&disk, "download", at),
            None => disk.put("download", &bytes(2)[..2000]),
        }
        refused(machine.install(|_, _| {}), check);
        assert!(matches!(machine.stage(), Stage::Failed { .. }));
        out_of_order(machine.arm(3));
        assert!(disk.peek("download").is_empty());
        assert_eq!(start(&disk).boot().unwrap().slot, Slot::A);
        machine.acknowledge_outcome(2, 1).unwrap();
        Story::new(disk, Script::Good, 1).lives_on();
    }
}

#[test]
fn a_slot_changed_between_installation_and_boot_is_not_booted() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(3).unwrap();
    spoil(&disk, "slot-b", 5);
    let booted = start(&disk).boot().unwrap();
    assert_eq!((booted.slot, booted.is_trial), (Slot::A, false));
    assert_eq!(start(&disk).stage(), Stage::FellBack { reason: "the slot did not read back as the image".into() });
}

#[test]
fn a_lower_counter_is_refused_and_an_equal_one_is_not() {
    let disk = updated_disk();
    let mut machine = start(&disk);
    let refused = machine.begin(update(1));
    assert!(matches!(refused, Err(SlotError::Rollback { counter: 1, floor: 2 })), "{refused:?}");
    assert_eq!(machine.stage(), Stage::Idle);
    machine.begin(update(2)).unwrap();
}

#[test]
fn the_counter_is_raised_by_the_commit_and_by_nothing_before() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(1).unwrap();
    let mut machine = start(&disk);
    assert_eq!((machine.stage(), machine.rollback_floor()), (Stage::Trial, 1));
    machine.self_test_passed().unwrap();
    assert_eq!((machine.stage(), machine.rollback_floor()), (Stage::Committed { image: image(2) }, 2));
    machine.self_test_passed().unwrap();
}

#[test]
fn an_update_that_contradicts_itself_is_refused() {
    let mut machine = start(&factory_disk());
    let good = update(2);
    let of = |length, chunk_size| {
        let image = Image { length, ..good.image.clone() };
        agent::slots::Update { image, chunk_size, ..good.clone() }
    };
    for wrong in [of(0, 1024), of(2600, 0), of(2600, 512), of(4000, 1024), of(u64::MAX, 1)] {
        assert!(matches!(machine.begin(wrong), Err(SlotError::Integrity { check: Check::Update(_) })));
    }
    assert_eq!(machine.stage(), Stage::Idle);
}

#[test]
fn a_trial_is_booted_as_often_as_was_armed() {
    for tries in 1..=4 {
        let disk = factory_disk();
        let mut machine = start(&disk);
        install(&mut machine, 2);
        out_of_order(machine.arm(0));
        machine.arm(tries).unwrap();
        for _ in 0..tries {
            let mut machine = Machine::open(disk.clone(), None).unwrap();
            assert!(machine.boot().unwrap().is_trial);
            drop(machine);
            // An agent that starts again without the vehicle is still in the same trial.
            assert_eq!(Machine::open(disk.clone(), None).unwrap().stage(), Stage::Trial);
        }
        let machine = start(&disk);
        assert_eq!(machine.running(), Slot::A);
        assert!(matches!(machine.stage(), Stage::FellBack { .. }));
        assert_eq!(machine.update().map(|update| (update.number, update.attempt)), Some((2, 1)));
    }
}

#[test]
fn a_failed_self_test_keeps_its_reason_over_the_boot() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(3).unwrap();
    let mut machine = start(&disk);
    machine.self_test_failed("no lidar").unwrap();
    assert_eq!(machine.stage(), Stage::FallingBack { reason: "no lidar".into() });
    out_of_order(machine.self_test_passed());
    let machine = start(&disk);
    assert_eq!((machine.running(), machine.stage()), (Slot::A, Stage::FellBack { reason: "no lidar".into() }));
}

#[test]
fn arming_can_be_taken_back() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(3).unwrap();
    out_of_order(machine.discard("too late"));
    machine.disarm().unwrap();
    let mut machine = start(&disk);
    assert_eq!((machine.running(), machine.stage()), (Slot::A, Stage::Installed));
    machine.discard("taken back").unwrap();
    assert_eq!(machine.stage(), Stage::Failed { reason: "taken back".into() });
}

#[test]
fn an_outcome_stays_until_that_attempt_is_acknowledged() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    machine.begin(update(2)).unwrap();
    out_of_order(machine.acknowledge_outcome(2, 1));
    machine.discard("taken back").unwrap();
    assert!(disk.peek("download").is_empty());
    let mut machine = start(&disk);
    for (number, attempt) in [(2, 2), (1, 1)] {
        machine.acknowledge_outcome(number, attempt).unwrap();
        assert_eq!(machine.stage(), Stage::Failed { reason: "taken back".into() });
    }
    out_of_order(machine.begin(update(3)));
    for _ in 0..2 {
        machine.acknowledge_outcome(2, 1).unwrap();
        assert_eq!((machine.stage(), machine.update()), (Stage::Idle, None));
    }
}

#[test]
fn a_committed_slot_that_rots_is_replaced_by_the_other_unless_that_is_older() {
    let disk = updated_disk();
    let rotten = || {
        let disk = updated_disk();
        spoil(&disk, "slot-b", 77);
        disk
    };
    assert_eq!(start(&disk).running(), Slot::B);
    let old = Machine::open(rotten(), None).unwrap().boot();
    assert!(matches!(old, Err(SlotError::Integrity { check: Check::NoBootableSlot })), "{old:?}");

    let mut machine = start(&disk);
    install(&mut machine, 3);
    spoil(&disk, "slot-b", 77);
    let mut machine = Machine::open(disk.clone(), None).unwrap();
    let booted = machine.boot().unwrap();
    assert_eq!((booted.slot, booted.image, booted.is_trial), (Slot::A, image(3), false));
    assert!(matches!(machine.stage(), Stage::Failed { .. }), "no self-test passed");
    machine.acknowledge_outcome(3, 1).unwrap();
    install(&mut machine, 4);
    machine.arm(1).unwrap();
    let mut machine = start(&disk);
    machine.self_test_passed().unwrap();
    assert_eq!(machine.stage(), Stage::Committed { image: image(4) });
}

#[test]
fn a_vehicle_without_its_factory_image_does_not_start() {
    let open = |disk: &SimulatedDisk, factory| Machine::open(disk.clone(), factory).map(drop);
    refused(open(&factory_disk(), None), Check::Selection);
    refused(open(&factory_disk(), Some(image(2))), Check::SlotDigest { slot: Slot::A });
    refused(open(&SimulatedDisk::default(), Some(image(1))), Check::SlotDigest { slot: Slot::A });
    let disk = factory_disk();
    drop(start(&disk));
    spoil(&disk, "boot", 40);
    refused(open(&disk, Some(image(1))), Check::Selection);
}

#[test]
fn a_flipped_bit_of_the_journal_never_boots_anything_else() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(1).unwrap();
    let (journal, boot) = (disk.peek("journal"), disk.peek("boot"));
    for at in 0..journal.len() {
        disk.put("boot", &boot);
        disk.put("journal", &journal);
        spoil(&disk, "journal", at);
        let mut machine = Machine::open(disk.clone(), None).unwrap();
        let booted = machine.boot().unwrap();
        assert!(booted.image == image(1) || booted.is_trial, "at {at}");
        assert_eq!(start(&disk).running(), Slot::A, "at {at}");
    }
}

#[test]
fn a_record_that_stands_there_twice_counts_once() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    download(&mut machine, 2);
    let journal = disk.peek("journal");
    let length = |at: usize| 16 + u32::from_le_bytes(journal[at..at + 4].try_into().unwrap()) as usize;
    let second = 8 + length(8);
    let replayed = [&journal[..], &journal[second..second + length(second)]].concat();
    disk.put("journal", &replayed);
    assert_eq!(start(&disk).stage(), Stage::Downloading { received: IMAGE_BYTES as u64 });
}

#[test]
fn a_boot_that_a_full_disk_could_not_hold_still_counts() {
    let disk = factory_disk();
    let mut machine = start(&disk);
    install(&mut machine, 2);
    machine.arm(1).unwrap();
    assert_eq!(start(&disk).running(), Slot::B);
    disk.full_in(Some(0));
    let mut machine = start(&disk);
    assert_eq!(machine.running(), Slot::A);
    assert!(matches!(machine.stage(), Stage::FellBack { .. }));
    assert!(matches!(machine.refresh(), Err(SlotError::Full { .. })));
    disk.full_in(None);
    out_of_order(machine.self_test_passed());
    assert_eq!(machine.running(), Slot::A);
    assert!(matches!(machine.stage(), Stage::FellBack { .. }));
}

#[test]
fn real_files_hold_an_update_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slot-a"), bytes(1)).unwrap();
    let open = || {
        let mut machine = Machine::open(FolderDisk::open(folder.path()).unwrap(), Some(image(1))).unwrap();
        let booted = machine.boot().unwrap();
        (machine, booted)
    };
    let (mut machine, _) = open();
    install(&mut machine, 2);
    machine.arm(1).unwrap();
    let (mut machine, booted) = open();
    assert_eq!((booted.slot, booted.is_trial), (Slot::B, true));
    machine.self_test_passed().unwrap();
    machine.acknowledge_outcome(2, 1).unwrap();
    let (machine, booted) = open();
    assert_eq!((booted.image, booted.is_trial, machine.stage()), (image(2), false, Stage::Idle));
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["boot", "journal", "slot-a", "slot-b"]);
    let disk = FolderDisk::open(folder.path()).unwrap();
    assert!(disk.create("../outside").is_err() && disk.read("/etc/hostname").is_err());
}

#[test]
fn the_table_settles_everywhere_and_commits_only_what_a_self_test_committed() {
    use Tail::{Armed, Committed, Downloaded, Downloading, Failed, FallingBack, FellBack};
    use Tail::{Idle, Installed, Installing, Trial};
    let tails =
        [Idle, Downloading, Downloaded, Installing, Installed, Armed, Trial, FallingBack, Committed, FellBack, Failed];
    let places = [Place::Old, Place::Trial, Place::New, Place::Rescued, Place::Astray];
    let mut rows = 0;
    for (tail, place) in tails.into_iter().flat_map(|tail| places.map(|place| (tail, place))) {
        for (mark, is_armed) in [(Mark::Fits, true), (Mark::Fits, false), (Mark::Unfit, true), (Mark::Unfit, false)] {
            rows += 1;
            let (mut now, mut armed, mut steps) = (tail, is_armed, 0);
            loop {
                match verdict(now, place, mark, armed) {
                    Verdict::Keep => break,
                    Verdict::Disarm => armed = false,
                    Verdict::Enter(next) => {
                        assert!(next != Committed || (now == Trial && place == Place::New));
                        now = next;
                    }
                }
                steps += 1;
                assert!(steps < 6, "{tail:?} {place:?} {mark:?} {is_armed}");
            }
            assert!(!armed || matches!(now, Armed | Trial), "{tail:?} {place:?} {mark:?} {is_armed}");
            assert!(now != Armed || (armed && mark == Mark::Fits && place == Place::Old));
            assert!(now != Trial || (mark == Mark::Fits && place == Place::Trial));
            assert!(now != FellBack || place == Place::Old);
            assert!(now != Installing);
        }
    }
    assert_eq!(rows, 220);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn many_cuts_do_not_add_up(
        script in prop::sample::select(vec![Script::Good, Script::FailsSelfTest, Script::Dies, Script::WrongWhole]),
        cuts in prop::collection::vec((0u64..120, prop::sample::select(TEARS.to_vec()), prop::sample::select(NAMES.to_vec())), 3..8),
    ) {
        let mut story = Story::new(factory_disk(), script, 2);
        story.live(&cuts);
        story.lives_on();
    }
}
