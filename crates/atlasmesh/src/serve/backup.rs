//! `atlasmesh store`: a consistent copy of what a server needs to start again, made while it runs, and what is to be said
//! after an older state was put back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use gateway::vehicles::emergency::EmergencyRecord;
use kernel::{Actor, ActorKind, Authentication};
use store::port::Store;
use store_sqlite::{Options, SqliteStore};
use tenancy::Tenancy;

use super::folder::DataFolder;
use super::signer::AuditSigner;
use crate::cli::args::StoreCommand;
use crate::cli::output::line;
use crate::system_clock::SystemSource;

/// What a copy of the keys does not have: what opens them, and what the installation itself published.
const STAYS: [&str; 2] = ["master.key", "heads.json"];

/// Carries out a command on a data folder.
pub async fn run(command: StoreCommand) -> Result<()> {
    match command {
        StoreCommand::Backup { data, to } => backup(&data, &to),
        StoreCommand::Accept { data, reason, master_key } => accept(&data, &reason, master_key.as_deref()).await,
    }
}

fn backup(data: &Path, to: &Path) -> Result<()> {
    ensure!(data.join("store").is_dir(), "{} is no data folder of a server", data.display());
    ensure!(!to.exists(), "{} exists already: name a new folder", to.display());
    let (from, copy) = (DataFolder::open(data)?, DataFolder::open(to)?);
    store_sqlite::backup(&from.store(), &copy.store()).context("the store cannot be copied")?;
    copy_files(&from.keys(), &copy.keys(), |name| !STAYS.contains(&name))?;
    copy_files(&from.maps(), &copy.maps(), |_| true)?;
    // After the store, so that it has whatever the journal names.
    telemetry::copy_segments(&from.telemetry(), &copy.telemetry()).context("telemetry cannot be copied")?;
    let (path, copied) = (from.root().join(EmergencyRecord::FILE), copy.root().join(EmergencyRecord::FILE));
    if path.exists() {
        fs::copy(&path, copied).with_context(|| format!("{} cannot be copied", path.display()))?;
    }
    line(format!("{} is a copy of {}, without the master key:", to.display(), data.display()));
    line(
        "keep a copy of keys/master.key apart from it, and name that with --master-key to verify or to start on the copy",
    );
    Ok(())
}

async fn accept(data: &Path, reason: &str, master_key: Option<&Path>) -> Result<()> {
    ensure!(data.join("store").is_dir(), "{} is no data folder of a server", data.display());
    let folder = DataFolder::open(data)?;
    let (signer, _) = AuditSigner::under(&folder.keys(), master_key)?;
    let store = SqliteStore::open(&Options { folder: folder.store(), pages_max: None }, Arc::new(signer))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let tenancy = Tenancy::new(Arc::clone(&store), Arc::new(SystemSource::start()));
    for tenant in store.logs().await? {
        let accepted = tenancy.accept_log_alarms(&tenant, operator(), reason).await?;
        line(format!("{tenant}: {accepted} alarms accepted"));
    }
    Ok(())
}

/// Whoever can write the data folder.
fn operator() -> Actor {
    Actor {
        kind: ActorKind::Principal,
        id: "local".into(),
        role: "operator".into(),
        authentication: Authentication::LocalOperator,
        second_approver: None,
        rule: None,
    }
}

/// Keys and maps are files that appear whole and never change, so they are copied one by one.
fn copy_files(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    let copy = || -> std::io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|name| path.is_file() && wanted(name)) {
                fs::copy(&path, to.join(name))?;
            }
        }
        Ok(())
    };
    copy().with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}
