//! A tenant's repository: its releases, and the signed metadata by which a vehicle knows that a release is the tenant's
//! (TUF 1.0.34, Uptane 2.1.0). Authority comes from signatures: whoever holds the servers but not the keys can add nothing.

pub mod decide;
pub(crate) mod signers;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Aggregate, EventMeta, Subject, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

pub use signers::Signers;

use crate::ports::StoredImage;

kernel::typed_id!(
    /// A release of software.
    ReleaseId, "rel"
);

kernel::domain_events! {
    /// What can happen to a tenant's repository.
    pub enum RepositoryEvent {
        "update_root.published" 1 => RootPublished(UpdateRootPublished),
        "release.published" 1 => ReleasePublished(ReleasePublished),
    }
}

/// Which of the two repositories a document belongs to (Uptane 2.1.0 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// What releases there are.
    Images,
    /// Which vehicle gets which.
    Director,
}

/// The keys of a repository were named, anew or for the first time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateRootPublished {
    pub repository: Which,
    pub version: u64,
    pub document: String,
}

/// A release was published, with the signed list that has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasePublished {
    pub release: ReleaseId,
    pub content: ReleaseContent,
    pub targets_version: u64,
    /// SHA-256 of the signed list of all releases from now on, hexadecimal.
    pub targets_sha256: String,
}

/// What a release is. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseContent {
    pub name: String,
    /// The name of the image's file, under which metadata have it.
    pub file: String,
    pub image: StoredImage,
    /// The hardware that it is for.
    pub hardware_ids: BTreeSet<String>,
    /// Never goes down on a vehicle.
    pub counter: u64,
    /// Regulation to RXSWIN (UN R156 2.5).
    pub rxswin: BTreeMap<String, String>,
    /// Releases of which one must run before.
    pub depends_on: BTreeSet<String>,
    /// Releases over which it may not be installed.
    pub conflicts_with: BTreeSet<String>,
    pub notes: String,
    /// How long installing takes, in seconds.
    pub estimated_s: u64,
    /// What downloading and installing take, in watt-hours.
    pub estimated_wh: f64,
    /// The release that takes it back.
    pub reverts_to: Option<ReleaseId>,
}

/// A release as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    #[serde(flatten)]
    pub content: ReleaseContent,
    pub published_at: Timestamp,
}

/// A tenant's repository.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Repository {
    pub releases: BTreeMap<ReleaseId, Release>,
    /// Root documents of the image repository, the first at first.
    pub image_roots: Vec<String>,
    /// Root documents of the director.
    pub director_roots: Vec<String>,
    /// The version of the signed list of all releases; 0: nothing was published.
    pub targets_version: u64,
    /// Its SHA-256, hexadecimal.
    pub targets_sha256: String,
}

impl Repository {
    /// A release by its name.
    pub fn named(&self, name: &str) -> Option<(ReleaseId, &Release)> {
        self.releases.iter().find(|(_, release)| release.content.name == name).map(|(id, release)| (*id, release))
    }

    /// The root documents of one of the two.
    pub fn roots(&self, which: Which) -> &[String] {
        match which {
            Which::Images => &self.image_roots,
            Which::Director => &self.director_roots,
        }
    }
}

impl Aggregate for Repository {
    type Id = TenantId;
    type Event = RepositoryEvent;
    const KIND: &'static str = "update_repository";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &RepositoryEvent, meta: &EventMeta) -> Option<Self> {
        let mut repository = state.unwrap_or_default();
        match event.clone() {
            RepositoryEvent::RootPublished(published) => match published.repository {
                Which::Images => repository.image_roots.push(published.document),
                Which::Director => repository.director_roots.push(published.document),
            },
            RepositoryEvent::ReleasePublished(published) => {
                let release = Release { content: published.content, published_at: meta.recorded_at };
                repository.releases.insert(published.release, release);
                repository.targets_version = published.targets_version;
                repository.targets_sha256 = published.targets_sha256;
            }
        }
        Some(repository)
    }

    fn about(event: &RepositoryEvent, _: Option<&Self>) -> Vec<Subject> {
        match event {
            RepositoryEvent::RootPublished(_) => Vec::new(),
            RepositoryEvent::ReleasePublished(published) => vec![Subject::new("release", published.release)],
        }
    }
}
