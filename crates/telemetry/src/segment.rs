//! Files of a tenant's telemetry: segments, a manifest for each that is closed, and what is known of boots of which
//! nothing came for long. The name of a manifest says which times its segment covers, so that nobody reads it for that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use journal::Hash;
use kernel::id::BootId;
use kernel::{Timestamp, VehicleId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::chunk::{self, Boot, BootKey, CHUNK_MS_MAX, Chunk};
use crate::legacy;

/// A chunk of a segment, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOf {
    pub vehicle: VehicleId,
    pub boot: BootId,
    #[serde(flatten)]
    pub chunk: Chunk,
}

/// What a closed segment holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The segment's number within its tenant, from 1.
    pub segment: u64,
    pub chunks: Vec<ChunkOf>,
    /// The Merkle root (RFC 6962) over their digests.
    pub root: Hash,
    /// What is known of every boot of which something came lately.
    pub boots: Vec<(VehicleId, BootId, Boot)>,
}

impl Manifest {
    /// The manifest of a segment that is being closed.
    pub fn of(segment: u64, chunks: Vec<ChunkOf>, boots: &BTreeMap<BootKey, Boot>) -> Self {
        let root = chunk::root(chunks.iter().map(|of| &of.chunk.digest));
        let boots = boots.iter().map(|((vehicle, boot), known)| (*vehicle, *boot, known.clone())).collect();
        Self { segment, chunks, root, boots }
    }

    fn span(&self) -> Span {
        let from = self.chunks.iter().map(|of| of.chunk.from).min();
        let to = self.chunks.iter().map(|of| of.chunk.to).max();
        let nothing = Timestamp::from_ms(0);
        Span { segment: self.segment, from: from.unwrap_or(nothing), to: to.unwrap_or(nothing), legacy: false }
    }
}

/// A closed segment and the times, by vehicles' clocks, that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The segment's number.
    pub segment: u64,
    from: Timestamp,
    to: Timestamp,
    /// Whether it was closed before chunks had seals.
    pub legacy: bool,
}

impl Span {
    fn manifest(&self, folder: &Path) -> PathBuf {
        folder.join(match self.legacy {
            true => format!("{:010}.json", self.segment),
            // Whole milliseconds outwards, so that the name never promises less than there is.
            false => format!("{:010}_{}_{}.json", self.segment, self.from.as_ms(), self.to.as_ms() + 1),
        })
    }

    /// Whether the segment may hold something of a vehicle in a time range.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn covers(&self, folder: &Path, vehicle: VehicleId, from: Timestamp, to: Timestamp) -> io::Result<bool> {
        if self.from > to || self.to < from {
            return Ok(false);
        }
        Ok(match self.read(folder)? {
            Closed::Sealed(manifest) => {
                manifest.chunks.iter().any(|of| of.vehicle == vehicle && of.chunk.from <= to && of.chunk.to >= from)
            }
            Closed::Legacy(manifest) => manifest.chunks.iter().any(|chunk| chunk.vehicle == vehicle),
        })
    }

    /// Its manifest.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, folder: &Path) -> io::Result<Closed> {
        let path = self.manifest(folder);
        Ok(if self.legacy { Closed::Legacy(read_json(&path)?) } else { Closed::Sealed(read_json(&path)?) })
    }

    /// The span that a manifest's file name tells; `None` for other files.
    fn of_name(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        let Some(stem) = name.strip_suffix(".json") else { return Ok(None) };
        let parts: Option<Vec<i64>> = stem.split('_').map(|part| part.parse().ok()).collect();
        Ok(match parts.as_deref() {
            Some(&[segment, from, to]) => Some(Self {
                segment: segment.unsigned_abs(),
                from: Timestamp::from_ms(from),
                to: Timestamp::from_ms(to - 1),
                legacy: false,
            }),
            Some(&[segment]) => Some(Self::of_legacy(folder, segment.unsigned_abs())?),
            _ => None,
        })
    }

    fn of_legacy(folder: &Path, segment: u64) -> io::Result<Self> {
        let nothing = Timestamp::from_ms(0);
        let span = Self { segment, from: nothing, to: nothing, legacy: true };
        let manifest: legacy::Manifest = read_json(&span.manifest(folder))?;
        let from = manifest.chunks.iter().map(|chunk| chunk.from).min().unwrap_or(nothing);
        let to = manifest.chunks.iter().map(|chunk| chunk.from.plus_ms(CHUNK_MS_MAX)).max().unwrap_or(nothing);
        Ok(Self { from, to, ..span })
    }
}

