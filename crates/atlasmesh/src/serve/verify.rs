//! `atlasmesh verify --data`: a stopped server's folder, verified without a server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use journal::NoteVerifier;
use kernel::TenantId;
use serde_json::Value;
use store::port::Store;
use store::replay::Fold;
use store::verify::verify_all;
use store_sqlite::{Options, SqliteStore};

use super::folder::DataFolder;
use super::segments::SegmentFold;
use super::signer::AuditSigner;

/// What a log must agree with beside itself: telemetry's segments and, for replay, the rows of every domain.
pub fn folds(folder: &DataFolder) -> Arc<dyn Fn(bool) -> Vec<Box<dyn Fold>> + Send + Sync> {
    let telemetry = folder.telemetry();
    Arc::new(move |replay| {
        let segments: Box<dyn Fold> = Box::new(SegmentFold::new(telemetry.clone()));
        let rows = [tenancy::folds(), fleet::folds(), trips::folds()].into_iter().flatten().filter(|_| replay);
        std::iter::once(segments).chain(rows).collect()
    })
}

/// Verifies every log of a folder.
pub async fn folder(root: &Path, replay: bool) -> Result<Value> {
    anyhow::ensure!(root.join("store").is_dir(), "{} is no data folder of a server", root.display());
    let folder = DataFolder::open(root)?;
    let signer = AuditSigner::in_folder(&folder.keys())?;
    let key = signer.verifying_key();
    let options = Options { folder: folder.store(), pages_max: None };
    let store = SqliteStore::open(&options, Arc::new(signer)).context("the store cannot be opened")?;
    let tenants = store.logs().await?;
    let key = |tenant: &TenantId| NoteVerifier::new(tenant, key);
    let folds = folds(&folder);
    let verdict = verify_all(&store, &tenants, &key, &|| folds(replay)).await.context("the store cannot be read")?;
    Ok(serde_json::to_value(verdict)?)
}
