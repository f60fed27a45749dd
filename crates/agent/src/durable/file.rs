//! The file under the durable state: entries one after the other, each with its length and checksum. A process or a
//! machine may die in the middle of one; opening keeps everything before the first that is not whole. Records that must
//! never be found without each other, such as a new phase and the report of it, are one entry.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use super::memory::Memory;
use super::record::{Entry, Record};

const MAGIC: &[u8; 8] = b"AMAGENT1";
const HEADER_BYTES: usize = 8;
/// The longest entry: a dispatch is a message of the protocol, and what is written with it (answers, reports with a
/// snapshot) is shorter than another one.
const ENTRY_BYTES_MAX: usize = 2 * link::MESSAGE_BYTES_MAX;
/// The file is rewritten when it is longer than this, and again whenever it has doubled since. One hour of samples.
const COMPACT_BYTES_MIN: u64 = 1 << 20;

/// The state cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder or file cannot be used.
    #[error("cannot use {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Another agent runs on this folder.
    #[error("{path} is in use by another agent; give each vehicle its own state folder")]
    InUse { path: PathBuf },
    /// The file is of something else.
    #[error("{path} is no state of an agent; choose another state folder or move the file away")]
    Foreign { path: PathBuf },
}

/// The open file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    file: File,
    /// Held for the life of the agent.
    _lock: File,
    length: u64,
    compact_at: u64,
    unsynced: bool,
}

/// CRC-32 of ISO 3309, as zip and Ethernet use it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn frame(records: &[Record]) -> Vec<u8> {
    let entry = |record: &Record| Entry { record: Some(record.clone()), also: Vec::new() };
    let mut entries = records.iter().map(entry);
    let first = entries.next().unwrap_or_default();
    let body = Entry { also: entries.collect(), ..first }.encode_to_vec();
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&crc32(&body).to_le_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// The records of the first entry of `bytes` and its length; `None` where it is not whole.
fn unframe(bytes: &[u8]) -> Option<(Vec<Record>, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header[4..].try_into().ok()?);
    if length > ENTRY_BYTES_MAX {
        return None;
    }
    let body = rest.get(..length)?;
    if crc32(body) != crc {
        return None;
    }
    let entry = Entry::decode(body).ok()?;
    let records = std::iter::once(entry.record).chain(entry.also.into_iter().map(|entry| entry.record));
    Some((records.collect::<Option<_>>()?, HEADER_BYTES + length))
}

impl StateFile {
    /// Opens or creates the state in a folder and folds what it holds.
    ///
    /// # Errors
    /// The folder cannot be used, another agent uses it, or the file is of something else.
    pub fn open(folder: &Path) -> Result<(Self, Memory), FileError> {
        let io_at = |path: &Path| {
            let path = path.to_path_buf();
            move |cause| FileError::Io { path, cause }
        };
        std::fs::create_dir_all(folder).map_err(io_at(folder))?;
        let path = folder.join("agent.state");
        // The lock is a file of its own, because compaction replaces the state's.
        let lock_path = folder.join("agent.lock");
        let lock = File::create(&lock_path).map_err(io_at(&lock_path))?;
        lock.try_lock().map_err(|_| FileError::InUse { path: folder.to_path_buf() })?;

        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(io_at(&path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_at(&path))?;
        if !bytes.starts_with(MAGIC) && !MAGIC.starts_with(&bytes) {
            return Err(FileError::Foreign { path });
        }
        let (memory, good) = fold(&bytes);
        let restore = |file: &mut File| -> io::Result<()> {
            file.set_len(good as u64)?;
            file.seek(SeekFrom::Start(good as u64))?;
            if good == 0 {
                file.write_all(MAGIC)?;
            }
            file.sync_all()?;
            File::open(folder)?.sync_all()
        };
        restore(&mut file).map_err(io_at(&path))?;
        let length = good.max(MAGIC.len()) as u64;
        let compact_at = COMPACT_BYTES_MIN.max(length * 2);
        Ok((Self { path, file, _lock: lock, length, compact_at, unsynced: false }, memory))
    }

    /// Writes records that count together or not at all; they are safe after [`sync`](Self::sync).
    ///
    /// # Errors
    /// The disk refuses. None of the records counts then.
    pub fn append(&mut self, records: &[Record]) -> Result<(), FileError> {
        if records.is_empty() {
            return Ok(());
        }
        let frame = frame(records);
        let written = self.file.write_all(&frame);
        if let Err(cause) = written {
            // Half a frame would hide every later one.
            let _torn = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            return Err(FileError::Io { path: self.path.clone(), cause });
        }
        self.length += frame.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Makes everything written safe against the loss of power.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if self.unsynced {
            self.file.sync_data().map_err(|cause| FileError::Io { path: self.path.clone(), cause })?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Rewrites the file when it holds mostly what is over.
    ///
    /// # Errors
    /// The disk refuses; the old file stays in use.
    pub fn compact_if_due(&mut self, memory: &Memory) -> Result<(), FileError> {
        if self.length < self.compact_at {
            return Ok(());
        }
        let fresh = self.path.with_extension("new");
        let rewrite = || -> io::Result<(File, u64)> {
            let mut file = File::create(&fresh)?;
            let mut bytes = MAGIC.to_vec();
            for record in memory.records() {
                bytes.extend_from_slice(&frame(&[record]));
            }
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok((file, bytes.len() as u64))
        };
        let (file, length) = rewrite().map_err(|cause| FileError::Io { path: fresh.clone(), cause })?;
        self.file = file;
        self.length = length;
        self.compact_at = COMPACT_BYTES_MIN.max(length * 2);
        self.unsynced = false;
        Ok(())
    }
}

/// Everything up to the first record that is not whole, and where that begins.
fn fold(bytes: &[u8]) -> (Memory, usize) {
    let mut memory = Memory::default();
    if !bytes.starts_with(MAGIC) {
        return (memory, 0);
    }
    let mut at = MAGIC.len();
    while let Some((records, length)) = bytes.get(at..).and_then(unframe) {
        records.into_iter().for_each(|record| memory.apply(record));
        at += length;
    }
    (memory, at)
}
