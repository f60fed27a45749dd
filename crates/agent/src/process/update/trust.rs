//! What the vehicle trusts: the two repositories as it verified them last, on disk, so that nothing older is believed after a
//! restart.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use uptane::verify::VehicleInventory;
use uptane::{Attack, Refused, Role, TrustedRepository, verify};

use super::client::{Client, ClientError};

/// The most root documents that are followed in one go: a vehicle that slept for years catches up step by step.
const ROOTS_MAX: usize = 64;

/// The director's documents of an offer.
#[derive(Debug, Clone, Deserialize)]
pub struct DirectorDocuments {
    pub targets: String,
    pub snapshot: String,
    pub timestamp: String,
}

/// Why an offer is not followed.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// A signature, a counter or a name is not as it must be: this names the class of attack that it would be.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("what was verified cannot be kept")]
    Keep(#[from] io::Error),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    images: TrustedRepository,
    director: TrustedRepository,
}

/// The two repositories.
#[derive(Debug)]
pub struct TrustStore {
    path: PathBuf,
    /// The id of the root key that the vehicle was given when it was set up.
    root_key: Option<String>,
    kept: Option<Kept>,
}

impl TrustStore {
    /// Opens what was kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(folder: &Path, root_key: Option<String>) -> io::Result<Self> {
        let path = folder.join("trust.json");
        let kept = match fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, root_key, kept })
    }

    /// Brings both repositories up to date and verifies the offer in full (Uptane 2.1.0 §5.4.4.2).
    ///
    /// # Errors
    /// [`OfferError`]; what was verified before the refusal is kept all the same.
    pub async fn verify(
        &mut self,
        client: &mut Client,
        documents: &DirectorDocuments,
        inventory: &VehicleInventory,
        now: Timestamp,
    ) -> Result<Vec<verify::Assigned>, OfferError> {
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            None => Kept {
                images: self.first(client, "/v1/images/1.root.json").await?,
                director: self.first(client, "/v1/director/1.root.json").await?,
            },
        };
        let verified = follow(&mut kept, client, documents, inventory, now).await;
        self.keep(kept)?;
        verified
    }

    async fn first(&self, client: &mut Client, path: &str) -> Result<TrustedRepository, OfferError> {
        let root = client.document(path, Role::Root.bytes_max() as u64).await?;
        let trusted = TrustedRepository::new(&root)?;
        let is_named = |key: &String| trusted.root().role(Role::Root).keyids.contains(key);
        match self.root_key.as_ref().is_none_or(is_named) {
            true => Ok(trusted),
            false => Err(Attack::ArbitrarySoftware.refused("the root is not signed by the key that was set up").into()),
        }
    }

    fn keep(&mut self, kept: Kept) -> io::Result<()> {
        // Known from here on, whether or not the disk takes it.
        self.kept = Some(kept.clone());
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_all()?;
        fs::rename(&part, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

async fn follow(
    kept: &mut Kept,
    client: &mut Client,
    documents: &DirectorDocuments,
    inventory: &VehicleInventory,
    now: Timestamp,
) -> Result<Vec<verify::Assigned>, OfferError> {
    roots(&mut kept.director, client, "/v1/director").await?;
    kept.director.update_timestamp(documents.timestamp.as_bytes(), now)?;
    kept.director.update_snapshot(documents.snapshot.as_bytes(), now)?;
    kept.director.update_targets(documents.targets.as_bytes(), now)?;
    roots(&mut kept.images, client, "/v1/images").await?;
    let timestamp = client.document("/v1/images/timestamp.json", Role::Timestamp.bytes_max() as u64).await?;
    kept.images.update_timestamp(&timestamp, now)?;
    for role in [Role::Snapshot, Role::Targets] {
        let Some(wanted) = kept.images.wanted(role) else { continue };
        let document = client.document(&format!("/v1/images/{}", wanted.file), wanted.bytes_max).await?;
        match role {
            Role::Snapshot => kept.images.update_snapshot(&document, now)?,
            _ => kept.images.update_targets(&document, now)?,
        };
    }
    Ok(verify::full(&kept.director, &kept.images, inventory, now)?)
}

/// Follows the chain of roots to its end.
async fn roots(repository: &mut TrustedRepository, client: &mut Client, base: &str) -> Result<(), OfferError> {
    for _ in 0..ROOTS_MAX {
        let next = repository.version(Role::Root).unwrap_or(0) + 1;
        let path = format!("{base}/{}", Role::Root.file(next));
        match client.document(&path, Role::Root.bytes_max() as u64).await {
            Ok(root) => repository.update_root(&root)?,
            Err(ClientError::Refused { status: 404, .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
