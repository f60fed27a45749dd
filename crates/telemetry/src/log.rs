//! One tenant's log: the segment that is being written, and those that are closed. Many callers share one fsync: the
//! first that waits syncs for all that wrote before it. In memory are the boots of which something came lately; the others
//! have a file each.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use kernel::{Timestamp, VehicleId};

use crate::chunk::{Boot, BootKey, Chunk, Sealed};
use crate::record::{self, Observed, Record};
use crate::segment::{self, ChunkOf, Manifest, Span, segment_path};
use crate::sequence::Sequence;

/// A segment is closed at this size, in bytes: a minute of a thousand vehicles; reading one back takes milliseconds.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// With more boots in memory the segment is closed early, after which those of which nothing came in it have left.
const BOOTS_MAX: usize = 50_000;

struct Writing {
    file: File,
    segment: u64,
    /// Bytes that are whole in the file.
    length: u64,
    /// Bytes that are certainly on the disk.
    synced: u64,
    syncing: bool,
    /// The disk refused something: what is in memory is ahead of it, so the log is read again before it goes on.
    broken: bool,
    boots: BTreeMap<BootKey, Boot>,
    /// Chunks that were sealed in this segment.
    chunks: Vec<ChunkOf>,
    closed: Vec<Span>,
}

/// One tenant's log.
pub struct Log {
    folder: PathBuf,
    segment_bytes_max: u64,
    writing: Mutex<Writing>,
    synced: Condvar,
}

impl Log {
    /// Opens a tenant's log; a torn end, which was never acknowledged, is cut. A segment that reaches `segment_bytes_max`
    /// is closed.
    pub fn open(folder: &Path, segment_bytes_max: u64) -> io::Result<(Self, Vec<Record>)> {
        fs::create_dir_all(folder)?;
        let (writing, recent) = read(folder)?;
        let (folder, writing) = (folder.to_owned(), Mutex::new(writing));
        Ok((Self { folder, segment_bytes_max, writing, synced: Condvar::new() }, recent))
    }

    fn lock(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a boot has come.
    pub fn through(&self, key: BootKey) -> io::Result<u64> {
        Ok(self.lock().boot(&self.folder, key)?.sequence.through())
    }

    /// How many boots are in memory.
    pub fn boots(&self) -> usize {
        self.lock().boots.len()
    }

    /// Writes what `choose`, which sees how far the boot has come, chooses to, and returns when it is on the disk.
    ///
    /// # Errors
    /// Whatever the disk says; then nothing of this call is acknowledged and a later call starts from the disk.
    pub fn append<T>(&self, key: BootKey, choose: impl FnOnce(&mut Sequence) -> (Vec<Observed>, T)) -> io::Result<T> {
        self.change(key, |known, bytes, sealed| {
            let (observed, chosen) = choose(&mut known.sequence);
            for observed in observed {
                sealed.extend(known.append(key, observed, bytes)?);
            }
            Ok(chosen)
        })
    }

    /// Ends a boot's chunk under way and answers, once that is on the disk, what all of its chunks are; `None` where
    /// nothing came of it.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn seal(&self, key: BootKey) -> io::Result<Option<Sealed>> {
        self.change(key, |known, bytes, sealed| {
            sealed.extend(known.seal(key, bytes)?);
            Ok(known.sealed(key.1))
        })
    }

