//! The manifest: what an overlay is, and the digest of each of its files, so that a signature over the manifest is one over
//! everything.

use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, BTreeSet};

use kernel::Sector;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::Faults;
use crate::files::{FILE_BYTES_MAX, FILES_MAX, Files, is_id, is_path, is_plain, yaml};

/// The name of the manifest.
pub(crate) const MANIFEST: &str = "overlay.yaml";
/// The files that every overlay has.
const REQUIRED: [&str; 9] = [
    "constraints.yaml",
    "parameters.yaml",
    "terms.yaml",
    "ui.yaml",
    "flags.json",
    "telemetry.yaml",
    "compliance.yaml",
    "entitlements.yaml",
    "logo.svg",
];

/// What an overlay says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub id: String,
    pub sector: Sector,
    pub version: String,
    pub title: String,
    /// SHA-256 in hexadecimal of every file but this one.
    pub files: BTreeMap<String, String>,
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn is_version(text: &str) -> bool {
    let number = |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() == 3 && text.split('.').all(number)
}

/// Reads the manifest and holds it against the files that are there.
pub(crate) fn read(files: &Files, faults: &mut Faults) -> Option<Manifest> {
    if files.len() > FILES_MAX {
        faults.add(MANIFEST, "files", format!("the overlay has more than {FILES_MAX} files"));
        return None;
    }
    for (path, bytes) in files {
        if bytes.len() > FILE_BYTES_MAX {
            faults.add(path, "(file)", format!("has more than {FILE_BYTES_MAX} bytes"));
            return None;
        }
        if !is_path(path) || !has_a_place(path) {
            faults.add(path, "(file)", "has no place in an overlay");
        }
    }
    let manifest: Manifest = yaml(files, MANIFEST, faults)?;
    if !is_id(&manifest.id) {
        faults.add(MANIFEST, "id", "is no id of lower-case letters, digits and hyphens");
    }
    if !is_version(&manifest.version) {
        faults.add(MANIFEST, "version", "is no version such as 1.0.0");
    }
    if !is_plain(&manifest.title, 80) {
        faults.add(MANIFEST, "title", "is empty, too long or has marks in it");
    }
    let names: BTreeSet<&String> = manifest.files.keys().chain(files.keys()).collect();
    for name in names.into_iter().filter(|name| *name != MANIFEST) {
        let field = format!("files.{name}");
        match (manifest.files.get(name), files.get(name)) {
            (Some(_), None) => faults.add(MANIFEST, field, "is listed and not there"),
            (None, _) => faults.add(MANIFEST, field, "is there and not listed"),
            (Some(digest), Some(bytes)) if *digest != digest_of(bytes) => {
                faults.add(MANIFEST, field, "is another file than the one that was listed");
            }
            _ => {}
        }
    }
    Some(manifest)
}

fn has_a_place(path: &str) -> bool {
    path == MANIFEST
        || REQUIRED.contains(&path)
        || path.strip_prefix("policies/").is_some_and(|name| name.ends_with(".cedar") || name.ends_with(".json"))
}
