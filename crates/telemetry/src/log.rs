//! One tenant's log: the segment that is being written, and those that are closed. Many callers share one fsync: the
//! first that waits syncs for all that wrote before it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use kernel::id::BootId;
use kernel::{Timestamp, VehicleId};

use crate::record::{self, Record};
use crate::segment::{Damage, Manifest};
use crate::sequence::Sequence;

/// A segment is closed at this size, in bytes: a minute of a thousand vehicles; reading one back takes milliseconds.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

struct Writing {
    file: File,
    segment: u64,
    /// Bytes that are whole in the file.
    length: u64,
    /// Bytes that are certainly on the disk.
    synced: u64,
    /// Somebody is syncing right now.
    syncing: bool,
    /// The disk refused something: what is in memory is ahead of it, so the log is read again before it goes on.
    broken: bool,
    watermarks: BTreeMap<(VehicleId, BootId), Sequence>,
    closed: Vec<Manifest>,
}

/// One tenant's log.
pub struct Log {
    folder: PathBuf,
    writing: Mutex<Writing>,
    synced: Condvar,
}

fn segment_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.log"))
}

fn manifest_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.json"))
}

impl Log {
    /// Opens a tenant's log; a torn end, which was never acknowledged, is cut.
    pub fn open(folder: &Path) -> io::Result<(Self, Vec<Record>)> {
        fs::create_dir_all(folder)?;
        let (writing, recent) = read(folder)?;
        Ok((Self { folder: folder.to_owned(), writing: Mutex::new(writing), synced: Condvar::new() }, recent))
    }

    fn lock(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a boot has come.
    pub fn through(&self, vehicle: VehicleId, boot: BootId) -> u64 {
        self.lock().watermarks.get(&(vehicle, boot)).map_or(0, Sequence::through)
    }

    /// Writes records chosen by `choose`, which sees how far the boot has come, and returns when they are on the disk.
    ///
    /// # Errors
    /// Whatever the disk says; then nothing of this call is acknowledged and a later call starts from the disk.
    pub fn append<T>(
        &self,
        vehicle: VehicleId,
        boot: BootId,
        choose: impl FnOnce(&mut Sequence) -> (Vec<Record>, T),
    ) -> io::Result<T> {
        let mut writing = self.lock();
        if writing.broken {
            while writing.syncing {
                writing = self.synced.wait(writing).unwrap_or_else(PoisonError::into_inner);
            }
            *writing = read(&self.folder)?.0;
        }
        let mut sequence = writing.watermarks.get(&(vehicle, boot)).cloned().unwrap_or_default();
        let (records, chosen) = choose(&mut sequence);
        let mut bytes = Vec::new();
        for record in &records {
            record.append_to(&mut bytes)?;
        }
        if let Err(error) = writing.file.write_all(&bytes) {
            writing.broken = true;
            return Err(error);
        }
        writing.watermarks.insert((vehicle, boot), sequence);
        writing.length += bytes.len() as u64;
        let (segment, end) = (writing.segment, writing.length);
        self.sync_through(writing, segment, end)?;
        Ok(chosen)
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
            if writing.length >= SEGMENT_BYTES_MAX && writing.synced == writing.length {
                self.close(&mut writing)?;
            }
        }
    }

    /// Closes the segment: its manifest is on the disk before a new segment is begun.
    fn close(&self, writing: &mut Writing) -> io::Result<()> {
        let bytes = fs::read(segment_path(&self.folder, writing.segment))?;
        let (records, _) = record::all(&bytes);
        let watermarks =
            writing.watermarks.iter().map(|((vehicle, boot), sequence)| (*vehicle, *boot, sequence.clone()));
        let manifest = Manifest::of(writing.segment, &records, watermarks.collect());
        let part = self.folder.join("manifest.part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec(&manifest)?)?;
        file.sync_all()?;
        fs::rename(&part, manifest_path(&self.folder, writing.segment))?;
        let next = writing.segment + 1;
        writing.file = File::options().create(true).append(true).open(segment_path(&self.folder, next))?;
        File::open(&self.folder)?.sync_all()?;
        writing.closed.push(manifest);
        (writing.segment, writing.length, writing.synced) = (next, 0, 0);
        Ok(())
    }

    /// Records of a vehicle in a time range, in the order of arrival.
    pub fn read(&self, vehicle: VehicleId, from: Timestamp, to: Timestamp) -> io::Result<Vec<Record>> {
        let (mut segments, current) = {
            let writing = self.lock();
            let covering = writing.closed.iter().filter(|manifest| manifest.covers(vehicle, from, to));
            (covering.map(|manifest| manifest.segment).collect::<Vec<_>>(), writing.segment)
        };
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

    /// Compares every closed segment with its manifest.
    ///
    /// # Errors
    /// What the disk says; the first damage found is the inner error.
    pub fn verify(&self) -> io::Result<Result<u64, Damage>> {
        let closed = self.lock().closed.clone();
        for manifest in &closed {
            let bytes = fs::read(segment_path(&self.folder, manifest.segment))?;
            let (records, whole) = record::all(&bytes);
            if whole != bytes.len() {
                let what = format!("it is damaged at byte {whole}");
                return Ok(Err(Damage { segment: manifest.segment, what }));
            }
            if let Err(damage) = manifest.verify(&records) {
                return Ok(Err(damage));
            }
        }
        Ok(Ok(closed.len() as u64))
    }

    /// The digest that covers what was written last: of the segment under way, chunk by chunk.
    pub fn digest(&self) -> io::Result<String> {
        let (segment, length) = {
            let writing = self.lock();
            (writing.segment, writing.synced)
        };
        let mut bytes = fs::read(segment_path(&self.folder, segment))?;
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        let (records, _) = record::all(&bytes);
        Ok(crate::segment::root(&crate::segment::digests(&records)).to_string())
    }
}

/// Reads a tenant's folder: manifests of what is closed, and the records of the segment under way.
fn read(folder: &Path) -> io::Result<(Writing, Vec<Record>)> {
    let mut closed = Vec::new();
    let mut segment = 1;
    while let Ok(bytes) = fs::read(manifest_path(folder, segment)) {
        closed.push(serde_json::from_slice::<Manifest>(&bytes)?);
        segment += 1;
    }
    let mut watermarks = BTreeMap::new();
    if let Some(last) = closed.last() {
        watermarks
            .extend(last.watermarks.iter().map(|(vehicle, boot, sequence)| ((*vehicle, *boot), sequence.clone())));
    }
    let path = segment_path(folder, segment);
    let file = File::options().create(true).append(true).open(&path)?;
    let bytes = fs::read(&path)?;
    let (records, whole) = record::all(&bytes);
    if whole < bytes.len() {
        tracing::warn!(segment, torn = bytes.len() - whole, "a torn end that was never acknowledged is cut");
        file.set_len(whole as u64)?;
        file.sync_all()?;
    }
    let recent: Vec<Record> = records.into_iter().map(|(record, _)| record).collect();
    for record in &recent {
        if let record::Observed::Sample(sample) = &record.observed {
            watermarks.entry((record.vehicle, record.boot)).or_insert_with(Sequence::default).note(sample.seq);
        }
    }
    let length = whole as u64;
    let writing = Writing { file, segment, length, synced: length, syncing: false, broken: false, watermarks, closed };
    Ok((writing, recent))
}
