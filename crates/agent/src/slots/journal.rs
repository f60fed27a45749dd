//! The journal: how far the update is. Records are only ever appended; when an update begins and when its outcome is
//! acknowledged the file is replaced by one record with everything that counts.

use std::io;

use serde::{Deserialize, Serialize};

use super::disk::{self, Disk};
use super::error::SlotError;
use super::frame;
use super::image::{Slot, Update};
use super::table::Tail;

const FILE: &str = "journal";
const FILE_FRESH: &str = "journal.new";
const MAGIC: &[u8; 8] = b"AMSLOTS1";
/// The journal is also replaced when it is longer than this: a sender of wrong chunks cannot fill the disk with it.
const COMPACT_BYTES: u64 = 16 << 20;

/// How far the update is, as the journal has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Downloading,
    Downloaded,
    Installing {
        slot: Slot,
    },
    Installed,
    Armed,
    Trial,
    FallingBack {
        reason: String,
    },
    Committed,
    FellBack {
        reason: String,
    },
    Failed {
        reason: String,
    },
}

impl Phase {
    pub fn tail(&self) -> Tail {
        match self {
            Self::Idle => Tail::Idle,
            Self::Downloading => Tail::Downloading,
            Self::Downloaded => Tail::Downloaded,
            Self::Installing { .. } => Tail::Installing,
            Self::Installed => Tail::Installed,
            Self::Armed => Tail::Armed,
            Self::Trial => Tail::Trial,
            Self::FallingBack { .. } => Tail::FallingBack,
            Self::Committed => Tail::Committed,
            Self::FellBack { .. } => Tail::FellBack,
            Self::Failed { .. } => Tail::Failed,
        }
    }
}

/// Everything that the journal's records amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub update: Option<Update>,
    pub phase: Phase,
    /// Chunks that are safe on the disk, from the first on.
    pub chunks: u64,
    /// The slot that the update goes to, since its installation began.
    pub target: Option<Slot>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Record {
    State(State),
    Chunks(u64),
    Entered(Phase),
}

impl State {
    fn apply(&mut self, record: Record) {
        match record {
            Record::State(state) => *self = state,
            Record::Chunks(chunks) => self.chunks = chunks,
            Record::Entered(phase) => {
                if let Phase::Installing { slot } = phase {
                    self.target = Some(slot);
                }
                self.phase = phase;
            }
        }
    }
}

/// The journal and what it amounts to.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub state: State,
    next_seq: u64,
    length: u64,
    is_whole: bool,
}

impl Journal {
    /// Reads as many records as are whole.
    pub fn load<D: Disk>(disk: &D) -> Result<Self, SlotError> {
        let mut journal = Self::default();
        let bytes = disk.read(FILE).map_err(SlotError::on(FILE))?.unwrap_or_default();
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return Ok(journal) };
        while let Some((seq, record, after)) = frame::decode::<Record>(rest) {
            if journal.next_seq != 0 && seq != journal.next_seq {
                break;
            }
            journal.state.apply(record);
            journal.next_seq = seq.saturating_add(1);
            rest = after;
        }
        journal.length = bytes.len() as u64;
        journal.is_whole = rest.is_empty() && journal.next_seq != 0;
        Ok(journal)
    }

    /// Makes what was read safe before anybody acts on it. A torn journal, or one whose last write failed, is written
    /// anew: nobody knows which of its pages ever reached the device.
    pub fn settle<D: Disk>(&mut self, disk: &D, is_doubtful: bool) -> Result<(), SlotError> {
        if self.is_whole && !is_doubtful {
            disk.fsync(FILE).and_then(|()| disk.fsync_folder()).map_err(SlotError::on(FILE))
        } else {
            self.replace(disk, self.state.clone())
        }
    }

    /// Adds a record; it is safe when this returns.
    pub fn append<D: Disk>(&mut self, disk: &D, record: Record) -> Result<(), SlotError> {
        if self.length > COMPACT_BYTES {
            self.replace(disk, self.state.clone())?;
        }
        let write = || -> io::Result<u64> {
            let bytes = frame::encode(self.next_seq, &record)?;
            disk.write_at(FILE, self.length, &bytes)?;
            disk.fsync(FILE)?;
            Ok(bytes.len() as u64)
        };
        self.length += write().map_err(SlotError::on(FILE))?;
        self.next_seq += 1;
        self.state.apply(record);
        Ok(())
    }

    /// Puts one record in the place of all.
    pub fn replace<D: Disk>(&mut self, disk: &D, state: State) -> Result<(), SlotError> {
        let seq = self.next_seq.max(1);
        let write = || -> io::Result<u64> {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(frame::encode(seq, &Record::State(state.clone()))?);
            disk::replace(disk, FILE, FILE_FRESH, &bytes)?;
            Ok(bytes.len() as u64)
        };
        let length = write().map_err(SlotError::on(FILE))?;
        *self = Self { state, next_seq: seq + 1, length, is_whole: true };
        Ok(())
    }
}
