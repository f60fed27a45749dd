//! The archive of a bundle: `tar` in `zstd`, with a manifest of every file. The same files give the same bytes, so that a
//! second run proves the first; and there is one way to write each archive, so that whatever deviates is refused.
//!
//! The order is: files by name, `manifest.json`, then the signature over the manifest's digest. Names are sorted and sizes
//! known beforehand, therefore nothing is held in memory but the manifest and one part of the events.

mod read;
mod tar;
mod write;

use std::io;

use serde::{Deserialize, Serialize};

pub use read::{Contents, Finding, Limits, Problem, read};
pub use tar::PathError;
pub use write::{EventParts, PART_BYTES_MAX, Sealed, Writer};

use crate::json::{JsonError, canonical};
use kernel::digest::Sha256Digest;

/// The name of the manifest in the archive.
pub const MANIFEST: &str = "manifest.json";
/// The name of the signature in the archive. It is over the manifest and so cannot stand in it.
pub const SIGNATURE: &str = "bundle.sigstore.json";
/// The compression. Another level or another release of zstd gives other bytes of the archive, and the same manifest.
pub const ZSTD_LEVEL: i32 = 9;
/// The most bytes that zstd may look back, as a power of two; what `zstd -d` takes without being asked.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub path: String,
    pub sha256: Sha256Digest,
    pub bytes: u64,
}

/// Every file of the bundle but itself and the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub version: u32,
    /// By path.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// The version that this crate writes and reads.
    pub const VERSION: u32 = 1;

    /// The manifest as it stands in the archive.
    ///
    /// # Errors
    /// [`JsonError`] when it cannot be written.
    pub fn text(&self) -> Result<String, JsonError> {
        canonical("the manifest", self)
    }
}

/// An archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{path}: {source}")]
    Path { path: String, source: PathError },
    #[error("{path} does not stand behind {last} in the order of names")]
    Order { path: String, last: String },
    #[error("{path} is a name that the archive gives itself")]
    Reserved { path: String },
    #[error("{path} has {actual} bytes and not {expected}")]
    Size { path: String, expected: u64, actual: u64 },
    #[error("{path}: the event {index} does not stand behind {last}")]
    Events { path: String, index: u64, last: u64 },
    #[error("the events cannot be read: {0}")]
    Source(String),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the archive cannot be written: {0}")]
    Io(#[from] io::Error),
}
