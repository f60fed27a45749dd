//! Bundles and reports as files named by their digest, a folder per tenant.

use data_encoding::HEXLOWER;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evidence::ports::{Archives, NewArchive};
use kernel::TenantId;
use sha2::{Digest, Sha256};
use store::port::Fault;

/// What stands behind the name of a file that is not whole.
const PART: &str = "part";

/// Archives in a folder.
#[derive(Debug, Clone)]
pub struct ArchiveFolder {
    folder: PathBuf,
    /// Counts files that are being written, so that no two share a name.
    begun: Arc<AtomicU64>,
}

fn fault(source: io::Error) -> Fault {
    match source.kind() {
        io::ErrorKind::StorageFull => Fault::Full,
        _ => Fault::Unavailable { what: "use the archives", source: Box::new(source) },
    }
}

impl ArchiveFolder {
    /// The archives in a folder that is made when it is first written to. What a crash left half written is taken away.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        for tenant in entries(&folder)? {
            for file in entries(&tenant)?.into_iter().filter(|file| file.extension().is_some_and(|of| of == PART)) {
                fs::remove_file(file)?;
            }
        }
        Ok(Self { folder, begun: Arc::default() })
    }

    fn path(&self, tenant: &TenantId, sha256: &str) -> PathBuf {
        self.folder.join(tenant.as_str()).join(sha256)
    }
}

/// What a folder holds; nothing where there is no folder.
fn entries(folder: &PathBuf) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Archives for ArchiveFolder {
    fn create(&self, tenant: &TenantId) -> Result<Box<dyn NewArchive>, Fault> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(tenant.as_str());
        fs::create_dir_all(&folder).map_err(fault)?;
        let part = folder.join(format!("{number}.{PART}"));
        let file = File::create(&part).map_err(fault)?;
        Ok(Box::new(Writing { folder, part, file, hash: Sha256::new(), bytes: 0, kept: false }))
    }

    fn length(&self, tenant: &TenantId, sha256: &str) -> Result<Option<u64>, Fault> {
        match fs::metadata(self.path(tenant, sha256)) {
            Ok(known) => Ok(Some(known.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    fn read(&self, tenant: &TenantId, sha256: &str, at: u64, bytes: usize) -> Result<Vec<u8>, Fault> {
        let read = || {
            let mut file = File::open(self.path(tenant, sha256))?;
            file.seek(SeekFrom::Start(at))?;
            let mut part = Vec::new();
            file.take(bytes as u64).read_to_end(&mut part)?;
            Ok(part)
        };
        read().map_err(fault)
    }
}

struct Writing {
    folder: PathBuf,
    part: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
    kept: bool,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewArchive for Writing {
    fn keep(mut self: Box<Self>) -> Result<(String, u64), Fault> {
        let sha256 = HEXLOWER.encode(&self.hash.clone().finalize());
        let mut keep = || {
            self.file.sync_all()?;
            fs::rename(&self.part, self.folder.join(&sha256))?;
            self.kept = true;
            File::open(&self.folder)?.sync_all()
        };
        keep().map_err(fault)?;
        Ok((sha256, self.bytes))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.kept {
            // Whatever stopped it is told by whoever wrote.
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let archives = ArchiveFolder::open(folder.path().join("archives")).unwrap();
        let tenant: TenantId = "north".parse().unwrap();
        let mut file = archives.create(&tenant).unwrap();
        file.write_all(b"evidence").unwrap();
        let (sha256, bytes) = file.keep().unwrap();
        assert_eq!((sha256.as_str(), bytes), ("ee8250fb76e094b34b471f13a73dbbe51d1ae142e9df59d7c0d31ec20f0a0a8e", 8));
        assert_eq!(archives.read(&tenant, &sha256, 2, 3).unwrap(), b"ide");
        assert_eq!(archives.length(&tenant, &"0".repeat(64)).unwrap(), None);
        drop(archives.create(&tenant).unwrap());
        std::mem::forget(archives.create(&tenant).unwrap());
        assert_eq!(entries(&folder.path().join("archives/north")).unwrap().len(), 2, "a crash leaves a part");
        ArchiveFolder::open(folder.path().join("archives")).unwrap();
        assert_eq!(entries(&folder.path().join("archives/north")).unwrap().len(), 1);
    }
}
