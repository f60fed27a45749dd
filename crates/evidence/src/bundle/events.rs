//! What happens to a bundle.

use serde::{Deserialize, Serialize};

use super::{Archive, Wanted};

kernel::domain_events! {
    /// What can happen to a bundle.
    pub enum BundleEvent {
        "bundle.requested" 1 => Requested(BundleRequested),
        "bundle.archived" 1 => Archived(BundleArchived),
        "bundle.failed" 1 => Failed(BundleFailed),
        "bundle.disclosed" 1 => Disclosed(BundleDisclosed),
    }
}

/// Somebody, a schedule or an issue wants one (EVD-3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleRequested {
    pub wanted: Wanted,
    pub by: String,
}

/// It is signed, checked and kept (EVD-4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleArchived {
    pub archive: Archive,
}

/// It cannot be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleFailed {
    pub reason: String,
}

/// Somebody took it: a link of its chain of custody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleDisclosed {
    pub to: String,
    pub role: String,
}