    fn change<T>(
        &self,
        key: BootKey,
        change: impl FnOnce(&mut Boot, &mut Vec<u8>, &mut Vec<Chunk>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut writing = self.lock();
        if writing.broken {
            while writing.syncing {
                writing = self.synced.wait(writing).unwrap_or_else(PoisonError::into_inner);
            }
            *writing = read(&self.folder)?.0;
        }
        let mut known = writing.boot(&self.folder, key)?;
        let (mut bytes, mut sealed) = (Vec::new(), Vec::new());
        let changed = change(&mut known, &mut bytes, &mut sealed)?;
        writing.write(&bytes)?;
        writing.boots.insert(key, known);
        writing.chunks.extend(sealed.into_iter().map(|chunk| ChunkOf { vehicle: key.0, boot: key.1, chunk }));
        let (segment, end) = (writing.segment, writing.length);
        self.sync_through(writing, segment, end)?;
        Ok(changed)
    }

    fn sync_through<'a>(&'a self, mut writing: MutexGuard<'a, Writing>, segment: u64, end: u64) -> io::Result<()> {
        loop {
            if writing.segment > segment || writing.synced >= end {
                return Ok(());
            }
            if writing.broken {
                return Err(io::Error::other("the disk refused an earlier record"));
            }
            if writing.syncing {
                writing = self.synced.wait(writing).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            writing.syncing = true;
            let (length, file) = (writing.length, writing.file.try_clone());
            drop(writing);
            let done = file.and_then(|file| file.sync_data());
            writing = self.lock();
            writing.syncing = false;
            match done {
                Ok(()) => writing.synced = writing.synced.max(length),
                Err(_) => writing.broken = true,
            }
            self.synced.notify_all();
            done?;
            let is_full = writing.length >= self.segment_bytes_max || writing.boots.len() > BOOTS_MAX;
            if is_full && writing.synced == writing.length {
                let closed = writing.close(&self.folder);
                writing.broken |= closed.is_err();
                closed?;
            }
        }
    }

    /// Records of a vehicle in a time range, in the order of arrival.
    pub fn read(&self, vehicle: VehicleId, from: Timestamp, to: Timestamp) -> io::Result<Vec<Record>> {
        let (closed, current) = {
            let writing = self.lock();
            (writing.closed.clone(), writing.segment)
        };
        let mut segments = Vec::new();
        for span in closed {
            if span.covers(&self.folder, vehicle, from, to)? {
                segments.push(span.segment);
            }
        }
        segments.push(current);
        let mut found = Vec::new();
        for segment in segments {
            let bytes = fs::read(segment_path(&self.folder, segment))?;
            let (records, _) = record::all(&bytes);
            let wanted = records.into_iter().map(|(record, _)| record);
            found.extend(wanted.filter(|record| record.vehicle == vehicle && (from..=to).contains(&record.at())));
        }
        Ok(found)
    }
}

impl Writing {
    /// What is known of a boot, in memory or on the disk.
    fn boot(&self, folder: &Path, key: BootKey) -> io::Result<Boot> {
        match self.boots.get(&key) {
            Some(known) => Ok(known.clone()),
            None => Ok(segment::read_boot(folder, key)?.unwrap_or_default()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        self.broken |= written.is_err();
        self.length += bytes.len() as u64;
        written
    }

    /// Closes the segment: every chunk is sealed, boots of which nothing came have their files, and the manifest is on the
    /// disk before a new segment is begun.
    fn close(&mut self, folder: &Path) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (&(vehicle, boot), known) in self.boots.iter_mut().filter(|(_, known)| known.is_open()) {
            let sealed = known.seal((vehicle, boot), &mut bytes)?;
            self.chunks.extend(sealed.map(|chunk| ChunkOf { vehicle, boot, chunk }));
        }
        self.write(&bytes)?;
        self.file.sync_data()?;
        let chunks = std::mem::take(&mut self.chunks);
        let heard: BTreeSet<BootKey> = chunks.iter().map(|of| (of.vehicle, of.boot)).collect();
        for (&key, known) in self.boots.iter().filter(|(key, _)| !heard.contains(key)) {
            segment::keep_boot(folder, key, known)?;
        }
        self.boots.retain(|key, _| heard.contains(key));
        self.closed.push(segment::keep_manifest(folder, &Manifest::of(self.segment, chunks, &self.boots))?);
        let next = self.segment + 1;
        self.file = File::options().create(true).append(true).open(segment_path(folder, next))?;
        File::open(folder)?.sync_all()?;
        (self.segment, self.length, self.synced) = (next, 0, 0);
        Ok(())
    }
}

/// Reads a tenant's folder: what is closed, and the records of the segment under way.
fn read(folder: &Path) -> io::Result<(Writing, Vec<Record>)> {
    let closed = segment::closed(folder)?;
    let mut boots = match closed.last() {
        Some(last) => last.read(folder)?.into_boots(),
        None => BTreeMap::new(),
    };
    let segment = closed.last().map_or(1, |last| last.segment + 1);
    let path = segment_path(folder, segment);
    let file = File::options().create(true).append(true).open(&path)?;
    let bytes = fs::read(&path)?;
    let (records, whole) = record::all(&bytes);
    if whole < bytes.len() {
        cut(&path, &file, &bytes, whole)?;
    }
    let mut chunks = Vec::new();
    for (record, text) in &records {
        let key @ (vehicle, boot) = (record.vehicle, record.boot);
        let known = match boots.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(segment::read_boot(folder, key)?.unwrap_or_default()),
        };
        let sealed = known.replay(record, text);
        chunks.extend(sealed.map(|(chunk, _)| ChunkOf { vehicle, boot, chunk }));
    }
    let recent: Vec<Record> = records.into_iter().map(|(record, _)| record).collect();
    let length = whole as u64;
    let (synced, syncing, broken) = (length, false, false);
    Ok((Writing { file, segment, length, synced, syncing, broken, boots, chunks, closed }, recent))
}

/// Cuts an end that is no whole record. What was not just left unwritten is kept beside, for whoever looks into the damage.
fn cut(path: &Path, file: &File, bytes: &[u8], whole: usize) -> io::Result<()> {
    let (end, path_of_cut) = (&bytes[whole..], path.with_extension("cut"));
    if record::is_torn(end) {
        tracing::warn!(path = %path.display(), bytes = end.len(), "a torn end that was never acknowledged is cut");
    } else {
        fs::write(&path_of_cut, end)?;
        let (path, kept) = (path.display(), path_of_cut.display());
        tracing::error!(%path, at = whole, bytes = end.len(), %kept, "a segment is damaged: what follows is set aside");
    }
    file.set_len(whole as u64)?;
    file.sync_all()
}
