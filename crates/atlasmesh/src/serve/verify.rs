//! `atlasmesh verify --data`: a stopped server's folder, verified without a server.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use journal::NoteVerifier;
use kernel::TenantId;
use serde_json::Value;
use store::port::Store;
use store::replay::Fold;
use store::verify::{Progress, verify_all};
use store_sqlite::{Options, SqliteStore};

use super::folder::DataFolder;
use super::seen::SeenFold;
use super::segments::SegmentFold;
use super::signer::AuditSigner;

/// What a log must agree with beside itself: telemetry's segments, what others saw of it and, for replay, the rows of every
/// domain.
pub fn folds(folder: &DataFolder, keys_generation: u64) -> Arc<dyn Fn(bool) -> Vec<Box<dyn Fold>> + Send + Sync> {
    let (telemetry, keys) = (folder.telemetry(), folder.keys());
    Arc::new(move |replay| {
        let segments: Box<dyn Fold> = Box::new(SegmentFold::new(telemetry.clone()));
        let seen: Box<dyn Fold> = Box::new(SeenFold::new(&keys, keys_generation));
        let rows = gateway::DOMAINS.iter().flat_map(|domain| domain.folds()).filter(|_| replay);
        [segments, seen].into_iter().chain(rows).collect()
    })
}

/// Verifies every log of a folder; `told` hears how far it is.
pub async fn folder(
    root: &Path,
    master_key: Option<&Path>,
    replay: bool,
    told: impl Fn(Progress) + Send + Sync,
) -> Result<Value> {
    anyhow::ensure!(root.join("store").is_dir(), "{} is no data folder of a server", root.display());
    let folder = DataFolder::open(root)?;
    let (signer, keystore) = AuditSigner::under(&folder.keys(), master_key)?;
    let key = signer.verifying_key();
    let options = Options { folder: folder.store(), pages_max: None };
    let store = SqliteStore::open(&options, Arc::new(signer)).context("the store cannot be opened")?;
    let tenants = store.logs().await?;
    let key = |tenant: &TenantId| NoteVerifier::new(tenant, key);
    let folds = folds(&folder, keystore.generation());
    let watch = |progress| {
        told(progress);
        ControlFlow::Continue(())
    };
    let verdict = verify_all(&store, &tenants, &key, &|| folds(replay), &watch).await;
    let verdict = verdict.context("the store cannot be read")?;
    Ok(serde_json::to_value(verdict)?)
}