/// The manifest of a closed segment.
pub enum Closed {
    /// Of one whose chunks have seals.
    Sealed(Manifest),
    Legacy(legacy::Manifest),
}

impl Closed {
    pub fn into_boots(self) -> BTreeMap<BootKey, Boot> {
        match self {
            Self::Sealed(manifest) => {
                manifest.boots.into_iter().map(|(vehicle, boot, known)| ((vehicle, boot), known)).collect()
            }
            Self::Legacy(manifest) => manifest
                .watermarks
                .into_iter()
                .map(|(vehicle, boot, sequence)| ((vehicle, boot), Boot::with_sequence(sequence)))
                .collect(),
        }
    }
}

pub fn segment_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.log"))
}

/// Every closed segment of a folder, in order.
///
/// # Errors
/// The folder or an old manifest cannot be read.
pub fn closed(folder: &Path) -> io::Result<Vec<Span>> {
    let mut spans = Vec::new();
    for entry in fs::read_dir(folder)? {
        spans.extend(Span::of_name(folder, &entry?.file_name().to_string_lossy())?);
    }
    spans.sort_by_key(|span| span.segment);
    Ok(spans)
}

/// Keeps the manifest of a segment; it appears whole, and on the disk.
///
/// # Errors
/// What the disk says.
pub fn keep_manifest(folder: &Path, manifest: &Manifest) -> io::Result<Span> {
    let span = manifest.span();
    write_json(folder, &span.manifest(folder), manifest)?;
    Ok(span)
}

fn boot_path(folder: &Path, (vehicle, boot): BootKey) -> PathBuf {
    folder.join("boots").join(vehicle.to_string()).join(format!("{boot}.json"))
}

/// Keeps what is known of a boot that leaves memory.
///
/// # Errors
/// What the disk says.
pub fn keep_boot(folder: &Path, key: BootKey, known: &Boot) -> io::Result<()> {
    let path = boot_path(folder, key);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    write_json(parent, &path, known)
}

/// What was known of a boot when it left memory; `None` for one that never did.
///
/// # Errors
/// What the disk says.
pub fn read_boot(folder: &Path, key: BootKey) -> io::Result<Option<Boot>> {
    match read_json(&boot_path(folder, key)) {
        Ok(known) => Ok(Some(known)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies a tenant's folder, which may be in use: what is closed by now, and the segment after that as far as it is
/// written. One that is closed meanwhile is in the copy as the segment under way.
///
/// # Errors
/// What the disk says.
pub fn copy(folder: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let closed = closed(folder)?;
    let boots = folder.join("boots");
    for vehicle in if boots.is_dir() { fs::read_dir(&boots)?.collect() } else { Vec::new() } {
        let vehicle = vehicle?;
        let copy = to.join("boots").join(vehicle.file_name());
        fs::create_dir_all(&copy)?;
        for boot in fs::read_dir(vehicle.path())? {
            let boot = boot?;
            if boot.path().extension().is_some_and(|extension| extension == "json") {
                fs::copy(boot.path(), copy.join(boot.file_name()))?;
            }
        }
    }
    let next = closed.last().map_or(1, |last| last.segment + 1);
    for path in closed.iter().map(|span| span.manifest(folder)).chain((1..=next).map(|n| segment_path(folder, n))) {
        if let Some(name) = path.file_name().filter(|_| path.exists()) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let named = |error: serde_json::Error| io::Error::other(format!("{}: {error}", path.display()));
    serde_json::from_slice(&fs::read(path)?).map_err(named)
}

fn write_json(folder: &Path, path: &Path, content: &impl Serialize) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    File::open(folder)?.sync_all()
}
