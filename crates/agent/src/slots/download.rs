//! The download: chunk after chunk, each checked against its digest before it is written, the whole checked from the disk.

use std::io;

use sha2::{Digest as _, Sha256};

use super::disk::{self, Disk};
use super::error::{Check, SlotError};
use super::image::Update;
use super::journal::{Phase, Record, State};
use super::machine::{DOWNLOAD, Machine};
use super::table::Tail;

impl<D: Disk> Machine<D> {
    /// Begins an update. Beginning the one that is being downloaded again changes nothing.
    ///
    /// # Errors
    /// The disk fails or is full, another update is not over or not acknowledged, the update contradicts itself, or its
    /// counter is lower than a committed image's.
    pub fn begin(&mut self, update: Update) -> Result<(), SlotError> {
        self.run(|machine| {
            match machine.tail() {
                Tail::Downloading | Tail::Downloaded if machine.update() == Some(&update) => return Ok(()),
                Tail::Idle if machine.selection.running == machine.selection.committed => {}
                _ => return Err(machine.out_of_order("begin")),
            }
            update.check()?;
            machine.check_floor(&update.image)?;
            machine
                .disk
                .create(DOWNLOAD)
                .and_then(|()| machine.disk.fsync_folder())
                .map_err(SlotError::on(DOWNLOAD))?;
            let state = State { update: Some(update), phase: Phase::Downloading, chunks: 0, target: None };
            machine.journal.replace(&machine.disk, state)
        })
    }

    /// Bytes that are safe on the disk: where the download goes on. Always the begin of a chunk, or the end.
    #[must_use]
    pub fn download_offset(&self) -> u64 {
        let state = &self.journal.state;
        state
            .update
            .as_ref()
            .map_or(0, |update| state.chunks.saturating_mul(update.chunk_size).min(update.image.length))
    }

    /// Takes the next chunk. It is safe when this returns; one that is already there is not written again.
    ///
    /// # Errors
    /// The disk fails or is full, nothing is being downloaded, a chunk before this one is missing, or the bytes are not
    /// those of the chunk or lie beyond the image's end.
    pub fn write_chunk(&mut self, index: u64, bytes: &[u8]) -> Result<(), SlotError> {
        self.run(|machine| {
            let Some(update) = machine.update().filter(|_| machine.tail() == Tail::Downloading) else {
                return Err(machine.out_of_order("take a chunk"));
            };
            let Some((offset, expected)) = update.chunk(index) else {
                return Err(Check::EndlessData { index }.into());
            };
            let actual = bytes.len() as u64;
            if actual != expected {
                return Err(Check::ChunkLength { index, expected, actual }.into());
            }
            if update.chunk_digest(index) != Some(&Sha256::digest(bytes).into()) {
                return Err(Check::ChunkDigest { index }.into());
            }
            let chunks = machine.journal.state.chunks;
            if index > chunks {
                return Err(machine.out_of_order("take a later chunk"));
            }
            if index < chunks {
                return Ok(());
            }
            machine.write_safe(offset, bytes).map_err(SlotError::on(DOWNLOAD))?;
            machine.record(Record::Chunks(index + 1))
        })
    }

    fn write_safe(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // Somebody may have taken the file away; that the earlier chunks are gone is found out at the end.
        if self.disk.length(DOWNLOAD)?.is_none() {
            self.disk.create(DOWNLOAD)?;
            self.disk.fsync_folder()?;
        }
        self.disk.write_at(DOWNLOAD, offset, bytes)?;
        self.disk.fsync(DOWNLOAD)
    }

    /// Reads the whole download from the disk and checks it. Where a chunk is no longer the one that was written, the
    /// download goes back to before it. Where every chunk is right and the whole is not, the update has failed.
    ///
    /// # Errors
    /// The disk fails or is full, chunks are missing, or the bytes are not the image's.
    pub fn finish_download(&mut self) -> Result<(), SlotError> {
        self.run(|machine| {
            let update = match (machine.tail(), machine.update()) {
                (Tail::Downloaded, Some(_)) => return Ok(()),
                (Tail::Downloading, Some(update)) if machine.journal.state.chunks == update.chunks() => update,
                _ => return Err(machine.out_of_order("finish the download")),
            };
            let mut whole = Sha256::new();
            for index in 0..update.chunks() {
                if !machine.rereads_chunk(update, index, &mut whole)? {
                    machine.record(Record::Chunks(index))?;
                    return Err(Check::ChunkDigest { index }.into());
                }
            }
            if <[u8; 32]>::from(whole.finalize()) != update.image.sha256 {
                return machine.fail(Check::DownloadDigest);
            }
            machine.enter(Phase::Downloaded)
        })
    }

    fn rereads_chunk(&self, update: &Update, index: u64, whole: &mut Sha256) -> Result<bool, SlotError> {
        let Some(place) = update.chunk(index) else { return Ok(false) };
        let mut hash = Sha256::new();
        let is_there = disk::read_blocks(&self.disk, DOWNLOAD, place, update.chunk_size, |_, bytes| {
            hash.update(bytes);
            whole.update(bytes);
            Ok(())
        })
        .map_err(SlotError::on(DOWNLOAD))?;
        Ok(is_there && update.chunk_digest(index) == Some(&hash.finalize().into()))
    }

    /// Ends an update that is not armed yet, for example because the server took it back. The download is deleted, and
    /// the outcome is [`Stage::Failed`](super::Stage::Failed) with this reason.
    ///
    /// # Errors
    /// The disk fails or is full, or there is nothing to discard at this stage.
    pub fn discard(&mut self, reason: &str) -> Result<(), SlotError> {
        self.run(|machine| match machine.tail() {
            Tail::Failed => Ok(()),
            Tail::Downloading | Tail::Downloaded | Tail::Installing | Tail::Installed => {
                // First, because it may be what fills the disk. Without it the update cannot go on in any case.
                machine.disk.remove(DOWNLOAD).map_err(SlotError::on(DOWNLOAD))?;
                machine.enter(Phase::Failed { reason: reason.into() })?;
                machine.reconcile()
            }
            Tail::Idle | Tail::Armed | Tail::Trial | Tail::FallingBack | Tail::Committed | Tail::FellBack => {
                Err(machine.out_of_order("discard"))
            }
        })
    }

    /// Ends the update because of a check, and says so to the caller too.
    pub(crate) fn fail(&mut self, check: Check) -> Result<(), SlotError> {
        self.enter(Phase::Failed { reason: check.to_string() })?;
        self.reconcile()?;
        Err(check.into())
    }
}
