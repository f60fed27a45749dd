//! What a boot loader does: it chooses a slot, counts the try before it is made, and boots only what reads back right.

use super::disk::{self, Disk};
use super::error::{Check, SlotError};
use super::image::{Image, Slot};
use super::machine::Machine;
use super::selection::{Armed, Selection, SlotMark, Why};

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booted {
    pub slot: Slot,
    pub image: Image,
    /// The image is not committed: without a passed self-test it runs as often as was armed, and never again.
    pub is_trial: bool,
}

impl<D: Disk> Machine<D> {
    /// Boots: the armed slot while tries are left, else the committed one, and where that no longer reads back the other
    /// one if it may boot at all. A disk that cannot be written keeps no vehicle from its committed slot: then the boot
    /// is not written down, and no try is made, because it could not be counted.
    ///
    /// # Errors
    /// No slot can be booted, or the boot selection is damaged.
    pub fn boot(&mut self) -> Result<Booted, SlotError> {
        self.booted = None;
        if self.is_stale {
            self.unless_refused(Self::reload)?;
        }
        let booted = self.choose()?;
        self.booted = Some(booted.slot);
        if self.is_stale {
            let _remembered = self.reconcile_after(Err(Check::Selection.into()));
        } else {
            self.unless_refused(Self::reconcile)?;
        }
        Ok(booted)
    }

    /// Does a step that writes. Where the disk refuses it is done again at the next operation.
    pub(crate) fn unless_refused(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), SlotError>,
    ) -> Result<(), SlotError> {
        let result = step(self);
        self.is_stale |= result.is_err();
        match result {
            Err(SlotError::Full { .. } | SlotError::Io { .. }) => Ok(()),
            result => result,
        }
    }

    fn choose(&mut self) -> Result<Booted, SlotError> {
        let before = self.selection.clone();
        let mut next = before.clone();
        match before.armed {
            Some(Armed { slot, tries_left }) if tries_left > 0 => match before.bootable(slot).cloned() {
                Some(image) => {
                    let armed = Some(Armed { slot, tries_left: tries_left - 1 });
                    if self.write(&Selection { armed, running: slot, ..before.clone() }) {
                        if self.reads_back(slot, &image) {
                            return Ok(Booted { slot, image, is_trial: true });
                        }
                        next.set_mark(slot, SlotMark::Bad(Why::Unverified));
                        next.armed = None;
                    }
                }
                None => next.armed = None,
            },
            Some(Armed { slot, tries_left: _ }) => {
                next.set_mark(slot, SlotMark::Bad(Why::Untested));
                next.armed = None;
            }
            None => {}
        }
        if next.armed.is_none() && next.running != next.committed && next.bootable(next.running).is_some() {
            next.set_mark(next.running, SlotMark::Bad(Why::Untested));
        }
        self.choose_committed(&before, next)
    }

    fn choose_committed(&mut self, before: &Selection, mut next: Selection) -> Result<Booted, SlotError> {
        let slot = next.committed;
        if let Some(image) = next.bootable(slot).cloned()
            && self.reads_back(slot, &image)
        {
            next.running = slot;
            self.keep(next);
            return Ok(Booted { slot, image, is_trial: false });
        }
        // A slot that has only failed its trial is better than a vehicle that stands in the road.
        let other = slot.other();
        if let Some(image) = before.bootable(other).cloned()
            && self.reads_back(other, &image)
        {
            next.set_mark(slot, SlotMark::Bad(Why::Unverified));
            next.set_mark(other, SlotMark::Good(image.clone()));
            self.keep(Selection { committed: other, running: other, armed: None, was_rescued: true, ..next });
            return Ok(Booted { slot: other, image, is_trial: false });
        }
        Err(Check::NoBootableSlot.into())
    }

    /// A slot that cannot be read is as bad as one with other bytes.
    fn reads_back(&self, slot: Slot, image: &Image) -> bool {
        disk::has_digest(&self.disk, slot.file(), image.length, &image.sha256).unwrap_or(false)
    }

    /// Whether the selection is safe on the disk.
    fn write(&mut self, next: &Selection) -> bool {
        let is_written = self.select(next.clone()).is_ok();
        self.is_stale |= !is_written;
        is_written
    }

    /// Goes by a selection even where the disk cannot hold it.
    fn keep(&mut self, mut next: Selection) {
        next = next.after(&self.selection);
        if next != self.selection && !self.write(&next) {
            self.selection = next;
        }
    }
}
