//! What can go wrong. Each failed check has a name of its own, because the server tells attacks apart by it.

use std::io;

use super::image::Slot;

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Check {
    /// The update contradicts itself: no bytes, too many chunks, or not as many digests as the length makes chunks.
    #[error("the update contradicts itself: {0}")]
    Update(&'static str),
    /// A chunk came after the last: the sender does not stop at the image's length.
    #[error("chunk {index} is beyond the image's length")]
    EndlessData { index: u64 },
    /// A chunk is longer or shorter than its place.
    #[error("chunk {index} has {actual} bytes, not {expected}")]
    ChunkLength { index: u64, expected: u64, actual: u64 },
    /// A chunk is not the one that was announced, or no longer is.
    #[error("chunk {index} does not have its digest")]
    ChunkDigest { index: u64 },
    /// Every chunk is right, and the whole is not.
    #[error("the download does not have the image's digest")]
    DownloadDigest,
    /// What the device gives back is not the image.
    #[error("slot {slot} does not read back as the image")]
    SlotDigest { slot: Slot },
    /// No slot that may boot has its digest.
    #[error("no slot can be booted")]
    NoBootableSlot,
    /// The boot selection is missing or damaged.
    #[error("the boot selection cannot be read")]
    Selection,
}

/// An operation of the machine did not happen, or not wholly. The machine can be used on; after [`SlotError::Io`] and
/// [`SlotError::Full`] it reads its state back from the disk first.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The disk refuses.
    #[error("cannot use {file}")]
    Io {
        file: &'static str,
        #[source]
        cause: io::Error,
    },
    /// The disk is full. The same call works once there is space.
    #[error("no space left for {file}")]
    Full { file: &'static str },
    /// Bytes are not what they must be.
    #[error("{check}")]
    Integrity { check: Check },
    /// The operation does not belong to this stage.
    #[error("{operation} does not follow {stage}")]
    OutOfOrder { operation: &'static str, stage: &'static str },
    /// The image's counter is lower than that of an image already committed here.
    #[error("the image's counter {counter} is lower than {floor}, which was already committed here")]
    Rollback { counter: u64, floor: u64 },
}

impl SlotError {
    /// The error of an operation on a file.
    pub(crate) fn on(file: &'static str) -> impl Fn(io::Error) -> Self {
        move |cause| match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { file },
            _ => Self::Io { file, cause },
        }
    }
}

impl From<Check> for SlotError {
    fn from(check: Check) -> Self {
        Self::Integrity { check }
    }
}
