//! The data folder: everything that the server keeps, each thing at one known place.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// A server's data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// Opens the folder, and makes it, readable by its owner alone, where there is none.
    pub fn open(root: &Path) -> Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root).with_context(|| {
            format!("the data folder {} cannot be made: choose another with --data", root.display())
        })?;
        Ok(Self { root: root.to_owned() })
    }

    /// What the folder takes, and what its disk has left.
    pub fn disk(&self) -> gateway::Disk {
        fn size(folder: &Path) -> u64 {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let sizes = entries.map(|entry| match entry.metadata() {
                Ok(known) if known.is_dir() => size(&entry.path()),
                known => known.map_or(0, |known| known.len()),
            });
            sizes.sum()
        }
        let free = rustix::fs::statvfs(&self.root).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        gateway::Disk { used: size(&self.root), free }
    }

    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Telemetry's log and segments.
    pub fn telemetry(&self) -> PathBuf {
        self.root.join("telemetry")
    }

    /// Images of software.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Bundles of evidence and reports.
    pub fn archives(&self) -> PathBuf {
        self.root.join("archives")
    }

    pub fn maps(&self) -> PathBuf {
        self.root.join("maps")
    }

    /// The folder itself, for what stands directly in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says where the server listens; the file appears whole.
    pub fn publish_endpoints(&self, endpoints: &Value) -> Result<()> {
        let (path, part) = (self.root.join("endpoints.json"), self.root.join("endpoints.json.part"));
        let mut file = fs::File::create(&part).with_context(|| format!("{} cannot be written", part.display()))?;
        file.write_all(&serde_json::to_vec_pretty(endpoints)?)?;
        fs::rename(&part, &path).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Takes the word back: nobody listens there any more.
    pub fn withdraw(&self) {
        if let Err(error) = fs::remove_file(self.root.join("endpoints.json")) {
            tracing::debug!(%error, "the endpoints' file was gone already");
        }
    }
}
