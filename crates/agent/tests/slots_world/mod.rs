//! A vehicle with two slots on a simulated disk, and a server that wants one update on it.

#![allow(dead_code, reason = "each test uses a part")]

pub mod disk;

use std::sync::OnceLock;

use agent::slots::{Booted, Image, Machine, Slot, SlotError, Stage, Update};
use disk::{Names, SimulatedDisk, Tear};
use sha2::{Digest as _, Sha256};

pub const CHUNK_BYTES: u64 = 1024;
pub const IMAGE_BYTES: usize = 2600;

static MADE: [OnceLock<(Vec<u8>, Update)>; 8] = [const { OnceLock::new() }; 8];

/// The bytes of an image, which differ everywhere from those of another counter, and the update to it.
fn made(counter: u64) -> &'static (Vec<u8>, Update) {
    MADE[counter as usize].get_or_init(|| {
        let bytes: Vec<u8> =
            (0..IMAGE_BYTES).map(|n| (n as u64 * 31 + counter * 101 + (n as u64 >> 8)) as u8).collect();
        let (sha256, length) = (Sha256::digest(&bytes).into(), bytes.len() as u64);
        let chunk_digests = bytes.chunks(CHUNK_BYTES as usize).map(|chunk| Sha256::digest(chunk).into()).collect();
        let image = Image { release: format!("release-{counter}"), counter, sha256, length };
        (bytes, Update { number: counter, attempt: 1, image, chunk_size: CHUNK_BYTES, chunk_digests })
    })
}

pub fn bytes(counter: u64) -> &'static [u8] {
    &made(counter).0
}

pub fn image(counter: u64) -> Image {
    made(counter).1.image.clone()
}

pub fn update(counter: u64) -> Update {
    made(counter).1.clone()
}

/// A disk as the factory delivers it.
pub fn factory_disk() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.put(Slot::A.file(), bytes(1));
    disk
}

/// How the new image and its sender behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Good,
    FailsSelfTest,
    /// The new image dies before it comes to a self-test.
    Dies,
    /// The server stops before the end of the image and takes the update back.
    Truncated,
    /// The chunks are as announced, and the image is not.
    WrongWhole,
}

/// What a life of the vehicle ended with.
pub enum End {
    Outcome(Stage),
    Reboot,
}

/// One vehicle's story.
pub struct Story {
    pub disk: SimulatedDisk,
    pub script: Script,
    pub tries: u8,
    pub boots: usize,
    pub seen: Option<Stage>,
}

impl Story {
    pub fn new(disk: SimulatedDisk, script: Script, tries: u8) -> Self {
        Self { disk, script, tries, boots: 0, seen: None }
    }

    pub fn update(&self) -> Update {
        let mut update = update(2);
        if self.script == Script::WrongWhole {
            update.image.sha256 = [7; 32];
        }
        update
    }

    /// Starts the vehicle; what boots is an image that was verified and is one of the two.
    pub fn boot(&mut self) -> Result<(Machine<SimulatedDisk>, Booted), SlotError> {
        self.boots += 1;
        let mut machine = Machine::open(self.disk.clone(), Some(image(1)))?;
        let booted = machine.boot()?;
        self.check_booted(&machine, &booted);
        Ok((machine, booted))
    }

    pub fn check_booted(&self, machine: &Machine<SimulatedDisk>, booted: &Booted) {
        assert!(self.disk.peek(booted.slot.file()) == bytes(booted.image.counter), "boots what it verified");
        assert!([image(1), image(2)].contains(&booted.image), "boots nothing half");
        assert_eq!(machine.running(), booted.slot);
        assert!(machine.rollback_floor() <= booted.image.counter || self.disk.is_dead(), "never below the floor");
    }

    /// Does what the stage asks for until there is an outcome, and acknowledges it.
    pub fn go(&mut self, machine: &mut Machine<SimulatedDisk>) -> Result<End, SlotError> {
        loop {
            machine.refresh()?;
            let stage = machine.stage();
            match stage {
                Stage::Idle => match &self.seen {
                    Some(outcome) => return Ok(End::Outcome(outcome.clone())),
                    None => machine.begin(self.update())?,
                },
                Stage::Downloading { received } => self.download(machine, received)?,
                Stage::Downloaded => {
                    let mut last = 0;
                    machine.install(|done, total| {
                        assert!(done > last && done <= total);
                        last = done;
                    })?;
                }
                Stage::Installing => panic!("an installation that was cut is to be done anew"),
                Stage::Installed => machine.arm(self.tries)?,
                Stage::Armed => return Ok(End::Reboot),
                Stage::FallingBack { .. } => return Ok(End::Reboot),
                Stage::Trial => match self.script {
                    Script::Good => machine.self_test_passed()?,
                    Script::FailsSelfTest => machine.self_test_failed("the brakes are not found")?,
                    Script::Dies => return Ok(End::Reboot),
                    Script::Truncated | Script::WrongWhole => panic!("a bad image is on trial"),
                },
                Stage::Committed { .. } | Stage::FellBack { .. } | Stage::Failed { .. } => {
                    if let Some(seen) = &self.seen {
                        assert_eq!(*seen, stage, "one update, one outcome");
                    }
                    self.check_outcome(machine, &stage);
                    self.seen = Some(stage);
                    machine.acknowledge_outcome(2, 1)?;
                }
            }
        }
    }

