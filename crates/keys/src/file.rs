//! Where secret bytes are kept: a small port, and files of this machine behind it.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::KeyError;

/// The most bytes of a file of keys: the keys of ten years stay far below.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// One file of secret bytes, which is replaced as a whole or not at all.
pub trait KeyFile: Send + Sync {
    /// What a message to the operator calls it.
    fn name(&self) -> String;

    /// Its content; `None` where it does not exist.
    ///
    /// # Errors
    /// When it cannot be read, others can read it, or it is too large to be what it should be.
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError>;

    /// Makes it, durably; `false` where it exists already, which then stays as it is.
    ///
    /// # Errors
    /// When it cannot be written; it does not exist then.
    fn create(&self, content: &[u8]) -> Result<bool, KeyError>;

    /// Replaces its content, durably: after a crash at any moment it holds the old or the new one.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_atomically(&self, content: &[u8]) -> Result<(), KeyError>;
}

/// A file of this machine that only its owner may reach.
#[derive(Debug, Clone)]
pub struct DiskKeyFile {
    path: PathBuf,
}

/// Mode of a file that only its owner may read and write.
const OWNER_ONLY: u32 = 0o600;
/// The bits of a mode that let anybody else in.
const OTHERS: u32 = 0o077;

impl DiskKeyFile {
    /// The file at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn error(&self, action: &'static str) -> impl FnOnce(std::io::Error) -> KeyError {
        let path = self.name();
        move |source| KeyError::File { path, action, source }
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Writes a complete, durable file beside this one, under a name that no other writer uses.
    fn write_beside(&self, content: &[u8]) -> Result<PathBuf, KeyError> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let n = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{n}.tmp", std::process::id()));
        let beside = self.folder().join(name);
        // What a process of the same number left behind when it was killed.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(self.error("remove a leftover of it")(error));
            }
            _ => {}
        }
        let written =
            File::options().write(true).create_new(true).mode(OWNER_ONLY).open(&beside).and_then(|mut file| {
                // The process's umask may only have taken bits away; say what is meant.
                file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
                file.write_all(content)?;
                file.sync_all()
            });
        match written {
            Ok(()) => Ok(beside),
            Err(error) => {
                let _ = fs::remove_file(&beside);
                Err(self.error("write it")(error))
            }
        }
    }

    /// A name is durable only when its folder is.
    fn sync_folder(&self) -> Result<(), KeyError> {
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(self.error("make its name durable"))
    }
}

impl KeyFile for DiskKeyFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.error("open it")(error)),
        };
        let metadata = file.metadata().map_err(self.error("read its mode"))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(KeyError::Permissions { path: self.name(), mode });
        }
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(KeyError::Corrupt { path: self.name(), why: "it is no file of keys" });
        }
        // Sized in advance, so that growing leaves no copies of the secret behind.
        let mut content = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
        file.take(FILE_BYTES_MAX).read_to_end(&mut content).map_err(self.error("read it"))?;
        Ok(Some(content))
    }

    fn create(&self, content: &[u8]) -> Result<bool, KeyError> {
        let beside = self.write_beside(content)?;
        // Unlike a rename, a link never replaces what another process made in the meantime.
        let linked = fs::hard_link(&beside, &self.path);
        let removed = fs::remove_file(&beside);
        match linked {
            Ok(()) => {
                removed.map_err(self.error("remove the draft of it"))?;
                self.sync_folder().map(|()| true)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.error("create it")(error)),
        }
    }

    fn write_atomically(&self, content: &[u8]) -> Result<(), KeyError> {
        let beside = self.write_beside(content)?;
        if let Err(error) = fs::rename(&beside, &self.path) {
            let _ = fs::remove_file(&beside);
            return Err(self.error("replace it")(error));
        }
        self.sync_folder()
    }
}

/// Makes a folder that only its owner may enter; one that exists stays as it is.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), KeyError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| KeyError::File {
        path: folder.display().to_string(),
        action: "make the folder",
        source,
    })
}
