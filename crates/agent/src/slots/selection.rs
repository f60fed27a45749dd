//! The boot selection: the one small file that a boot loader reads. It is replaced in one step, so the marks of the slots,
//! the committed slot and the armed one never contradict each other.

use serde::{Deserialize, Serialize};

use super::disk::{self, Disk};
use super::error::{Check, SlotError};
use super::frame;
use super::image::{Image, Slot};

const FILE: &str = "boot";
const FILE_FRESH: &str = "boot.new";

/// Why a slot must not boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// An installation into it has begun and is not over.
    Unfinished,
    /// It did not read back as its image.
    Unverified,
    /// It was booted, and no self-test passed.
    Untested,
}

/// What is known of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SlotMark {
    Empty,
    Bad(Why),
    /// It read back as this image when it was marked.
    Good(Image),
}

/// A slot that is to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Armed {
    pub slot: Slot,
    /// Boots that may still begin.
    pub tries_left: u8,
}

/// What the boot loader goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Selection {
    /// Counts the replacements, for a person who looks at the file.
    pub generation: u64,
    /// The slot that boots when nothing is armed.
    pub committed: Slot,
    /// The slot that the last boot took.
    pub running: Slot,
    pub a: SlotMark,
    pub b: SlotMark,
    pub armed: Option<Armed>,
    /// The committed slot did not read back at a boot, and the other one was committed in its place.
    pub was_rescued: bool,
    /// The anti-rollback counter: no image with a lower one boots or is installed.
    pub floor: u64,
}

impl Selection {
    /// The selection of a new vehicle. Its counter is that of the factory's image.
    pub fn factory(image: Image) -> Self {
        let floor = image.counter;
        let (a, b) = (SlotMark::Good(image), SlotMark::Empty);
        Self { generation: 0, committed: Slot::A, running: Slot::A, a, b, armed: None, was_rescued: false, floor }
    }

    /// `None` on a vehicle that was never started.
    pub fn load<D: Disk>(disk: &D) -> Result<Option<Self>, SlotError> {
        let Some(bytes) = disk.read(FILE).map_err(SlotError::on(FILE))? else { return Ok(None) };
        let (generation, selection, _) = frame::decode::<Self>(&bytes).ok_or(Check::Selection)?;
        Ok(Some(Self { generation, ..selection }))
    }

    /// Puts this in the place of what the boot loader goes by.
    pub fn store<D: Disk>(&mut self, disk: &D) -> Result<(), SlotError> {
        self.generation += 1;
        frame::encode(self.generation, self)
            .and_then(|bytes| disk::replace(disk, FILE, FILE_FRESH, &bytes))
            .map_err(SlotError::on(FILE))
    }

    /// The same, to be stored after `other` was.
    pub fn after(self, other: &Self) -> Self {
        Self { generation: other.generation, ..self }
    }

    pub fn mark(&self, slot: Slot) -> &SlotMark {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }

    pub fn set_mark(&mut self, slot: Slot, mark: SlotMark) {
        match slot {
            Slot::A => self.a = mark,
            Slot::B => self.b = mark,
        }
    }

    /// The image of a slot, if the slot may boot as far as marks and counter say.
    pub fn bootable(&self, slot: Slot) -> Option<&Image> {
        match self.mark(slot) {
            SlotMark::Good(image) if image.counter >= self.floor => Some(image),
            SlotMark::Good(_) | SlotMark::Bad(_) | SlotMark::Empty => None,
        }
    }
}
