//! The port to where the machine keeps everything: files by name in one flat folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Bytes that are read or written at once where no chunk size says otherwise.
pub(crate) const BLOCK_BYTES: u64 = 64 * 1024;

/// Files by name in one flat folder. The slots may be partitions instead: then creating one leaves it as it is.
///
/// Nothing written counts until its [`fsync`](Self::fsync), no name until [`fsync_folder`](Self::fsync_folder). A disk
/// whose slots are partitions should read them from the device and not from a cache, because the hash that is taken
/// after an installation is the proof that the bytes have arrived.
///
/// # Errors
/// Every operation fails where the disk does; a full disk answers [`io::ErrorKind::StorageFull`].
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
pub trait Disk {
    /// The whole of a small file; `None` where there is none.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Fills the buffer from a place of the file. [`io::ErrorKind::UnexpectedEof`] where the file ends before.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// In bytes; `None` where there is no such file.
    fn length(&self, name: &str) -> io::Result<Option<u64>>;
    /// Makes an empty file of this name, or empties the one there is.
    fn create(&self, name: &str) -> io::Result<()>;
    /// Writes at a place of a file that exists, and lengthens it where needed.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes what the file holds safe against the loss of power.
    fn fsync(&self, name: &str) -> io::Result<()>;
    /// Gives a file another name, and replaces the file of that name in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes the names safe against the loss of power.
    fn fsync_folder(&self) -> io::Result<()>;
    /// Removes a file; a file that is not there is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Real files in a folder.
#[derive(Debug, Clone)]
pub struct FolderDisk {
    folder: PathBuf,
}

impl FolderDisk {
    /// Makes the folder where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// Names are this module's own; one that leads out of the folder is a mistake all the same.
    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(_)), None) => Ok(self.folder.join(name)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain file name")),
        }
    }
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

impl Disk for FolderDisk {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        absent(fs::read(self.path(name)?))
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut file = File::open(self.path(name)?)?;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(into)
    }

    fn length(&self, name: &str) -> io::Result<Option<u64>> {
        Ok(absent(fs::metadata(self.path(name)?))?.map(|data| data.len()))
    }

    fn create(&self, name: &str) -> io::Result<()> {
        File::create(self.path(name)?).map(drop)
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path(name)?)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn fsync(&self, name: &str) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.path(name)?)?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from)?, self.path(to)?)
    }

    fn fsync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        absent(fs::remove_file(self.path(name)?)).map(drop)
    }
}

/// Replaces a small file in one step: whoever reads it, now or after a cut, finds the old bytes or the new ones.
pub(crate) fn replace<D: Disk>(disk: &D, name: &str, fresh: &str, bytes: &[u8]) -> io::Result<()> {
    disk.create(fresh)?;
    disk.write_at(fresh, 0, bytes)?;
    disk.fsync(fresh)?;
    disk.rename(fresh, name)?;
    disk.fsync_folder()
}

/// Passes a part of a file on, block by block. `Ok(false)` where the file is missing or ends before the part does.
pub(crate) fn read_blocks<D: Disk>(
    disk: &D,
    name: &str,
    (offset, length): (u64, u64),
    block: u64,
    mut each: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let block = block.clamp(1, BLOCK_BYTES);
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < length {
        let size = block.min(length - done);
        buffer.resize(size as usize, 0);
        match disk.read_at(name, offset + done, &mut buffer) {
            Ok(()) => each(offset + done, &buffer)?,
            Err(cause) if matches!(cause.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound) => {
                return Ok(false);
            }
            Err(cause) => return Err(cause),
        }
        done += size;
    }
    Ok(true)
}

/// Whether the first `length` bytes of a file have this digest.
pub(crate) fn has_digest<D: Disk>(disk: &D, name: &str, length: u64, sha256: &[u8; 32]) -> io::Result<bool> {
    let mut hash = Sha256::new();
    let whole = read_blocks(disk, name, (0, length), BLOCK_BYTES, |_, bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    Ok(whole && <[u8; 32]>::from(hash.finalize()) == *sha256)
}
