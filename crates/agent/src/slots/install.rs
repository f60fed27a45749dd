//! The installation: from the download into the slot that does not run.

use super::disk::{self, Disk};
use super::error::{Check, SlotError};
use super::image::{Slot, Update};
use super::journal::Phase;
use super::machine::{DOWNLOAD, Machine};
use super::selection::{Selection, SlotMark, Why};
use super::table::Tail;

impl<D: Disk> Machine<D> {
    /// Writes the downloaded image into the slot that does not run, reads it back from the device, and marks it good.
    /// `progress` hears how many bytes of how many are written. A second call changes nothing.
    ///
    /// # Errors
    /// The disk fails or is full; then the slot is marked bad and this can be called again. The download is not finished,
    /// or what the slot gives back is not the image; then the update has failed.
    pub fn install(&mut self, mut progress: impl FnMut(u64, u64)) -> Result<(), SlotError> {
        self.run(|machine| {
            let slot = machine.selection.committed.other();
            let update = match (machine.tail(), machine.update()) {
                (Tail::Installed, Some(_)) => return Ok(()),
                // What runs is never written over, nor what the vehicle would fall back to.
                (Tail::Downloaded, Some(update)) if slot != machine.selection.running => update.clone(),
                _ => return Err(machine.out_of_order("install")),
            };
            machine.check_floor(&update.image)?;
            machine.enter(Phase::Installing { slot })?;
            machine.mark_slot(slot, SlotMark::Bad(Why::Unfinished))?;
            if !machine.copy(slot, &update, &mut progress).map_err(SlotError::on(slot.file()))? {
                return machine.fail(Check::DownloadDigest);
            }
            let image = update.image;
            let is_right = disk::has_digest(&machine.disk, slot.file(), image.length, &image.sha256);
            if !is_right.map_err(SlotError::on(slot.file()))? {
                machine.mark_slot(slot, SlotMark::Bad(Why::Unverified))?;
                return machine.fail(Check::SlotDigest { slot });
            }
            machine.mark_slot(slot, SlotMark::Good(image))?;
            machine.reconcile()
        })
    }

    /// `Ok(false)` where the download is shorter than the image.
    fn copy(&self, slot: Slot, update: &Update, progress: &mut impl FnMut(u64, u64)) -> std::io::Result<bool> {
        let length = update.image.length;
        self.disk.create(slot.file())?;
        self.disk.fsync_folder()?;
        let is_whole = disk::read_blocks(&self.disk, DOWNLOAD, (0, length), update.chunk_size, |offset, bytes| {
            self.disk.write_at(slot.file(), offset, bytes)?;
            progress(offset + bytes.len() as u64, length);
            Ok(())
        })?;
        self.disk.fsync(slot.file())?;
        Ok(is_whole)
    }

    fn mark_slot(&mut self, slot: Slot, mark: SlotMark) -> Result<(), SlotError> {
        let mut next: Selection = self.selection.clone();
        next.set_mark(slot, mark);
        self.select(next)
    }
}
