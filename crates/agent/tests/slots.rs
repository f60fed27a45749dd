//! No cut, wherever it comes, leaves a vehicle without a verified slot that boots.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a failed test may panic")]

mod slots_world;

use agent::slots::{Machine, SlotError};
use slots_world::disk::{NAMES, Names, TEARS, Tear};
use slots_world::{End, Script, Story, factory_disk, image};

const SCRIPTS: [(Script, u8); 6] = [
    (Script::Good, 3),
    (Script::Good, 1),
    (Script::FailsSelfTest, 2),
    (Script::Dies, 2),
    (Script::Truncated, 1),
    (Script::WrongWhole, 1),
];

/// Cuts the story at every operation until it is over before the cut.
fn cut_everywhere(script: Script, tries: u8, tear: Tear, names: Names) -> u64 {
    for at in 0.. {
        let mut story = Story::new(factory_disk(), script, tries);
        let (_, is_cut) = story.live(&[(at, tear, names)]);
        if !is_cut {
            return at;
        }
        if at % 3 == 0 {
            story.lives_on();
        }
    }
    0
}

#[test]
fn cut_at_every_operation_it_ends_once_and_lives_on() {
    let mut points = 0;
    for (script, tries) in SCRIPTS {
        let of_script: u64 =
            TEARS.into_iter().flat_map(|tear| NAMES.map(|names| cut_everywhere(script, tries, tear, names))).sum();
        println!("{script:?} with {tries} tries: {of_script} crash points");
        points += of_script;
    }
    println!("{points} crash points");
    assert!(points >= 5_000, "{points} crash points");
}

/// Operations of a recovery: opening, booting, and the first of what follows.
const RECOVERY_OPERATIONS: u64 = 36;

#[test]
fn cut_again_at_every_operation_of_the_recovery_it_ends_once_and_lives_on() {
    let mut points = 0;
    // Lost against kept is where cuts differ most; the others take turns.
    let first = [(Tear::Lost, Names::Undone), (Tear::Kept, Names::Undone), (Tear::Torn, Names::Kept)];
    let second = [(Tear::Kept, Names::Kept), (Tear::Lost, Names::Kept), (Tear::Reordered, Names::Half)];
    for (script, tries) in [(Script::Good, 3), (Script::FailsSelfTest, 3), (Script::Dies, 1)] {
        for ((tear, names), (tear_again, names_again)) in first.into_iter().zip(second) {
            for at in (0..).step_by(3) {
                let mut cut = Story::new(factory_disk(), script, tries);
                if cut.live_until(Some(at)).is_some() {
                    break;
                }
                cut.disk.crash(tear, names);
                for again in 0..RECOVERY_OPERATIONS {
                    let mut story = cut.fork();
                    let (_, is_cut) = story.live(&[(again, tear_again, names_again)]);
                    if !is_cut {
                        break;
                    }
                    points += 1;
                    if (at + again) % 16 == 0 {
                        story.lives_on();
                    }
                }
            }
        }
    }
    println!("{points} double crash points");
    assert!(points >= 5_000, "{points} double crash points");
}

#[test]
fn full_at_any_operation_the_slot_boots_and_with_space_it_goes_on() {
    let mut points = 0;
    for (script, tries) in SCRIPTS {
        for is_restarted in [false, true] {
            let mut at = 0;
            while full_at(script, tries, at, is_restarted) {
                at += 1;
            }
            points += at;
        }
    }
    println!("{points} full disks");
    assert!(points >= 500, "{points} full disks");
}