    fn download(&self, machine: &mut Machine<SimulatedDisk>, received: u64) -> Result<(), SlotError> {
        let bytes = bytes(2);
        assert_eq!(received.is_multiple_of(CHUNK_BYTES), received != bytes.len() as u64);
        for (index, chunk) in bytes.chunks(CHUNK_BYTES as usize).enumerate().skip((received / CHUNK_BYTES) as usize) {
            if received == bytes.len() as u64 {
                break;
            }
            if self.script == Script::Truncated && index == 2 {
                let refused = machine.write_chunk(2, &chunk[..100]);
                if !matches!(refused, Err(SlotError::Integrity { .. })) {
                    return refused;
                }
                return machine.discard("taken back");
            }
            machine.write_chunk(index as u64, chunk)?;
        }
        match machine.finish_download() {
            Err(SlotError::Integrity { .. }) if self.script == Script::WrongWhole => Ok(()),
            result => result,
        }
    }

    fn check_outcome(&self, machine: &Machine<SimulatedDisk>, stage: &Stage) {
        let (slot, counter) = if matches!(stage, Stage::Committed { .. }) { (Slot::B, 2) } else { (Slot::A, 1) };
        assert_eq!((machine.running(), machine.rollback_floor()), (slot, counter), "{stage:?}");
        let is_expected = match self.script {
            Script::Good => matches!(stage, Stage::Committed { .. }) || self.tries < 3,
            Script::FailsSelfTest | Script::Dies => matches!(stage, Stage::FellBack { .. }),
            Script::Truncated | Script::WrongWhole => matches!(stage, Stage::Failed { .. }),
        };
        assert!(is_expected, "{:?} ended with {stage:?}", self.script);
    }

    /// Lives until the outcome, through cuts: each after so many operations since the one before. Returns the outcome and
    /// whether every cut was reached.
    pub fn live(&mut self, cuts: &[(u64, Tear, Names)]) -> (Stage, bool) {
        for (at, tear, names) in cuts {
            if let Some(outcome) = self.live_until(Some(*at)) {
                return (outcome, false);
            }
            self.disk.crash(*tear, *names);
        }
        let outcome = self.live_until(None).expect("the power stays");
        (outcome, true)
    }

    /// Lives until the outcome, or until the power goes in the `cut`-th operation.
    pub fn live_until(&mut self, cut: Option<u64>) -> Option<Stage> {
        let boots_max = self.boots + usize::from(self.tries) + 3;
        self.disk.cut_in(cut);
        loop {
            assert!(self.boots < boots_max, "the vehicle does not settle");
            match self.boot().and_then(|(mut machine, _)| self.go(&mut machine)) {
                // The power may go in the last operation of a life.
                _ if self.disk.is_dead() => return None,
                Ok(End::Outcome(outcome)) => return Some(outcome),
                Ok(End::Reboot) => {}
                Err(error) => panic!("{:?}: {error:?}", self.script),
            }
        }
    }

    /// The same story on another disk with the same content.
    pub fn fork(&self) -> Self {
        Self { disk: self.disk.fork(), seen: self.seen.clone(), ..*self }
    }

    /// Another update on the same vehicle, without cuts.
    pub fn lives_on(&self) {
        self.disk.cut_in(None);
        let mut machine = Machine::open(self.disk.clone(), None).unwrap();
        machine.boot().unwrap();
        assert_eq!(machine.stage(), Stage::Idle);
        install(&mut machine, 3);
        machine.arm(1).unwrap();
        drop(machine);
        let mut machine = Machine::open(self.disk.clone(), None).unwrap();
        assert_eq!(machine.boot().unwrap().image, image(3));
        machine.self_test_passed().unwrap();
        assert_eq!(machine.stage(), Stage::Committed { image: image(3) });
        machine.acknowledge_outcome(3, 1).unwrap();
        drop(machine);
        let mut machine = Machine::open(self.disk.clone(), None).unwrap();
        assert_eq!(machine.boot().unwrap().image, image(3));
        assert_eq!(machine.rollback_floor(), 3);
    }
}

/// Downloads the image with this counter.
pub fn download<D: agent::slots::Disk>(machine: &mut Machine<D>, counter: u64) {
    machine.begin(update(counter)).unwrap();
    for (index, chunk) in bytes(counter).chunks(CHUNK_BYTES as usize).enumerate() {
        machine.write_chunk(index as u64, chunk).unwrap();
    }
}

/// Brings the image with this counter into the slot that does not run.
pub fn install<D: agent::slots::Disk>(machine: &mut Machine<D>, counter: u64) {
    download(machine, counter);
    machine.finish_download().unwrap();
    machine.install(|_, _| {}).unwrap();
}
