//! Verification of a tenant's segments as they stand on the disk, which changes nothing: every record is whole, every seal
//! and manifest states what is there, and what the journal names of a boot is what the boot's chunks are.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use journal::Hash;

use crate::chunk::{self, Boot, BootKey};
use crate::record::{self, Record};
use crate::segment::{self, ChunkOf, Closed, Manifest, segment_path};

/// What the journal names: by boot and number of chunks, the root over that many.
pub type Named = BTreeMap<BootKey, BTreeMap<u64, Hash>>;

/// What is wrong with a tenant's segments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Damage {
    /// Which segment, or which boot of which vehicle.
    pub place: String,
    pub what: String,
}

/// Compares a tenant's segments with their manifests and with what the journal names; answers how many segments there are.
/// `told` hears after each segment, and may end it, without a damage.
///
/// # Errors
/// What the disk says; the inner error is the first damage.
pub fn verify(folder: &Path, named: &Named, told: &dyn Fn() -> ControlFlow<()>) -> io::Result<Result<u64, Damage>> {
    let mut check = Check { named, boots: BTreeMap::new(), torn: None };
    let closed = if folder.is_dir() { segment::closed(folder)? } else { Vec::new() };
    let mut expected = 1;
    for span in &closed {
        if span.segment != expected {
            return Ok(Err(Damage { place: of(expected), what: "it has no manifest".into() }));
        }
        let manifest = match span.read(folder) {
            Ok(manifest) => Some(manifest),
            Err(error) => return Ok(Err(Damage { place: of(expected), what: error.to_string() })),
        };
        if let Err(damage) = check.segment(folder, span.segment, manifest)? {
            return Ok(Err(damage));
        }
        if told().is_break() {
            return Ok(Ok(expected));
        }
        expected += 1;
    }
    if let Err(damage) = check.segment(folder, expected, None)? {
        return Ok(Err(damage));
    }
    Ok(check.all_found().map(|()| expected))
}

fn of(segment: u64) -> String {
    format!("segment {segment}")
}

struct Check<'a> {
    named: &'a Named,
    boots: BTreeMap<BootKey, Boot>,
    /// Where the segment under way ends in something that is no whole record.
    torn: Option<String>,
}

impl Check<'_> {
    fn segment(&mut self, folder: &Path, segment: u64, manifest: Option<Closed>) -> io::Result<Result<(), Damage>> {
        let damage = |what: String| Ok(Err(Damage { place: of(segment), what }));
        let bytes = match fs::read(segment_path(folder, segment)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && manifest.is_none() => return Ok(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return damage("it is gone".into()),
            Err(error) => return Err(error),
        };
        let (records, whole) = record::all(&bytes);
        if whole < bytes.len() {
            if manifest.is_some() || !record::is_torn(&bytes[whole..]) {
                return damage(format!("it is damaged at byte {whole}"));
            }
            self.torn = Some(format!("; segment {segment} ends in the middle of a record at byte {whole}"));
        }
        let checked = match &manifest {
            Some(Closed::Legacy(manifest)) => manifest.verify(&records),
            Some(Closed::Sealed(manifest)) => self.chunks(&records).and_then(|chunks| self.closed(manifest, &chunks)),
            None => self.chunks(&records).map(drop),
        };
        Ok(checked.map_err(|what| Damage { place: of(segment), what }))
    }

    fn chunks(&mut self, records: &[(Record, &[u8])]) -> Result<Vec<ChunkOf>, String> {
        let mut chunks = Vec::new();
        for (record, text) in records {
            let key @ (vehicle, boot) = (record.vehicle, record.boot);
            let known = self.boots.entry(key).or_default();
            let Some((stated, found)) = known.replay(record, text) else { continue };
            if found.as_ref() != Some(&stated) {
                return Err(format!(
                    "the records of {vehicle}, {boot} from {} are not what chunk {} was sealed as",
                    stated.from, stated.n
                ));
            }
            self.compare(key)?;
            chunks.push(ChunkOf { vehicle, boot, chunk: stated });
        }
        Ok(chunks)
    }

    /// Compares a boot's chunks up to now with what the journal names of so many.
    fn compare(&self, key @ (vehicle, boot): BootKey) -> Result<(), String> {
        let Some(sealed) = self.boots.get(&key).and_then(|known| known.sealed(boot)) else { return Ok(()) };
        match self.named.get(&key).and_then(|roots| roots.get(&sealed.chunks)) {
            Some(root) if *root != sealed.root => Err(format!(
                "the journal names another digest of the first {} chunks of {vehicle}, {boot} (samples {} to {})",
                sealed.chunks, sealed.first_seq, sealed.last_seq
            )),
            _ => Ok(()),
        }
    }

    fn closed(&self, manifest: &Manifest, chunks: &[ChunkOf]) -> Result<(), String> {
        for (stated, found) in manifest.chunks.iter().zip(chunks) {
            if stated != found {
                return Err(format!(
                    "the manifest states another chunk {} of {}, {}",
                    stated.chunk.n, stated.vehicle, stated.boot
                ));
            }
        }
        if manifest.chunks.len() != chunks.len() {
            return Err(format!("it has {} chunks where {} were sealed", chunks.len(), manifest.chunks.len()));
        }
        if manifest.root != chunk::root(chunks.iter().map(|of| &of.chunk.digest)) {
            return Err("the manifest's root is not that of its chunks".into());
        }
        match self.boots.iter().find(|(_, known)| known.is_open()) {
            Some(((vehicle, boot), _)) => Err(format!("records of {vehicle}, {boot} have no seal")),
            None => Ok(()),
        }
    }

    fn all_found(&self) -> Result<(), Damage> {
        for (key @ (vehicle, boot), roots) in self.named {
            let found = self.boots.get(key).and_then(|known| known.sealed(*boot)).map_or(0, |sealed| sealed.chunks);
            let Some(missing) = roots.keys().find(|&&chunks| chunks > found) else { continue };
            let torn = self.torn.as_deref().unwrap_or_default();
            return Err(Damage {
                place: format!("{vehicle}, {boot}"),
                what: format!("the journal names {missing} chunks, the segments hold {found}{torn}"),
            });
        }
        Ok(())
    }
}