/// One story whose disk gets full at an operation after the first start. Returns whether it was noticed.
fn full_at(script: Script, tries: u8, at: u64, is_restarted: bool) -> bool {
    let disk = factory_disk();
    Machine::open(disk.clone(), Some(image(1))).unwrap();
    let mut story = Story::new(disk.clone(), script, tries);
    disk.full_in(Some(at));
    loop {
        assert!(story.boots < 20, "the vehicle does not settle");
        // A full disk keeps nobody from booting.
        let (mut machine, _) = story.boot().unwrap();
        let mut life = story.go(&mut machine);
        if let Err(error) = &life {
            assert!(matches!(error, SlotError::Full { .. }), "{error:?}");
            let (mut again, booted) = story.boot().unwrap();
            if is_restarted {
                // A trial is not made twice because the disk is full: it could not be counted.
                assert!(!booted.is_trial);
                disk.full_in(None);
                life = story.go(&mut again);
            } else {
                disk.full_in(None);
                drop(again);
                life = story.go(&mut machine);
            }
            assert!(life.is_ok());
            if let Ok(End::Outcome(_)) = life {
                story.lives_on();
                return true;
            }
            let (outcome, _) = story.live(&[]);
            assert!(outcome.is_outcome());
            story.lives_on();
            return true;
        }
        if let Ok(End::Outcome(_)) = life {
            return false;
        }
        if story.boots > usize::from(tries) + 3 {
            // Nothing could be written down since a try, so the vehicle boots its committed slot for ever.
            disk.full_in(None);
            story.live(&[]);
            story.lives_on();
            return true;
        }
    }
}

#[test]
fn a_process_that_dies_before_the_power_goes_has_left_nothing_that_only_seemed_safe() {
    let mut points = 0;
    for (script, tries) in [(Script::Good, 3), (Script::FailsSelfTest, 3)] {
        for at in (0..).step_by(2) {
            let mut cut = Story::new(factory_disk(), script, tries);
            if cut.live_until(Some(at)).is_some() {
                break;
            }
            cut.disk.restart_process();
            for again in 0..RECOVERY_OPERATIONS {
                let names = if again % 3 == 0 { Names::Kept } else { Names::Undone };
                let mut story = cut.fork();
                points += u64::from(story.live(&[(again, Tear::Lost, names)]).1);
            }
        }
    }
    println!("{points} cuts after the death of a process");
    assert!(points >= 3_000, "{points}");
}

#[test]
fn a_device_that_once_fails_to_write_is_not_believed() {
    let mut points = 0;
    for (script, tries) in [(Script::Good, 3), (Script::FailsSelfTest, 3)] {
        for at in (0..90).step_by(2) {
            let disk = factory_disk();
            Machine::open(disk.clone(), Some(image(1))).unwrap();
            let mut failed = Story::new(disk.clone(), script, tries);
            disk.fail_in(Some(at));
            let mut booted = failed.boot();
            if booted.is_err() {
                // It could not read.
                booted = failed.boot();
            }
            let (mut machine, _) = booted.unwrap();
            if failed.go(&mut machine).is_ok() {
                // It fails in a later life, if at all, and there the cuts come too.
                drop(machine);
            } else {
                let _next = machine.refresh().and_then(|()| failed.go(&mut machine).map(drop));
            }
            for again in 0..RECOVERY_OPERATIONS {
                let mut story = failed.fork();
                if again == 0 {
                    story.disk.crash(Tear::Lost, Names::Undone);
                }
                story.disk.fail_in(None);
                points += u64::from(story.live(&[(again, Tear::Lost, Names::Undone)]).1);
            }
        }
    }
    println!("{points} cuts after a failed operation");
    assert!(points >= 2_500, "{points}");
}

#[test]
fn an_image_installed_over_itself_is_not_taken_for_installed_when_it_is_cut() {
    let disk = factory_disk();
    let mut machine = Machine::open(disk.clone(), Some(image(1))).unwrap();
    machine.boot().unwrap();
    slots_world::install(&mut machine, 2);
    machine.discard("taken back").unwrap();
    machine.acknowledge_outcome(2, 1).unwrap();
    drop(machine);
    for (tear, names) in TEARS.into_iter().flat_map(|tear| NAMES.map(|names| (tear, names))) {
        for at in 0.. {
            let mut story = Story::new(disk.fork(), Script::Good, 3);
            if !story.live(&[(at, tear, names)]).1 {
                break;
            }
        }
    }
}
