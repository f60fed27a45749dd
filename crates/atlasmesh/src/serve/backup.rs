//! `atlasmesh store backup`: a consistent copy of what a server needs to start again, made while it runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gateway::vehicles::tls::ListenerCertificate;

use super::folder::DataFolder;
use crate::cli::args::StoreCommand;
use crate::cli::output::line;

/// Carries out a command on a data folder.
pub fn run(command: StoreCommand) -> Result<()> {
    let StoreCommand::Backup { data, to } = command;
    ensure!(data.join("store").is_dir(), "{} is no data folder of a server", data.display());
    ensure!(!to.exists(), "{} exists already: name a new folder", to.display());
    let (from, copy) = (DataFolder::open(&data)?, DataFolder::open(&to)?);
    store_sqlite::backup(&from.store(), &copy.store()).context("the store cannot be copied")?;
    copy_files(&from.keys(), &copy.keys())?;
    copy_files(&from.maps(), &copy.maps())?;
    // Vehicles know the server by its certificate: with another one, none of them would come back.
    for name in ListenerCertificate::FILES {
        let (path, to) = (from.root().join(name), copy.root().join(name));
        if path.exists() {
            fs::copy(&path, to).with_context(|| format!("{} cannot be copied", path.display()))?;
        }
    }
    line(format!("{} is a copy of {}; `atlasmesh verify --replay --data` checks it", to.display(), data.display()));
    Ok(())
}

/// Keys and maps are files that appear whole and never change, so they are copied one by one.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    let copy = || -> std::io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_file()) {
                fs::copy(&path, to.join(name))?;
            }
        }
        Ok(())
    };
    copy().with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}
