//! Where the demo keeps its state: a folder that goes away with it, or one that it goes on with.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kernel::Sector;
use serde::{Deserialize, Serialize};

use super::worlds::Capabilities;

/// What the demo must remember to go on: the credentials that a server tells once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// The world that it plays; the city where none is noted.
    #[serde(default)]
    pub sector: Option<Sector>,
    /// Of the platform's administrator.
    pub platform_token: Option<String>,
    /// Of the tenant's administrator.
    pub tenant_token: Option<String>,
    /// Where people connect, so that a server that starts again is found where it was.
    pub http: Option<String>,
    pub link: Option<String>,
    pub enrol: Option<String>,
    /// Where vehicles fetch updates.
    #[serde(default)]
    pub updates: Option<String>,
    /// The registered vehicles, in the form that `atlasmesh-agent fleet` takes them.
    pub vehicles: Vec<serde_json::Value>,
}

impl Notes {
    /// What so many of its vehicles can do, each of them something.
    pub fn can_do(&self, vehicles: usize) -> Capabilities {
        let lists = self.vehicles.iter().take(vehicles).filter_map(|vehicle| vehicle.get("capabilities")?.as_array());
        lists.flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }
}

/// The demo's folder.
#[derive(Debug)]
pub struct DemoFolder {
    root: PathBuf,
    keep: Keep,
}

#[derive(Debug, PartialEq, Eq)]
enum Keep {
    ForNextTime,
    UntilTheEnd,
}

impl DemoFolder {
    /// Opens the folder that was asked for, or makes one that is removed at the end.
    pub fn open(asked_for: Option<&Path>) -> Result<Self> {
        let (root, keep) = match asked_for {
            Some(root) => (root.to_owned(), Keep::ForNextTime),
            None => (std::env::temp_dir().join(format!("atlasmesh-demo-{}", std::process::id())), Keep::UntilTheEnd),
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .with_context(|| format!("the folder {} cannot be made: choose another with --data", root.display()))?;
        let root = root.canonicalize().with_context(|| format!("the folder {} cannot be read", root.display()))?;
        Ok(Self { root, keep })
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The process of the server that runs in it; `None` while there is none.
    pub fn server_pid(&self) -> Option<u64> {
        let told: serde_json::Value =
            serde_json::from_slice(&fs::read(self.path("server/endpoints.json")).ok()?).ok()?;
        told.get("pid")?.as_u64()
    }

    pub fn notes(&self) -> Result<Notes> {
        let path = self.path("demo.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Notes::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Notes which world is played here; another one than before is refused.
    pub fn play_in(&self, notes: &mut Notes, sector: Option<Sector>) -> Result<()> {
        // The platform's token is the first that is noted: from then on the folder has a world.
        if notes.platform_token.is_some() {
            let said =
                |sector: Option<Sector>| sector.map_or("no --sector".into(), |sector| format!("--sector {sector}"));
            let (before, now) = (said(notes.sector), said(sector));
            ensure!(
                notes.sector == sector,
                "the demo in {} was begun with {before} and cannot go on with {now}: start it with {before}, or choose \
                 another folder with --data",
                self.root.display()
            );
        }
        notes.sector = sector;
        self.note(notes)
    }

    /// Keeps the notes, readable by their owner alone.
    pub fn note(&self, notes: &Notes) -> Result<()> {
        self.write_private("demo.json", &serde_json::to_vec_pretty(notes)?)
    }

    /// Writes a file that appears whole and that only its owner can read.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, part) = (self.path(name), self.path(&format!("{name}.part")));
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if self.keep == Keep::UntilTheEnd
            && let Err(error) = fs::remove_dir_all(&self.root)
        {
            tracing::warn!(%error, folder = %self.root.display(), "the demo's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn notes_are_private_and_are_found_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = DemoFolder::open(Some(root.path())).unwrap();
        assert_eq!(folder.notes().unwrap(), Notes::default());
        let notes = Notes { tenant_token: Some("amt_x".into()), ..Notes::default() };
        folder.note(&notes).unwrap();
        let mode = fs::metadata(folder.path("demo.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(folder);
        assert_eq!(DemoFolder::open(Some(root.path())).unwrap().notes().unwrap(), notes);
    }

    #[test]
    fn a_folder_keeps_its_world() {
        let root = tempfile::tempdir().unwrap();
        let folder = DemoFolder::open(Some(root.path())).unwrap();
        let mut notes =
            Notes { platform_token: Some("amt_p".into()), sector: Some(Sector::Mining), ..Notes::default() };
        folder.play_in(&mut notes, Some(Sector::Mining)).unwrap();
        folder.play_in(&mut folder.notes().unwrap(), Some(Sector::Mining)).unwrap();
        for other in [Some(Sector::Defense), None] {
            let refused = folder.play_in(&mut folder.notes().unwrap(), other).unwrap_err().to_string();
            assert!(refused.contains("start it with --sector mining"), "{refused}");
        }
        // Notes from before there were other worlds are of the city.
        let mut city = Notes { platform_token: Some("amt_p".into()), ..Notes::default() };
        assert!(folder.play_in(&mut city, Some(Sector::RideHail)).is_err());
        folder.play_in(&mut city, None).unwrap();
    }

    #[test]
    fn a_folder_of_its_own_goes_away() {
        let folder = DemoFolder::open(None).unwrap();
        let root = folder.root.clone();
        assert!(root.is_dir());
        drop(folder);
        assert!(!root.exists());
    }
}
